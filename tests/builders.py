"""Readings of a JobSet called `train` and its children, with only the facts that matter to a test.

A Job is named in full: `train-workers-0` is Job 0 of the replicated job `workers`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from jobset.api import keys
from jobset.api.children import ChildJob, ChildPod, StrayJob, read_child, read_pod
from jobset.api.gates import FeatureGates
from jobset.api.jobset import FailurePolicy, FailurePolicyRule, JobSet, read_jobset
from jobset.api.times import format_time
from jobset.core.snapshot import Snapshot

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    """The time so many seconds from now, as Kubernetes writes it."""
    return format_time(NOW + timedelta(seconds=seconds))


def an_rjob(name: str = "workers", replicas: int = 2, **more: Any) -> dict[str, Any]:
    """A replicated job. `more`: size, pods (a pod template), metadata (of the Job), and its other fields."""
    size, pods = more.pop("size", 1), more.pop("pods", {})
    spec = {"parallelism": size, "completions": size, "template": pods} | more.pop("spec", {})
    template = {"metadata": more.pop("metadata", {}), "spec": spec}
    return {"name": name, "replicas": replicas, "template": template, **more}


def a_jobset(*rjobs: dict[str, Any], **spec: Any) -> JobSet:
    """A JobSet; `spec` holds fields of its spec, and `status`, `metadata` those of its other parts."""
    metadata = {"name": "train", "namespace": "default", "uid": "uid-train"} | spec.pop("metadata", {})
    status = {"restarts": 0} | spec.pop("status", {})
    roles = [*rjobs] if rjobs or spec.pop("empty", False) else [an_rjob()]
    return read_jobset({"metadata": metadata, "status": status, "spec": {"replicatedJobs": roles, **spec}})


def a_job(name: str = "train-workers-0", **facts: Any) -> ChildJob:
    """A Job that runs. Facts: attempt, own_attempt, labels, suspended, started, deleted, size, and status."""
    role, _, index = name.removeprefix("train-").rpartition("-")
    labels = {
        keys.REPLICATED_JOB_NAME: role,
        keys.JOB_INDEX: index,
        keys.RESTART_ATTEMPT: str(facts.pop("attempt", 0)),
        keys.JOB_RESTART_ATTEMPT: facts.pop("own_attempt", None),
    } | facts.pop("labels", {})
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "7",
        "labels": {key: value for key, value in labels.items() if value is not None},
    }
    if facts.pop("deleted", False):
        metadata["deletionTimestamp"] = at(0)
    size = facts.pop("size", 1)
    parallelism, completions = size if isinstance(size, tuple) else (size, size)
    spec = {
        "parallelism": parallelism,
        "completions": completions,
        "suspend": facts.pop("suspended", False),
        "template": facts.pop("pods", {}),
    }
    status = {"startTime": at(-60)} if facts.pop("started", False) else {}
    job = read_child({"metadata": metadata, "spec": spec, "status": status | facts})
    assert isinstance(job, ChildJob)
    return job


def ready(name: str = "train-workers-0", **facts: Any) -> ChildJob:
    """A Job whose pod is ready."""
    return a_job(name, **{"active": 1, "ready": 1, **facts})


def suspended(name: str = "train-workers-0", **facts: Any) -> ChildJob:
    """A Job that is suspended."""
    return a_job(name, suspended=True, **facts)


def succeeded(name: str = "train-workers-0", **facts: Any) -> ChildJob:
    """A Job that is complete."""
    return a_job(name, conditions=[{"type": "Complete", "status": "True"}], **facts)


def failed(name: str = "train-workers-0", after: float = 0, **facts: Any) -> ChildJob:
    """A Job that failed so many seconds from now, for a reason and with a message."""
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": facts.pop("reason", "BackoffLimitExceeded"),
        "message": facts.pop("message", "Job has reached the specified backoff limit"),
        "lastTransitionTime": at(after),
    }
    return a_job(name, conditions=[condition], **facts)


def a_pod(name: str = "train-workers-0-0", **facts: Any) -> ChildPod:
    """A pod. Facts: labels, annotations, owner, node, selector, attempt, restarts, phase, deleted, status."""
    annotations = {keys.IN_PLACE_RESTART_ATTEMPT: facts.pop("attempt", None)} | facts.pop("annotations", {})
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "labels": {keys.JOBSET_NAME: "train"} | facts.pop("labels", {}),
        "annotations": {key: value for key, value in annotations.items() if value is not None},
    }
    if (owner := facts.pop("owner", None)) is not None:
        metadata["ownerReferences"] = [{"kind": "Job", "uid": owner, "controller": True}]
    if facts.pop("deleted", False):
        metadata["deletionTimestamp"] = at(0)
    spec = {"nodeName": facts.pop("node", ""), "nodeSelector": facts.pop("selector", {})}
    containers = [{"name": "main", "restartCount": facts.pop("restarts", 0)}]
    status = {"phase": facts.pop("phase", "Running"), "containerStatuses": containers}
    return read_pod({"metadata": metadata, "spec": spec, "status": status | facts.pop("status", {})})


def a_policy(*rules: dict[str, Any], **fields: Any) -> FailurePolicy:
    """A failure policy."""
    return FailurePolicy(rules=tuple(a_rule(**rule) for rule in rules), **fields)


def a_rule(action: str = "FailJobSet", **fields: Any) -> FailurePolicyRule:
    """A rule of a failure policy; its lists are tuples."""
    return FailurePolicyRule(action=action, **fields)


def a_snapshot(jobset: JobSet | None = None, *jobs: ChildJob | StrayJob, **facts: Any) -> Snapshot:
    """A reading; gates that are on are named in `gates`."""
    gates = FeatureGates(**dict.fromkeys(facts.pop("gates", ()), True))
    return Snapshot(jobset=jobset or a_jobset(), now=NOW, jobs=jobs, gates=gates, **facts)


def a_condition(
    type: str, status: str = "True", reason: str = "", message: str = "", after: float = -60
) -> Any:
    """A condition of a JobSet, as stored."""
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": at(after),
    }
