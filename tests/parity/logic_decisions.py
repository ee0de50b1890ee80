"""Single decisions of the data set, each asked of the function that takes it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from jobset.api import keys
from jobset.api.children import ChildJob, JobState, read_child, read_pod
from jobset.api.jobset import (
    FailureAction,
    FailurePolicyRule,
    JobSet,
    ReplicatedJob,
    StartupPolicy,
    read_jobset,
)
from jobset.api.status import Condition, JobSetStatus, ReplicatedJobStatus, write_status
from jobset.controller.metrics import Metrics
from jobset.core import in_place
from jobset.core.attempts import Buckets, count_jobs, sort_jobs
from jobset.core.child_job import lay_out
from jobset.core.conditions import Draft, set_condition
from jobset.core.creation import create_jobs
from jobset.core.elastic import scale_jobs
from jobset.core.failure import Limits, applies, first_match, first_to_fail, judge_action
from jobset.core.placement import evict_followers, judge_placement, pods_of_job
from jobset.core.plan import PatchJob, Problem
from jobset.core.restart import apply_verdict, count_restarts
from jobset.core.snapshot import Snapshot
from jobset.core.startup import has_started, is_in_order, start_gate
from jobset.core.success import is_target, matching_count, required_count
from jobset.core.ttl import finish_time, judge_ttl, time_left
from jobset.core.volumes import claim_volumes
from tests.parity.comparing import difference
from tests.parity.logic_reconciles import Case, evict, read_gates, read_now, reconcile_jobset, reconcile_pod

Answer = dict[str, Any]


def check_decision(case: Case) -> str | None:
    """The difference between what a rule answers and what it should answer."""
    decide = _DECISIONS.get(case["kind"])
    if decide is None:
        return f"unknown kind {case['kind']}"
    return _compare(case["expect"], decide(case))


def _compare(expect: Answer, answer: Answer) -> str | None:
    for name, wanted in expect.items():
        if name == "error_contains":
            error = answer.get("error_text")
            if (wanted is None) != (error is None) or any(part not in error for part in wanted or ()):
                return f"error: expected {wanted}, got {error!r}"
        elif name == "error" and name not in answer:
            if wanted != (answer.get("error_text") is not None):
                return f"error: expected {wanted}, got {answer.get('error_text')!r}"
        elif name in answer and (found := difference({name: wanted}, {name: answer[name]})):
            return found
        elif name not in answer and name not in ("type", "observable_on_a_job"):
            return f"{name}: not answered"
    return None


def _child(raw: Any) -> ChildJob:
    """A reading of a Job; single decisions have Jobs that do not tell their attempt."""
    metadata = raw.get("metadata") or {}
    labels = {keys.RESTART_ATTEMPT: "0"} | (metadata.get("labels") or {})
    job = read_child({**raw, "metadata": {"name": "", **metadata, "labels": labels}})
    assert isinstance(job, ChildJob)
    return job


def _jobset(case: Case) -> JobSet:
    return read_jobset(case["given"]["jobset"])


def _snapshot(case: Case) -> Snapshot:
    jobs = tuple(read_child(job) for job in case["given"].get("jobs") or ())
    return Snapshot(jobset=_jobset(case), now=read_now(case), jobs=jobs, gates=read_gates(case))


def _buckets(case: Case) -> Buckets:
    buckets = sort_jobs(_snapshot(case))
    assert isinstance(buckets, Buckets), buckets
    return buckets


def _pods(case: Case) -> Any:
    # Pods without a name tell nothing but their status.
    return tuple(
        read_pod({**pod, "metadata": {"name": "", **(pod.get("metadata") or {})}})
        for pod in case["given"].get("pods") or ()
    )


def _told(value: Any, name: str) -> Answer:
    """An answer under a name, or the problem."""
    if isinstance(value, Problem):
        return {name: None, "error": True, "error_text": value.message}
    return {name: value, "error": False, "error_text": None}


def _child_jobs(case: Case) -> Answer:
    jobset = _jobset(case)
    gates = read_gates(case)
    steps = create_jobs(jobset, jobset.replicated_jobs, _buckets(case), restart_job=gates.restart_job)
    bodies = [action.body() for step in steps for action in step]  # type: ignore[union-attr, operator]
    for body in bodies:
        del body["metadata"]["ownerReferences"]
    return {"create_jobs": bodies}


def _job_label(case: Case) -> Answer:
    given, rjobs = case["given"], _jobset(case).replicated_jobs
    rjob, index, group = given.get("replicated_job"), given.get("job_index", 0), given.get("group")
    layout = lay_out(rjobs)
    in_group = {rjob.name for rjob in rjobs if rjob.group_name == group}
    match given["label"]:
        case keys.JOB_GLOBAL_INDEX:
            first = layout.first_global.get(rjob)
        case keys.JOB_GROUP_INDEX:
            first = layout.first_in_group[rjob] if rjob in in_group else None
        case keys.GLOBAL_REPLICAS:
            return {"value": str(layout.total)}
        case _:
            return {"value": str(layout.group_totals.get(group, 0))}
    return {"value": "" if first is None else str(first + index)}


def _job_finished(case: Case) -> Answer:
    state = _child(case["given"]["job"]).state
    types = {JobState.ACTIVE: "", JobState.SUCCEEDED: "Complete", JobState.FAILED: "Failed"}
    return {"finished": state is not JobState.ACTIVE, "condition_type": types[state]}


def _replicated_jobs_status(case: Case) -> Answer:
    counted = count_jobs(_jobset(case), _buckets(case), restart_job=read_gates(case).restart_job)
    return {"replicated_jobs_status": [_builtins(entry) for entry in counted]}


def _condition_upsert(case: Case) -> Answer:
    before = _jobset(case).status.conditions or ()
    wanted = case["given"]["condition"]
    after = set_condition(before, msgspec.convert(wanted, Condition), read_now(case)) if wanted else before
    return {"changed": after != before, "conditions": [_builtins(condition) for condition in after]}


def _headless_service(case: Case) -> Answer:
    outcome = _pass(case, case["given"].get("services") or [])
    services = [obj for obj in outcome.api.created if obj["kind"] == "Service"]
    flat = {**services[0]["metadata"], **services[0]["spec"]} if services else None
    return {"create_service": flat, "error": outcome.error is not None}


def _volume_claims(case: Case) -> Answer:
    outcome = _pass(case, case["given"].get("persistent_volume_claims") or [])
    claims = [obj for obj in outcome.api.created if obj["kind"] == "PersistentVolumeClaim"]
    return {"create_persistent_volume_claims": claims, "error_text": outcome.error}


def _pass(case: Case, others: list[Any]) -> Any:
    jobset = case["given"]["jobset"]
    key = (jobset["metadata"]["namespace"], jobset["metadata"]["name"])
    return reconcile_jobset(case, [jobset, *others], case["given"].get("faults") or [], key)


def _elastic_scaling(case: Case) -> Answer:
    if not read_gates(case).elastic_jobset:
        return {"patched_jobs": {}}
    steps = scale_jobs(_jobset(case).replicated_jobs, _buckets(case).active)
    patches = [action for step in steps for action in step if isinstance(action, PatchJob)]
    return {"patched_jobs": {patch.name: patch.patch["spec"] for patch in patches}}


def _failed(case: Case) -> list[ChildJob]:
    """The Jobs that have failed: one without the condition is none of them."""
    jobs = [_child(job) for job in case["given"]["failed_jobs"]]
    return [job for job in jobs if job.state is JobState.FAILED]


def _first_failed_job(case: Case) -> Answer:
    failed = _failed(case)
    return {"job": first_to_fail(failed).name if failed else None}


def _failure_rule_applies(case: Case) -> Answer:
    rule = msgspec.convert(case["given"]["rule"], FailurePolicyRule)
    return {"applies": applies(rule, _child(case["given"]["failed_job"]))}


def _failure_rule_select(case: Case) -> Answer:
    rules = [msgspec.convert(rule, FailurePolicyRule) for rule in case["given"]["rules"]]
    found = first_match(rules, _failed(case))
    if found is None:
        return {"rule_index": None, "job": None}
    return {"rule_index": rules.index(found[0]), "job": found[1].name}


def _failure_action(case: Case) -> Answer:
    given, jobset, gates = case["given"], _jobset(case), read_gates(case)
    rule = msgspec.convert(given["matched_rule"], FailurePolicyRule) if given["matched_rule"] else None
    draft = Draft(jobset.status, read_now(case))
    limits = Limits(
        counted=count_restarts(draft.status, restart_job=gates.restart_job),
        allowed=jobset.max_restarts,
        restart_job=gates.restart_job,
    )
    verdict = judge_action(FailureAction(given["action"]), rule, _child(given["failed_job"]), limits)
    after: Any = (
        verdict if isinstance(verdict, Problem) else apply_verdict(draft, verdict, jobset.replicated_jobs)
    )
    if isinstance(after, Problem):
        return {"status": None, "error": True, "error_text": after.message}
    status = _status(after.status)
    for condition in status.get("conditions", ()):
        del condition["message"]
    return {"status": status, "error": False, "error_text": None}


def _success_job_matches(case: Case) -> Answer:
    return {"matches": matching_count(_jobset(case), [_child(case["given"]["job"])]) == 1}


def _success_replicated_job_matches(case: Case) -> Answer:
    policy = _jobset(case).spec.success_policy
    return {"matches": policy is None or is_target(policy, case["given"]["replicated_job"]["name"])}


def _success_matching_count(case: Case) -> Answer:
    return {"count": matching_count(_jobset(case), [_child(job) for job in case["given"]["succeeded_jobs"]])}


def _success_required_count(case: Case) -> Answer:
    return {"count": required_count(_jobset(case))}


def _startup_in_order(case: Case) -> Answer:
    raw = case["given"].get("startup_policy")
    return {"in_order": is_in_order(msgspec.convert(raw, StartupPolicy) if raw else None)}


def _replicated_job_started(case: Case) -> Answer:
    status = case["given"].get("replicated_job_status")
    reached = msgspec.convert(status, ReplicatedJobStatus) if status else None
    return {"started": has_started(case["given"]["replicas"], reached)}


def _depends_on_reached(case: Case) -> Answer:
    given = case["given"]
    entries = [msgspec.convert(entry, ReplicatedJobStatus) for entry in given["replicated_jobs_status"] or ()]
    rjob = msgspec.convert(given["replicated_job"], ReplicatedJob)
    wait = start_gate(rjob, given["replicas_by_replicated_job"], {entry.name: entry for entry in entries})
    return {"may_start": wait is None}


def _ttl(case: Case) -> Answer:
    left = judge_ttl(_jobset(case), read_now(case))
    if isinstance(left, Problem):
        return {"requeue_after_seconds": 0, "deleted": False, "expired": False, "error_text": left.message}
    is_over = left is not None and left <= timedelta()
    waits = int(left.total_seconds()) if left is not None and not is_over else 0
    return {"requeue_after_seconds": waits, "deleted": is_over, "expired": is_over, "error_text": None}


def _ttl_time_left(case: Case) -> Answer:
    jobset = _jobset(case)
    finished = finish_time(jobset)
    if isinstance(finished, Problem):
        return {"seconds": None, "error_text": finished.message}
    left = time_left(finished, timedelta(seconds=jobset.spec.ttl_seconds_after_finished or 0), read_now(case))
    return {"seconds": int(left.total_seconds()), "error_text": None}


def _pod_volumes(case: Case) -> Answer:
    spec = case["given"]["job"]["spec"]["template"]["spec"]
    return {"volumes": [*(spec.get("volumes") or ()), *claim_volumes(_jobset(case), spec)]}


def _inplace_enabled(case: Case) -> Answer:
    return {"in_place": in_place.restarts_in_place(_jobset(case), read_gates(case))}


def _max_container_restarts(case: Case) -> Answer:
    return {"count": in_place.largest_restart_count(_pods(case))}


def _pod_restart_attempts(case: Case) -> Answer:
    attempts = in_place.read_attempts(_pods(case))
    return _told(attempts if isinstance(attempts, Problem) else list(attempts), "attempts")


def _inplace_exceeded(case: Case) -> Answer:
    return {"exceeded": in_place.exceeds_limit(_jobset(case), case["given"]["attempts"])}


def _inplace_current(case: Case) -> Answer:
    before, attempts = _jobset(case).status, case["given"]["attempts"]
    in_step = in_place.is_in_step(attempts, len(attempts))
    after = attempts[0] if in_step else before.current_in_place_restart_attempt
    return {"value": after, "status_changed": after != before.current_in_place_restart_attempt}


def _inplace_previous(case: Case) -> Answer:
    status = _jobset(case).status
    after = in_place.next_previous(status, case["given"]["attempts"])
    return {"value": after, "status_changed": after != status.previous_in_place_restart_attempt}


def _total_pods(case: Case) -> Answer:
    return _told(in_place.expected_pods(_jobset(case).replicated_jobs), "count")


def _all_equal(case: Case) -> Answer:
    values = case["given"]["values"]
    return {"equal": not values or in_place.is_in_step(values, len(values))}


def _jobset_pods(case: Case) -> Answer:
    return {"pods": [pod.name for pod in in_place.pods_of(_jobset(case), _pods(case))]}


def _inplace_reconcile(case: Case) -> Answer:
    jobset = _jobset(case)
    pods = in_place.pods_of(jobset, _pods(case))
    after = in_place.advance(jobset, pods, Draft(jobset.status, read_now(case)))
    if isinstance(after, Problem):
        return {"status_changed": False, "failed": False, "status": None, "error_text": after.message}
    return {
        "status_changed": after.status != jobset.status,
        "failed": after.status.finished is not None,
        "status": {key: value for key, value in _status(after.status).items() if key != "conditions"},
        "error_text": None,
    }


def _pod_placement_valid(case: Case) -> Answer:
    given, pods = case["given"], _pods(case)
    for fault in given.get("faults") or ():
        if fault["verb"] == "get":
            return {"valid": False, "error_text": fault["message"]}
    leader = next(pod for pod in pods if pod.name == given["leader"])
    nodes = {node["metadata"]["name"]: node["metadata"].get("labels") or {} for node in given["nodes"]}
    if not leader.node and nodes:
        # The data leave out where the leader runs: on the node they give.
        leader = msgspec.structs.replace(leader, node=next(iter(nodes)))
    verdict = judge_placement(leader, pods, nodes)
    if isinstance(verdict, Problem):
        return {"valid": False, "error_text": verdict.message}
    return {"valid": verdict, "error_text": None}


def _pod_placement_delete(case: Case) -> Answer:
    given = case["given"]
    evictions = evict_followers(_pods(case))
    outcome = evict(case, given["pods"], given.get("faults") or [], evictions)
    follower = evictions[0].pod if evictions else None
    sent = outcome.api.sent_statuses.get(follower.name) if follower else None
    kept = (follower.raw.get("status") or {}) if follower else {}
    conditions = (sent or kept).get("conditions") or []
    return {
        "deleted_count": len(outcome.api.deleted),
        "follower_condition": next((_brief(c) for c in conditions if c["type"] == "DisruptionTarget"), None),
        "error_text": outcome.error,
    }


def _brief(condition: Answer) -> Answer:
    return {name: condition.get(name) for name in ("type", "status", "reason")}


def _pod_placement_reconcile(case: Case) -> Answer:
    given = case["given"]
    deleted, marked = [], []
    for leader in given["pods"]:
        objects = [*given["pods"], *({"kind": "Node", **node} for node in given["nodes"])]
        key = (leader["metadata"].get("namespace", ""), leader["metadata"]["name"])
        outcome = reconcile_pod(case, objects, [], key)
        deleted += [entry["name"] for entry in outcome.api.deleted]
        marked += list(outcome.api.sent_statuses)
    return {"deleted_pods": deleted, "status_updated_pods": marked}


def _job_pods(case: Case) -> Answer:
    job = case["given"]["job"]
    by_key = [pod for pod in _pods(case) if pod.namespace == job["namespace"]]
    wanted = {pod.job_key for pod in by_key if pod.owner_uid == job["uid"]}
    pods = [pod.name for key in wanted if key for pod in pods_of_job(by_key, key, job["uid"])]
    return {"count": len(pods), "pods": pods}


def _metric_counter(case: Case) -> Answer:
    metrics = Metrics()
    for outcome in case["given"]["outcomes"]:
        metrics.finished(case["given"]["outcome"], outcome["namespace"], outcome["jobset_name"])
    samples = list(metrics.samples())
    told = [{"labels": dict(sample.labels), "value": sample.value} for sample in samples]
    return {"metric": samples[0].metric, "series": len(samples), "samples": told}


def _builtins(struct: msgspec.Struct) -> Answer:
    built: Answer = msgspec.to_builtins(struct)
    return built


def _status(status: JobSetStatus) -> Answer:
    return write_status(status, None)


_DECISIONS: dict[str, Callable[[Case], Answer]] = {
    "child_jobs": _child_jobs,
    "job_label": _job_label,
    "job_finished": _job_finished,
    "replicated_jobs_status": _replicated_jobs_status,
    "condition_upsert": _condition_upsert,
    "headless_service": _headless_service,
    "elastic_scaling": _elastic_scaling,
    "first_failed_job": _first_failed_job,
    "failure_rule_applies": _failure_rule_applies,
    "failure_rule_select": _failure_rule_select,
    "failure_action": _failure_action,
    "success_job_matches": _success_job_matches,
    "success_replicated_job_matches": _success_replicated_job_matches,
    "success_matching_count": _success_matching_count,
    "success_required_count": _success_required_count,
    "startup_in_order": _startup_in_order,
    "replicated_job_started": _replicated_job_started,
    "depends_on_reached": _depends_on_reached,
    "ttl_policy": _ttl,
    "ttl_expired": _ttl,
    "ttl_requeue": _ttl,
    "ttl_time_left": _ttl_time_left,
    "volume_claims": _volume_claims,
    "pod_volumes": _pod_volumes,
    "inplace_enabled": _inplace_enabled,
    "max_container_restarts": _max_container_restarts,
    "pod_restart_attempts": _pod_restart_attempts,
    "inplace_exceeded": _inplace_exceeded,
    "inplace_current": _inplace_current,
    "inplace_previous": _inplace_previous,
    "total_pods": _total_pods,
    "all_equal": _all_equal,
    "jobset_pods": _jobset_pods,
    "inplace_reconcile": _inplace_reconcile,
    "pod_placement_valid": _pod_placement_valid,
    "pod_placement_delete": _pod_placement_delete,
    "pod_placement_reconcile": _pod_placement_reconcile,
    "job_pods": _job_pods,
    "metric_counter": _metric_counter,
}
