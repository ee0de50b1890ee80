"""Counting finished pods exactly once, over any crash.

A finished pod goes through three states: it carries our finalizer and is unknown to the status; the status
names its uid (or its index); the finalizer is gone and the counters include it. Each step is one write, and
each can be repeated.
"""

from collections.abc import Container

import msgspec
from msgspec.structs import replace

from jobset.local.jobs.indexes import Indexes, indexes_of
from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.snapshot import JobFacts, JobSnapshot, counts_as_failure, has_failed
from jobset.local.jobs.status import JobStatus
from jobset.local.jobs.tally import Tally, has_place

MOST_UNCOUNTED = 500
"""How many pods one status write takes in, which bounds the size of the status."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """The status with newly finished pods recorded, and the pods that are free to go once it is written."""

    status: JobStatus
    released: tuple[PodFacts, ...]


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """That the Job ends in this turn or has begun to; its remaining pods go, as failed ones or uncounted."""

    counts_rest_as_failed: bool


def count_finished(snapshot: JobSnapshot, tally: Tally, closing: Closing | None) -> Count:
    """Record what has finished since the last write, in order of completion index."""
    job = snapshot.job
    status = _settle(job.status, frozenset(pod.uid for pod in snapshot.pods if pod.is_tracked))
    candidates = [
        pod for pod in snapshot.pods if pod.is_tracked and _may_go(snapshot.job, pod, tally, closing)
    ]
    if job.is_indexed:
        candidates.sort(key=lambda pod: -1 if pod.index is None else pod.index)
    ledger = _Ledger(job, tally, status)
    released: list[PodFacts] = []
    for pod in candidates:
        released.append(pod)
        ledger.enter(pod, closing)
        if ledger.size >= MOST_UNCOUNTED:
            break
    return Count(status=ledger.status(), released=tuple(released))


def _settle(status: JobStatus, tracked: Container[str]) -> JobStatus:
    """Move uids whose finalizer is gone into the counters."""
    succeeded = tuple(uid for uid in status.uncounted_succeeded if uid in tracked)
    failed = tuple(uid for uid in status.uncounted_failed if uid in tracked)
    return replace(
        status,
        succeeded=status.succeeded + len(status.uncounted_succeeded) - len(succeeded),
        failed=status.failed + len(status.uncounted_failed) - len(failed),
        uncounted_succeeded=succeeded,
        uncounted_failed=failed,
        is_tracked=True,
    )


def _may_go(job: JobFacts, pod: PodFacts, tally: Tally, closing: Closing | None) -> bool:
    if job.is_deleting or closing is not None or pod.phase == "Succeeded":
        return True
    if not has_failed(job, pod):
        return False
    waiting = tally.awaiting_replacement.get(-1 if pod.index is None else pod.index)
    return waiting is None or waiting.uid != pod.uid


class _Ledger:
    """Collects entries for one status write."""

    def __init__(self, job: JobFacts, tally: Tally, status: JobStatus) -> None:
        self._job, self._tally, self._status = job, tally, status
        self._uncounted = frozenset((*status.uncounted_succeeded, *status.uncounted_failed))
        self._indexes: list[int] = []
        self._succeeded: list[str] = []
        self._failed: list[str] = []

    @property
    def size(self) -> int:
        return len(self._indexes) + len(self._succeeded) + len(self._failed) + len(self._uncounted)

    def enter(self, pod: PodFacts, closing: Closing | None) -> None:
        """Record how the pod ended, unless the status knows it or it has no place in the Job."""
        if pod.uid in self._uncounted or not has_place(self._job, pod):
            return
        if pod.phase == "Succeeded":
            self._enter_success(pod)
        elif self._is_failure(pod, closing) and counts_as_failure(self._job, pod):
            self._failed.append(pod.uid)

    def _is_failure(self, pod: PodFacts, closing: Closing | None) -> bool:
        return has_failed(self._job, pod) or (closing is not None and closing.counts_rest_as_failed)

    def _enter_success(self, pod: PodFacts) -> None:
        if pod.index is None or not self._job.is_indexed:
            self._succeeded.append(pod.uid)
        elif pod.index not in self._tally.recorded_indexes:
            self._indexes.append(pod.index)

    def status(self) -> JobStatus:
        """The status with all entries."""
        counted = replace(
            self._status,
            uncounted_succeeded=(*self._status.uncounted_succeeded, *self._succeeded),
            uncounted_failed=(*self._status.uncounted_failed, *self._failed),
        )
        return self._with_indexes(counted) if self._job.is_indexed else counted

    def _with_indexes(self, status: JobStatus) -> JobStatus:
        # compat: an index that scaling took away leaves the status, and its success is no longer counted.
        done: Indexes = self._tally.recorded_indexes | indexes_of(self._indexes)
        failed = self._tally.failed_indexes
        return replace(
            status,
            completed_indexes=str(done),
            succeeded=len(done),
            failed_indexes=None if failed is None else str(failed),
        )
