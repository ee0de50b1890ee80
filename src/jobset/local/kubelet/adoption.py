"""What is known of a pod's containers from its stored status alone: nothing of them runs here any more."""

from datetime import datetime
from typing import Any

from jobset.api.times import parse_time
from jobset.local.kubelet.facts import Attempt, ContainerFacts, Ended, Object

_LOST = "The container could not be located when the pod was terminated"


def facts_from_status(pod: Object, now: datetime) -> dict[str, ContainerFacts]:
    """Facts about containers that an earlier supervisor ran; what it left running counts as killed."""
    status = pod.get("status") or {}
    listed = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    found = (_read(item, now) for item in listed)
    return {facts.name: facts for facts in found if facts is not None}


def _read(status: Object, now: datetime) -> ContainerFacts | None:
    number = int(status.get("restartCount") or 0)
    state = status.get("state") or {}
    last = (status.get("lastState") or {}).get("terminated")
    if state.get("terminated"):
        attempt = _attempt(state["terminated"], number, now)
    elif state.get("running"):
        attempt = _killed(state["running"], str(status.get("containerID", "")), number, now)
    elif last:
        attempt, last = _attempt(last, number, now), None
    else:
        return None
    previous = _attempt(last, number - 1, now) if last else None
    return ContainerFacts(name=status["name"], attempt=attempt, previous=previous, attempts=number + 1)


def _attempt(terminated: Object, number: int, now: datetime) -> Attempt:
    return Attempt(
        number=number,
        id=str(terminated.get("containerID") or ""),
        started_at=_time(terminated.get("startedAt"), now),
        ended=Ended(
            code=int(terminated.get("exitCode") or 0),
            signal=terminated.get("signal"),
            reason=str(terminated.get("reason") or ""),
            message=str(terminated.get("message") or ""),
            finished_at=_time(terminated.get("finishedAt"), now),
        ),
    )


def _killed(running: Object, id: str, number: int, now: datetime) -> Attempt:
    ended = Ended(code=137, reason="ContainerStatusUnknown", message=_LOST, finished_at=now)
    return Attempt(number=number, id=id, started_at=_time(running.get("startedAt"), now), ended=ended)


def _time(text: Any, otherwise: datetime) -> datetime:
    return parse_time(text) if text else otherwise
