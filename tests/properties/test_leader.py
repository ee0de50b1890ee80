"""Leader election: one leads at a time, whatever the network does, and somebody leads soon."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobset.controller.leader import Election, LeadershipLost, LeaseSettings
from jobset.kube.client import Client
from jobset.kube.errors import TransportError
from jobset.kube.resources import LEASES
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import run_virtual

LEASE = LeaseSettings(name="lock", namespace="default")
SECOND = timedelta(seconds=1)


@dataclass
class Road:
    """The way to the server: open, cut (each request fails), silent (no answer comes), deaf, slow or late."""

    inner: LocalTransport
    state: str = "open"

    async def send(self, request):
        if self.state == "cut":
            raise TransportError("connection refused")
        if self.state == "silent":
            await asyncio.Event().wait()
        if self.state == "slow":
            await asyncio.sleep(4)
        answer = await self.inner.send(request)
        if self.state == "late":
            await asyncio.sleep(1)
        if self.state == "deaf":
            # The request took effect; its answer is lost.
            raise TransportError("connection reset")
        return answer

    def watch(self, request):
        return self.inner.watch(request)

    async def close(self):
        pass


@dataclass
class Candidate:
    """A controller that stands for the lease again and again, as a Deployment would start it."""

    road: Road
    election: Election
    losses: list[str] = field(default_factory=list)
    ends_gracefully: asyncio.Event = field(default_factory=asyncio.Event)

    async def live(self) -> None:
        while True:
            await self.election.win()
            try:
                async with asyncio.TaskGroup() as group:
                    keeping = group.create_task(self.election.keep())
                    await self.ends_gracefully.wait()
                    keeping.cancel()
            except* LeadershipLost as lost:
                self.losses += [str(error) for error in lost.exceptions]
            else:
                await self.election.release()
                return


class World:
    """A server and candidates, in virtual time."""

    def __init__(self, clock, candidates: int = 2) -> None:
        self.server = ApiServer(clock=clock, random=random.Random(1))
        self.client = Client(LocalTransport(self.server))
        self.candidates = [self._new(clock, f"candidate-{number}") for number in range(candidates)]
        self.tasks: list[asyncio.Task] = []

    def _new(self, clock, identity: str) -> Candidate:
        road = Road(LocalTransport(self.server))
        elapsed = asyncio.get_running_loop().time
        election = Election(
            client=Client(road), settings=LEASE, identity=identity, clock=clock, elapsed=elapsed
        )
        return Candidate(road, election)

    def start(self, *numbers: int) -> None:
        self.tasks += [asyncio.create_task(self.candidates[number].live()) for number in numbers]

    @property
    def leaders(self) -> list[int]:
        return [number for number, one in enumerate(self.candidates) if one.election.leads]

    async def spec(self) -> dict:
        return (await self.client.get(LEASES, "default", "lock"))["spec"]

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def play(story):
    async def main(clock):
        world = World(clock)
        try:
            return await story(world)
        finally:
            await world.end()

    return run_virtual(main)


def test_the_lease_tells_who_leads_since_when_and_how_often_that_changed():
    async def story(world):
        world.start(0)
        await asyncio.sleep(5)
        first = await world.spec()
        world.candidates[0].ends_gracefully.set()
        world.start(1)
        await asyncio.sleep(6)
        return first, await world.spec()

    first, second = play(story)

    assert first == {
        "holderIdentity": "candidate-0",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:04.000000Z",
        "leaseTransitions": 0,
    }
    assert second["holderIdentity"] == "candidate-1"
    assert second["leaseTransitions"] == 1
    assert second["acquireTime"] > first["renewTime"]


def test_a_successor_of_one_that_stopped_begins_at_once():
    async def story(world):
        world.start(0, 1)
        await asyncio.sleep(20)
        world.candidates[0].ends_gracefully.set()
        await asyncio.sleep(2.5)
        return world.leaders

    assert play(story) == [1]


def test_a_successor_begins_at_once_also_when_a_renewal_was_under_way():
    async def story(world):
        world.start(0, 1)
        await asyncio.sleep(20)
        world.candidates[0].road.state = "late"
        await asyncio.sleep(2)
        world.candidates[0].ends_gracefully.set()
        await asyncio.sleep(2 + 2.5)
        return world.leaders

    assert play(story) == [1]


def test_a_successor_of_one_that_vanished_waits_until_its_lease_is_over():
    async def story(world):
        world.start(0, 1)
        await asyncio.sleep(20)
        world.tasks[0].cancel()
        since = asyncio.get_running_loop().time()
        while world.leaders != [1]:
            await asyncio.sleep(0.25)
        return asyncio.get_running_loop().time() - since

    assert 13 <= play(story) <= 18


@pytest.mark.parametrize("state", ["cut", "silent", "deaf"])
def test_a_leader_that_cannot_renew_gives_up_before_another_may_lead(state):
    async def story(world):
        world.start(0, 1)
        await asyncio.sleep(20)
        world.candidates[0].road.state = state
        since, gaps = asyncio.get_running_loop().time(), []
        while world.leaders != [1]:
            gaps.append(len(world.leaders))
            await asyncio.sleep(0.25)
        return world.candidates[0].losses, gaps.count(0) * 0.25, asyncio.get_running_loop().time() - since

    losses, without_leader, took = play(story)

    assert losses == ["the lease lock could not be renewed in time"]
    # The time between a leader's deadline and the end of its lease is what keeps them apart.
    assert without_leader >= 2.5
    assert took <= 15 + 2 * 10 + 4


def test_a_lease_that_was_edited_to_another_holder_is_given_up():
    async def story(world):
        world.start(0)
        await asyncio.sleep(5)
        await world.client.patch(LEASES, "default", "lock", {"spec": {"holderIdentity": "somebody"}})
        await asyncio.sleep(5)
        return world.candidates[0].losses, (await world.spec())["holderIdentity"]

    losses, holder = play(story)

    assert losses == ["the lease lock has been taken"]
    assert holder == "somebody"


def test_a_deleted_lease_is_made_again():
    async def story(world):
        world.start(0)
        await asyncio.sleep(5)
        await world.client.delete(LEASES, "default", "lock")
        await asyncio.sleep(5)
        return world.leaders, (await world.spec())["holderIdentity"], world.candidates[0].losses

    assert play(story) == ([0], "candidate-0", [])


@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from(["open", "cut", "silent", "slow", "deaf"]),
            st.floats(0.1, 25.0),
        ),
        max_size=8,
    )
)
def test_never_two_lead_and_in_the_end_one_does(changes):
    async def story(world):
        world.start(0, 1)
        most = 0

        async def watch_leaders():
            nonlocal most
            while True:
                most = max(most, len(world.leaders))
                await asyncio.sleep(0.05)

        watching = asyncio.create_task(watch_leaders())
        for number, state, seconds in changes:
            world.candidates[number].road.state = state
            await asyncio.sleep(seconds)
        for one in world.candidates:
            one.road.state = "open"
        await asyncio.sleep(45)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        return most, len(world.leaders)

    assert play(story) == (1, 1)
