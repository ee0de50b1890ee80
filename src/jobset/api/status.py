"""The status of a JobSet: conditions, counters and what each replicated job has reached."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from jobset.api.times import ZERO, parse_time


class ConditionType(StrEnum):
    """The conditions a JobSet can have."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    RESTARTING = "RestartingJobSet"
    STARTUP_IN_PROGRESS = "StartupPolicyInProgress"
    STARTUP_COMPLETED = "StartupPolicyCompleted"


TERMINAL = (ConditionType.COMPLETED, ConditionType.FAILED)
MOST_JOB_RESTARTS = 1024
"""How many Jobs of a replicated job a status can tell the restarts of."""


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

    @property
    def since(self) -> datetime | None:
        """When its status became what it is; None where no time is told, or none that can be read."""
        try:
            moment = parse_time(self.last_transition_time or "")
        except ValueError:
            return None
        return None if moment == ZERO else moment


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


_FIELDS: Mapping[type[msgspec.Struct], frozenset[str]] = {
    struct: frozenset(field.encode_name for field in msgspec.structs.fields(struct))
    for struct in (JobSetStatus, Condition, ReplicatedJobStatus)
}


def write_status(status: JobSetStatus, raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """The JSON of a status; what `raw`, the stored status, has beyond the fields that we know is kept.

    `restarts` is always written; other counters, empty lists and empty strings are left out.
    """
    stored = raw or {}
    known: dict[str, Any] = {"restarts": status.restarts}
    if status.conditions:
        known["conditions"] = _write_list(status.conditions, stored.get("conditions"), "type")
    if status.restarts_count_towards_max:
        known["restartsCountTowardsMax"] = status.restarts_count_towards_max
    if status.terminal_state:
        known["terminalState"] = status.terminal_state
    if status.replicated_jobs_status:
        entries = stored.get("replicatedJobsStatus")
        known["replicatedJobsStatus"] = _write_list(status.replicated_jobs_status, entries, "name")
    for name in ("previous_in_place_restart_attempt", "current_in_place_restart_attempt"):
        if (value := getattr(status, name)) is not None:
            known[_camel(name)] = value
    return _unknown(stored, JobSetStatus) | known


def _write_list(
    structs: Iterable[msgspec.Struct], stored: Iterable[Mapping[str, Any]] | None, key: str
) -> list[dict[str, Any]]:
    """The JSON of list entries; those that are stored under the same key keep what we do not know."""
    before = {entry[key]: entry for entry in stored or ()}
    return [
        _unknown(before.get(getattr(struct, key), {}), type(struct)) | _write(struct) for struct in structs
    ]


def _write(struct: msgspec.Struct) -> dict[str, Any]:
    plain = msgspec.to_builtins(struct)
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in plain.items()
        if value is not None
    }


def _unknown(stored: Mapping[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {key: value for key, value in stored.items() if key not in _FIELDS[struct]}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
