"""The children of a JobSet as small typed readings: Jobs and pods, decoded once, at the edge."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from jobset.api import keys
from jobset.api.times import parse_time

Raw: TypeAlias = Mapping[str, Any]
"""JSON of a foreign object; read, never changed."""

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NOTHING: Mapping[str, Any] = {}


class JobState(StrEnum):
    """Whether a Job has ended, and how."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_STATE_BY_CONDITION = {"Complete": JobState.SUCCEEDED, "Failed": JobState.FAILED}


# Structs rather than dataclasses: there may be ten thousand, and a frozen dataclass takes six times as long.
class JobEnd(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The condition that ended a Job."""

    reason: str = ""
    message: str = ""
    time: str | None = None

    @property
    def at(self) -> datetime | None:
        """When the Job ended, or None when that is not told."""
        return parse_time(self.time) if self.time else None


class ChildJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One Job of a JobSet.

    `replicated_job`, `index` and `job_restart_attempt` are None where the label is missing or malformed;
    `labels` tells which. `raw` is the whole object.
    """

    name: str
    restart_attempt: int
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    replicated_job: str | None = None
    index: int | None = None
    job_restart_attempt: int | None = None
    state: JobState = JobState.ACTIVE
    end: JobEnd | None = None
    is_suspended: bool = False
    has_started: bool = False
    is_being_deleted: bool = False
    parallelism: int | None = None
    completions: int | None = None
    active: int = 0
    ready: int = 0
    succeeded: int = 0
    raw: Raw = _NOTHING

    @property
    def labels(self) -> Mapping[str, str]:
        """`metadata.labels`, empty when absent."""
        return (self.raw.get("metadata") or _NOTHING).get("labels") or _NOTHING

    @property
    def pod_template(self) -> Raw:
        """`spec.template`, as the Job has it now."""
        return (self.raw.get("spec") or _NOTHING).get("template") or _NOTHING

    @property
    def is_ready(self) -> bool:
        """Whether as many of its pods are ready or have succeeded as it runs at a time."""
        wanted = 1 if self.parallelism is None else self.parallelism
        if self.completions is not None and self.completions < wanted:
            wanted = self.completions
        return self.ready + self.succeeded >= wanted


class StrayJob(msgspec.Struct, frozen=True, gc=False):
    """A Job that is ours by its owner, but does not tell which attempt it belongs to."""

    name: str
    problem: str


def go_int(text: str) -> int:
    """The integer that `text` is, to the letter.

    Raises:
        ValueError: it is not one; the text says so as Go programs do.
    """
    # compat: int() would also take " 1", "1_0" and other digits, which strconv.Atoi refuses.
    if not _INTEGER.fullmatch(text):
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError(f'strconv.Atoi: parsing "{text}": value out of range')
    return value


def read_child(raw: Raw) -> ChildJob | StrayJob:
    """Which replica of which attempt a Job is, and what has become of it."""
    metadata = raw["metadata"]
    labels = metadata.get("labels") or _NOTHING
    attempt = labels.get(keys.RESTART_ATTEMPT)
    if attempt is None:
        return StrayJob(metadata["name"], f"job {metadata['name']} has no label {keys.RESTART_ATTEMPT}")
    try:
        restart_attempt = go_int(attempt)
    except ValueError as error:
        return StrayJob(
            metadata["name"], f"job {metadata['name']} has a bad label {keys.RESTART_ATTEMPT}: {error}"
        )
    spec = raw.get("spec") or _NOTHING
    status = raw.get("status") or _NOTHING
    state, end = _read_end(status.get("conditions") or ())
    return ChildJob(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        restart_attempt=restart_attempt,
        replicated_job=labels.get(keys.REPLICATED_JOB_NAME),
        index=_int_or_none(labels.get(keys.JOB_INDEX)),
        job_restart_attempt=_int_or_none(labels.get(keys.JOB_RESTART_ATTEMPT)),
        state=state,
        end=end,
        is_suspended=bool(spec.get("suspend")),
        has_started=status.get("startTime") is not None,
        is_being_deleted=metadata.get("deletionTimestamp") is not None,
        parallelism=spec.get("parallelism"),
        completions=spec.get("completions"),
        active=status.get("active") or 0,
        ready=status.get("ready") or 0,
        succeeded=status.get("succeeded") or 0,
        raw=raw,
    )


def _read_end(conditions: Any) -> tuple[JobState, JobEnd | None]:
    for condition in conditions:
        state = _STATE_BY_CONDITION.get(condition.get("type"))
        if state is not None and condition.get("status") == "True":
            end = JobEnd(
                reason=condition.get("reason") or "",
                message=condition.get("message") or "",
                time=condition.get("lastTransitionTime"),
            )
            return state, end
    return JobState.ACTIVE, None


def _int_or_none(text: str | None) -> int | None:
    try:
        return None if text is None else go_int(text)
    except ValueError:
        return None


class ChildPod(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What decisions read of a pod.

    `in_place_restart_attempt` is the text of the annotation; `container_restarts` the largest restart
    count of any of its containers.
    """

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    jobset: str | None = None
    job_key: str | None = None
    owner_uid: str | None = None
    phase: str = ""
    in_place_restart_attempt: str | None = None
    container_restarts: int = 0
    is_leader: bool = False
    is_being_deleted: bool = False
    node: str = ""
    node_selector: Mapping[str, str] = _NOTHING
    exclusive_topology: str | None = None
    uses_node_selector: bool = False
    is_disruption_target: bool = False
    raw: Raw = _NOTHING

    @property
    def is_finished(self) -> bool:
        """Whether it has run to its end, whatever the end was."""
        return self.phase in ("Failed", "Succeeded")


def read_pod(raw: Raw) -> ChildPod:
    """The reading of one pod."""
    metadata = raw["metadata"]
    labels = metadata.get("labels") or _NOTHING
    annotations = metadata.get("annotations") or _NOTHING
    spec = raw.get("spec") or _NOTHING
    status = raw.get("status") or _NOTHING
    return ChildPod(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        jobset=labels.get(keys.JOBSET_NAME),
        job_key=labels.get(keys.JOB_KEY),
        owner_uid=_controller_uid(metadata.get("ownerReferences") or ()),
        phase=status.get("phase") or "",
        in_place_restart_attempt=annotations.get(keys.IN_PLACE_RESTART_ATTEMPT),
        container_restarts=_largest_restart_count(status),
        is_leader=annotations.get(keys.JOB_COMPLETION_INDEX) == "0",
        is_being_deleted=metadata.get("deletionTimestamp") is not None,
        node=spec.get("nodeName") or "",
        node_selector=spec.get("nodeSelector") or _NOTHING,
        exclusive_topology=annotations.get(keys.EXCLUSIVE_TOPOLOGY),
        uses_node_selector=keys.NODE_SELECTOR in annotations,
        is_disruption_target=any(
            condition.get("type") == "DisruptionTarget" and condition.get("status") == "True"
            for condition in status.get("conditions") or ()
        ),
        raw=raw,
    )


def _controller_uid(owners: Any) -> str | None:
    return next((owner.get("uid", "") for owner in owners if owner.get("controller")), None)


def _largest_restart_count(status: Raw) -> int:
    return max(
        (
            container.get("restartCount") or 0
            for field in ("containerStatuses", "initContainerStatuses")
            for container in status.get(field) or ()
        ),
        default=0,
    )
