"""A pod of a Job: the facts that its controller reads, and how they are read from JSON."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from jobset.api import keys
from jobset.api.times import parse_time

Object: TypeAlias = Mapping[str, Any]

INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"


class PodFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A pod of a Job as far as the Job controller reads it."""

    namespace: str
    name: str
    uid: str
    created_at: datetime
    finished_at: datetime
    """When it ended, or the best guess while it runs."""
    index: int | None = None
    phase: str = "Pending"
    is_terminating: bool = False
    """Whether somebody deleted it."""
    is_tracked: bool = True
    """Whether it carries our finalizer: its end is not counted yet."""
    is_assigned: bool = False
    ready_since: datetime | None = None
    """Since when it is ready; None while it is not."""
    restarts: int = 0
    exit_codes: tuple[tuple[str, int], ...] = ()
    """Name and exit code of each container that has terminated, main containers first."""
    conditions: tuple[tuple[str, str], ...] = ()
    index_failures: int = 0
    """Counted failures of its index before it."""
    index_ignored_failures: int = 0

    @property
    def is_active(self) -> bool:
        """Whether it still works towards a completion."""
        return not self.is_over and not self.is_terminating

    @property
    def is_over(self) -> bool:
        """Whether all its containers have ended for good."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def is_ready(self) -> bool:
        """Whether its Ready condition is True."""
        return self.ready_since is not None


def read_pod(raw: Object) -> PodFacts:
    """The facts of a stored pod."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    annotations = metadata.get("annotations") or {}
    conditions = status.get("conditions") or ()
    created_at = parse_time(metadata["creationTimestamp"])
    return PodFacts(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata["uid"],
        created_at=created_at,
        finished_at=_finished_at(metadata, status) or created_at,
        index=_index(annotations.get(keys.JOB_COMPLETION_INDEX)),
        phase=status.get("phase") or "Pending",
        is_terminating=bool(metadata.get("deletionTimestamp")),
        is_tracked=keys.JOB_TRACKING_FINALIZER in (metadata.get("finalizers") or ()),
        is_assigned=bool(raw["spec"].get("nodeName")),
        ready_since=_ready_since(conditions, created_at),
        restarts=sum(container.get("restartCount", 0) for container in _containers(status)),
        exit_codes=tuple(_exit_codes(status)),
        conditions=tuple((condition["type"], condition["status"]) for condition in conditions),
        index_failures=_index(annotations.get(INDEX_FAILURES)) or 0,
        index_ignored_failures=_index(annotations.get(INDEX_IGNORED_FAILURES)) or 0,
    )


def _index(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from status.get("containerStatuses") or ()
    yield from status.get("initContainerStatuses") or ()


def _exit_codes(status: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for container in _containers(status):
        terminated = (container.get("state") or {}).get("terminated")
        if terminated is not None:
            yield container["name"], terminated["exitCode"]


def _ready_since(conditions: Any, created_at: datetime) -> datetime | None:
    for condition in conditions:
        if condition["type"] == "Ready" and condition["status"] == "True":
            since = condition.get("lastTransitionTime")
            return parse_time(since) if since else created_at
    return None


def _finished_at(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> datetime | None:
    return _containers_ended_at(status) or _unready_since(status) or _deletion_asked_at(metadata)


def _containers_ended_at(status: Mapping[str, Any]) -> datetime | None:
    ends = []
    for container in status.get("containerStatuses") or ():
        terminated = (container.get("state") or {}).get("terminated") or {}
        if not terminated.get("finishedAt"):
            return None
        ends.append(parse_time(terminated["finishedAt"]))
    return max(ends, default=None)


def _unready_since(status: Mapping[str, Any]) -> datetime | None:
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "False":
            since = condition.get("lastTransitionTime")
            return parse_time(since) if since else None
    return None


def _deletion_asked_at(metadata: Mapping[str, Any]) -> datetime | None:
    if not metadata.get("deletionTimestamp"):
        return None
    grace = timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    return parse_time(metadata["deletionTimestamp"]) - grace
