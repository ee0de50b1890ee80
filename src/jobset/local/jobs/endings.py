"""How a Job ends: by which rule, announced and concluded by which conditions."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from jobset.local.jobs.failure_policy import judge_pod_failure
from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.snapshot import JobFacts, JobSnapshot, has_failed
from jobset.local.jobs.status import COMPLETE, FAILED, FAILURE_TARGET, SUCCESS_CRITERIA_MET
from jobset.local.jobs.success import matched_success_rule
from jobset.local.jobs.tally import Tally


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Why and how a Job ends; announced by a condition before its pods are stopped."""

    is_success: bool
    reason: str
    message: str

    @property
    def announced_as(self) -> str:
        """The condition that says it before the pods are gone."""
        return SUCCESS_CRITERIA_MET if self.is_success else FAILURE_TARGET

    @property
    def concluded_as(self) -> str:
        """The terminal condition."""
        return COMPLETE if self.is_success else FAILED


BACKOFF_LIMIT_EXCEEDED = Ending(
    is_success=False, reason="BackoffLimitExceeded", message="Job has reached the specified backoff limit"
)
DEADLINE_EXCEEDED = Ending(
    is_success=False, reason="DeadlineExceeded", message="Job was active longer than specified deadline"
)
MAX_FAILED_INDEXES_EXCEEDED = Ending(
    is_success=False,
    reason="MaxFailedIndexesExceeded",
    message="Job has exceeded the specified maximal number of failed indexes",
)
FAILED_INDEXES = Ending(is_success=False, reason="FailedIndexes", message="Job has failed indexes")
COMPLETIONS_REACHED = Ending(
    is_success=True, reason="CompletionsReached", message="Reached expected number of succeeded pods"
)


def judge_end(snapshot: JobSnapshot, tally: Tally) -> Ending | None:
    """By which rule the Job ends, or None; what was announced once stays."""
    job = snapshot.job
    return (
        _announced(job)
        or _failed_by_policy(job, snapshot.pods)
        or _failed_by_limit(snapshot, tally)
        or _failed_by_indexes(job, tally)
        or _succeeded_by_policy(job, tally)
    )


def is_complete(job: JobFacts, tally: Tally, active: int) -> bool:
    """Whether all is done once `active` pods are left; a work queue is with its first success."""
    if active:
        return False
    return tally.succeeded > 0 if job.completions is None else tally.succeeded >= job.completions


def time_to_deadline(snapshot: JobSnapshot) -> timedelta | None:
    """How long the Job may still be active; None when nothing limits it."""
    job = snapshot.job
    if job.active_deadline is None or job.is_suspended:
        return None
    return (job.status.start_time or snapshot.now) + job.active_deadline - snapshot.now


def _announced(job: JobFacts) -> Ending | None:
    for type_, is_success in ((SUCCESS_CRITERIA_MET, True), (FAILURE_TARGET, False)):
        condition = job.status.condition(type_)
        if condition is not None:
            return Ending(is_success=is_success, reason=condition.reason, message=condition.message)
    return None


def _failed_by_policy(job: JobFacts, pods: Sequence[PodFacts]) -> Ending | None:
    if job.failure_rules is None:
        return None
    for pod in pods:
        if has_failed(job, pod) and (message := judge_pod_failure(job.failure_rules, pod).message):
            return Ending(is_success=False, reason="PodFailurePolicy", message=message)
    return None


def _failed_by_limit(snapshot: JobSnapshot, tally: Tally) -> Ending | None:
    job = snapshot.job
    if tally.failed > job.backoff_limit or _restarts_reach_limit(job, snapshot.pods):
        return BACKOFF_LIMIT_EXCEEDED
    left = time_to_deadline(snapshot)
    return DEADLINE_EXCEEDED if left is not None and left <= timedelta(0) else None


def _restarts_reach_limit(job: JobFacts, pods: Sequence[PodFacts]) -> bool:
    if not job.counts_container_restarts:
        return False
    restarts = sum(pod.restarts for pod in pods if pod.phase in ("Running", "Pending"))
    # compat: with limit 0 the first restart is too many, else the one that reaches the limit.
    return restarts >= max(job.backoff_limit, 1)


def _failed_by_indexes(job: JobFacts, tally: Tally) -> Ending | None:
    if not tally.failed_indexes:
        return None
    failed = len(tally.failed_indexes)
    if job.max_failed_indexes is not None and failed > job.max_failed_indexes:
        return MAX_FAILED_INDEXES_EXCEEDED
    is_over = failed + len(tally.succeeded_indexes) >= (job.completions or 0)
    return FAILED_INDEXES if is_over else None


def _succeeded_by_policy(job: JobFacts, tally: Tally) -> Ending | None:
    if not job.is_indexed:
        return None
    rule = matched_success_rule(job.success_rules, tally.succeeded_indexes, job.completions or 0)
    if rule is None:
        return None
    return Ending(is_success=True, reason="SuccessPolicy", message=f"Matched rules at index {rule}")
