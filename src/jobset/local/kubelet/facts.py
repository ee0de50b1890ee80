"""What one decision about a pod may look at: the pod as stored, and what is known of its containers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

Object: TypeAlias = Mapping[str, Any]

NONE = timedelta(0)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why something waits or failed, in the words of a container status."""

    reason: str
    message: str


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended."""

    code: int
    reason: str
    finished_at: datetime
    signal: int | None = None
    message: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a container; `number` counts from 0 and is the restartCount."""

    number: int
    id: str
    started_at: datetime
    ended: Ended | None = None
    never_ran: bool = False
    """The program could not be started; `ended` says why."""
    unhealthy: bool = False
    """A liveness or startup probe gave up on it; it is restarted even when it then ends with 0."""


class ContainerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one container."""

    name: str
    attempt: Attempt | None = None
    """The latest one, running or ended; None before the first and while the whole pod starts over."""
    previous: Attempt | None = None
    """The one before `attempt`."""
    attempts: int = 0
    """How many there have been; the number of the next."""
    blocked: Problem | None = None
    """Why the next attempt cannot be made now."""
    back_off: timedelta = NONE
    """How long the next restart waits after the end of the attempt."""
    hooked: bool = False
    """The postStart hook has ended well, or there is none."""
    started: bool = False
    """The startup probe has passed, or there is none."""
    ready: bool = False
    """The readiness probe passes, or there is none."""
    sick: str = ""
    """Which probe gave up: `liveness` or `startup`."""
    post_start_failed: bool = False

    @property
    def is_running(self) -> bool:
        return self.attempt is not None and self.attempt.ended is None

    @property
    def ended(self) -> Ended | None:
        """How the latest attempt ended; None when there is none or it runs."""
        return self.attempt.ended if self.attempt else None


class Eviction(msgspec.Struct, frozen=True, kw_only=True):
    """The pod must fail although nobody deleted it and its containers did not end."""

    reason: str
    message: str
    is_disruption: bool = True
    """Not the fault of its program: condition DisruptionTarget."""


class PodSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One consistent reading of a pod and its containers."""

    pod: Object
    now: datetime
    containers: Mapping[str, ContainerFacts] = msgspec.field(default_factory=dict)
    """By name; a container that is missing here has never been tried."""
    address: str = ""
    host_address: str = ""
    active_for: timedelta = NONE
    """How long the pod has been on the node, gaps of a stopped machine left out."""
    blocked: Problem | None = None
    """Why no container of the pod can start: a volume that is not there yet."""
    eviction: Eviction | None = None
    removal_asked: bool = False
    wait_scale: float = 1.0
    """Back-off times are multiplied by this."""

    def container(self, name: str) -> ContainerFacts:
        """What is known of a container; also of one never tried."""
        return self.containers.get(name) or ContainerFacts(name=name)
