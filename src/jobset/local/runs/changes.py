"""State changes of JobSets, Jobs and pods as lines that a person reads; nothing is said twice."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

import msgspec

from jobset.api.status import Condition, ConditionType
from jobset.local.runs.signals import signal_name
from jobset.local.runs.views import ContainerView, JobSetView, JobView, PodView, Termination


class Level(StrEnum):
    """How much a change matters."""

    INFO = "info"
    GOOD = "good"
    WARNING = "warning"
    ERROR = "error"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one object."""

    at: datetime
    kind: str
    namespace: str
    name: str
    text: str
    level: Level = Level.INFO


Said = tuple[str, Level]

_ORDINARY_WAITS = ("", "ContainerCreating", "PodInitializing")
_LEVELS: dict[str, Level] = {
    ConditionType.COMPLETED: Level.GOOD,
    ConditionType.FAILED: Level.ERROR,
    ConditionType.RESTARTING: Level.WARNING,
}


def jobset_changes(before: JobSetView | None, after: JobSetView | None) -> Iterator[Said]:
    """What to say about a JobSet that changed; `after` is None when it is gone."""
    if after is None:
        if before is not None and before.jobset.status.finished is None:
            yield "deleted", Level.WARNING
        return
    if before is None:
        yield "created", Level.INFO
    old = before.jobset.status if before else None
    status = after.jobset.status
    has_restarted = old is not None and status.restarts > old.restarts
    if has_restarted:
        reason = status.condition(ConditionType.RESTARTING)
        yield f"restart {status.restarts}" + (f": {reason.message}" if reason else ""), Level.WARNING
    for condition in status.conditions or ():
        known = old.condition(condition.type) if old else None
        is_told = condition.type == ConditionType.RESTARTING and has_restarted
        if condition.is_true and not is_told and _is_news(known, condition):
            yield f"{condition.type}: {condition.message}", _LEVELS.get(condition.type, Level.INFO)


def job_changes(before: JobView | None, after: JobView | None) -> Iterator[Said]:
    """What to say about a Job that changed."""
    if after is None:
        return
    if before is None:
        yield "created", Level.INFO
    state = before.state if before else "Active"
    if after.state == state or (after.state == "Failed" and state == "Failing"):
        return
    match after.state:
        case "Complete":
            yield "complete", Level.GOOD
        case "Failed" | "Failing":
            yield f"failed: {after.reason}: {after.message}", Level.ERROR
        case "Suspended":
            yield "suspended", Level.INFO
        case _:
            yield "resumed", Level.INFO


def pod_changes(before: PodView | None, after: PodView | None) -> Iterator[Said]:
    """What to say about a pod that changed."""
    if after is None:
        if before is not None and not before.is_finished and before.deletion_requested_at is None:
            yield "gone", Level.WARNING
        return
    if (
        after.deletion_requested_at
        and not (before and before.deletion_requested_at)
        and not after.is_finished
    ):
        yield "stopping", Level.INFO
    if after.unscheduled and after.unscheduled != (before.unscheduled if before else None):
        yield f"waits: {_reason_and_message(*after.unscheduled)}", Level.WARNING
    yield from _container_changes(before, after)
    if after.phase != (before.phase if before else "Pending"):
        yield _phase(after)


def describe_termination(ended: Termination) -> str:
    """`exited with 1`, `was ended by SIGKILL (exit code 137)`, with its reason when that says more."""
    if ended.signal is not None:
        text = f"was ended by {signal_name(ended.signal)} (exit code {ended.exit_code})"
    else:
        text = f"exited with {ended.exit_code}"
    return text if ended.reason in ("", "Error", "Completed") else f"{text}, {ended.reason}"


def _is_news(known: Condition | None, condition: Condition) -> bool:
    return known is None or (known.status, known.reason, known.message) != (
        condition.status,
        condition.reason,
        condition.message,
    )


def _container_changes(before: PodView | None, after: PodView) -> Iterator[Said]:
    old = {container.name: container for container in before.containers} if before else {}
    for container in after.containers:
        known = old.get(container.name)
        if (
            container.state == "waiting"
            and container.reason not in _ORDINARY_WAITS
            and _is_new_wait(known, container)
        ):
            yield (
                f"{container.name} waits: {_reason_and_message(container.reason, container.message)}",
                Level.WARNING,
            )
        if container.ended and container.ended.exit_code and not (known and known.ended):
            level = Level.WARNING if after.deletion_requested_at else Level.ERROR
            yield f"{container.name} {describe_termination(container.ended)}", level
        if known and container.restarts > known.restarts:
            yield f"{container.name} restarted (restart {container.restarts})", Level.WARNING


def _is_new_wait(known: ContainerView | None, container: ContainerView) -> bool:
    return known is None or known.state != "waiting" or known.reason != container.reason


def _phase(pod: PodView) -> Said:
    match pod.phase:
        case "Running":
            return "running", Level.INFO
        case "Succeeded":
            return "succeeded", Level.GOOD
        case "Failed":
            more = _reason_and_message(pod.reason, pod.message)
            return (f"failed: {more}" if more else "failed"), Level.ERROR
        case phase:
            return phase.lower(), Level.INFO


def _reason_and_message(reason: str, message: str) -> str:
    return f"{reason}: {message}" if reason and message else reason or message
