"""What should happen next to one pod, as data."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec


class StartContainer(msgspec.Struct, frozen=True, kw_only=True):
    """Start the next attempt of a container, which is the `number`th, counted from 0."""

    name: str
    number: int


class StopContainer(msgspec.Struct, frozen=True, kw_only=True):
    """Stop a container: preStop hook, its stop signal, SIGKILL when `grace` is over.

    Asked again for a container that is stopping, only a shorter grace changes anything.
    """

    name: str
    grace: timedelta
    message: str
    shared_grace: bool = False
    """The grace counts from when the pod began to end, not from now."""
    hook: bool = True


class StartOver(msgspec.Struct, frozen=True, kw_only=True):
    """Forget all attempts, so that the whole pod begins again with its init containers."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """The pod is over: give back its address, devices and directories."""


class RemovePod(msgspec.Struct, frozen=True, kw_only=True):
    """Delete the pod object with grace 0; bound to its uid."""


Action: TypeAlias = StartContainer | StopContainer | StartOver | Release | RemovePod


class PodEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event about the pod."""

    type: str
    reason: str
    note: str
    container: str = ""


class PodPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Actions in order, then the status, then the events."""

    actions: tuple[Action, ...] = ()
    status: Mapping[str, Any] | None = None
    """The whole new status, or None when it stays as it is."""
    events: tuple[PodEvent, ...] = ()
    look_again: timedelta | None = None
