"""Why and how a pod ends: deletion, deadline, eviction, or because its work is done."""

from datetime import timedelta

import msgspec

from jobset.local.kubelet.facts import ContainerFacts, Object, PodSnapshot
from jobset.local.kubelet.plan import StopContainer
from jobset.local.kubelet.pods import (
    SHORTEST_GRACE,
    grace_of,
    init_containers,
    is_deleted,
    is_over,
    is_sidecar,
    main_containers,
)
from jobset.local.kubelet.restarts import Fate, fate_of, init_fate_of

DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Why a pod ends. With a `reason` it fails whatever its containers say."""

    grace: timedelta
    reason: str = ""
    message: str = ""
    evicted: bool = False


def find_ending(snapshot: PodSnapshot) -> Ending | None:
    """Why the pod must not go on, or None."""
    pod = snapshot.pod
    if snapshot.eviction is not None:
        return Ending(
            grace=SHORTEST_GRACE,
            reason=snapshot.eviction.reason,
            message=snapshot.eviction.message,
            evicted=snapshot.eviction.is_disruption,
        )
    left = deadline_left(snapshot)
    if left is not None and left <= timedelta(0):
        return Ending(grace=grace_of(pod), reason="DeadlineExceeded", message=DEADLINE_MESSAGE)
    if is_deleted(pod) or is_over(pod) or is_complete(snapshot):
        return Ending(grace=grace_of(pod))
    return None


def deadline_left(snapshot: PodSnapshot) -> timedelta | None:
    """How long the pod may still be active; None without a deadline."""
    seconds = snapshot.pod["spec"].get("activeDeadlineSeconds")
    return None if seconds is None else timedelta(seconds=seconds) - snapshot.active_for


def is_complete(snapshot: PodSnapshot) -> bool:
    """Whether nothing is left to run: an init container failed for good, or every main container ended."""
    pod = snapshot.pod
    return any(_failed_for_good(snapshot, init) for init in init_containers(pod)) or all(
        _stays_ended(snapshot, main) for main in main_containers(pod)
    )


def final_phase(snapshot: PodSnapshot) -> str:
    """Succeeded when every main container ended with 0, else Failed."""
    ends = [snapshot.container(main["name"]).ended for main in main_containers(snapshot.pod)]
    return "Succeeded" if all(end is not None and end.code == 0 for end in ends) else "Failed"


def decide_stops(snapshot: PodSnapshot, ending: Ending) -> tuple[StopContainer, ...]:
    """Whom to stop now: main and init containers together, then sidecars one by one, the last first.

    Empty when nothing runs any more.
    """
    pod = snapshot.pod
    sidecars = [init["name"] for init in init_containers(pod) if is_sidecar(init)]
    running = [facts for facts in snapshot.containers.values() if facts.is_running]
    first = [facts for facts in running if facts.name not in sidecars]
    if first:
        return tuple(_stop(facts, ending) for facts in first)
    last = max(running, key=lambda facts: sidecars.index(facts.name), default=None)
    return (_stop(last, ending),) if last is not None else ()


def wants_to_start_over(snapshot: PodSnapshot) -> ContainerFacts | None:
    """The container whose end makes the whole pod run again, or None."""
    pod = snapshot.pod
    for container in [*init_containers(pod), *main_containers(pod)]:
        facts = snapshot.container(container["name"])
        if facts.attempt is not None and facts.attempt.ended is not None:
            fate = fate_of(pod, container, facts.attempt)
            if fate is Fate.ALL_AGAIN:
                return facts
    return None


def _stop(facts: ContainerFacts, ending: Ending) -> StopContainer:
    return StopContainer(
        name=facts.name,
        grace=ending.grace,
        message=f"Stopping container {facts.name}",
        shared_grace=True,
    )


def _failed_for_good(snapshot: PodSnapshot, init: Object) -> bool:
    attempt = snapshot.container(init["name"]).attempt
    if is_sidecar(init) or attempt is None or attempt.ended is None or attempt.ended.code == 0:
        return False
    return init_fate_of(snapshot.pod, init, attempt) is Fate.STAYS


def _stays_ended(snapshot: PodSnapshot, main: Object) -> bool:
    attempt = snapshot.container(main["name"]).attempt
    if attempt is None or attempt.ended is None:
        return False
    return fate_of(snapshot.pod, main, attempt) is Fate.STAYS
