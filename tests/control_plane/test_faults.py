"""The manager on a real API server when things go wrong: nothing is lost, nothing is doubled."""

import asyncio
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from jobset.controller.configuration import LeaderElectionSettings
from jobset.kube.client import Client
from jobset.kube.errors import NotFound
from jobset.kube.resources import LEASES
from tests.control_plane.fixtures import require_programs
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.managers import LeaseTimes, ManagerProcess, Patience, a_manager
from tests.control_plane.played_jobs import NAME, PlayedJobs, played_jobs
from tests.control_plane.processes import API_SERVER, BARE, ETCD, ControlPlane, a_control_plane
from tests.control_plane.proxy import (
    Action,
    Answer,
    Asked,
    Holder,
    Matches,
    Passed,
    Proxy,
    Rule,
    a_proxy,
    conflict,
    cut,
    cut_soon,
    delay,
    delay_answer,
    end_at_once,
    lose_answer,
    on,
    refuse,
    say_nothing,
    swallow_answer,
    tell_expired,
    time_out_afterwards,
    watches,
)

pytestmark = [pytest.mark.control_plane, pytest.mark.slow]

SOON_TIRED = replace(BARE, api_server_flags=("--request-timeout=10s",))
"""Without etcd, a request is answered after these seconds and not after a minute."""
MANAGER = ("jobset-manager", ("system:masters",))
HASTY = Patience(request=1.0, silence=2.0)
LEASE = LeaderElectionSettings().resource_name
REPLICAS = 3

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane for this file alone, as its parts are restarted."""
    require_programs()
    with a_control_plane(SOON_TIRED) as plane:
        install_jobset_crd(plane)
        yield plane


@dataclass
class World:
    """A JobSet whose Jobs are played, and managers, each behind a proxy of its own."""

    plane: ControlPlane
    played: PlayedJobs
    folder: Path
    _stack: AsyncExitStack

    async def proxy(self) -> Proxy:
        return await self._stack.enter_async_context(a_proxy(self.plane.access(*MANAGER)))

    async def manager(self, proxy: Proxy, **how: Any) -> ManagerProcess:
        log = self.folder / f"{how.get('name', 'manager')}.log"
        return await self._stack.enter_async_context(a_manager(proxy.kubeconfig, log, **how))

    async def until_leads(self, name: str, seconds: float = 20.0) -> None:
        """Returns when a manager holds the lease."""
        async with asyncio.timeout(seconds):
            while await self._holder() != name:
                await asyncio.sleep(0.05)

    async def _holder(self) -> str | None:
        try:
            lease = await self.played.client.get(LEASES, "default", LEASE)
        except NotFound:
            return None
        holder: str | None = lease["spec"].get("holderIdentity")
        return holder


@pytest.fixture
async def world(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        transport = plane.transport()
        stack.push_async_callback(transport.close)
        played = await stack.enter_async_context(played_jobs(transport, f"faults-{next(_numbers)}"))
        stack.push_async_callback(_forget_leader, played.client)
        yield World(plane, played, tmp_path, stack)


async def _forget_leader(client: Client) -> None:
    """A manager that was killed leaves a lease, and the next one would wait until it is over."""
    with suppress(NotFound):
        await client.delete(LEASES, "default", LEASE)


CALM = Counter(
    {
        "SuspendedJobs": 1,
        "ResumeJobs": 1,
        "DefaultFailurePolicy": 1,
        "RestartJobSetFailurePolicyAction": 1,
        "JobsReady": 1,
        "AllJobsCompleted": 1,
        "JobSetCompleted": 1,
    }
)
"""What is told of a JobSet that is suspended, resumed, restarted once and completes."""

STATUS, CREATE, DELETE = on("PUT", "jobsets", "status"), on("POST", "jobs"), on("DELETE", "jobs")
RESTART = on("PUT", "jobsets", "status", restarts=1)
SECOND_CREATE = on("POST", "jobs", attempt="1")

PLACES: Mapping[str, tuple[Matches, ...]] = {
    "creation": (on("POST", "services"), CREATE, CREATE, STATUS),
    "suspension": (on("PATCH", "jobs"), STATUS),
    "resumption": (on("PATCH", "jobs", "status"), on("PATCH", "jobs"), STATUS),
    "restart": (RESTART, DELETE, DELETE, SECOND_CREATE, SECOND_CREATE),
    "end": (STATUS,),
}
"""The requests that go wrong, one after the other, in each part of the life of a JobSet."""

Trouble = Callable[[str], None]


async def live(played: PlayedJobs, trouble: Trouble) -> None:
    """The JobSet begins, is suspended and resumed, restarts once and completes, each with its own trouble."""
    trouble("creation")
    await played.create(REPLICAS)
    await played.until(lambda: played.runs(0, REPLICAS))
    trouble("suspension")
    await played.suspend(True)
    await played.until(lambda: played.stands_still(REPLICAS))
    trouble("resumption")
    await played.suspend(False)
    await played.until(lambda: played.runs(0, REPLICAS))
    trouble("restart")
    await played.fail(1)
    await played.until(lambda: played.runs(1, REPLICAS))
    trouble("end")
    await played.complete()
    await played.until(lambda: played.is_over)


async def assert_calm_end(played: PlayedJobs, *allowed: str) -> None:
    """The JobSet ended as if nothing had happened; only these reasons may have been told on top."""
    assert (played.status["restarts"], played.status["restartsCountTowardsMax"]) == (1, 1)
    assert played.status["terminalState"] == "Completed"
    assert played.conditions == {
        "Suspended": ("False", "ResumeJobs"),
        "RestartingJobSet": ("False", "JobSetCompleted"),
        "Completed": ("True", "AllJobsCompleted"),
    }
    assert len(played.status["conditions"]) == len(played.conditions)
    assert_made_once(played, attempts=2, replicas=REPLICAS)
    await played.until_told(CALM)
    told = await played.events()
    assert {reason: count for reason, count in told.items() if reason not in allowed} == CALM


def assert_made_once(played: PlayedJobs, attempts: int, replicas: int) -> None:
    """Each Job of each attempt was made, and none a second time."""
    wanted = {
        (f"{NAME}-w-{index}", str(attempt)): 1 for attempt in range(attempts) for index in range(replicas)
    }
    assert {which: len(uids) for which, uids in played.made.items()} == wanted
    assert played.attempts == {f"{NAME}-w-{index}": str(attempts - 1) for index in range(replicas)}


def no_trouble(part: str) -> None:
    """Nothing goes wrong."""


async def test_in_calm_nothing_is_asked_twice_and_nothing_is_refused(world: World) -> None:
    proxy = await world.proxy()
    await world.manager(proxy)

    await live(world.played, no_trouble)

    await assert_calm_end(world.played)
    assert [passed for passed in proxy.passed if passed.code and passed.code >= 400] == []
    asked = Counter((passed.method, passed.path.rpartition("/")[2]) for passed in proxy.writes)
    assert (asked["POST", "services"], asked["POST", "jobs"]) == (1, 2 * REPLICAS)
    assert sum(passed.method == "DELETE" for passed in proxy.writes) == REPLICAS


async def test_what_is_told_late_leads_to_no_request_that_is_refused(world: World) -> None:
    proxy = await world.proxy()
    proxy.watch_delay = 0.3
    await world.manager(proxy)
    played = world.played

    await played.create(REPLICAS)
    await played.until(lambda: played.runs(0, REPLICAS))
    await played.fail(1)
    await played.until(lambda: played.runs(1, REPLICAS))

    assert_made_once(played, attempts=2, replicas=REPLICAS)
    assert proxy.conflicts == []


ODD_BUT_RIGHT = ("JobCreationFailed", "HeadlessServiceCreationFailed")
FAULTS: Mapping[str, tuple[Action, Patience, tuple[str, ...]]] = {
    "late": (delay(0.2), Patience(), ()),
    "answered late": (delay_answer(0.2), Patience(), ()),
    "cut off before": (cut, Patience(), ODD_BUT_RIGHT),
    "cut off after": (lose_answer, Patience(), ()),
    "never sent on": (say_nothing, HASTY, ODD_BUT_RIGHT),
    "never answered": (swallow_answer, HASTY, ()),
    "done, and then called unknown": (time_out_afterwards, Patience(), ()),
    "409": (conflict, Patience(), ODD_BUT_RIGHT),
    "410": (refuse(410, "Expired"), Patience(), ODD_BUT_RIGHT),
    "429": (refuse(429, "TooManyRequests", retry_after=1), Patience(), ()),
    "500": (refuse(500, "InternalError"), Patience(), ODD_BUT_RIGHT),
    "503": (refuse(503, "ServiceUnavailable"), Patience(), ODD_BUT_RIGHT),
    "503, with a time": (refuse(503, "ServiceUnavailable", retry_after=0), Patience(), ()),
}
"""What becomes of a request, how patient the manager is, and which events may tell of it."""


@pytest.mark.parametrize(("fault", "patience", "allowed"), FAULTS.values(), ids=FAULTS)
async def test_a_request_that_goes_wrong_changes_nothing_in_the_end(
    world: World, fault: Action, patience: Patience, allowed: tuple[str, ...]
) -> None:
    proxy = await world.proxy()
    await world.manager(proxy, patience=patience)
    rules: list[Rule] = []

    def trouble(part: str) -> None:
        rules.extend(proxy.add(matches, fault) for matches in PLACES[part])

    await live(world.played, trouble)

    await assert_calm_end(world.played, *allowed)
    assert [rule.hits for rule in rules] == [1] * len(rules)


async def test_a_step_of_which_everything_is_refused_is_taken_again(world: World) -> None:
    proxy = await world.proxy()
    await world.manager(proxy)
    refused = refuse(500, "InternalError")
    rules = [proxy.add(matches, refused, REPLICAS) for matches in (CREATE, DELETE, on("PATCH", "jobs"))]

    await live(world.played, no_trouble)

    await assert_calm_end(world.played, *ODD_BUT_RIGHT)
    assert [rule.hits for rule in rules] == [REPLICAS] * len(rules)


async def test_requests_that_arrive_in_another_order_change_nothing(world: World) -> None:
    proxy = await world.proxy()
    await world.manager(proxy)

    for matches in (CREATE, DELETE, on("PATCH", "jobs")):
        proxy.add(matches, Holder(REPLICAS), REPLICAS)

    await live(world.played, no_trouble)

    await assert_calm_end(world.played)
    assert proxy.conflicts == []


LOST_EVENTS = {
    "cut off before": cut,
    "cut off after": lose_answer,
    "500": refuse(500, "InternalError"),
    "done, and then called unknown": time_out_afterwards,
}


@pytest.mark.parametrize("fault", LOST_EVENTS.values(), ids=LOST_EVENTS)
async def test_an_event_that_goes_wrong_is_told_once(world: World, fault: Action) -> None:
    proxy = await world.proxy()
    await world.manager(proxy)
    rule = proxy.add(on("POST", "events"), fault, 3)

    await live(world.played, no_trouble)

    await assert_calm_end(world.played)
    assert rule.hits == 3


WATCH_FAULTS: Mapping[str, Action] = {
    "late": delay(0.5),
    "cut off before": cut,
    "cut off after": cut_soon,
    "silent": say_nothing,
    "ended at once": end_at_once,
    "410": refuse(410, "Expired"),
    "410 in the stream": tell_expired,
    "429": refuse(429, "TooManyRequests", retry_after=1),
    "500": refuse(500, "InternalError"),
    "503": refuse(503, "ServiceUnavailable", retry_after=1),
}
WATCHED = ("jobsets", "jobs", "services")


@pytest.mark.parametrize("fault", WATCH_FAULTS.values(), ids=WATCH_FAULTS)
async def test_a_watch_that_goes_wrong_loses_nothing(world: World, fault: Action) -> None:
    proxy = await world.proxy()
    rules = [proxy.add(watches(plural), fault) for plural in WATCHED]
    await world.manager(proxy, patience=Patience(silence=2.0))

    def trouble(part: str) -> None:
        if part == "restart":
            rules.extend(proxy.add(watches(plural), fault) for plural in WATCHED)
            proxy.cut_watches()

    await live(world.played, trouble)

    await assert_calm_end(world.played)
    # A watch that heard nothing new comes back more slowly, perhaps after all is over.
    await world.played.until(lambda: [rule.hits for rule in rules] == [1] * len(rules))


async def test_watches_that_fall_silent_are_noticed_and_go_on_where_they_were(world: World) -> None:
    proxy = await world.proxy()
    await world.manager(proxy, patience=Patience(silence=2.0))

    def trouble(part: str) -> None:
        if part in ("suspension", "restart"):
            proxy.silence_watches()

    await live(world.played, trouble)

    await assert_calm_end(world.played)
    assert not any(told.query.get("resourceVersion") == "" for told in proxy.asked if told.is_watch)


async def test_a_version_that_the_server_has_forgotten_is_not_asked_for_again(world: World) -> None:
    proxy = await world.proxy()
    await world.manager(proxy)
    rules: list[Rule] = []

    def trouble(part: str) -> None:
        if part == "restart":
            for plural in WATCHED:
                rules.append(proxy.add(_resumed(plural), refuse(410, "Expired"), 1_000_000))
            proxy.cut_watches()

    await live(world.played, trouble)

    await assert_calm_end(world.played)
    await world.played.until(lambda: [rule.hits for rule in rules] == [1] * len(rules))


def _resumed(plural: str) -> Matches:
    """Watches of a resource that go on from the version that the first of them names."""
    versions = set[str]()

    def matches(passed: Passed) -> bool:
        version = passed.query.get("resourceVersion", "")
        if not watches(plural)(passed) or version in ("", "0"):
            return False
        if not versions:
            versions.add(version)
        return version in versions

    return matches


async def test_a_server_that_ends_every_resumed_watch_at_once_is_not_flooded(world: World) -> None:
    proxy = await world.proxy()
    await world.manager(proxy)
    await world.played.create(1)
    await world.played.until(lambda: world.played.runs(0, 1))
    rule = proxy.add(_resumed("services"), end_at_once, 1_000_000)
    proxy.cut_watches()
    await world.played.until(lambda: rule.hits > 0)

    await asyncio.sleep(2)

    assert rule.hits <= 6


async def test_a_server_that_ends_every_watch_at_once_is_not_flooded(world: World) -> None:
    proxy = await world.proxy()
    rule = proxy.add(watches("services"), end_at_once, 1_000_000)
    gone = proxy.add(watches("persistentvolumeclaims"), refuse(410, "Expired"), 1_000_000)
    await world.manager(proxy)
    await world.played.until(lambda: rule.hits > 0 and gone.hits > 0)

    await asyncio.sleep(2)

    assert rule.hits <= 6
    assert gone.hits <= 6


MANY = 30
RESTARTED = CALM - Counter({"SuspendedJobs": 1, "ResumeJobs": 1})
"""What is told of a JobSet that is restarted once and completes."""


AT_ONCE = 12
"""As many Jobs as are deleted at once: a turn that fails changes none of them."""
DEATHS: Mapping[str, tuple[str, Matches, int]] = {
    "API server, the restart is recorded": (API_SERVER, RESTART, 1),
    "API server, some Jobs are deleted": (API_SERVER, DELETE, AT_ONCE // 3),
    "etcd, the restart is recorded": (ETCD, RESTART, 1),
    "etcd, some Jobs are deleted": (ETCD, DELETE, AT_ONCE // 3),
}
"""What dies, with which request, and with how many of them."""


@pytest.mark.parametrize(("program", "last", "count"), DEATHS.values(), ids=DEATHS)
async def test_a_server_that_dies_in_the_middle_of_a_restart(
    world: World, program: str, last: Matches, count: int
) -> None:
    proxy = await world.proxy()
    manager, played, dead = await world.manager(proxy), world.played, asyncio.Event()

    async def die(asked: Asked) -> Answer:
        number = deadly.hits
        if number > count:
            await dead.wait()
        answer = await asked.forward()
        if number == count:
            # A change that is told afterwards would make up for a turn that nobody repeats.
            await played.until(lambda: played.status["restarts"] == 1)
            await asyncio.to_thread(world.plane.stop_program, program)
            dead.set()
        return answer

    await played.create(AT_ONCE)
    await played.until(lambda: played.runs(0, AT_ONCE))
    deadly = proxy.add(last, die, AT_ONCE)
    await played.fail(1)
    await played.until(lambda: "turn failed" in manager.log.read_text(), 60)
    await asyncio.to_thread(world.plane.start_program, program)
    await asyncio.to_thread(world.plane.until_ready)
    await played.until(lambda: played.runs(1, AT_ONCE), 60)
    await played.complete()
    await played.until(lambda: played.is_over, 60)

    assert_made_once(played, attempts=2, replicas=AT_ONCE)
    await played.until_told(RESTARTED, 60)
    told = await played.events()
    assert {reason: count for reason, count in told.items() if reason not in ODD_BUT_RIGHT} == RESTARTED


async def test_a_controller_killed_after_any_of_its_requests(world: World) -> None:
    proxy = await world.proxy()
    manager, played = await world.manager(proxy), world.played
    await played.create(REPLICAS, max_restarts=100)
    await played.until(lambda: played.runs(0, REPLICAS))
    written = await _writes_of_a_restart(proxy, played)
    crashes = 0

    for number in range(1, written + 1):
        killer = _Killer(manager, number)
        rule = proxy.add(lambda passed: passed.is_write, killer, number)
        await _restart(played, manager, number + 1)
        proxy.rules.remove(rule)
        if rule.hits == number:
            # The last request of a restart is an event, sent when all is at work already: the
            # rule may be gone before the manager is.
            await manager.ended()
            crashes += 1
            manager = await world.manager(proxy)
            await _until_restarted(played, number + 1)

    await played.complete()
    await played.until(lambda: played.is_over)
    assert crashes >= 2 * REPLICAS + 2
    assert_made_once(played, attempts=written + 2, replicas=REPLICAS)
    assert played.status["restartsCountTowardsMax"] == written + 1
    await played.until_told({"AllJobsCompleted": 1})
    told = await played.events()
    assert told["RestartJobSetFailurePolicyAction"] <= written + 1
    assert told["AllJobsCompleted"] == 1


async def _restart(played: PlayedJobs, manager: ManagerProcess, attempt: int) -> None:
    """A Job fails; returns when the next attempt is at work, or the manager has ended."""
    await played.fail(attempt % REPLICAS)
    await played.until(lambda: manager.has_ended or played.runs(attempt, REPLICAS))


async def _until_restarted(played: PlayedJobs, attempt: int) -> None:
    await played.until(lambda: played.runs(attempt, REPLICAS))


async def _writes_of_a_restart(proxy: Proxy, played: PlayedJobs) -> int:
    """How many requests that change something a restart needs, events among them."""
    before = len(proxy.writes)
    await played.fail(0)
    await played.until(lambda: played.runs(1, REPLICAS))
    await played.until_told({"JobsReady": 1})
    return len(proxy.writes) - before


@dataclass
class _Killer:
    """Kills a manager when its n-th request has taken effect, before it hears the answer."""

    manager: ManagerProcess
    number: int
    count: int = 0

    async def __call__(self, asked: Asked) -> Answer:
        answer = await asked.forward()
        self.count += 1
        if self.count == self.number:
            self.manager.kill()
            await self.manager.ended()
        return answer


QUICK_LEASE = LeaseTimes(duration=4, deadline=3, retry=0.5)


async def test_a_leader_that_was_stopped_across_its_lease_writes_nothing_more(world: World) -> None:
    old_way, new_way = await world.proxy(), await world.proxy()
    old = await world.manager(old_way, lease=QUICK_LEASE, name="old")
    await world.until_leads("old")
    await world.manager(new_way, lease=QUICK_LEASE, name="new")
    played = world.played
    await played.create(MANY)
    await played.until(lambda: played.runs(0, MANY))

    async def stop(asked: Asked) -> Answer:
        if deletions.hits == 5:
            old.signal(signal.SIGSTOP)
        return await asked.forward()

    deletions = old_way.add(DELETE, stop, MANY)
    await played.fail(1)
    await played.until(lambda: bool(_work(new_way)))
    asked_before = len([asked for asked in old_way.asked if asked.is_write])
    old.signal(signal.SIGCONT)
    code = await old.ended()
    await played.until(lambda: played.runs(1, MANY))

    assert 5 <= deletions.hits < MANY, "it was stopped in the middle of its work"
    assert code == 1
    assert len([asked for asked in old_way.asked if asked.is_write]) == asked_before
    assert_made_once(played, attempts=2, replicas=MANY)
    # Events are sent after the status, and the old leader may have had no time for that.
    assert (await played.events())["RestartJobSetFailurePolicyAction"] <= 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_leader_that_is_told_to_end_hands_over_at_once(world: World, number: signal.Signals) -> None:
    old_way, new_way = await world.proxy(), await world.proxy()
    lease = LeaseTimes(retry=0.5)
    old = await world.manager(old_way, lease=lease, name="old")
    await world.until_leads("old")
    await world.manager(new_way, lease=lease, name="new")
    played = world.played
    await played.create(MANY)
    await played.until(lambda: played.runs(0, MANY))

    async def end(asked: Asked) -> Answer:
        if deletions.hits == 5:
            old.signal(number)
        return await asked.forward()

    deletions = old_way.add(DELETE, end, MANY)
    await played.fail(1)
    code = await old.ended(10)
    await played.until(lambda: bool(_work(new_way)), 5)
    await played.until(lambda: played.runs(1, MANY))

    assert code == 0
    assert deletions.hits == MANY, "turns that have begun are carried to their end"
    assert_made_once(played, attempts=2, replicas=MANY)
    assert old_way.conflicts == new_way.conflicts == []


async def test_a_renewal_under_way_does_not_keep_the_lease_from_a_successor(world: World) -> None:
    old_way, new_way = await world.proxy(), await world.proxy()
    lease = LeaseTimes(retry=0.5)
    old = await world.manager(old_way, lease=lease, name="old")
    await world.until_leads("old")
    await world.manager(new_way, lease=lease, name="new")

    async def end_before_the_answer(asked: Asked) -> Answer:
        answer = await asked.forward()
        old.signal(signal.SIGTERM)
        await asyncio.sleep(1)
        return answer

    old_way.add(on("PUT", "leases"), end_before_the_answer)

    assert await old.ended(10) == 0
    await world.until_leads("new", 5)


async def test_a_leader_that_hears_nothing_any_more_gives_up(world: World) -> None:
    proxy = await world.proxy()
    manager = await world.manager(proxy, lease=QUICK_LEASE)
    await world.until_leads("manager")

    proxy.add(lambda passed: True, say_nothing, 1_000_000)

    assert await manager.ended(10) == 1


def _work(proxy: Proxy) -> list[Passed]:
    """The writes of a leader, which are all but those of its lease."""
    return [passed for passed in proxy.writes if "/leases" not in passed.path]
