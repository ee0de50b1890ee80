"""How long restarts take: from the status that begins one until its Jobs exist, and until they are ready."""

from dataclasses import dataclass, field
from datetime import datetime

from jobset.api.status import Condition, ConditionType, JobSetStatus
from jobset.controller.histogram import Histogram
from jobset.core.plan import CreateJob, Plan
from jobset.kube.cache import Key

_SECONDS = (
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0),
    *(120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0),
)
_READY = "JobsReady"


@dataclass(slots=True)
class _Attempt:
    """When the restart began, and when the attempt did whose Jobs are still to be created."""

    restarting_since: datetime
    creating_since: datetime | None


@dataclass(slots=True)
class Recoveries:
    """Restarts of JobSets, and how many seconds their two halves took.

    Jobs may fail again before they are ready: each attempt has its Jobs created, and the restart as a whole
    lasts from the first failure on.
    """

    begun: int = 0
    until_created: Histogram = field(default_factory=lambda: Histogram(_SECONDS))
    until_ready: Histogram = field(default_factory=lambda: Histogram(_SECONDS))
    _open: dict[Key, _Attempt] = field(default_factory=dict)

    def carried_out(self, key: Key, before: JobSetStatus, plan: Plan, now: datetime) -> None:
        """All that `plan` says has been done, for a JobSet whose status was `before`."""
        if key in self._open and _creates_the_last(plan):
            self._created(key, now)
        if plan.status is None:
            return
        was, restarting = (_restarting(status) for status in (before, plan.status))
        if restarting is None:
            return
        if not restarting.is_true:
            self._ended(key, was, restarting, now)
        elif plan.status.restarts > before.restarts:
            self.begun += 1
            since = self._since(key, was, now)
            self._open[key] = _Attempt(since, now)

    def forget(self, key: Key) -> None:
        """The JobSet is gone."""
        self._open.pop(key, None)

    def _created(self, key: Key, now: datetime) -> None:
        attempt = self._open[key]
        if attempt.creating_since is not None:
            self.until_created.observe(_seconds(attempt.creating_since, now))
            attempt.creating_since = None

    def _ended(self, key: Key, was: Condition | None, restarting: Condition, now: datetime) -> None:
        if was is not None and was.is_true and restarting.reason == _READY:
            self.until_ready.observe(_seconds(self._since(key, was, now), now))
        self.forget(key)

    def _since(self, key: Key, was: Condition | None, now: datetime) -> datetime:
        """When the restart began: as we saw it, or as the status says that an earlier leader wrote."""
        if key in self._open:
            return self._open[key].restarting_since
        return (was.since if was is not None and was.is_true else None) or now


def _creates_the_last(plan: Plan) -> bool:
    """Whether every Job exists once this plan has been carried out, and not before."""
    return not plan.waits and any(isinstance(step[0], CreateJob) for step in plan.steps)


def _restarting(status: JobSetStatus) -> Condition | None:
    return status.condition(ConditionType.RESTARTING)


def _seconds(since: datetime, now: datetime) -> float:
    # Clocks are set back now and then.
    return max(0.0, (now - since).total_seconds())
