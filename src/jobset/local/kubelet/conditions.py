"""The conditions of a pod that the kubelet owns; all others are kept as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobset.api.times import format_time
from jobset.local.kubelet.facts import Object, PodSnapshot
from jobset.local.kubelet.pods import init_containers, is_sidecar, main_containers
from jobset.local.kubelet.startup import is_initialized

Verdict = tuple[str, str, str]
"""Status, reason, message."""

TRUE: Verdict = ("True", "", "")
STARTING_OVER = "AllContainersRestarting"


def build_conditions(
    snapshot: PodSnapshot,
    phase: str,
    statuses: Mapping[str, Object],
    extra: Mapping[str, Verdict],
) -> list[dict[str, Any]]:
    """The pod's conditions; a condition whose status stays keeps its transition time."""
    ready_containers = _containers_ready(snapshot, phase, statuses)
    verdicts: dict[str, Verdict] = {
        "PodReadyToStartContainers": _ready_to_start(snapshot, phase),
        "Initialized": _initialized(snapshot, phase, statuses),
        "Ready": _ready(snapshot.pod, ready_containers),
        "ContainersReady": ready_containers,
        "PodScheduled": TRUE,
        **extra,
    }
    old = {item["type"]: item for item in (snapshot.pod.get("status") or {}).get("conditions") or ()}
    foreign = [item for type_, item in old.items() if type_ not in verdicts and type_ != STARTING_OVER]
    return [*foreign, *(_condition(snapshot, type_, v, old.get(type_)) for type_, v in verdicts.items())]


def _condition(snapshot: PodSnapshot, type_: str, verdict: Verdict, old: Object | None) -> dict[str, Any]:
    status, reason, message = verdict
    same = old is not None and old.get("status") == status
    since = old.get("lastTransitionTime") if same and old is not None else None
    condition: dict[str, Any] = {
        "type": type_,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": since or format_time(snapshot.now),
    }
    generation = snapshot.pod["metadata"].get("generation")
    if generation:
        condition["observedGeneration"] = generation
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def _ready_to_start(snapshot: PodSnapshot, phase: str) -> Verdict:
    over = phase in ("Succeeded", "Failed")
    return TRUE if snapshot.address and snapshot.blocked is None and not over else ("False", "", "")


def _initialized(snapshot: PodSnapshot, phase: str, statuses: Mapping[str, Object]) -> Verdict:
    if phase == "Succeeded":
        return ("True", "PodCompleted", "")
    if is_initialized(snapshot):
        return TRUE
    open_ = [
        init["name"]
        for init in init_containers(snapshot.pod)
        if not statuses[init["name"]]["started" if is_sidecar(init) else "ready"]
    ]
    return ("False", "ContainersNotInitialized", f"containers with incomplete status: {_go_list(open_)}")


def _containers_ready(snapshot: PodSnapshot, phase: str, statuses: Mapping[str, Object]) -> Verdict:
    if phase == "Succeeded":
        return ("False", "PodCompleted", "")
    if phase == "Failed":
        return ("False", "PodFailed", "")
    sidecars = [init for init in init_containers(snapshot.pod) if is_sidecar(init)]
    names = [container["name"] for container in [*sidecars, *main_containers(snapshot.pod)]]
    unready = [name for name in names if not statuses[name]["ready"]]
    if unready:
        return ("False", "ContainersNotReady", f"containers with unready status: {_go_list(unready)}")
    return TRUE


def _ready(pod: Object, containers: Verdict) -> Verdict:
    if containers[0] != "True":
        return containers
    conditions = {item["type"]: item for item in (pod.get("status") or {}).get("conditions") or ()}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    problems = [text for gate in gates if (text := _gate_problem(gate, conditions.get(gate)))]
    return ("False", "ReadinessGatesNotReady", ", ".join(problems)) if problems else TRUE


def _gate_problem(gate: str, condition: Object | None) -> str:
    if condition is None:
        return f'corresponding condition of pod readiness gate "{gate}" does not exist.'
    if condition.get("status") != "True":
        return f'the status of pod readiness gate "{gate}" is not "True", but {condition.get("status")}'
    return ""


def _go_list(names: Sequence[str]) -> str:
    return f"[{' '.join(names)}]"
