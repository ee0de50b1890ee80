"""Container statuses: state, last state, readiness and counts from the facts about each container."""

from typing import Any

from jobset.api.times import format_time
from jobset.local.kubelet.facts import Attempt, ContainerFacts, Object, PodSnapshot
from jobset.local.kubelet.pods import full_name, init_containers, is_sidecar, main_containers
from jobset.local.kubelet.restarts import back_off_text
from jobset.local.kubelet.startup import is_initialized, will_restart

LOST = {
    "exitCode": 137,
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was terminated",
    "startedAt": None,
    "finishedAt": None,
}


def build_container_statuses(snapshot: PodSnapshot, *, ending: bool, over: bool) -> dict[str, dict[str, Any]]:
    """The status of every init and main container by name.

    While the pod is `ending` nothing waits for a restart any more; once it is `over` nothing waits at all.
    """
    pod = snapshot.pod
    lost = over and is_initialized(snapshot)
    inits = {init["name"]: _status(snapshot, init, ending, False) for init in init_containers(pod)}
    for init in init_containers(pod):
        _as_init(inits[init["name"]], init, snapshot.container(init["name"]))
    mains = {main["name"]: _status(snapshot, main, ending, lost) for main in main_containers(pod)}
    return inits | mains


def _status(snapshot: PodSnapshot, container: Object, ending: bool, lost: bool) -> dict[str, Any]:
    facts = snapshot.container(container["name"])
    again = not ending and will_restart(snapshot, container, facts)
    running, ended = facts.is_running, facts.ended
    attempt = facts.attempt
    last = attempt if ended is not None and again else facts.previous
    status: dict[str, Any] = {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "state": _state(snapshot, facts, again, lost),
        "lastState": {"terminated": _terminated(last)} if last is not None else {},
        "restartCount": attempt.number if attempt is not None else max(facts.attempts - 1, 0),
        "started": running and facts.started and facts.hooked,
        "ready": running and facts.started and facts.hooked and facts.ready,
    }
    known = attempt or facts.previous
    if known is not None and not known.never_ran:
        status["containerID"] = known.id
    return status | _resources(container)


def _as_init(status: dict[str, Any], init: Object, facts: ContainerFacts) -> None:
    """Plain init containers are ready when they ended well, and never `started`."""
    if not is_sidecar(init):
        status["ready"] = facts.ended is not None and facts.ended.code == 0
        status["started"] = False


def _state(snapshot: PodSnapshot, facts: ContainerFacts, again: bool, lost: bool) -> dict[str, Any]:
    attempt = facts.attempt
    if attempt is not None and attempt.ended is None:
        return {"running": {"startedAt": format_time(attempt.started_at)}}
    if attempt is not None and not again:
        return {"terminated": _terminated(attempt)}
    if lost:
        return {"terminated": LOST}
    return {"waiting": _waiting(snapshot, facts)}


def _waiting(snapshot: PodSnapshot, facts: ContainerFacts) -> dict[str, str]:
    if facts.blocked is not None:
        return {"reason": facts.blocked.reason, "message": facts.blocked.message}
    attempt = facts.attempt
    if attempt is None or attempt.ended is None:
        creating = "PodInitializing" if init_containers(snapshot.pod) else "ContainerCreating"
        waiting = {"reason": creating}
        if snapshot.blocked is not None:
            waiting["message"] = snapshot.blocked.message
        return waiting
    # The first failure to start is told in its own words, as long as it does not repeat.
    if attempt.never_ran and attempt.number < 2:
        return {"reason": "RunContainerError", "message": attempt.ended.message}
    text = (
        f"back-off {back_off_text(snapshot, facts)} restarting failed container={facts.name} "
        f"pod={full_name(snapshot.pod)}"
    )
    return {"reason": "CrashLoopBackOff", "message": text}


def _terminated(attempt: Attempt) -> dict[str, Any]:
    ended = attempt.ended
    assert ended is not None
    state: dict[str, Any] = {
        "exitCode": ended.code,
        "reason": ended.reason,
        "startedAt": format_time(attempt.started_at),
        "finishedAt": format_time(ended.finished_at),
        "containerID": attempt.id,
    }
    if ended.signal:
        state["signal"] = ended.signal
    if ended.message:
        state["message"] = ended.message
    return state


def _resources(container: Object) -> dict[str, Any]:
    resources = container.get("resources") or {}
    if not resources:
        return {}
    shown: dict[str, Any] = {
        "resources": {key: resources[key] for key in ("limits", "requests") if resources.get(key)}
    }
    if resources.get("requests"):
        return shown | {"allocatedResources": resources["requests"]}
    return shown
