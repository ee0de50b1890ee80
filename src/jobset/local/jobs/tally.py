"""What the pods of a Job amount to, each counted once."""

from collections.abc import Callable, Mapping

import msgspec

from jobset.local.jobs.failure_policy import FailureAction, judge_pod_failure
from jobset.local.jobs.indexes import NO_INDEXES, Indexes, indexes_of, parse_indexes
from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.snapshot import JobFacts, JobSnapshot, counts_as_failure, has_failed


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a Job's pods before anything is done in this turn."""

    active: tuple[PodFacts, ...]
    terminating: tuple[PodFacts, ...]
    """Deleted and still running."""
    new_succeeded: tuple[PodFacts, ...]
    new_failed: tuple[PodFacts, ...]
    """Finished pods that no status has recorded yet, also those whose failure will be ignored."""
    succeeded: int
    failed: int
    """Both with the new ones."""
    recorded_indexes: Indexes = NO_INDEXES
    """Done indexes as the status has them."""
    succeeded_indexes: Indexes = NO_INDEXES
    failed_indexes: Indexes | None = None
    """None without backoffLimitPerIndex."""
    awaiting_replacement: Mapping[int, PodFacts] = msgspec.field(default_factory=dict)
    """By index: the last failed pod, which stays until its successor has taken over its failure count."""


def take_tally(snapshot: JobSnapshot) -> Tally:
    """The tally of one reading."""
    job, pods = snapshot.job, snapshot.pods
    active = tuple(pod for pod in pods if pod.is_active)
    new_succeeded = _new(snapshot, job.status.uncounted_succeeded, lambda pod: pod.phase == "Succeeded")
    new_failed = _new(snapshot, job.status.uncounted_failed, lambda pod: has_failed(job, pod))
    counted = sum(1 for pod in new_failed if counts_as_failure(job, pod))
    recorded, succeeded_indexes = _succeeded_indexes(job, pods)
    failed_indexes = _failed_indexes(job, pods)
    succeeded = job.status.succeeded + len(new_succeeded) + len(job.status.uncounted_succeeded)
    return Tally(
        active=active,
        terminating=tuple(pod for pod in pods if pod.is_terminating and not pod.is_over),
        new_succeeded=new_succeeded,
        new_failed=new_failed,
        succeeded=len(succeeded_indexes) if job.is_indexed else succeeded,
        failed=job.status.failed + counted + len(job.status.uncounted_failed),
        recorded_indexes=recorded,
        succeeded_indexes=succeeded_indexes,
        failed_indexes=failed_indexes,
        awaiting_replacement=_awaiting_replacement(snapshot, active, succeeded_indexes, failed_indexes),
    )


def has_place(job: JobFacts, pod: PodFacts) -> bool:
    """Whether the pod stands for a completion of the Job: in an Indexed one, an index below completions."""
    return not job.is_indexed or (pod.index is not None and pod.index < (job.completions or 0))


def _new(
    snapshot: JobSnapshot, recorded: tuple[str, ...], is_wanted: Callable[[PodFacts], bool]
) -> tuple[PodFacts, ...]:
    known = frozenset(recorded)
    return tuple(
        pod
        for pod in snapshot.pods
        if pod.is_tracked and pod.uid not in known and has_place(snapshot.job, pod) and is_wanted(pod)
    )


def _succeeded_indexes(job: JobFacts, pods: tuple[PodFacts, ...]) -> tuple[Indexes, Indexes]:
    if not job.is_indexed:
        return NO_INDEXES, NO_INDEXES
    recorded = parse_indexes(job.status.completed_indexes, job.completions or 0)
    new = (
        pod.index
        for pod in pods
        if pod.index is not None and pod.phase == "Succeeded" and pod.is_tracked and has_place(job, pod)
    )
    return recorded, recorded | indexes_of(new)


def _failed_indexes(job: JobFacts, pods: tuple[PodFacts, ...]) -> Indexes | None:
    if not job.is_indexed or job.backoff_limit_per_index is None:
        return None
    recorded = parse_indexes(job.status.failed_indexes or "", job.completions or 0)
    new = (
        pod.index
        for pod in pods
        if pod.index is not None and pod.is_tracked and has_place(job, pod) and _fails_its_index(job, pod)
    )
    return recorded | indexes_of(new)


def _fails_its_index(job: JobFacts, pod: PodFacts) -> bool:
    if not has_failed(job, pod):
        return False
    verdict = judge_pod_failure(job.failure_rules, pod)
    if verdict.action is FailureAction.FAIL_INDEX:
        return True
    return verdict.is_counted and pod.index_failures >= (job.backoff_limit_per_index or 0)


def _awaiting_replacement(
    snapshot: JobSnapshot,
    active: tuple[PodFacts, ...],
    succeeded_indexes: Indexes,
    failed_indexes: Indexes | None,
) -> Mapping[int, PodFacts]:
    if failed_indexes is None:
        return {}
    taken = frozenset(pod.index for pod in active)
    latest: dict[int, PodFacts] = {}
    for pod in snapshot.pods:
        if not pod.is_tracked or not has_place(snapshot.job, pod) or not has_failed(snapshot.job, pod):
            continue
        assert pod.index is not None
        if pod.index in taken or pod.index in succeeded_indexes or pod.index in failed_indexes:
            continue
        known = latest.get(pod.index)
        if known is None or _failure_order(pod) > _failure_order(known):
            latest[pod.index] = pod
    return latest


def _failure_order(pod: PodFacts) -> tuple[int, object]:
    return pod.index_failures + pod.index_ignored_failures, pod.finished_at
