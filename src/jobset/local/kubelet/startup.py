"""Which containers start now: init containers one by one, sidecars among them, then the main ones."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from jobset.local.kubelet.facts import ContainerFacts, Object, PodSnapshot
from jobset.local.kubelet.plan import StartContainer
from jobset.local.kubelet.pods import has_post_start, init_containers, is_sidecar, main_containers
from jobset.local.kubelet.restarts import Fate, fate_of, init_fate_of, restart_at


class Starts(msgspec.Struct, frozen=True):
    """What starts now, and when the next start is due by back-off."""

    actions: tuple[StartContainer, ...] = ()
    due: datetime | None = None


def is_initialized(snapshot: PodSnapshot) -> bool:
    """Whether every init container is done and every sidecar has started, now or earlier."""
    pod = snapshot.pod
    if any(snapshot.container(main["name"]).attempt for main in main_containers(pod)):
        return True
    return all(_lets_pass(snapshot, init) for init in init_containers(pod))


def decide_starts(snapshot: PodSnapshot) -> Starts:
    """The starts that are due, and when to look for the next. The pod is not ending."""
    if snapshot.blocked is not None:
        return Starts()
    if not is_initialized(snapshot):
        return _first_open_init(snapshot)
    sidecars = [init for init in init_containers(snapshot.pod) if is_sidecar(init)]
    return _merged((_start_of(snapshot, sidecar) for sidecar in sidecars), _main_starts(snapshot))


def _first_open_init(snapshot: PodSnapshot) -> Starts:
    starts = []
    for init in init_containers(snapshot.pod):
        start = _start_of(snapshot, init)
        starts.append(start)
        if not _lets_pass(snapshot, init):
            break
    return _merged(starts)


def _main_starts(snapshot: PodSnapshot) -> list[Starts]:
    """Main containers start in order; one with a postStart hook lets the next go when the hook is done."""
    starts = []
    for main in main_containers(snapshot.pod):
        start = _start_of(snapshot, main)
        starts.append(start)
        facts = snapshot.container(main["name"])
        if has_post_start(main) and (start.actions or (facts.is_running and not facts.hooked)):
            break
    return starts


def _start_of(snapshot: PodSnapshot, container: Object) -> Starts:
    facts = snapshot.container(container["name"])
    if facts.is_running or facts.blocked is not None:
        return Starts()
    begin = Starts((StartContainer(name=facts.name, number=facts.attempts),))
    if facts.attempt is None:
        return begin
    if not will_restart(snapshot, container, facts):
        return Starts()
    due = restart_at(snapshot, facts)
    return begin if due <= snapshot.now else Starts(due=due)


def will_restart(snapshot: PodSnapshot, container: Object, facts: ContainerFacts) -> bool:
    """Whether a container that ended runs again as long as its pod goes on."""
    if facts.attempt is None or facts.attempt.ended is None:
        return False
    judge = init_fate_of if is_plain_init(snapshot.pod, container) else fate_of
    return judge(snapshot.pod, container, facts.attempt) is not Fate.STAYS


def is_plain_init(pod: Object, container: Object) -> bool:
    """Whether a container is an init container that must end before the next starts."""
    return not is_sidecar(container) and any(init is container for init in init_containers(pod))


def _lets_pass(snapshot: PodSnapshot, init: Object) -> bool:
    facts = snapshot.container(init["name"])
    if is_sidecar(init):
        return facts.is_running and facts.hooked and facts.started
    return facts.ended is not None and facts.ended.code == 0


def _merged(*groups: Iterable[Starts]) -> Starts:
    starts = [start for group in groups for start in group]
    actions = tuple(action for start in starts for action in start.actions)
    return Starts(actions, min((start.due for start in starts if start.due), default=None))
