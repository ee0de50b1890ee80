"""What a person wants to know of a Pod, Job or JobSet: small frozen readings of big objects."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from jobset.api import keys
from jobset.api.jobset import JobSet, read_jobset
from jobset.api.times import parse_time

Object: TypeAlias = Mapping[str, Any]
ObjectKey: TypeAlias = tuple[str, str]
"""Namespace and name."""


class Termination(msgspec.Struct, frozen=True, kw_only=True):
    """How one run of a container ended."""

    exit_code: int
    signal: int | None
    reason: str
    message: str
    started_at: datetime | None
    finished_at: datetime | None


class ContainerView(msgspec.Struct, frozen=True, kw_only=True):
    """One container, init containers included; `last` is how its previous run ended."""

    name: str
    is_init: bool
    state: str
    """`waiting`, `running` or `terminated`."""
    reason: str
    message: str
    ready: bool
    restarts: int
    ended: Termination | None
    last: Termination | None


class PodView(msgspec.Struct, frozen=True, kw_only=True):
    """One pod of a child Job."""

    namespace: str
    name: str
    uid: str
    jobset: str
    role: str
    job: str
    job_uid: str
    restart_attempt: int
    node: str
    phase: str
    reason: str
    message: str
    created_at: datetime | None
    deletion_requested_at: datetime | None
    unscheduled: tuple[str, str] | None
    """Reason and message of a PodScheduled condition that is False."""
    disruption: tuple[str, str] | None
    """Reason and message of a DisruptionTarget condition that is True."""
    is_ready: bool
    containers: tuple[ContainerView, ...]

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def is_finished(self) -> bool:
        """Whether its phase is final."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def restarts(self) -> int:
        """Restarts of all its containers together."""
        return sum(container.restarts for container in self.containers)

    @property
    def ready_count(self) -> tuple[int, int]:
        """How many of its main containers are ready, and how many there are."""
        mains = [container for container in self.containers if not container.is_init]
        return sum(container.ready for container in mains), len(mains)


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One child Job."""

    namespace: str
    name: str
    uid: str
    jobset: str
    role: str
    index: int | None
    restart_attempt: int
    job_restart_attempt: int
    wanted: int
    """Pods it runs at a time when nothing stops it."""
    active: int
    ready: int
    succeeded: int
    failed: int
    state: str
    """`Active`, `Suspended`, `Complete`, `Failing` (pods are still being stopped) or `Failed`."""
    reason: str
    message: str
    ended_at: datetime | None
    created_at: datetime | None

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def has_failed(self) -> bool:
        """Whether it is sure to end Failed."""
        return self.state in ("Failing", "Failed")


class JobSetView(msgspec.Struct, frozen=True, kw_only=True):
    """One JobSet, with the times that matter for a report."""

    jobset: JobSet
    created_at: datetime | None

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return self.jobset.namespace, self.jobset.name


def read_pod(raw: Object) -> PodView:
    """A Pod as the API has it."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    labels = metadata.get("labels") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    return PodView(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        jobset=labels.get(keys.JOBSET_NAME, ""),
        role=labels.get(keys.REPLICATED_JOB_NAME, ""),
        job=labels.get(keys.JOB_NAME, ""),
        job_uid=labels.get(keys.JOB_CONTROLLER_UID, ""),
        restart_attempt=_number(labels.get(keys.RESTART_ATTEMPT)) or 0,
        node=spec.get("nodeName", ""),
        phase=status.get("phase", "Pending"),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        created_at=_time(metadata.get("creationTimestamp")),
        deletion_requested_at=_deletion_request(metadata),
        unscheduled=_condition(conditions, "PodScheduled", "False"),
        disruption=_condition(conditions, "DisruptionTarget", "True"),
        is_ready=_condition(conditions, "Ready", "True") is not None,
        containers=_containers(status),
    )


def read_job(raw: Object) -> JobView:
    """A Job as the API has it."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    labels = metadata.get("labels") or {}
    state, condition = _job_state(status)
    return JobView(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        jobset=labels.get(keys.JOBSET_NAME, ""),
        role=labels.get(keys.REPLICATED_JOB_NAME, ""),
        index=_number(labels.get(keys.JOB_INDEX)),
        restart_attempt=_number(labels.get(keys.RESTART_ATTEMPT)) or 0,
        job_restart_attempt=_number(labels.get(keys.JOB_RESTART_ATTEMPT)) or 0,
        wanted=_wanted(spec),
        active=status.get("active") or 0,
        ready=status.get("ready") or 0,
        succeeded=status.get("succeeded") or 0,
        failed=status.get("failed") or 0,
        state=state,
        reason=condition.get("reason", ""),
        message=condition.get("message", ""),
        ended_at=_time(condition.get("lastTransitionTime")),
        created_at=_time(metadata.get("creationTimestamp")),
    )


def read_jobset_view(raw: Object) -> JobSetView:
    """A JobSet as the API has it."""
    jobset = read_jobset(raw)
    return JobSetView(jobset=jobset, created_at=_time(jobset.metadata.creation_timestamp))


_JOB_STATES = (
    ("Failed", "Failed"),
    ("Complete", "Complete"),
    ("FailureTarget", "Failing"),
    ("Suspended", "Suspended"),
)


def _job_state(status: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    conditions = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    for type_, state in _JOB_STATES:
        if type_ in conditions:
            return state, conditions[type_]
    return "Active", {}


def _wanted(spec: Mapping[str, Any]) -> int:
    parallelism: int = spec.get("parallelism", 1)
    completions: int | None = spec.get("completions")
    return parallelism if completions is None else min(parallelism, completions)


def _containers(status: Mapping[str, Any]) -> tuple[ContainerView, ...]:
    inits = status.get("initContainerStatuses") or ()
    mains = status.get("containerStatuses") or ()
    return (*(_container(c, is_init=True) for c in inits), *(_container(c, is_init=False) for c in mains))


def _container(raw: Mapping[str, Any], *, is_init: bool) -> ContainerView:
    state = raw.get("state") or {}
    waiting, terminated = state.get("waiting") or {}, state.get("terminated")
    last = (raw.get("lastState") or {}).get("terminated")
    return ContainerView(
        name=raw.get("name", ""),
        is_init=is_init,
        state="terminated" if terminated else "running" if "running" in state else "waiting",
        reason=waiting.get("reason", ""),
        message=waiting.get("message", ""),
        ready=bool(raw.get("ready")),
        restarts=raw.get("restartCount") or 0,
        ended=_termination(terminated) if terminated else None,
        last=_termination(last) if last else None,
    )


def _termination(raw: Mapping[str, Any]) -> Termination:
    code, signal = raw.get("exitCode") or 0, raw.get("signal")
    return Termination(
        exit_code=code,
        # A program may also exit with 128 + N itself; a runtime reports both alike, so does kubectl.
        signal=signal
        or (code - 128 if 128 < code <= 128 + 64 and raw.get("reason") != "StartError" else None),
        reason=raw.get("reason", ""),
        message=raw.get("message", ""),
        started_at=_time(raw.get("startedAt")),
        finished_at=_time(raw.get("finishedAt")),
    )


def _condition(conditions: Mapping[str, Any], type_: str, status: str) -> tuple[str, str] | None:
    found = conditions.get(type_)
    if found is None or found.get("status") != status:
        return None
    return found.get("reason", ""), found.get("message", "")


def _deletion_request(metadata: Mapping[str, Any]) -> datetime | None:
    due = _time(metadata.get("deletionTimestamp"))
    if due is None:
        return None
    return due - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)


def _time(text: Any) -> datetime | None:
    return parse_time(text) if isinstance(text, str) else None


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None
