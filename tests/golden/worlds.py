"""A local plane in virtual time with scripted pods, as recorded scenarios need it."""

import asyncio
import functools
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
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


def play_pods(plane: Plane, pace: Pace, script: Script) -> None:
    """Let scripted pods run on the plane's nodes."""
    scripted = ScriptedPods(
        client=plane.client, clock=plane.options.clock, script=script, start_seconds=pace.start_seconds
    )
    plane.run_beside(scripted.run())


async def watch(plane: Plane, resource: Resource, see: Callable[[WatchEvent], None]) -> None:
    """Show every event of a resource from now on, until the plane ends."""
    listed = await plane.client.list(resource, Selection(namespace=NAMESPACE))

    async def follow() -> None:
        version = listed.resource_version
        while True:
            async for event in plane.client.watch(resource, version, Selection(namespace=NAMESPACE)):
                version = event.object["metadata"]["resourceVersion"]
                if event.type != "BOOKMARK":
                    see(event)

    plane.run_beside(follow())


def seconds() -> float:
    """The virtual time."""
    return asyncio.get_running_loop().time()


async def until(moment: float) -> None:
    """Wait for a moment of virtual time."""
    await asyncio.sleep(max(moment - seconds(), 0))


async def counted_events(client: Client, kind: str, name: Callable[[Mapping[str, Any]], str]) -> Counter[str]:
    """How often each event about objects of a kind happened, under the name that `name` gives it."""
    found: Counter[str] = Counter()
    for event in (await client.list(CORE_EVENTS, Selection(namespace=NAMESPACE))).items:
        if event["involvedObject"]["kind"] == kind:
            series = event.get("series") or {}
            found[name(event)] += series.get("count") or event.get("count") or 1
    return found
