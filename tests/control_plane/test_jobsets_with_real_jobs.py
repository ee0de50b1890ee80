"""JobSets whose Jobs are run by the real Job controller, scheduler and garbage collector, on fake nodes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobset.api import keys
from jobset.kube.resources import JOBS, JOBSETS, PODS, SERVICES
from jobset.kube.transport import Request
from tests.control_plane.kubelet import FakeKubelet, a_node
from tests.control_plane.processes import ControlPlane
from tests.controller_world import RealWorld, is_a, play_really
from tests.pod_scripts import a_script
from tests.worlds import policy, role

pytestmark = pytest.mark.control_plane

POOL = {"pool": "real-jobs"}
NODE = a_node("real-jobs-node", **POOL)


def workers(name: str, replicas: int = 1, **more: Any) -> Any:
    """A replicated job of two pods, whose Jobs fail with their first pod."""
    found = role(name, replicas, pods=2, **more)
    job = found["template"]["spec"]
    job |= {"backoffLimit": 0}
    job["template"]["spec"] |= {"nodeSelector": POOL, "terminationGracePeriodSeconds": 1}
    return found


def play(plane: ControlPlane, story: Any, outcomes: Mapping[str, Sequence[str]]) -> Any:
    """The result of `story(world)` beside a kubelet whose pods end as is said."""

    async def with_kubelet(world: RealWorld) -> Any:
        transport = plane.transport()
        script, namespace = a_script(outcomes), world.namespace
        kubelet = FakeKubelet(transport=transport, script=script, nodes=(NODE,), namespace=namespace)
        running = asyncio.create_task(kubelet.run())
        try:
            await kubelet.registered()
            return await story(world)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await transport.close()

    return play_really(plane, with_kubelet)


async def until_status(world: RealWorld, **fields: Any) -> Any:
    """The status as soon as it says so; of replicated jobs the first counts."""

    async def holds() -> bool:
        status = await world.status()
        (first, *_) = status.get("replicatedJobsStatus") or ({},)
        return all((status | first).get(name, 0) == value for name, value in fields.items())

    await world.until(holds)
    return await world.status()


async def until_gone(world: RealWorld) -> list[int]:
    """How many Jobs, pods and Services are left when the JobSet is gone."""

    async def is_gone() -> bool:
        return not await world.exists(JOBSETS, "js")

    await world.until(is_gone)
    return [len(await world.items(resource)) for resource in (JOBS, PODS, SERVICES)]


def test_a_failed_job_restarts_all(control_plane: ControlPlane) -> None:
    async def story(world: RealWorld) -> Any:
        await world.create(workers("w", 2), failurePolicy=policy(1))
        return await until_status(world, terminalState="Completed"), await world.items(JOBS)

    status, jobs = play(control_plane, story, {"w/0/1": ["fail:1", "succeed"], "w/*": ["hang", "succeed"]})

    assert (status["restarts"], status["restartsCountTowardsMax"]) == (1, 1)
    assert [job["metadata"]["labels"][keys.RESTART_ATTEMPT] for job in jobs] == ["1", "1"]


def test_a_blocking_restart_waits_for_pods_that_take_long_to_stop(control_plane: ControlPlane) -> None:
    async def story(world: RealWorld) -> Any:
        beside = []

        async def note(request: Request) -> None:
            if is_a(request, "POST", "/js-w-0"):
                beside.append(
                    [job["metadata"]["labels"][keys.RESTART_ATTEMPT] for job in await world.items(JOBS)]
                )

        world.wire.hooks.append(note)
        blocking = policy(1, restartStrategy="BlockingRecreate")
        await world.create(workers("w", 2), failurePolicy=blocking)
        await until_status(world, restarts=1, ready=2)
        return beside, await world.items(JOBS)

    beside, jobs = play(control_plane, story, {"w/0/0": ["fail:1", "hang"], "w/1/*": ["hang-slow", "hang"]})

    _, again = beside
    assert "0" not in again
    assert [job["metadata"]["labels"][keys.RESTART_ATTEMPT] for job in jobs] == ["1", "1"]


def test_a_jobset_is_suspended_while_it_runs_and_resumed_with_another_template(
    control_plane: ControlPlane,
) -> None:
    changed = workers("w")
    changed["template"]["spec"]["template"]["metadata"] = {"labels": {"again": "yes"}}

    async def story(world: RealWorld) -> Any:
        await world.create(workers("w"))
        await until_status(world, ready=1)
        await world.change(suspend=True)
        await until_status(world, suspended=1, active=0)

        async def no_pods() -> bool:
            return not await world.items(PODS)

        await world.until(no_pods)
        await world.change(suspend=False, replicatedJobs=[changed])
        await until_status(world, ready=1, suspended=0)
        return await world.items(PODS)

    pods = play(control_plane, story, {"*": ["hang"]})

    assert [pod["metadata"]["labels"]["again"] for pod in pods] == ["yes", "yes"]


def test_a_dependent_starts_when_all_pods_are_ready_and_the_first_success_ends_all(
    control_plane: ControlPlane,
) -> None:
    after = [{"name": "a", "status": "Ready"}]

    async def story(world: RealWorld) -> Any:
        first = {"operator": "Any", "targetReplicatedJobs": ["b"]}
        await world.create(workers("a"), workers("b", dependsOn=after), successPolicy=first)
        early = await world.job_names()
        await until_status(world, terminalState="Completed")

        async def alone() -> bool:
            return await world.job_names() == ["js-b-0"]

        await world.until(alone)
        return early

    early = play(control_plane, story, {"a/*": ["hang"], "b/*": ["succeed"]})

    assert early[0] == "js-a-0"


@pytest.mark.parametrize("ttl", [0, 2])
def test_a_finished_jobset_goes_with_all_that_it_owns(control_plane: ControlPlane, ttl: int) -> None:
    async def story(world: RealWorld) -> Any:
        network = {"enableDNSHostnames": True}
        await world.create(workers("w"), ttlSecondsAfterFinished=ttl, network=network)
        return await until_gone(world)

    assert play(control_plane, story, {"*": ["succeed"]}) == [0, 0, 0]


def test_a_running_jobset_that_is_deleted_in_the_foreground_outlives_its_pods(
    control_plane: ControlPlane,
) -> None:
    async def story(world: RealWorld) -> Any:
        await world.create(workers("w", 2))
        await until_status(world, ready=2)
        await world.delete(JOBSETS, "js", "Foreground")
        return await until_gone(world)

    jobs, pods, _ = play(control_plane, story, {"*": ["hang"]})

    assert (jobs, pods) == (0, 0)
