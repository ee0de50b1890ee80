"""What to do next about one JobSet: the order of the rules, on one screen."""

from dataclasses import replace
from datetime import timedelta

from jobset.api import keys
from jobset.api.jobset import JobSet
from jobset.core import conditions, in_place
from jobset.core.attempts import Buckets, all_ready, count_jobs, delete_jobs, same_counts, sort_jobs
from jobset.core.child_job import owner_reference
from jobset.core.conditions import Draft
from jobset.core.creation import create_jobs, waits_for_old_jobs
from jobset.core.elastic import scale_jobs
from jobset.core.explain import Wait, WaitReason
from jobset.core.failure import Limits, judge_failure
from jobset.core.network import build_service, needs_service
from jobset.core.plan import NOTHING, CreateClaims, CreateService, DeleteJobSet, Plan, Problem, Step
from jobset.core.restart import apply_verdict, count_restarts
from jobset.core.snapshot import Snapshot
from jobset.core.startup import Startup, is_in_order, judge_startup
from jobset.core.success import is_complete
from jobset.core.suspend import resume_jobs, suspend_jobs
from jobset.core.ttl import judge_ttl
from jobset.core.volumes import missing_claims

_NOW = timedelta()


def decide(snapshot: Snapshot) -> Plan:
    """What should happen next. Equal snapshots give equal plans."""
    jobset = snapshot.jobset
    if jobset.metadata.deletion_timestamp is not None or _is_managed_elsewhere(jobset):
        return NOTHING
    buckets = sort_jobs(snapshot)
    if isinstance(buckets, Problem):
        return NOTHING.failing(buckets)
    draft = _count(snapshot, buckets)
    if jobset.status.finished is not None:
        return _decide_finished(snapshot, buckets, draft)
    deletions = delete_jobs(buckets.superseded)
    draft = _note_ready(jobset, draft)
    if buckets.failed:
        return _decide_failed(snapshot, buckets, draft, deletions)
    if is_complete(jobset, buckets.succeeded):
        return _close(snapshot, deletions, conditions.complete(draft))
    return _decide_running(snapshot, buckets, draft, deletions)


def _decide_finished(snapshot: Snapshot, buckets: Buckets, draft: Draft) -> Plan:
    """Finished Jobs stay; what still runs goes, and in the end the JobSet itself."""
    jobset = snapshot.jobset
    steps = delete_jobs(buckets.active)
    left = judge_ttl(jobset, snapshot.now)
    if isinstance(left, Problem):
        return Plan(steps=steps).failing(left)
    if left is None:
        return _close(snapshot, steps, draft)
    if left <= _NOW:
        return _close(snapshot, (*steps, (DeleteJobSet(jobset.name, jobset.metadata.uid),)), draft)
    return replace(_close(snapshot, steps, draft), requeue_after=left)


def _decide_failed(snapshot: Snapshot, buckets: Buckets, draft: Draft, deletions: tuple[Step, ...]) -> Plan:
    """While a failed Job of this attempt exists nothing is created, resumed or suspended."""
    jobset, gates = snapshot.jobset, snapshot.gates
    limits = Limits(
        counted=count_restarts(draft.status, restart_job=gates.restart_job),
        allowed=jobset.max_restarts,
        restart_job=gates.restart_job,
    )
    verdict = judge_failure(jobset.spec.failure_policy, buckets.failed, limits)
    after = verdict if isinstance(verdict, Problem) else apply_verdict(draft, verdict, jobset.replicated_jobs)
    return _close(snapshot, deletions, after)


def _decide_running(snapshot: Snapshot, buckets: Buckets, draft: Draft, deletions: tuple[Step, ...]) -> Plan:
    """Network and storage first, then Jobs in the order they may start."""
    jobset, gates = snapshot.jobset, snapshot.gates
    counts = {entry.name: entry for entry in draft.status.replicated_jobs_status or ()}
    startup = judge_startup(jobset, counts)
    steps = (
        *deletions,
        *_create_service(snapshot),
        *_create_claims(snapshot),
        *(scale_jobs(jobset.replicated_jobs, buckets.active) if gates.elastic_jobset else ()),
        *create_jobs(jobset, startup.open, buckets, restart_job=gates.restart_job),
        *_suspend_or_resume(jobset, startup, buckets),
    )
    draft = _note_startup(jobset, startup, draft)
    waits = _waits(jobset, startup, buckets)
    if not in_place.restarts_in_place(jobset, gates):
        return _close(snapshot, steps, draft, waits)
    pods = in_place.pods_of(jobset, snapshot.pods)
    return _close(snapshot, steps, in_place.advance(jobset, pods, draft), waits)


def _close(
    snapshot: Snapshot, steps: tuple[Step, ...], after: Draft | Problem, waits: tuple[Wait, ...] = ()
) -> Plan:
    """The plan that ends with this status, if it says anything new."""
    if isinstance(after, Problem):
        return Plan(steps=steps, waits=waits).failing(after)
    before = snapshot.jobset.status
    if after.status == before:
        return Plan(steps=steps, waits=waits)
    has_ended = after.status.finished is not None and before.finished is None
    return Plan(
        steps=steps,
        status=after.status,
        events=after.events,
        outcome=after.status.terminal_state if has_ended else None,
        waits=waits,
    )


def _is_managed_elsewhere(jobset: JobSet) -> bool:
    return jobset.spec.managed_by not in (None, keys.BUILT_IN_MANAGER)


def _count(snapshot: Snapshot, buckets: Buckets) -> Draft:
    draft = Draft(snapshot.jobset.status, snapshot.now)
    counted = count_jobs(snapshot.jobset, buckets, restart_job=snapshot.gates.restart_job)
    if same_counts(draft.status.replicated_jobs_status, counted):
        return draft
    return draft.changing(replicated_jobs_status=counted or None)


def _note_ready(jobset: JobSet, draft: Draft) -> Draft:
    counts = draft.status.replicated_jobs_status or ()
    if jobset.is_suspended or not all_ready(jobset.replicated_jobs, counts):
        return draft
    return conditions.end_restart(draft, "JobsReady", "all jobs are ready")


def _create_service(snapshot: Snapshot) -> tuple[Step, ...]:
    jobset = snapshot.jobset
    if snapshot.service_exists or not needs_service(jobset):
        return ()
    return ((CreateService(build_service(jobset, owner_reference(jobset))),),)


def _create_claims(snapshot: Snapshot) -> tuple[Step, ...]:
    jobset = snapshot.jobset
    missing = missing_claims(jobset, snapshot.claims, owner_reference(jobset))
    return (tuple(CreateClaims(bodies) for bodies in missing),) if missing else ()


def _suspend_or_resume(jobset: JobSet, startup: Startup, buckets: Buckets) -> tuple[Step, ...]:
    if jobset.is_suspended:
        return suspend_jobs(buckets.active)
    return resume_jobs(startup.open, buckets.active)


def _note_startup(jobset: JobSet, startup: Startup, draft: Draft) -> Draft:
    if jobset.is_suspended:
        return conditions.suspend(draft)
    if startup.in_progress:
        # Suspended stays True until the last replicated job has had its turn.
        return conditions.begin_startup(draft)
    if is_in_order(jobset.spec.startup_policy):
        draft = conditions.end_startup(draft)
    return conditions.resume(draft)


def _waits(jobset: JobSet, startup: Startup, buckets: Buckets) -> tuple[Wait, ...]:
    if jobset.is_suspended:
        return tuple(
            Wait(replicated_job=rjob.name, reason=WaitReason.RESUME) for rjob in jobset.replicated_jobs
        )
    return (*startup.waits, *waits_for_old_jobs(jobset, startup.open, buckets))
