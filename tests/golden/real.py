"""Plays recorded cases on a real control plane: in real time, several at once, each in its own namespace."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import uuid4

from jobset.controller.placement import PlacementController
from jobset.controller.reconcile import JobSetController
from jobset.controller.settings import Settings
from jobset.kube.client import Client, Selection
from jobset.kube.resources import JOBS, JOBSETS, NAMESPACES, PODS
from jobset.kube.transport import Request, Transport
from jobset.local.clock import wall_clock
from jobset.local.scripted import Script
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.kubelet import FakeKubelet, a_node, register_nodes
from tests.control_plane.processes import ControlPlane, a_control_plane
from tests.control_plane.webhooks import registered_webhooks
from tests.golden import jobs_adapter, jobsets_adapter, requests_adapter
from tests.golden.outcome import Outcome
from tests.golden.worlds import Stage

Case = Mapping[str, Any]
Tell = Callable[[Case, Outcome], None]

NODES = tuple(a_node(f"node-{pool}", pool=pool) for pool in "abc")
PAUSES = (requests_adapter.BETWEEN_STEPS, 0.5, 2.0)
"""Seconds between the steps of a story, at each attempt: the recorded controllers were quicker than the next
request, and on a busy machine they need longer."""
START_SECONDS = (0.3, 0.6, 0.1, 0.9, 0.45, 1.3, 1.5)
"""How long pods take to start, at each attempt to play a scenario: some have several ends, and one machine
is quicker than another."""
AT_ONCE = 8
_POLL = 0.2
EXCLUSIVE = "alpha.jobset.sigs.k8s.io/exclusive-topology"


def play_all(cases: Iterable[Case], tell: Tell) -> None:
    """Play cases, each of their worlds on a control plane of its own, and tell what each case came to."""
    for world, group in groupby(sorted(cases, key=_world_of), key=_world_of):
        with a_control_plane() as plane:
            asyncio.run(_play_in(world, list(group), plane, tell))


@dataclass(frozen=True, slots=True, order=True)
class World:
    """What was around the recorded cases beside Kubernetes."""

    pools: bool
    """Three nodes, in pools."""
    gates: str
    """The JobSet controller with these feature gates; `-`: no such controller."""
    at_once: int = AT_ONCE


def _world_of(case: Case) -> World:
    if "steps" in case:
        return World(pools=False, gates="-")
    # Exclusive placement keeps away from the JobSets of all namespaces.
    at_once = 1 if EXCLUSIVE in json.dumps(case) else AT_ONCE
    return World(pools=True, gates=case.get("gates", "-"), at_once=at_once)


async def _play_in(world: World, cases: list[Case], plane: ControlPlane, tell: Tell) -> None:
    async with AsyncExitStack() as stack:
        # Recorded answers are those of the server, not what a patient client makes of them.
        transport = plane.transport(retries=0)
        stack.push_async_callback(transport.close)
        await register_nodes(transport, NODES if world.pools else (a_node(requests_adapter.NODE),))
        if world.gates != "-":
            install_jobset_crd(plane)
            await stack.enter_async_context(_jobset_controllers(plane, world.gates))
        at_once = asyncio.Semaphore(world.at_once)

        async def play(case: Case) -> None:
            async with at_once:
                tell(case, await _play(case, transport))

        async with asyncio.TaskGroup() as group:
            for case in cases:
                group.create_task(play(case))


async def _play(case: Case, transport: Transport) -> Outcome:
    """None when the case comes out as recorded at one pace, else the difference at the first."""
    differences: list[Outcome] = []
    for pace in PAUSES if "steps" in case else START_SECONDS:
        difference = await _play_at(pace, case, transport)
        if difference is None:
            return None
        differences.append(difference)
    return differences[0]


async def _play_at(pace: float, case: Case, transport: Transport) -> Outcome:
    if "steps" in case:
        return await requests_adapter.play(case, transport, _new_name(), pace)
    play = jobs_adapter.play if "restartPolicy" in case else jobsets_adapter.play
    async with _a_real_stage(transport, pace) as stage:
        return await play(case, stage)


@asynccontextmanager
async def _a_real_stage(transport: Transport, start_seconds: float) -> AsyncIterator[Stage]:
    client, namespace = Client(transport), _new_name()
    await client.create(NAMESPACES, {"metadata": {"name": namespace}})

    async def play_pods(script: Script) -> None:
        kubelet = FakeKubelet(
            transport=transport, script=script, nodes=(), namespace=namespace, start_seconds=start_seconds
        )
        await kubelet.run()

    async with _workers() as run_beside:
        yield Stage(client=client, namespace=namespace, run_beside=run_beside, play_pods=play_pods)
        # Its pods have their grace before nobody plays them any more.
        for resource in (JOBSETS, JOBS):
            query = {"propagationPolicy": "Background"}
            await transport.send(Request(method="DELETE", path=resource.path(namespace), query=query))
        while (await client.list(PODS, Selection(namespace=namespace))).items:
            await asyncio.sleep(_POLL)


@asynccontextmanager
async def _jobset_controllers(plane: ControlPlane, gates: str) -> AsyncIterator[None]:
    client, read = Client(plane.transport()), jobsets_adapter.read_gates(gates)
    try:
        async with registered_webhooks(plane.folder, client, read), _workers() as run_beside:
            run_beside(JobSetController(client, wall_clock, Settings(gates=read)).run())
            run_beside(PlacementController(client, wall_clock).run())
            yield
    finally:
        await client.close()


@asynccontextmanager
async def _workers() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], object]]:
    """Runs things beside the block; one that fails fails the block."""
    tasks: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as group:

        def run_beside(worker: Coroutine[Any, Any, None]) -> object:
            tasks.append(group.create_task(worker))
            return tasks[-1]

        yield run_beside
        for task in tasks:
            task.cancel()


def _new_name() -> str:
    return f"golden-{uuid4()}"
