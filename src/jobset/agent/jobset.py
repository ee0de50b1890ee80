"""The little that an agent reads of its JobSet."""

from collections.abc import Mapping
from typing import Any, TypedDict

import msgspec

from jobset.api import keys

_STRATEGY = "InPlaceRestart"


class JobSet(msgspec.Struct, frozen=True, kw_only=True):
    """What all agents of a JobSet go by; an attempt that is None was not reached yet."""

    restarts_in_place: bool
    previous_attempt: int | None = None
    current_attempt: int | None = None


def read_jobset(raw: Mapping[str, Any]) -> JobSet:
    """What the object says."""
    status = raw.get("status") or {}
    policy = (raw.get("spec") or {}).get("failurePolicy") or {}
    is_disabled = keys.DISABLE_IN_PLACE_RESTART in (raw["metadata"].get("annotations") or {})
    return JobSet(
        restarts_in_place=policy.get("restartStrategy") == _STRATEGY and not is_disabled,
        previous_attempt=status.get("previousInPlaceRestartAttempt"),
        current_attempt=status.get("currentInPlaceRestartAttempt"),
    )


class _Metadata(TypedDict, total=False):
    name: str
    namespace: str
    uid: str
    resourceVersion: str
    annotations: dict[str, str]


class _FailurePolicy(TypedDict, total=False):
    restartStrategy: str


class _Spec(TypedDict, total=False):
    failurePolicy: _FailurePolicy


class _Status(TypedDict, total=False):
    previousInPlaceRestartAttempt: int
    currentInPlaceRestartAttempt: int


class JobSetShape(TypedDict, total=False):
    """The part of the object that is decoded."""

    metadata: _Metadata
    spec: _Spec
    status: _Status
