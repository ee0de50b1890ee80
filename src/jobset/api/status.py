"""The status of a JobSet: conditions, counters and what each replicated job has reached."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class ConditionType(StrEnum):
    """The conditions a JobSet can have."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    RESTARTING = "RestartingJobSet"
    STARTUP_IN_PROGRESS = "StartupPolicyInProgress"
    STARTUP_COMPLETED = "StartupPolicyCompleted"


TERMINAL = (ConditionType.COMPLETED, ConditionType.FAILED)


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """A standard Kubernetes condition; the time is RFC 3339 text with whole seconds."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    observed_generation: int | None = None

    @property
    def is_true(self) -> bool:
        """Whether its status is True."""
        return self.status == "True"


class ReplicatedJobStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """How many Jobs of one replicated job are in which state, and its individual restarts by Job index."""

    name: str
    ready: int = 0
    succeeded: int = 0
    failed: int = 0
    active: int = 0
    suspended: int = 0
    job_restarts: tuple[int, ...] | None = None
    job_restarts_count_towards_max: tuple[int, ...] | None = None


class JobSetStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """`status` of a JobSet. Tuples may be None on the wire; use the properties."""

    conditions: tuple[Condition, ...] | None = None
    restarts: int = 0
    restarts_count_towards_max: int = 0
    terminal_state: str = ""
    replicated_jobs_status: tuple[ReplicatedJobStatus, ...] | None = None
    previous_in_place_restart_attempt: int | None = None
    current_in_place_restart_attempt: int | None = None

    def condition(self, type: str) -> Condition | None:
        """The condition of that type, or None."""
        return next((c for c in self.conditions or () if c.type == type), None)

    @property
    def finished(self) -> Condition | None:
        """The first True terminal condition, or None while the JobSet is not finished."""
        return next((c for c in self.conditions or () if c.type in TERMINAL and c.is_true), None)


_OWN_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(JobSetStatus))


def write_status(status: JobSetStatus, raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """The JSON of a status; fields of `raw`, the stored status, that we do not know are kept.

    `restarts` is always written; other counters, empty lists and empty strings are left out.
    """
    unknown = {key: value for key, value in (raw or {}).items() if key not in _OWN_FIELDS}
    known: dict[str, Any] = {"restarts": status.restarts}
    if status.conditions:
        known["conditions"] = [_write(condition) for condition in status.conditions]
    if status.restarts_count_towards_max:
        known["restartsCountTowardsMax"] = status.restarts_count_towards_max
    if status.terminal_state:
        known["terminalState"] = status.terminal_state
    if status.replicated_jobs_status:
        known["replicatedJobsStatus"] = [_write(entry) for entry in status.replicated_jobs_status]
    for name in ("previous_in_place_restart_attempt", "current_in_place_restart_attempt"):
        if (value := getattr(status, name)) is not None:
            known[_camel(name)] = value
    return unknown | known


def _write(struct: msgspec.Struct) -> dict[str, Any]:
    plain = msgspec.to_builtins(struct)
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in plain.items()
        if value is not None
    }


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
