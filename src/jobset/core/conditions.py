"""Set a condition, get a new status: every transition of a JobSet, with the event that tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from jobset.api.status import Condition, ConditionType, JobSetStatus
from jobset.api.times import format_time
from jobset.core.plan import EventType, PlannedEvent

_EXCLUSIVE: Mapping[str, str] = {
    ConditionType.STARTUP_IN_PROGRESS: ConditionType.STARTUP_COMPLETED,
    ConditionType.STARTUP_COMPLETED: ConditionType.STARTUP_IN_PROGRESS,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """The status as it will be written, and the events that go with it."""

    status: JobSetStatus
    now: datetime
    events: tuple[PlannedEvent, ...] = ()

    def setting(self, wanted: Condition, event_type: EventType) -> "Draft":
        """The draft with a condition; the event comes only when the condition changes."""
        before = self.status.conditions or ()
        after = set_condition(before, wanted, self.now)
        if after == before:
            return self
        changed = self.changing(conditions=after)
        # A condition that only makes another give way is no news.
        if self.status.condition(wanted.type) == changed.status.condition(wanted.type):
            return changed
        return changed.telling(PlannedEvent(event_type, wanted.reason, wanted.message))

    def changing(self, **fields: object) -> "Draft":
        """The draft with other values for fields of the status."""
        return replace(self, status=msgspec.structs.replace(self.status, **fields))

    def telling(self, event: PlannedEvent) -> "Draft":
        """The draft with one more event."""
        return replace(self, events=(*self.events, event))


def set_condition(
    conditions: tuple[Condition, ...], wanted: Condition, now: datetime
) -> tuple[Condition, ...]:
    """The conditions with `wanted` among them, in order of first appearance.

    The time moves only when the status does. A False condition is never added where there was none.
    """
    known = next((condition for condition in conditions if condition.type == wanted.type), None)
    if known is None and not wanted.is_true:
        return conditions
    dated = _dated(known, wanted, now)
    others = tuple(_make_room(condition, dated) for condition in conditions)
    if known is None:
        return (*others, dated)
    return tuple(dated if condition.type == dated.type else condition for condition in others)


def _dated(known: Condition | None, wanted: Condition, now: datetime) -> Condition:
    if known is not None and _says_the_same(known, wanted):
        return known
    is_flip = known is None or known.status != wanted.status
    time = known.last_transition_time if known and not is_flip else format_time(now)
    return msgspec.structs.replace(wanted, last_transition_time=time)


def _says_the_same(known: Condition, wanted: Condition) -> bool:
    return (known.status, known.reason, known.message) == (wanted.status, wanted.reason, wanted.message)


def _make_room(condition: Condition, wanted: Condition) -> Condition:
    # compat: the condition that gives way keeps its reason, message and time.
    gives_way = _EXCLUSIVE.get(condition.type) == wanted.type and wanted.is_true and condition.is_true
    return msgspec.structs.replace(condition, status="False") if gives_way else condition


def complete(draft: Draft) -> Draft:
    """The JobSet has succeeded."""
    message = "jobset completed successfully"
    done = _true(draft, ConditionType.COMPLETED, "AllJobsCompleted", message)
    done = done.changing(terminal_state=ConditionType.COMPLETED.value)
    return end_restart(done, "JobSetCompleted", message)


def fail(draft: Draft, reason: str, message: str) -> Draft:
    """The JobSet has failed."""
    done = _true(draft, ConditionType.FAILED, reason, message, EventType.WARNING)
    done = done.changing(terminal_state=ConditionType.FAILED.value)
    return end_restart(done, "JobSetFailed", "jobset failed")


def suspend(draft: Draft) -> Draft:
    """The JobSet is suspended."""
    message = "jobset is suspended"
    paused = _true(draft, ConditionType.SUSPENDED, "SuspendedJobs", message)
    return end_restart(paused, "JobSetSuspended", message)


def resume(draft: Draft) -> Draft:
    """The JobSet is no longer suspended, if it ever was."""
    return _false(draft, ConditionType.SUSPENDED, "ResumeJobs", "jobset is resumed")


def begin_restart(draft: Draft, reason: str, message: str) -> Draft:
    """All Jobs are about to be recreated."""
    return _true(draft, ConditionType.RESTARTING, reason, message, EventType.WARNING)


def end_restart(draft: Draft, reason: str, message: str) -> Draft:
    """A restart is over, if there ever was one."""
    return _false(draft, ConditionType.RESTARTING, reason, message)


def begin_startup(draft: Draft) -> Draft:
    """Some replicated job still waits for its turn."""
    message = "in order startup policy is in progress"
    return _true(draft, ConditionType.STARTUP_IN_PROGRESS, "InOrderStartupPolicyInProgress", message)


def end_startup(draft: Draft) -> Draft:
    """All replicated jobs have started."""
    message = "in order startup policy has completed"
    return _true(draft, ConditionType.STARTUP_COMPLETED, "InOrderStartupPolicyCompleted", message)


def _true(
    draft: Draft, type: ConditionType, reason: str, message: str, event_type: EventType = EventType.NORMAL
) -> Draft:
    wanted = Condition(type=type.value, status="True", reason=reason, message=message)
    return draft.setting(wanted, event_type)


def _false(draft: Draft, type: ConditionType, reason: str, message: str) -> Draft:
    wanted = Condition(type=type.value, status="False", reason=reason, message=message)
    return draft.setting(wanted, EventType.NORMAL)
