"""Carry a verdict of the failure policy into the status: counters first, deletions follow from them."""

from collections.abc import Iterable
from typing import assert_never

import msgspec

from jobset.api import keys
from jobset.api.children import ChildJob, go_int
from jobset.api.jobset import ReplicatedJob
from jobset.api.status import MOST_JOB_RESTARTS, JobSetStatus, ReplicatedJobStatus
from jobset.core.conditions import Draft, begin_restart, fail
from jobset.core.failure import Fail, RestartAll, RestartOne
from jobset.core.plan import EventType, PlannedEvent, Problem

_WHY_FAILED = {
    "FailedJobs": "jobset failed due to one or more job failures",
    "ReachedMaxRestarts": "jobset failed due to reaching max number of restarts",
    "FailJobSetFailurePolicyAction": "applying FailJobSet failure policy action",
}


def count_restarts(status: JobSetStatus, *, restart_job: bool) -> int:
    """The restarts that count towards `maxRestarts`; those of single Jobs only with the gate."""
    if not restart_job:
        return status.restarts_count_towards_max
    entries = status.replicated_jobs_status or ()
    of_single_jobs = sum(sum(entry.job_restarts_count_towards_max or ()) for entry in entries)
    return status.restarts_count_towards_max + of_single_jobs


def apply_verdict(
    draft: Draft, verdict: Fail | RestartAll | RestartOne, rjobs: Iterable[ReplicatedJob]
) -> Draft | Problem:
    """The status after a failure. Only counters and conditions change; Jobs are left to the next turn."""
    match verdict:
        case Fail(reason=reason, blamed=blamed):
            return fail(draft, reason, _blaming(_WHY_FAILED[reason], blamed))
        case RestartAll():
            return _restart_all(draft, verdict)
        case RestartOne():
            return _restart_one(draft, verdict, rjobs)
        case _:
            assert_never(verdict)


def _restart_all(draft: Draft, verdict: RestartAll) -> Draft:
    status = draft.status
    bumped = draft.changing(
        restarts=status.restarts + 1,
        restarts_count_towards_max=status.restarts_count_towards_max + (1 if verdict.is_counted else 0),
    )
    reason = f"FailurePolicy_{verdict.rule.name}" if verdict.rule else "DefaultFailurePolicy"
    event = _action_event(verdict)
    return begin_restart(bumped, reason, event.note).telling(event)


def _restart_one(draft: Draft, verdict: RestartOne, rjobs: Iterable[ReplicatedJob]) -> Draft | Problem:
    found = _find(verdict.blamed, rjobs)
    if isinstance(found, Problem):
        return found
    rjob, index = found
    counted = tuple(
        _count_one(entry, index, rjob.replicas, is_counted=verdict.is_counted)
        if entry.name == rjob.name
        else entry
        for entry in draft.status.replicated_jobs_status or ()
    )
    return draft.changing(replicated_jobs_status=counted).telling(_action_event(verdict))


def _find(job: ChildJob, rjobs: Iterable[ReplicatedJob]) -> tuple[ReplicatedJob, int] | Problem:
    """The replicated job of a failed Job, and its index there."""
    for key in (keys.REPLICATED_JOB_NAME, keys.JOB_INDEX):
        if key not in job.labels:
            return Problem(f"failed job {job.name} missing {key} label")
    try:
        index = go_int(job.labels[keys.JOB_INDEX])
    except ValueError as error:
        value = job.labels[keys.JOB_INDEX]
        return Problem(f"failed job {job.name} has invalid {keys.JOB_INDEX} label: {value}: {error}")
    rjob = next((rjob for rjob in rjobs if rjob.name == job.replicated_job), None)
    replicas = rjob.replicas if rjob else 0
    if rjob is None or not 0 <= index < replicas:
        return Problem(
            f"failed job {job.name} has index {index} out of bounds "
            f"for replicated job {job.replicated_job} (replicas: {replicas})"
        )
    return rjob, index


def _count_one(
    entry: ReplicatedJobStatus, index: int, replicas: int, *, is_counted: bool
) -> ReplicatedJobStatus:
    return msgspec.structs.replace(
        entry,
        job_restarts=_bumped(entry.job_restarts, index, replicas, by=1),
        job_restarts_count_towards_max=_bumped(
            entry.job_restarts_count_towards_max, index, replicas, by=1 if is_counted else 0
        ),
    )


def _bumped(counts: tuple[int, ...] | None, index: int, replicas: int, *, by: int) -> tuple[int, ...]:
    known = counts or ()
    # Where webhooks are off there may be many more Jobs: one too many, and the API server refuses the status.
    size = min(replicas, max(MOST_JOB_RESTARTS, index) + 1)
    padded = known + (0,) * (size - len(known))
    return (*padded[:index], padded[index] + by, *padded[index + 1 :])


def _action_event(verdict: RestartAll | RestartOne) -> PlannedEvent:
    note = _blaming(f"applying {verdict.action} failure policy action", verdict.blamed)
    return PlannedEvent(EventType.WARNING, f"{verdict.action}FailurePolicyAction", note)


def _blaming(message: str, job: ChildJob) -> str:
    return f"{message} (first failed job: {job.name})"
