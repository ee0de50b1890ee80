"""A local plane in virtual time with scripted pods, as recorded scenarios need it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from jobset.api.gates import FeatureGates
from jobset.kube.client import Client, Selection
from jobset.kube.resources import CORE_EVENTS, Resource
from jobset.kube.transport import WatchEvent
from jobset.local.clock import Clock
from jobset.local.plane import Plane, PlaneOptions
from jobset.local.scripted import Script, ScriptedPods

NAMESPACE = "default"


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


def a_plane(clock: Clock, gates: FeatureGates = FeatureGates()) -> Plane:
    """A plane as the recordings had it: pod changes gathered for a second, claims bound by nobody."""
    return Plane(
        PlaneOptions(
            clock=clock,
            random=Random(7),
            gates=gates,
            nodes=NODES,
            gather_seconds=lambda pods: 1.0,
            waits_for_claims=True,
        )
    )


def play_pods(plane: Plane, script: Script) -> None:
    """Let scripted pods run on the plane's nodes."""
    scripted = ScriptedPods(client=plane.client, clock=plane.options.clock, script=script)
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
