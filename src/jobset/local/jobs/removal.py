"""Which active pods go first when there are too many."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.snapshot import JobFacts
from jobset.local.jobs.tally import has_place

_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def pods_to_remove(job: JobFacts, active: Sequence[PodFacts], at_least: int) -> tuple[PodFacts, ...]:
    """Pods without a place, all but the most advanced of several for one index, then others up to `at_least`.

    The others are the least advanced first: not scheduled, not running, not ready, not ready for long.
    """
    extra, rest = _without_place(job, active) if job.is_indexed else ([], list(active))
    missing = at_least - len(extra)
    if missing > 0:
        extra += sorted(rest, key=_advance)[:missing]
    return tuple(extra)


def _without_place(job: JobFacts, active: Iterable[PodFacts]) -> tuple[list[PodFacts], list[PodFacts]]:
    extra: list[PodFacts] = []
    by_index: dict[int, list[PodFacts]] = defaultdict(list)
    for pod in active:
        if pod.index is not None and has_place(job, pod):
            by_index[pod.index].append(pod)
        else:
            extra.append(pod)
    rest: list[PodFacts] = []
    for pods in by_index.values():
        *behind, first = sorted(pods, key=_advance)
        extra += behind
        rest.append(first)
    return extra, rest


def _advance(pod: PodFacts) -> tuple[bool, int, bool, float, int, float, int]:
    """How far a pod has come; of equal ones the lowest index counts least."""
    return (
        pod.is_assigned,
        _PHASES.get(pod.phase, 0),
        pod.is_ready,
        -_seconds(pod.ready_since) if pod.ready_since else 0.0,
        -pod.restarts,
        -_seconds(pod.created_at),
        pod.index or 0,
    )


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
