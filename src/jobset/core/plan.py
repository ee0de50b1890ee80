"""What should happen next, as data: steps of actions, the new status, the events, and when to look again.

How a plan is carried out:

1. The steps, in order. All actions of a step are tried, side by side, even when some fail.
2. A step with failures ends the plan: its `failure_events` are told at once; later steps, the status and
   the events are dropped, and the key is retried.
3. An `error` ends the plan in the same way, after the steps.
4. The status, bound to the resourceVersion of the JobSet that was read; then the events, in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

import msgspec

from jobset.api.status import JobSetStatus
from jobset.core.child_job import JobRecipe
from jobset.core.explain import Wait

Raw: TypeAlias = dict[str, Any]


# Actions are structs rather than dataclasses: there may be ten thousand in a plan.
class CreateJob(msgspec.Struct, frozen=True, gc=False):
    """Create the child Job of one replica index. Any refusal is a failure, AlreadyExists too."""

    name: str
    index: int
    recipe: JobRecipe

    tolerated: ClassVar[frozenset[str]] = frozenset()

    def body(self) -> Raw:
        """The Job to send."""
        return self.recipe.build(self.name, self.index)

    def failure_text(self, error: str) -> str:
        """How a refusal is told."""
        return f'job "{self.name}" creation failed with error: {error}'


class DeleteJob(msgspec.Struct, frozen=True, gc=False):
    """Delete a Job in the foreground, so that its successor waits for its pods to be gone."""

    name: str
    uid: str = ""

    tolerated: ClassVar[frozenset[str]] = frozenset({"NotFound"})
    propagation_policy: ClassVar[str] = "Foreground"

    def failure_text(self, error: str) -> str:
        """How a refusal is told."""
        return error


class PatchPurpose(StrEnum):
    """Why a Job is patched."""

    SUSPEND = "suspend"
    RESUME = "resume"
    SCALE = "scale"


class PatchJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Merge-patch a Job, bound to `resource_version` unless that is None.

    With `clear_start_time`, `status.startTime` is removed first by a write of the Job's status (Kubernetes
    keeps the template of a started Job as it is); the patch is then bound to the version that write gave.
    """

    name: str
    purpose: PatchPurpose
    patch: Raw
    resource_version: str | None = None
    clear_start_time: bool = False

    tolerated: ClassVar[frozenset[str]] = frozenset()

    def failure_text(self, error: str) -> str:
        """How a refusal is told."""
        if self.purpose is PatchPurpose.SCALE:
            return f'failed to patch job "{self.name}" for scaling: {error}'
        return error


class CreateService(msgspec.Struct, frozen=True, gc=False):
    """Create the headless Service. Any refusal is a failure, AlreadyExists too."""

    body: Raw

    tolerated: ClassVar[frozenset[str]] = frozenset()

    def failure_text(self, error: str) -> str:
        """How a refusal is told."""
        return error


class CreateClaims(msgspec.Struct, frozen=True, gc=False):
    """Create the PersistentVolumeClaims of one policy, one after the other; a failure skips its rest."""

    bodies: tuple[Raw, ...]

    tolerated: ClassVar[frozenset[str]] = frozenset({"AlreadyExists"})

    def failure_text(self, error: str) -> str:
        """How a refusal is told."""
        return error


class DeleteJobSet(msgspec.Struct, frozen=True, gc=False):
    """Delete the JobSet itself in the foreground."""

    name: str
    uid: str = ""

    tolerated: ClassVar[frozenset[str]] = frozenset()
    propagation_policy: ClassVar[str] = "Foreground"

    def failure_text(self, error: str) -> str:
        """How a refusal is told."""
        return error


Action: TypeAlias = CreateJob | DeleteJob | PatchJob | CreateService | CreateClaims | DeleteJobSet
"""`tolerated` holds the reasons of refusals that count as success."""

Step: TypeAlias = tuple[Action, ...]
"""Actions of one type that may run side by side. Never empty."""


class EventType(StrEnum):
    """`type` of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An Event about the JobSet."""

    type: EventType
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a decision cannot be taken; the turn ends with this text and is retried."""

    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that was refused, and the text of the refusal."""

    action: Action
    error: str

    @property
    def text(self) -> str:
        """The refusal in the words of the action."""
        return self.action.failure_text(self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one decision wants.

    `status` is None when nothing changes. `outcome` is the terminal state that this status brings, or None.
    `waits` tells what holds Jobs back; nothing is done about it.
    """

    steps: tuple[Step, ...] = ()
    error: str | None = None
    status: JobSetStatus | None = None
    events: tuple[PlannedEvent, ...] = ()
    outcome: str | None = None
    requeue_after: timedelta | None = None
    waits: tuple[Wait, ...] = ()

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions of all steps."""
        return tuple(action for step in self.steps for action in step)

    def failing(self, problem: Problem) -> "Plan":
        """The same steps, and then the problem."""
        return replace(self, error=problem.message, status=None, events=(), outcome=None, requeue_after=None)


NOTHING = Plan()


def failure_text(failures: Sequence[Failure]) -> str:
    """All failures of a step in one text."""
    return "\n".join(failure.text for failure in failures)


def failure_events(failures: Sequence[Failure]) -> tuple[PlannedEvent, ...]:
    """The events that failures of one step are told by, at once."""
    match failures:
        case [Failure(action=CreateJob()), *_]:
            return (_warning("JobCreationFailed", failure_text(failures)),)
        case [Failure(action=CreateService()), *_]:
            return (_warning("HeadlessServiceCreationFailed", failure_text(failures)),)
        case [Failure(action=CreateClaims()), *_]:
            return tuple(_warning("PVCCreationFailed", failure.text) for failure in failures)
        case _:
            return ()


def _warning(reason: str, note: str) -> PlannedEvent:
    return PlannedEvent(EventType.WARNING, reason, note)
