"""Exclusive placement: whatever happens, and however late anybody reads, Jobs come to domains of their own"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeVar

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobset.local.clock import run_virtual
from tests.placement_pods import (
    JobModel,
    domain_of,
    index_of,
    is_alive,
    is_finished,
    is_leader,
    is_terminating,
    node_of,
    selected,
    uid_of,
)
from tests.placement_world import World

T = TypeVar("T")
MAY_BE_LATE = ["0pods", "0nodes", "0writes", "1pods", "1nodes", "1writes", "scheduler"]
ENOUGH_TURNS = 12
"""How many fair turns Jobs may take to come to rest."""


@dataclass(frozen=True, kw_only=True)
class History:
    """A small world, and what happens there one after the other: the name of a step and two numbers."""

    jobs: Sequence[tuple[int, int]]
    """Pods and priority of each Job."""
    racks: Sequence[int]
    is_patient: bool
    seed: int
    steps: Sequence[tuple[str, int, int]]


def one_of(things: Sequence[T], number: int) -> Sequence[T]:
    """The thing that the number means; none if there are none."""
    return [things[number % len(things)]] if things else []


async def idle(world: World, a: int, b: int) -> None:
    pass


async def turn(world: World, a: int, b: int) -> None:
    await world.turn(late=[name for bit, name in enumerate(MAY_BE_LATE) if a >> bit & 1])


async def create(world: World, a: int, b: int) -> None:
    for job in one_of(world.jobs, a):
        for index in one_of(world.missing(job), b):
            await world.create_pod(job, index, world.replicas[b % 2], world.replicas[b // 2 % 2])


async def schedule(world: World, a: int, b: int) -> None:
    for pod, nodes in one_of(world.schedulable(), a):
        await world.schedule(pod, nodes[b % len(nodes)])


async def see(world: World, a: int, b: int) -> None:
    for gate in one_of([*world.gates().values()], a):
        gate.allow(1 + b)


async def stop(world: World, a: int, b: int) -> None:
    for pod in one_of([pod for pod in world.pods() if is_terminating(pod)], a):
        await world.stop(pod)


async def collect(world: World, a: int, b: int) -> None:
    for pod in one_of(world.orphans(), a):
        await world.collect(pod)


async def delete(world: World, a: int, b: int) -> None:
    for pod in one_of(world.pods(), a):
        await world.delete(pod)


async def drain(world: World, a: int, b: int) -> None:
    for node in one_of(world.nodes(), a):
        for pod in world.pods_on(node):
            await world.delete(pod)


async def finish(world: World, a: int, b: int) -> None:
    for pod in one_of([pod for pod in world.pods() if node_of(pod) and not is_finished(pod)], a):
        await world.finish(pod, "Failed" if b else "Succeeded")


async def fail_all(world: World, a: int, b: int) -> None:
    for job in one_of(world.jobs, a):
        for pod in world.pods_of(job):
            await world.finish(pod, "Failed")


async def restart(world: World, a: int, b: int) -> None:
    for job in one_of(world.jobs, a):
        await world.restart(job)


async def add_node(world: World, a: int, b: int) -> None:
    await world.add_node(world.fresh_domain())


async def drop_node(world: World, a: int, b: int) -> None:
    for node in one_of(world.nodes(), a):
        await world.drop_node(node)


async def move_node(world: World, a: int, b: int) -> None:
    for node in one_of(world.nodes(), a):
        await world.label(node, world.fresh_domain() if b else None)


async def rename_domain(world: World, a: int, b: int) -> None:
    for renamed in one_of(world.nodes(), a):
        fresh = world.fresh_domain()
        for node in world.nodes():
            if domain_of(node) == domain_of(renamed):
                await world.label(node, fresh)


async def replace_manager(world: World, a: int, b: int) -> None:
    for replica in one_of(world.replicas, a):
        await replica.begin_anew(leads=replica.leads)


async def fail_over(world: World, a: int, b: int) -> None:
    await world.fail_over()


Step = Callable[[World, int, int], Awaitable[None]]
USUAL: Sequence[Step] = (idle, turn, turn, create, schedule, see, see)
UNUSUAL: Sequence[Step] = (
    stop,
    collect,
    delete,
    drain,
    finish,
    fail_all,
    restart,
    replace_manager,
    fail_over,
)
OF_NODES: Sequence[Step] = (add_node, drop_node, move_node, rename_domain)
STEPS: Sequence[Step] = (*USUAL, *USUAL, *UNUSUAL, *OF_NODES)
BY_NAME = {step.__name__: step for step in STEPS}

HISTORIES = st.builds(
    History,
    jobs=st.lists(st.tuples(st.integers(2, 4), st.sampled_from([0, 0, 7])), min_size=1, max_size=3),
    racks=st.lists(st.integers(1, 3), min_size=2, max_size=3),
    is_patient=st.booleans(),
    seed=st.integers(0, 9),
    steps=st.lists(
        st.tuples(st.sampled_from([step.__name__ for step in STEPS]), st.integers(0, 127), st.integers(0, 5)),
        min_size=12,
        max_size=30,
    ),
)


async def live(clock: Any, history: History) -> None:
    jobs = [
        JobModel(number=number, pods=pods, priority=priority)
        for number, (pods, priority) in enumerate(history.jobs)
    ]
    world = World(clock, jobs, history.racks, is_patient=history.is_patient, seed=history.seed)
    async with world.living():
        for name, a, b in (("turn", 0, 0), ("turn", 0, 0), *history.steps):
            await BY_NAME[name](world, a, b)
            await world.moment()
        await add_enough_domains(world)
        await come_to_rest(world)
        await untie(world)
        judge(world)


async def add_enough_domains(world: World) -> None:
    """From now on nothing happens any more, and each Job can have a domain."""
    for node in world.nodes():
        if domain_of(node) is None:
            await world.label(node, world.fresh_domain())
    for _ in world.jobs:
        await world.add_node(world.fresh_domain())


async def come_to_rest(world: World) -> None:
    """Everybody has fair turns until nobody has anything to do."""
    before = None
    for _ in range(ENOUGH_TURNS):
        await world.turn()
        if world.picture() == before:
            return
        before = world.picture()
    raise AssertionError(f"no rest after {ENOUGH_TURNS} fair turns")


def knots(world: World) -> Sequence[JobModel]:
    """Jobs that share a domain with another one, and neither has a leader there.

    No leader can go there as the other Job is there, and none elsewhere as its own Job is there.
    """
    return [
        one
        for one, other in combinations(world.jobs, 2)
        if one.priority == other.priority
        and places(world, one) & places(world, other)
        and not any(is_leader(pod) and node_of(pod) for job in (one, other) for pod in world.pods_of(job))
    ]


async def untie(world: World) -> None:
    """Do what a user has to do: affinity and anti-affinity as they are agreed on leave no other way."""
    while tied := knots(world):
        for pod in world.pods_of(tied[0]):
            await world.delete(pod)
        await come_to_rest(world)


def judge(world: World) -> None:
    """What must be true of every history, when it has come to rest."""
    assert world.faults == []
    for replica in world.replicas:
        assert replica.faults == []
        assert not replica.condemned & {uid_of(pod) for pod in world.pods() if is_alive(pod)}
    for job in world.jobs:
        if job.is_led:
            judge_job(world, job)
    for one, other in combinations(world.jobs, 2):
        if one.priority == other.priority:
            assert not places(world, one) & places(world, other)


def judge_job(world: World, job: JobModel) -> None:
    """All that are wanted are there and have a node, the followers where the leader is."""
    pods = world.pods_of(job)
    (leader,) = filter(is_leader, pods)
    followers = [pod for pod in pods if pod is not leader]
    assert sorted(map(index_of, pods)) == sorted(set(range(job.pods)) - job.succeeded)
    assert all(map(node_of, pods))
    for follower in followers:
        assert selected(follower) == world.bound_in[uid_of(follower)] == world.place_of(leader)


def places(world: World, job: JobModel) -> set[str | None]:
    return {world.place_of(pod) for pod in world.pods_of(job)} - {None}


def a_pair(*steps: tuple[str, int, int]) -> History:
    """What happens to a Job of two pods on one node."""
    return History(jobs=[(2, 0)], racks=[1], is_patient=False, seed=0, steps=[("turn", 0, 0), *steps])


ITS_NODE_MOVES = ("move_node", 0, 1)
FOLLOWER_STOPS = ("delete", 1, 0), ("stop", 0, 0)
NODES_ARE_SEEN, A_WRITE_IS_SENT = ("see", 2, 0), ("see", 3, 0)
A_NAMESAKE_COMES_BEFORE_THE_DELETION = a_pair(
    ITS_NODE_MOVES, NODES_ARE_SEEN, A_WRITE_IS_SENT, *FOLLOWER_STOPS, ("create", 0, 0), A_WRITE_IS_SENT
)
A_FOLLOWER_IS_PLACED_BY_THE_MANAGER_THAT_READS_LATE = a_pair(
    ITS_NODE_MOVES, NODES_ARE_SEEN, *FOLLOWER_STOPS, ("create", 0, 1)
)


@given(history=HISTORIES)
@example(history=A_NAMESAKE_COMES_BEFORE_THE_DELETION)
@example(history=A_FOLLOWER_IS_PLACED_BY_THE_MANAGER_THAT_READS_LATE)
@settings(max_examples=200)
def test_jobs_come_to_domains_of_their_own(history: History) -> None:
    run_virtual(lambda clock: live(clock, history))


def test_jobs_that_lose_their_leaders_at_a_bad_moment_block_each_other_until_somebody_deletes_pods() -> None:
    async def story(clock: Any) -> Sequence[JobModel]:
        first, second = jobs = [JobModel(number=number, pods=2, priority=0) for number in range(2)]
        world = World(clock, jobs, [1])
        async with world.living():
            await lead(world, first)
            await world.create_pod(first, 1, *world.replicas)
            await lose_leader(world, first)
            await lead(world, second)
            await world.create_pod(second, 1, *world.replicas)
            await lose_leader(world, second)
            await schedule_all(world)
            await add_enough_domains(world)
            await come_to_rest(world)
            tied = knots(world)
            await untie(world)
            judge(world)
            return tied

    assert [job.number for job in run_virtual(story)] == [0]


async def lead(world: World, job: JobModel) -> None:
    for gate in world.gates().values():
        gate.set_open(True)
    await world.create_pod(job, 0, *world.replicas)
    ((leader, (node, *_)),) = [found for found in world.schedulable() if is_leader(found[0])]
    await world.schedule(leader, node)


async def lose_leader(world: World, job: JobModel) -> None:
    (leader,) = filter(is_leader, world.pods_of(job))
    await world.delete(leader)
    await world.stop(leader)


async def schedule_all(world: World) -> None:
    while waiting := world.schedulable():
        for pod, (node, *_) in waiting:
            await world.schedule(pod, node)
