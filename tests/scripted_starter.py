"""A starter whose containers are a script in virtual time, and a small world with a kubelet around it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from jobset.kube.client import Client, DeleteOptions
from jobset.kube.errors import NotFound
from jobset.kube.resources import NODES, PODS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import Clock
from jobset.local.kubelet.claims import ClaimController
from jobset.local.kubelet.directories import Paths
from jobset.local.kubelet.kubelet import Kubelet
from jobset.local.kubelet.ports import OneAddress
from jobset.local.kubelet.services import NodeSettings
from jobset.local.processes.starter import Abilities, ExecResult, Exit, Launch, StartFailed


@dataclass(frozen=True, kw_only=True)
class Act:
    """What one start of a program does."""

    seconds: float = 1e9
    """How long it runs when nobody stops it."""
    code: int = 0
    output: bytes = b""
    stop_seconds: float = 0.0
    """How long it takes to end after SIGTERM, with 143; at SIGKILL it ends at once, with 137."""
    message: str = ""
    refuse: StartFailed | None = None


Script = Callable[[Launch, int], Act]
"""What happens at a start; the number counts the starts of the same command line."""
Answers = Callable[[tuple[str, ...], float], ExecResult]


def for_ever(_launch: Launch, _number: int) -> Act:
    return Act()


def healthy(_argv: tuple[str, ...], _now: float) -> ExecResult:
    return ExecResult(code=0, output=b"")


@dataclass(eq=False)
class ScriptedProcess:
    act: Act
    launch: Launch
    answers: Answers
    signals: list[int] = field(default_factory=list)
    pid: int = 1
    _ended: asyncio.Future[Exit] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def begin(self) -> None:
        os.write(self.launch.stdout, self.act.output)
        for mount in self.launch.mounts:
            if mount.target == "/dev/termination-log" and self.act.message:
                Path(mount.source).write_text(self.act.message)
        asyncio.get_running_loop().call_later(self.act.seconds, self._end, Exit(code=self.act.code))

    async def wait(self) -> Exit:
        return await asyncio.shield(self._ended)

    def signal(self, number: int) -> None:
        self.signals.append(number)
        asyncio.get_running_loop().call_later(
            self.act.stop_seconds, self._end, Exit(code=128 + number, signal=number)
        )

    def kill(self) -> None:
        self.signals.append(9)
        self._end(Exit(code=137, signal=9))

    async def exec(self, argv: tuple[str, ...], env: Mapping[str, str], timeout: float) -> ExecResult:
        result = self.answers(argv, asyncio.get_running_loop().time())
        if result.code is None:
            await asyncio.sleep(timeout)
        return result

    def _end(self, exit: Exit) -> None:
        if not self._ended.done():
            self._ended.set_result(exit)


@dataclass
class ScriptedStarter:
    script: Script = for_ever
    answers: Answers = healthy
    abilities: Abilities = field(
        default_factory=lambda: Abilities(own_hosts=True, own_mounts=True, own_processes=True)
    )
    launches: list[Launch] = field(default_factory=list)
    processes: list[ScriptedProcess] = field(default_factory=list)
    starts: list[tuple[float, str]] = field(default_factory=list)

    async def start(self, launch: Launch) -> ScriptedProcess:
        number = sum(earlier.argv == launch.argv for earlier in self.launches)
        self.launches.append(launch)
        act = self.script(launch, number)
        if act.refuse is not None:
            raise act.refuse
        self.starts.append((asyncio.get_running_loop().time(), launch.argv[0]))
        process = ScriptedProcess(act, launch, self.answers)
        self.processes.append(process)
        process.begin()
        return process

    async def close(self) -> None:
        for process in self.processes:
            process.kill()


@dataclass
class Events:
    """A recorder that keeps what it is told."""

    seen: list[tuple[str, str]] = field(default_factory=list)

    def event(
        self, regarding: Mapping[str, Any], type: str, reason: str, note: str, *, field_path: str = ""
    ) -> None:
        self.seen.append((reason, note))

    def of(self, reason: str) -> list[str]:
        return [note for seen, note in self.seen if seen == reason]


@dataclass
class World:
    """An API server with one node and its kubelet."""

    client: Client
    starter: Any
    kubelet: Kubelet
    events: Events
    lines: list[str]
    notices: list[str]
    paths: Paths

    async def create(self, **spec: Any) -> Mapping[str, Any]:
        metadata = {"name": "p", "namespace": "default"} | spec.pop("metadata", {})
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"nodeName": "node", "restartPolicy": "Never", **spec},
        }
        return await self.client.create(PODS, pod)

    async def pod(self, name: str = "p") -> Mapping[str, Any] | None:
        try:
            return await self.client.get(PODS, "default", name)
        except NotFound:
            return None

    async def status(self, name: str = "p") -> Any:
        pod = await self.pod(name)
        assert pod is not None
        return pod["status"]

    async def until(self, holds: Callable[[Any], bool], name: str = "p", limit: float = 5000.0) -> Any:
        """The pod's status as soon as the kubelet has written one of which `holds` is true."""
        async with asyncio.timeout(limit):
            while True:
                pod = await self.pod(name)
                if pod is not None and "containerStatuses" in pod["status"] and holds(pod["status"]):
                    return pod["status"]
                await asyncio.sleep(0.05)

    async def until_phase(self, phase: str, name: str = "p", limit: float = 5000.0) -> Any:
        return await self.until(lambda status: status.get("phase") == phase, name, limit)

    async def until_gone(self, name: str = "p", limit: float = 5000.0) -> None:
        async with asyncio.timeout(limit):
            while await self.pod(name) is not None:
                await asyncio.sleep(0.05)

    async def delete(self, name: str = "p", grace: int | None = None) -> None:
        await self.client.delete(PODS, "default", name, DeleteOptions(grace_period_seconds=grace))


def a_container(name: str = "main", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "x", "command": [name], **fields}


@asynccontextmanager
async def a_world(
    clock: Clock, directory: Path, starter: Any, *, addresses: Any = None, **settings: Any
) -> AsyncIterator[World]:
    """A world at work, its kubelet's files under `directory`."""
    client = Client(LocalTransport(ApiServer(clock=clock, random=Random(1))))
    await client.create(NODES, {"metadata": {"name": "node"}})
    paths = Paths(
        pods=str(directory / "pods"), logs=str(directory / "logs"), claims=str(directory / "claims")
    )
    events, lines, notices = Events(), list[str](), list[str]()
    kubelet = Kubelet(
        client=client,
        starter=starter,
        settings=NodeSettings(node_name="node", **settings),
        paths=paths,
        addresses=addresses or OneAddress(),
        clock=clock,
        recorder=events,
        log_listeners=[lambda written: lines.extend(written.texts())],
        tell=notices.append,
    )
    claims = ClaimController(client=client, paths=paths)
    tasks = [asyncio.create_task(kubelet.run()), asyncio.create_task(claims.run())]
    try:
        yield World(client, starter, kubelet, events, lines, notices, paths)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
