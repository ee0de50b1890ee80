"""How many pods a Job should run, and which to make or remove for it."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import msgspec

from jobset.local.jobs.back_off import NO_WAIT, remaining_delay, remaining_delay_of_index
from jobset.local.jobs.indexes import NO_INDEXES, indexes_of
from jobset.local.jobs.plan import NewPod
from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.removal import pods_to_remove
from jobset.local.jobs.snapshot import BackOff, JobFacts, JobSnapshot
from jobset.local.jobs.tally import Tally

MOST_PODS_PER_TURN = 500


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """Pods to remove or to make, never both, and when to try again those that have to wait."""

    remove: tuple[PodFacts, ...] = ()
    create: tuple[NewPod, ...] = ()
    look_again: timedelta | None = None
    is_partial: bool = False
    """Whether more is to be done at once in the next turn."""


STEADY = Scaling()


def decide_scaling(snapshot: JobSnapshot, tally: Tally, back_off: BackOff) -> Scaling:
    """Remove what is too much, else make what is missing as far as back-off lets."""
    job = snapshot.job
    wanted = 0 if job.is_suspended else wanted_active(job, tally)
    surplus = pods_to_remove(job, tally.active, len(tally.active) - wanted)
    if surplus:
        first = surplus[:MOST_PODS_PER_TURN]
        return Scaling(remove=first, is_partial=len(first) < len(surplus))
    occupied = len(tally.active) + (len(tally.terminating) if job.replaces_only_failed else 0)
    if wanted <= occupied:
        return STEADY
    if job.backoff_limit_per_index is not None:
        return _fill_indexes_with_own_back_off(snapshot, tally, wanted - occupied)
    wait = remaining_delay(back_off.failures, back_off.last_failure_at, snapshot.now, snapshot.wait_scale)
    if wait > NO_WAIT:
        return Scaling(look_again=wait)
    return _fill(job, tally, wanted - occupied)


def wanted_active(job: JobFacts, tally: Tally) -> int:
    """How many pods should be active; a work queue makes none after its first success."""
    if job.completions is None:
        return len(tally.active) if tally.succeeded else job.parallelism
    return max(min(job.parallelism, job.completions - tally.succeeded), 0)


def _fill(job: JobFacts, tally: Tally, missing: int) -> Scaling:
    count = min(missing, MOST_PODS_PER_TURN)
    if job.is_indexed:
        pods = tuple(NewPod(index=index) for index in islice(_pending_indexes(job, tally), count))
    else:
        pods = (NewPod(),) * count
    return Scaling(create=pods, is_partial=count < missing)


def _fill_indexes_with_own_back_off(snapshot: JobSnapshot, tally: Tally, missing: int) -> Scaling:
    count = min(missing, MOST_PODS_PER_TURN)
    pods: list[NewPod] = []
    waits: list[timedelta] = []
    for index in islice(_pending_indexes(snapshot.job, tally), count):
        replaced = tally.awaiting_replacement.get(index)
        wait = remaining_delay_of_index(replaced, snapshot.now, snapshot.wait_scale)
        if wait > NO_WAIT:
            waits.append(wait)
        else:
            pods.append(NewPod(index=index, replaces=replaced))
    return Scaling(
        create=tuple(pods), look_again=min(waits, default=None), is_partial=count < missing and bool(pods)
    )


def _pending_indexes(job: JobFacts, tally: Tally) -> Iterator[int]:
    occupying = (*tally.active, *(tally.terminating if job.replaces_only_failed else ()))
    taken = indexes_of(pod.index for pod in occupying if pod.index is not None)
    done = tally.succeeded_indexes | taken | (tally.failed_indexes or NO_INDEXES)
    return done.missing(job.completions or 0)
