"""Exclusive placement with the real Job controller and scheduler, on fake nodes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from jobset.api import keys
from jobset.kube.client import DeleteOptions
from jobset.kube.errors import NotFound
from jobset.kube.resources import JOBSETS, NODES, PODS
from tests.control_plane.kubelet import FakeKubelet, a_node
from tests.control_plane.processes import ControlPlane
from tests.controller_world import RealWorld, play_really
from tests.pod_scripts import a_script
from tests.worlds import role

pytestmark = pytest.mark.control_plane

TAINT = {"key": "example.com/placement", "effect": "NoSchedule", "value": "stories"}
IGNORED = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
AGAIN = {"maxRestarts": 10, "restartStrategy": "Recreate"}


class Racks:
    """Nodes for one story, each in a domain of its own at first; nobody else's pods come there."""

    def __init__(self, world: RealWorld, count: int) -> None:
        self.world, self.id = world, str(uuid4())
        # Anti-affinity looks at all namespaces, but only at one kind of domain.
        self.key = f"example.com/rack-{self.id[:8]}"
        self.nodes = [
            a_node(f"rack-{number}-{self.id}", **{self.key: f"r{number}"}) for number in range(count)
        ]

    async def keep_others_away(self) -> None:
        for node in self.nodes:
            await self.world.patch(NODES, node["metadata"]["name"], {"spec": {"taints": [TAINT]}})

    async def create(self, name: str = "js", pods: int = 2, failures: int = 0) -> None:
        """A JobSet of one Job; it restarts when more of its pods fail, not counting the evicted ones."""
        workers = role("w", pods=pods)
        workers["template"]["spec"] |= {"backoffLimit": failures, "podFailurePolicy": IGNORED}
        workers["template"]["spec"]["template"]["spec"] |= {
            "tolerations": [{"key": TAINT["key"], "operator": "Exists"}],
            "terminationGracePeriodSeconds": 1,
        }
        metadata = {"name": name, "annotations": {keys.EXCLUSIVE_TOPOLOGY: self.key}}
        await self.world.create(workers, metadata=metadata, failurePolicy=AGAIN)

    async def pods(self, name: str = "js") -> list[Any]:
        """The pods of a JobSet that are to stay, the leader first."""
        found = [
            pod
            for pod in await self.world.items(PODS)
            if pod["metadata"]["labels"][keys.JOBSET_NAME] == name
            and "deletionTimestamp" not in pod["metadata"]
            and pod["status"]["phase"] not in ("Failed", "Succeeded")
        ]
        return sorted(found, key=index_of)

    async def until_placed(self, node: int, domain: str, name: str = "js", pods: int = 2) -> list[Any]:
        """The pods, when all run on a node, the followers bound for its domain."""

        async def holds() -> bool:
            found = await self.pods(name)
            asked = [pod["spec"].get("nodeSelector", {}).get(self.key) for pod in found]
            is_there = places(found) == {self._name(node)} and asked == [None, *[domain] * (pods - 1)]
            return is_there and all(pod["status"]["phase"] == "Running" for pod in found)

        await self.world.until(holds)
        return await self.pods(name)

    async def home(self) -> int:
        """The number of the node where the leader came."""

        async def is_bound() -> bool:
            return any(pod["spec"].get("nodeName") for pod in await self.pods())

        await self.world.until(is_bound)
        (place,) = places(pod for pod in await self.pods() if pod["spec"].get("nodeName"))
        return [node["metadata"]["name"] for node in self.nodes].index(place)

    async def move(self, node: int, domain: str) -> None:
        await self.world.patch(NODES, self._name(node), {"metadata": {"labels": {self.key: domain}}})

    async def lose(self, node: int) -> None:
        """A node is gone with its pods, as a cloud does it."""
        await self.world.delete(NODES, self._name(node))
        for pod in await self.world.items(PODS):
            if pod["spec"].get("nodeName") == self._name(node):
                await kill(self.world, pod)

    async def clear(self) -> None:
        for node in range(len(self.nodes)):
            with suppress(NotFound):
                await self.world.delete(NODES, self._name(node))

    def _name(self, node: int) -> str:
        return str(self.nodes[node]["metadata"]["name"])


async def kill(world: RealWorld, pod: Any) -> None:
    options = DeleteOptions(grace_period_seconds=0, uid=pod["metadata"]["uid"])
    await world.client.delete(PODS, world.namespace, pod["metadata"]["name"], options)


def index_of(pod: Any) -> int:
    return int(pod["metadata"]["annotations"][keys.JOB_COMPLETION_INDEX])


def places(pods: Any) -> set[str]:
    return {pod["spec"].get("nodeName", "") for pod in pods}


def uids(pods: Sequence[Any]) -> list[str]:
    return [pod["metadata"]["uid"] for pod in pods]


def play(plane: ControlPlane, story: Callable[[RealWorld, Racks], Awaitable[Any]], racks: int) -> Any:
    """The result of `story(world, racks)` beside kubelets whose pods run until they are deleted."""

    async def with_kubelets(world: RealWorld) -> Any:
        transport, place = plane.transport(), Racks(world, racks)
        kubelet = FakeKubelet(
            transport=transport, script=a_script({}), nodes=tuple(place.nodes), namespace=world.namespace
        )
        running = asyncio.create_task(kubelet.run())
        try:
            await kubelet.registered()
            await place.keep_others_away()
            return await story(world, place)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await place.clear()
            await transport.close()

    return play_really(plane, with_kubelets)


def test_followers_go_along_when_their_leader_s_node_moves_to_another_domain(
    control_plane: ControlPlane,
) -> None:
    async def story(world: RealWorld, racks: Racks) -> Any:
        await racks.create()
        before = await racks.until_placed(0, "r0")
        await racks.move(0, "elsewhere")
        return before, await racks.until_placed(0, "elsewhere"), world.wire.sent("PATCH", "/status")

    before, after, marks = play(control_plane, story, racks=1)

    assert uids(after)[0] == uids(before)[0]
    assert not set(uids(after)[1:]) & set(uids(before))
    assert {mark.body["metadata"]["uid"] for mark in marks if "/pods/" in mark.path} == set(uids(before)[1:])


def test_a_new_leader_comes_back_to_its_followers(control_plane: ControlPlane) -> None:
    async def story(world: RealWorld, racks: Racks) -> Any:
        await racks.create(failures=1)
        home = await racks.home()
        before = await racks.until_placed(home, f"r{home}")
        await kill(world, before[0])
        return before, await racks.until_placed(home, f"r{home}")

    before, after = play(control_plane, story, racks=2)

    assert uids(after)[0] != uids(before)[0]
    assert uids(after)[1:] == uids(before)[1:]


def test_a_job_whose_node_is_gone_starts_again_in_another_domain(control_plane: ControlPlane) -> None:
    async def story(world: RealWorld, racks: Racks) -> Any:
        await racks.create(pods=3)
        home = await racks.home()
        before = await racks.until_placed(home, f"r{home}", pods=3)
        await racks.lose(home)
        return before, await racks.until_placed(1 - home, f"r{1 - home}", pods=3)

    before, after = play(control_plane, story, racks=2)

    assert not set(uids(after)) & set(uids(before))


def test_a_jobset_waits_for_a_domain_until_another_one_leaves_it(control_plane: ControlPlane) -> None:
    async def story(world: RealWorld, racks: Racks) -> Any:
        await racks.create()
        await racks.until_placed(0, "r0")
        await racks.create("next")

        async def has_been_refused() -> bool:
            return any("Unschedulable" in str(pod["status"]) for pod in await racks.pods("next"))

        await world.until(has_been_refused)
        waiting = await racks.pods("next")
        await world.delete(JOBSETS, "js")
        return waiting, await racks.until_placed(0, "r0", "next")

    waiting, placed = play(control_plane, story, racks=1)

    assert places(waiting) == {""}
    assert uids(placed)[0] == uids(waiting)[0]
