"""What should happen next to one pod, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer:
    """Start the next attempt of a container, which is the `number`th, counted from 0."""

    name: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer:
    """Stop a container: preStop hook, its stop signal, SIGKILL when `grace` is over.

    Asked again for a container that is stopping, only a shorter grace changes anything.
    """

    name: str
    grace: timedelta
    message: str
    shared_grace: bool = False
    """The grace counts from when the pod began to end, not from now."""
    hook: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOver:
    """Forget all attempts, so that the whole pod begins again with its init containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The pod is over: give back its address, devices and directories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePod:
    """Delete the pod object with grace 0; bound to its uid."""


Action: TypeAlias = StartContainer | StopContainer | StartOver | Release | RemovePod


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEvent:
    """An event about the pod."""

    type: str
    reason: str
    note: str
    container: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """Actions in order, then the status, then the events."""

    actions: tuple[Action, ...] = ()
    status: Mapping[str, Any] | None = None
    """The whole new status, or None when it stays as it is."""
    events: tuple[PodEvent, ...] = ()
    look_again: timedelta | None = None
