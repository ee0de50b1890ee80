"""The real agent as a process of a test, and a small world for it: an API of this process, a JobSet, pods."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.client import Client
from jobset.kube.resources import JOBSETS, PODS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import wall_clock
from jobset.local.pod_api import PodApi
from tests.worlds import in_place

PATIENCE = 30.0
ACCOUNT = "trainer"
"""The ServiceAccount of all pods."""


@dataclass
class AgentProcess:
    """A running agent; `output` is where its worker writes."""

    process: asyncio.subprocess.Process
    output: Path
    log: Path

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        """How it ended."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def until(self, holds: Callable[[], Any]) -> Any:
        """What something is once it is anything, while the agent runs."""
        try:
            return await until(lambda: self._still(holds()))
        except TimeoutError:
            raise AssertionError(self.log.read_text()) from None

    async def until_logged(self, words: str) -> None:
        """Returns when the agent's own log has these words."""
        await self.until(lambda: words in self.log.read_text())

    def _still(self, found: Any) -> Any:
        assert found or self.process.returncode is None, self.log.read_text()
        return found


@asynccontextmanager
async def an_agent(folder: Path, environ: Mapping[str, str], *command: str) -> AsyncIterator[AgentProcess]:
    """An agent with this environment, which does not outlive the block."""
    number = len(list(folder.glob("agent-*.log")))
    output, log = folder / f"worker-{number}.out", folder / f"agent-{number}.log"
    with output.open("wb") as stdout, log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(command or ("-m", "jobset.agent")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={"PATH": os.environ["PATH"], **environ},
        )
    try:
        yield AgentProcess(process, output, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@dataclass
class AgentWorld:
    """A JobSet `js` and some pods of it, behind some API; pods get accounts in a folder of each."""

    folder: Path
    client: Client
    namespace: str = "default"
    accounts: dict[str, Mapping[str, str]] = field(default_factory=dict)

    async def create(self, *pods: str, **jobset: Any) -> None:
        """The JobSet, which restarts in place unless said otherwise, and its pods."""
        spec = {"failurePolicy": {"restartStrategy": "InPlaceRestart"}, **jobset.pop("spec", {})}
        await self.put_jobset(a_jobset(self.namespace, spec=spec, **jobset))
        for name in pods:
            await self.client.create(PODS, a_pod(self.namespace, name))

    async def put_jobset(self, jobset: Mapping[str, Any]) -> None:
        """Create the JobSet, with its status."""
        await self.client.create(JOBSETS, jobset)
        if "status" in jobset:
            await self.change(status=jobset["status"])

    async def delete_jobset(self) -> None:
        """There is no JobSet any more."""
        await self.client.delete(JOBSETS, self.namespace, "js")

    async def change(self, *, status: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """Merge something into the JobSet, or into its status."""
        if status is None:
            await self.client.patch(JOBSETS, self.namespace, "js", changes)
        else:
            patch = {"status": status}
            await self.client.patch(JOBSETS, self.namespace, "js", patch, subresource="status")

    async def step(self, previous: int | None, current: int | None) -> None:
        """What the controller would write."""
        attempts = {"previousInPlaceRestartAttempt": previous, "currentInPlaceRestartAttempt": current}
        await self.change(status=attempts)

    async def account(self, pod: str) -> Mapping[str, str]:
        """The variables of a pod's containers."""
        if pod not in self.accounts:
            folder = self.folder / f"account-{pod}"
            variables = await self.open_account(await self.pod(pod), folder)
            self.accounts[pod] = {"JOBSET_NAME": "js", "POD_NAME": pod, **variables}
        return self.accounts[pod]

    async def open_account(self, pod: Any, folder: Path) -> Mapping[str, str]:
        """The variables that lead to the API."""
        raise NotImplementedError

    @asynccontextmanager
    async def an_agent(self, pod: str, **environ: str) -> AsyncIterator[AgentProcess]:
        """An agent in one of the pods."""
        async with an_agent(self.folder, {**await self.account(pod), **environ}) as agent:
            yield agent

    async def pod(self, name: str) -> Any:
        """A pod as it is stored."""
        return await self.client.get(PODS, self.namespace, name)

    async def told(self, pod: str) -> str | None:
        """The attempt that a pod tells."""
        annotations = (await self.pod(pod))["metadata"].get("annotations") or {}
        return annotations.get(keys.IN_PLACE_RESTART_ATTEMPT)

    async def until_told(self, pod: str, attempt: str) -> None:
        """Returns when a pod tells this attempt."""
        async with asyncio.timeout(PATIENCE):
            while await self.told(pod) != attempt:
                await asyncio.sleep(0.02)


@dataclass
class LocalAgentWorld(AgentWorld):
    """The API is one of this process."""

    server: ApiServer = field(kw_only=True)
    api: PodApi = field(kw_only=True)
    transport: LocalTransport = field(kw_only=True)

    async def open_account(self, pod: Any, folder: Path) -> Mapping[str, str]:
        return await self.api.open(pod, "127.0.0.1", str(folder))


@asynccontextmanager
async def a_local_agent_world(folder: Path) -> AsyncIterator[LocalAgentWorld]:
    server = ApiServer(clock=wall_clock, random=Random(1), gates=FeatureGates(in_place_restart=True))
    transport = LocalTransport(server)
    api = PodApi(transport=transport)
    running = asyncio.create_task(api.run())
    try:
        yield LocalAgentWorld(folder, Client(transport), server=server, api=api, transport=transport)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await transport.close()


def a_pod(namespace: str, name: str) -> dict[str, Any]:
    """A pod of the JobSet `js`, which no node will take."""
    metadata = {"name": name, "namespace": namespace, "labels": {keys.JOBSET_NAME: "js"}}
    spec = {
        "serviceAccountName": ACCOUNT,
        "nodeSelector": {"is": "nowhere"},
        "containers": [{"name": "main", "image": "x"}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def a_jobset(namespace: str, **more: Any) -> dict[str, Any]:
    """A JobSet `js`, with little beside what an agent reads."""
    return {
        "apiVersion": JOBSETS.api_version,
        "kind": JOBSETS.kind,
        **more,
        "metadata": {"name": "js", "namespace": namespace, **more.get("metadata", {})},
        "spec": {"replicatedJobs": [in_place("w")], **more.get("spec", {})},
    }


async def until(holds: Callable[[], Any]) -> Any:
    """What something is once it is anything."""
    async with asyncio.timeout(PATIENCE):
        while not (found := holds()):
            await asyncio.sleep(0.02)
    return found


def a_free_port() -> int:
    """A port of this machine that nobody has at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
