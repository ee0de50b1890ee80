"""Back-off: how long a Job waits before it makes the next pod after failures."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.snapshot import BackOff

FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(minutes=10)
NO_WAIT = timedelta(0)


def next_back_off(known: BackOff, succeeded: Sequence[PodFacts], failed: Sequence[PodFacts]) -> BackOff:
    """The failures since the last success, after these newly finished pods."""
    if not failed:
        return BackOff() if succeeded else known
    last_failure_at = max(pod.finished_at for pod in failed)
    if not succeeded:
        return BackOff(failures=known.failures + len(failed), last_failure_at=last_failure_at)
    last_success_at = max(pod.finished_at for pod in succeeded)
    later = sum(1 for pod in failed if pod.finished_at > last_success_at)
    return BackOff(failures=later, last_failure_at=last_failure_at) if later else BackOff()


def remembered_back_off(pods: Iterable[PodFacts]) -> BackOff:
    """The back-off as far as finished pods tell it, which is all that is known after a restart."""
    over = [pod for pod in pods if pod.is_over]
    succeeded = [pod for pod in over if pod.phase == "Succeeded"]
    return next_back_off(BackOff(), succeeded, [pod for pod in over if pod.phase == "Failed"])


def remaining_delay(
    failures: int, last_failure_at: datetime | None, now: datetime, scale: float = 1.0
) -> timedelta:
    """How long the next pod still has to wait, with all delays multiplied by `scale`; never negative."""
    if failures == 0 or last_failure_at is None:
        return NO_WAIT
    # 2 to the 6th is above the longest delay already; larger powers would only overflow.
    delay = min(FIRST_DELAY * (1 << min(failures - 1, 6)), LONGEST_DELAY)
    return max(last_failure_at + delay * scale - now, NO_WAIT)


def remaining_delay_of_index(replaced: PodFacts | None, now: datetime, scale: float = 1.0) -> timedelta:
    """The same for one index of its own, whose last pod failed."""
    if replaced is None:
        return NO_WAIT
    failures = replaced.index_failures + replaced.index_ignored_failures + 1
    return remaining_delay(failures, replaced.finished_at, now, scale)
