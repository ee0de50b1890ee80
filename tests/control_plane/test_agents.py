"""Pods that restart in place on a real control plane: the whole sequence, and what agents may not do."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jobset.agent.account import read_account
from jobset.agent.agent import tell_attempt
from jobset.agent.transport import AgentTransport
from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, Selection
from jobset.kube.errors import Forbidden
from jobset.kube.resources import JOBSETS, PODS
from jobset.kube.transport import STRATEGIC_MERGE_PATCH, Transport
from tests.agent_process import ACCOUNT, an_agent
from tests.agents import PHASES, running
from tests.control_plane.agents import (
    RealAgentWorld,
    a_real_agent_world,
    allow_agents,
    install_agent_permissions,
    open_account,
    request_token,
)
from tests.control_plane.fixtures import require_programs
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.kubelet import a_node, register_nodes
from tests.control_plane.processes import ControlPlane, a_control_plane
from tests.controller_world import RealWorld, play_really
from tests.worlds import in_place, policy

pytestmark = pytest.mark.control_plane

KEY = keys.IN_PLACE_RESTART_ATTEMPT
LEFT_BEHIND = 42


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane with all controllers, and without webhooks, which would not know of the gate."""
    require_programs()
    with a_control_plane() as plane:
        install_jobset_crd(plane)
        install_agent_permissions(plane)
        yield plane


@dataclass
class AgentKubelet:
    """Runs the container of each pod that has a node, with the agent as its main process.

    `work` is what the workers run, with `$INDEX` and with `$RUN`, which counts the runs of a container.
    `codes` are the exit codes of each pod's container, by its index.
    """

    plane: ControlPlane
    transport: Transport
    namespace: str
    folder: Path
    work: str
    codes: dict[str, list[int]] = field(default_factory=dict)

    async def run(self) -> None:
        client = Client(self.transport)
        pods = WatchCache(client=client, resource=PODS, selection=Selection(namespace=self.namespace))
        async with asyncio.TaskGroup() as group:

            def changed(_: Any, pod: Any) -> None:
                if pod and pod["spec"].get("nodeName") and self._is_new(pod):
                    group.create_task(self._live(client, pod))

            pods.listen(changed)
            await pods.run()

    def _is_new(self, pod: Any) -> bool:
        index = index_of(pod)
        is_new = index not in self.codes
        self.codes.setdefault(index, [])
        return is_new

    async def _live(self, client: Client, pod: Any) -> None:
        name, index = pod["metadata"]["name"], index_of(pod)
        account = await open_account(self.plane, self.transport, pod, self.folder / name)
        environ = {
            **account,
            "JOBSET_NAME": "js",
            "POD_NAME": name,
            "WORKER_COMMAND": self.work,
            "IN_PLACE_RESTART_EXIT_CODE": str(LEFT_BEHIND),
            "INDEX": index,
        }
        codes = self.codes[index]
        while 0 not in codes:
            await self._write(client, pod, running(len(codes)))
            async with an_agent(self.folder / name, {**environ, "RUN": str(len(codes))}) as agent:
                codes.append(await agent.exit_code())
        await self._write(client, pod, {"status": {"phase": PHASES["succeed"]}})

    async def _write(self, client: Client, pod: Any, patch: Any) -> None:
        metadata = pod["metadata"]
        await client.patch(
            PODS,
            metadata["namespace"],
            metadata["name"],
            patch,
            content_type=STRATEGIC_MERGE_PATCH,
            subresource="status",
        )


def index_of(pod: Any) -> str:
    return str(pod["metadata"]["annotations"][keys.JOB_COMPLETION_INDEX])


def test_one_failure_restarts_all_in_place(plane: ControlPlane, tmp_path: Path) -> None:
    work = "test $RUN != 0 && exit; test $INDEX = 1 && exit 7; exec sleep 600"

    async def story(world: RealWorld) -> Any:
        allow_agents(plane, world.namespace)
        transport = plane.transport()
        await register_nodes(transport, [a_node("agents-node")])
        kubelet = AgentKubelet(plane, transport, world.namespace, tmp_path, work)
        running = asyncio.create_task(kubelet.run())
        workers = in_place("w", pods=3)
        workers["template"]["spec"]["template"]["spec"]["serviceAccountName"] = ACCOUNT
        try:
            await world.create(workers, failurePolicy=policy(3, restartStrategy="InPlaceRestart"))

            async def is_over() -> bool:
                return (await world.status()).get("terminalState") == "Completed"

            await world.until(is_over)
            return kubelet.codes, await world.status(), await world.items(PODS)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await transport.close()

    gates = FeatureGates(in_place_restart=True)
    codes, status, pods = play_really(plane, story, gates=gates)

    assert codes == {"0": [LEFT_BEHIND, 0], "1": [7, 0], "2": [LEFT_BEHIND, 0]}
    assert status["restarts"] == 0
    assert (status["previousInPlaceRestartAttempt"], status["currentInPlaceRestartAttempt"]) == (0, 1)
    assert [pod["metadata"]["annotations"][KEY] for pod in pods] == ["1"] * 3
    assert {manager_of_the_attempt(pod) for pod in pods} == {("in-place-restart-agent", "Apply")}


def manager_of_the_attempt(pod: Any) -> tuple[str, str]:
    (found,) = [
        (entry["manager"], entry["operation"])
        for entry in pod["metadata"]["managedFields"]
        if f"f:{KEY}" in str(entry["fieldsV1"])
    ]
    return found


@pytest.fixture
async def world(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[RealAgentWorld]:
    async with a_real_agent_world(plane, tmp_path) as world:
        await world.create("p", "q")
        await until_guarded(world)
        yield world


async def client_of(world: RealAgentWorld, pod: str) -> Client:
    """A client with nothing but the account of a pod."""
    return Client(AgentTransport(read_account(await world.account(pod)), "test/1"))


async def until_guarded(world: RealAgentWorld) -> None:
    """Returns when the server knows the policy, and that the account of this namespace is under it."""
    client = await client_of(world, "p")
    async with asyncio.timeout(30):
        while True:
            try:
                await client.patch(PODS, world.namespace, "p", {"metadata": {"labels": {"guarded": "no"}}})
            except Forbidden:
                return
            await asyncio.sleep(0.1)


async def test_an_agent_may_tell_the_attempt_of_its_pod_and_hear_of_jobsets(world: RealAgentWorld) -> None:
    client = await client_of(world, "p")

    await tell_attempt(client, world.namespace, "p", 3)
    jobset = await client.get(JOBSETS, world.namespace, "js")

    assert await world.told("p") == "3"
    assert jobset["metadata"]["name"] == "js"


OWN = "an in-place restart agent may change only the pod that it runs in"
REFUSED: dict[str, tuple[str, Any, str]] = {
    "the attempt of another pod": ("q", {"metadata": {"annotations": {KEY: "3"}}}, OWN),
    "a label": ("p", {"metadata": {"labels": {"a": "b"}}}, "may not change the labels"),
    "to take a label": ("p", {"metadata": {"labels": None}}, "may not change the labels"),
    "another annotation": (
        "p",
        {"metadata": {"annotations": {KEY: "3", "a": "b"}}},
        "the annotations of a pod",
    ),
    "to change an annotation": (
        "p",
        {"metadata": {"annotations": {KEY: "3", "kept": "x"}}},
        "the annotations",
    ),
    "to take an annotation": (
        "p",
        {"metadata": {"annotations": {KEY: "3", "kept": None}}},
        "the annotations",
    ),
    "the spec": ("p", {"spec": {"activeDeadlineSeconds": 1}}, "may not change the spec"),
    "a finalizer": ("p", {"metadata": {"finalizers": ["a/b"]}}, "may not change the finalizers"),
    "an owner": (
        "p",
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "q", "uid": "u"}]}},
        "may not change the owners",
    ),
    "an attempt that is no number": (
        "p",
        {"metadata": {"annotations": {KEY: "x"}}},
        "the attempt of an in-place restart is a number",
    ),
    "a negative attempt": (
        "p",
        {"metadata": {"annotations": {KEY: "-1"}}},
        "the attempt of an in-place restart is a number",
    ),
}


async def test_an_agent_may_not_change_anything_else(world: RealAgentWorld) -> None:
    await world.client.patch(PODS, world.namespace, "p", {"metadata": {"annotations": {"kept": "as it is"}}})
    client = await client_of(world, "p")

    said = {name: await refusal(client, world, *asked[:2]) for name, asked in REFUSED.items()}

    assert [name for name, (_, _, words) in REFUSED.items() if words not in said[name]] == []


async def refusal(client: Client, world: RealAgentWorld, pod: str, patch: Any) -> str:
    """The words with which a patch was refused; none if it was not."""
    try:
        await client.patch(PODS, world.namespace, pod, patch)
    except Forbidden as error:
        return str(error)
    return ""


async def test_others_may_do_what_they_could(world: RealAgentWorld) -> None:
    await world.client.patch(PODS, world.namespace, "p", {"metadata": {"labels": {"a": "b"}}})

    assert (await world.pod("p"))["metadata"]["labels"]["a"] == "b"


async def test_an_agent_may_read_no_pods_and_write_no_jobsets(world: RealAgentWorld) -> None:
    client = await client_of(world, "p")

    with pytest.raises(Forbidden):
        await client.list(PODS, Selection(namespace=world.namespace))
    with pytest.raises(Forbidden):
        await client.patch(JOBSETS, world.namespace, "js", {"spec": {"suspend": True}})


async def test_a_token_that_belongs_to_no_pod_is_under_the_policy_too(world: RealAgentWorld) -> None:
    folder = Path((await world.account("p"))["JOBSET_ACCOUNT_FOLDER"])
    (folder / "token").write_text(await request_token(world.transport, world.namespace))
    client = await client_of(world, "p")

    await tell_attempt(client, world.namespace, "q", 3)
    said = await refusal(client, world, "q", {"metadata": {"labels": {"a": "b"}}})

    assert await world.told("q") == "3"
    assert "may not change the labels" in said
