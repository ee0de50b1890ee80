"""A Job with many pods without processes, from its creation to its end, in virtual time."""

import asyncio
import gc
import random
import time

from jobset.kube.client import Selection
from jobset.kube.resources import JOBS
from jobset.local.clock import run_virtual
from jobset.local.plane import Plane, PlaneOptions
from jobset.local.scripted import ScriptedPods

SIZES = (100, 300, 1000, 3000)


def measure() -> list[dict[str, object]]:
    """One row per number of pods; the wall time per pod should not grow."""
    rows: list[dict[str, object]] = []
    for pods in SIZES:
        gc.collect()
        seconds = run_virtual(lambda clock, pods=pods: complete(clock, pods))
        per_pod = seconds / pods
        first = per_pod if not rows else rows[0]["ms per pod"] / 1000
        rows.append(
            {
                "pods": pods,
                "create to complete, s": seconds,
                "ms per pod": per_pod * 1000,
                f"against {SIZES[0]} pods": per_pod / first,
            }
        )
    return rows


async def complete(clock, pods: int) -> float:
    """The wall time in which a Job of so many pods completes."""
    options = PlaneOptions(clock=clock, random=random.Random(1), nodes=(_node(pods),))
    async with Plane(options) as plane:
        scripted = ScriptedPods(client=plane.client, clock=clock, script=lambda _: "succeed")
        plane.run_beside(scripted.run())
        begun = time.perf_counter()
        await plane.client.create(JOBS, _job(pods))
        finished = Selection(namespace="default", field_selector=f"status.successful={pods}")
        while not (await plane.client.list(JOBS, finished)).items:
            await asyncio.sleep(0.5)
        return time.perf_counter() - begun


def _node(pods: int) -> dict[str, object]:
    capacity = {"cpu": "1k", "memory": "1Ti", "pods": str(pods)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node"},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def _job(pods: int) -> dict[str, object]:
    container = {"name": "main", "image": "none", "command": ["true"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job", "namespace": "default"},
        "spec": {
            "completions": pods,
            "parallelism": pods,
            "completionMode": "Indexed",
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
