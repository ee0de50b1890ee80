"""Where recorded scenarios are played: a local plane in virtual time, and what any plane needs for it."""

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from jobset.api.gates import FeatureGates
from jobset.kube.client import Client, Selection
from jobset.kube.resources import CORE_EVENTS, Resource
from jobset.kube.transport import Request, Response, WatchEvent
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import Clock, run_virtual
from jobset.local.plane import Plane, PlaneOptions
from jobset.local.scripted import Script, ScriptedPods
from tests.golden.outcome import Outcome

NAMESPACE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long pods took to start and requests to be answered when a scenario was recorded."""

    start_seconds: float
    request_seconds: float


PACES = (
    Pace(start_seconds=0.0, request_seconds=0.0),
    Pace(start_seconds=0.4, request_seconds=0.005),
    Pace(start_seconds=0.7, request_seconds=0.06),
    Pace(start_seconds=0.2, request_seconds=0.02),
    Pace(start_seconds=0.9, request_seconds=0.02),
)
"""The recordings do not tell their pace, and some stories have several ends, for example whether a pod was
seen ready in the second before it failed. A case passes when it comes out as recorded at one of these."""


def at_some_pace(play: Callable[[Pace, Clock], Coroutine[Any, Any, Outcome]]) -> Outcome:
    """None when the play comes out as recorded at one pace, else the difference at the first."""
    found = (run_virtual(functools.partial(play, pace)) for pace in PACES)
    differences: list[Outcome] = []
    for difference in found:
        if difference is None:
            return None
        differences.append(difference)
    return differences[0]


def a_node(name: str, **labels: str) -> dict[str, Any]:
    """A roomy node."""
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": {},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


NODES = tuple(a_node(f"node-{pool}", pool=pool) for pool in "abc")


class DistantTransport(LocalTransport):
    """A server whose answers take their time."""

    def __init__(self, server: ApiServer, pace: Pace) -> None:
        super().__init__(server)
        self._pace = pace

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(self._pace.request_seconds)
        return await super().send(request)


def a_plane(clock: Clock, pace: Pace, gates: FeatureGates = FeatureGates()) -> Plane:
    """A plane as the recordings had it: pod changes gathered for a second, claims bound by nobody."""
    return Plane(
        PlaneOptions(
            clock=clock,
            random=Random(7),
            gates=gates,
            nodes=NODES,
            gather_seconds=lambda pods: 1.0,
            waits_for_claims=True,
            transport=lambda server: DistantTransport(server, pace),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A plane as a scenario sees it: a namespace of its own, and pods that live as its script says."""

    client: Client
    namespace: str
    run_beside: Callable[[Coroutine[Any, Any, None]], object]
    play_pods: Callable[[Script], Coroutine[Any, Any, None]]
    """Plays the pods of the namespace for as long as it runs."""

    @property
    def all(self) -> Selection:
        """Everything in the namespace."""
        return Selection(namespace=self.namespace)

    async def watch(self, resource: Resource, see: Callable[[WatchEvent], None]) -> None:
        """Show every event of a resource from now on, until the stage is taken down."""
        listed = await self.client.list(resource, self.all)

        async def follow() -> None:
            version = listed.resource_version
            while True:
                async for event in self.client.watch(resource, version, self.all):
                    version = event.object["metadata"]["resourceVersion"]
                    if event.type != "BOOKMARK":
                        see(event)

        self.run_beside(follow())

    async def counted_events(self, kind: str, name: Callable[[Mapping[str, Any]], str]) -> Counter[str]:
        """How often each event about objects of a kind happened, under the name that `name` gives it."""
        found: Counter[str] = Counter()
        for event in (await self.client.list(CORE_EVENTS, self.all)).items:
            if event["involvedObject"]["kind"] == kind:
                series = event.get("series") or {}
                found[name(event)] += series.get("count") or event.get("count") or 1
        return found


@asynccontextmanager
async def a_local_stage(
    clock: Clock, pace: Pace, gates: FeatureGates = FeatureGates()
) -> AsyncIterator[Stage]:
    """A local plane, in the time that its clock tells."""
    async with a_plane(clock, pace, gates) as plane:

        async def play_pods(script: Script) -> None:
            pods = ScriptedPods(
                client=plane.client, clock=clock, script=script, start_seconds=pace.start_seconds
            )
            await pods.run()

        yield Stage(
            client=plane.client, namespace=NAMESPACE, run_beside=plane.run_beside, play_pods=play_pods
        )


def seconds() -> float:
    """The time of the event loop, virtual or real."""
    return asyncio.get_running_loop().time()


async def until(moment: float) -> None:
    """Wait for a moment of that time."""
    await asyncio.sleep(max(moment - seconds(), 0))
