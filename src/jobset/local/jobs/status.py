"""The status of a Job: typed, from JSON and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from jobset.api.times import format_time, parse_time

COMPLETE = "Complete"
FAILED = "Failed"
FAILURE_TARGET = "FailureTarget"
SUCCESS_CRITERIA_MET = "SuccessCriteriaMet"
SUSPENDED = "Suspended"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of a Job."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_probe_time: str = ""
    last_transition_time: str = ""


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A Job's status; the uncounted pods are uids whose finalizer may still be there."""

    active: int = 0
    ready: int | None = None
    terminating: int | None = None
    succeeded: int = 0
    failed: int = 0
    completed_indexes: str = ""
    failed_indexes: str | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    uncounted_succeeded: tuple[str, ...] = ()
    uncounted_failed: tuple[str, ...] = ()
    is_tracked: bool = False
    """Whether `uncountedTerminatedPods` is there, as it is from the controller's first write on."""
    conditions: tuple[Condition, ...] = ()

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type when it is True."""
        for condition in self.conditions:
            if condition.type == type_ and condition.status == "True":
                return condition
        return None

    @property
    def is_finished(self) -> bool:
        """Whether the Job has its terminal condition."""
        return self.condition(COMPLETE) is not None or self.condition(FAILED) is not None


def with_condition(
    status: JobStatus, type_: str, is_true: bool, reason: str, message: str, now: datetime
) -> JobStatus:
    """The status with this condition; the same value when nothing changes.

    A condition that is absent is not added to say False.
    """
    moment, truth = format_time(now), "True" if is_true else "False"
    new = Condition(
        type=type_,
        status=truth,
        reason=reason,
        message=message,
        last_probe_time=moment,
        last_transition_time=moment,
    )
    known = next((c for c in status.conditions if c.type == type_), None)
    if known is None:
        return replace(status, conditions=(*status.conditions, new)) if is_true else status
    if (known.status, known.reason, known.message) == (truth, reason, message):
        return status
    return replace(status, conditions=tuple(new if c is known else c for c in status.conditions))


def read_status(raw: Mapping[str, Any]) -> JobStatus:
    """The status as stored; everything that is absent has its empty value."""
    uncounted = raw.get("uncountedTerminatedPods")
    return JobStatus(
        active=raw.get("active", 0),
        ready=raw.get("ready"),
        terminating=raw.get("terminating"),
        succeeded=raw.get("succeeded", 0),
        failed=raw.get("failed", 0),
        completed_indexes=raw.get("completedIndexes", ""),
        failed_indexes=raw.get("failedIndexes"),
        start_time=_time(raw.get("startTime")),
        completion_time=_time(raw.get("completionTime")),
        uncounted_succeeded=tuple((uncounted or {}).get("succeeded") or ()),
        uncounted_failed=tuple((uncounted or {}).get("failed") or ()),
        is_tracked=uncounted is not None,
        conditions=tuple(_read_condition(item) for item in raw.get("conditions") or ()),
    )


def render_status(status: JobStatus) -> dict[str, Any]:
    """The status as JSON; what is empty is left out, as the API server leaves it out."""
    uncounted = {
        "succeeded": list(status.uncounted_succeeded),
        "failed": list(status.uncounted_failed),
    }
    fields: dict[str, Any] = {
        "conditions": [_render_condition(condition) for condition in status.conditions],
        "startTime": format_time(status.start_time) if status.start_time else None,
        "completionTime": format_time(status.completion_time) if status.completion_time else None,
        "active": status.active or None,
        "succeeded": status.succeeded or None,
        "failed": status.failed or None,
        "completedIndexes": status.completed_indexes or None,
    }
    rendered = {key: value for key, value in fields.items() if value}
    optional = {
        "terminating": status.terminating,
        "ready": status.ready,
        "failedIndexes": status.failed_indexes,
    }
    rendered |= {key: value for key, value in optional.items() if value is not None}
    if status.is_tracked:
        rendered["uncountedTerminatedPods"] = {key: uids for key, uids in uncounted.items() if uids}
    return rendered


def _read_condition(raw: Mapping[str, Any]) -> Condition:
    return Condition(
        type=raw["type"],
        status=raw["status"],
        reason=raw.get("reason", ""),
        message=raw.get("message", ""),
        last_probe_time=raw.get("lastProbeTime") or "",
        last_transition_time=raw.get("lastTransitionTime") or "",
    )


def _render_condition(condition: Condition) -> dict[str, str]:
    fields = {
        "type": condition.type,
        "status": condition.status,
        "lastProbeTime": condition.last_probe_time,
        "lastTransitionTime": condition.last_transition_time,
        "reason": condition.reason,
        "message": condition.message,
    }
    return {key: value for key, value in fields.items() if value}


def _time(text: Any) -> datetime | None:
    return parse_time(text) if text else None
