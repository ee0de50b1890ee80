"""What should happen next to one pod: `decide_pod` puts the rules in order."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from jobset.api.times import format_time
from jobset.local.kubelet.conditions import STARTING_OVER, Verdict, build_conditions
from jobset.local.kubelet.endings import (
    Ending,
    deadline_left,
    decide_stops,
    final_phase,
    find_ending,
    wants_to_start_over,
)
from jobset.local.kubelet.facts import NONE, ContainerFacts, Object, PodSnapshot
from jobset.local.kubelet.plan import (
    Action,
    PodEvent,
    PodPlan,
    Release,
    RemovePod,
    StartOver,
    StopContainer,
)
from jobset.local.kubelet.pods import (
    all_containers,
    full_name,
    grace_of,
    init_containers,
    is_deleted,
    is_over,
    main_containers,
)
from jobset.local.kubelet.restarts import START_OVER_PACE
from jobset.local.kubelet.startup import decide_starts, is_initialized
from jobset.local.kubelet.statuses import build_container_statuses


def decide_pod(snapshot: PodSnapshot) -> PodPlan:
    """What to start, stop and report now, and when to look again."""
    ending = find_ending(snapshot)
    if ending is not None:
        return _decide_ending(snapshot, ending)
    cause = wants_to_start_over(snapshot)
    if cause is not None:
        return _decide_starting_over(snapshot, cause)
    return _decide_going_on(snapshot)


def _decide_going_on(snapshot: PodSnapshot) -> PodPlan:
    starts = decide_starts(snapshot)
    status = _status(snapshot, phase=_phase(snapshot))
    waits = [starts.due - snapshot.now] if starts.due is not None else []
    left = deadline_left(snapshot)
    if left is not None:
        waits.append(left)
    return PodPlan(
        actions=(*_stops_of_sick_containers(snapshot), *starts.actions),
        status=status,
        events=_back_off_events(snapshot, status),
        look_again=min(waits, default=None),
    )


def _decide_ending(snapshot: PodSnapshot, ending: Ending) -> PodPlan:
    """Stop what runs; then the phase turns terminal; a deleted pod goes after that is written."""
    stops = decide_stops(snapshot, ending)
    if is_over(snapshot.pod):
        gone = (RemovePod(),) if is_deleted(snapshot.pod) and not snapshot.removal_asked else ()
        return PodPlan(actions=stops or (Release(), *gone))
    if stops:
        return PodPlan(actions=stops, status=_status(snapshot, phase=_phase(snapshot), ending=ending))
    phase = "Failed" if ending.reason else final_phase(snapshot)
    return PodPlan(actions=(Release(),), status=_status(snapshot, phase=phase, ending=ending))


def _decide_starting_over(snapshot: PodSnapshot, cause: ContainerFacts) -> PodPlan:
    """All containers are killed without hooks or grace, then the pod begins again in place."""
    assert cause.attempt is not None
    status = _status(
        snapshot,
        phase=_phase(snapshot),
        extra={
            STARTING_OVER: ("True", "", f"container {cause.name} asked for it by its restart policy rules")
        },
    )
    running = [facts for facts in snapshot.containers.values() if facts.is_running]
    if running:
        stops = tuple(_kill(facts, f"Restarting all containers, as {cause.name} asks") for facts in running)
        return PodPlan(actions=stops, status=status)
    # A container that ends at once must not turn this into a busy loop.
    wait = cause.attempt.started_at + START_OVER_PACE * snapshot.wait_scale - snapshot.now
    if wait > NONE:
        return PodPlan(status=status, look_again=wait)
    return PodPlan(actions=(StartOver(),))


def _kill(facts: ContainerFacts, message: str) -> StopContainer:
    return StopContainer(name=facts.name, grace=NONE, message=message, hook=False)


def _phase(snapshot: PodSnapshot) -> str:
    """Pending until every main container has been started once; never back to it."""
    old = (snapshot.pod.get("status") or {}).get("phase")
    if old == "Running":
        return "Running"
    mains = [snapshot.container(main["name"]) for main in main_containers(snapshot.pod)]
    all_tried = is_initialized(snapshot) and all(facts.attempts for facts in mains)
    return "Running" if all_tried else "Pending"


def _stops_of_sick_containers(snapshot: PodSnapshot) -> tuple[Action, ...]:
    stops: list[Action] = []
    for container in all_containers(snapshot.pod):
        facts = snapshot.container(container["name"])
        if facts.is_running and (facts.sick or facts.post_start_failed):
            stops.append(_stop_sick(snapshot, container, facts))
    return tuple(stops)


def _stop_sick(snapshot: PodSnapshot, container: Object, facts: ContainerFacts) -> StopContainer:
    grace = grace_of(snapshot.pod)
    if not facts.sick:
        return StopContainer(name=facts.name, grace=grace, message="FailedPostStartHook")
    probe = container.get(f"{facts.sick}Probe") or {}
    if probe.get("terminationGracePeriodSeconds") is not None:
        grace = timedelta(seconds=probe["terminationGracePeriodSeconds"])
    policy = container.get("restartPolicy") or snapshot.pod["spec"].get("restartPolicy")
    after = ", will be restarted" if policy != "Never" else ""
    message = f"Container {facts.name} failed {facts.sick} probe{after}"
    return StopContainer(name=facts.name, grace=grace, message=message)


def _back_off_events(snapshot: PodSnapshot, status: Mapping[str, Any] | None) -> tuple[PodEvent, ...]:
    if status is None:
        return ()
    old = _crash_looping(snapshot.pod.get("status") or {})
    return tuple(
        PodEvent(
            type="Warning",
            reason="BackOff",
            note=f"Back-off restarting failed container {name} in pod {full_name(snapshot.pod)}",
            container=name,
        )
        for name in _crash_looping(status) - old
    )


def _crash_looping(status: Mapping[str, Any]) -> frozenset[str]:
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return frozenset(
        item["name"]
        for item in statuses
        if (item["state"].get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    )


def _status(
    snapshot: PodSnapshot,
    *,
    phase: str,
    ending: Ending | None = None,
    extra: Mapping[str, Verdict] | None = None,
) -> Mapping[str, Any] | None:
    """The whole new status; None when nothing in it changes."""
    pod = snapshot.pod
    old = pod.get("status") or {}
    over = phase in ("Succeeded", "Failed")
    statuses = build_container_statuses(snapshot, ending=ending is not None, over=over)
    conditions = dict(extra or {})
    if ending is not None and ending.evicted:
        conditions["DisruptionTarget"] = ("True", "TerminationByKubelet", ending.message)
    status: dict[str, Any] = {
        **old,
        "phase": phase,
        "conditions": build_conditions(snapshot, phase, statuses, conditions),
        "startTime": old.get("startTime") or format_time(snapshot.now),
        "containerStatuses": [statuses[main["name"]] for main in main_containers(pod)],
    }
    if init_containers(pod):
        status["initContainerStatuses"] = [statuses[init["name"]] for init in init_containers(pod)]
    if over and ending is not None and ending.reason:
        status |= {"reason": ending.reason, "message": ending.message}
    if pod["metadata"].get("generation"):
        status["observedGeneration"] = pod["metadata"]["generation"]
    status |= _addresses(snapshot)
    return None if status == old else status


def _addresses(snapshot: PodSnapshot) -> dict[str, Any]:
    addresses: dict[str, Any] = {}
    if snapshot.host_address:
        addresses |= {"hostIP": snapshot.host_address, "hostIPs": [{"ip": snapshot.host_address}]}
    if snapshot.address:
        addresses |= {"podIP": snapshot.address, "podIPs": [{"ip": snapshot.address}]}
    return addresses


def start_over(facts: ContainerFacts) -> ContainerFacts:
    """The facts of a container whose pod begins again: its last attempt is history."""
    return replace(
        ContainerFacts(name=facts.name),
        previous=facts.attempt or facts.previous,
        attempts=facts.attempts,
        back_off=facts.back_off,
    )
