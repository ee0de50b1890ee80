"""The in-process API: creates per second with one watcher, and bytes per stored pod."""

import asyncio
import gc
import time
import tracemalloc
from random import Random
from typing import Any

from jobset.kube.client import Client
from jobset.kube.resources import CONFIG_MAPS, PODS, Resource
from jobset.kube.transport import Request
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import wall_clock

COUNT = 10_000


def a_config_map(index: int) -> dict[str, Any]:
    """The smallest useful object."""
    return {"metadata": {"name": f"m-{index}", "namespace": "default"}, "data": {"k": "v"}}


def a_pod(index: int) -> dict[str, Any]:
    """A pod as the Job controller makes it for a JobSet."""
    job = f"train-workers-{index // 10}"
    labels = {
        "jobset.sigs.k8s.io/jobset-name": "train",
        "jobset.sigs.k8s.io/replicatedjob-name": "workers",
        "jobset.sigs.k8s.io/job-index": str(index // 10),
        "batch.kubernetes.io/job-name": job,
        "batch.kubernetes.io/job-completion-index": str(index % 10),
        "job-name": job,
    }
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": job,
        "uid": f"{index // 10:08d}-0000-4000-8000-000000000000",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    index_path = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    env = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": index_path}}}
    container = {"name": "c", "image": "python", "command": ["python", "train.py"], "env": [env]}
    return {
        "metadata": {
            "name": f"{job}-{index % 10}-{index}",
            "namespace": "default",
            "labels": labels,
            "annotations": dict(labels),
            "finalizers": ["batch.kubernetes.io/job-tracking"],
            "ownerReferences": [owner],
        },
        "spec": {"restartPolicy": "Never", "subdomain": "train", "hostname": job, "containers": [container]},
    }


async def _creates_per_second(resource: Resource, make: Any, count: int) -> float:
    server = ApiServer(clock=wall_clock, random=Random(0))
    transport = LocalTransport(server)
    client = Client(transport)
    seen = 0

    async def watch() -> None:
        nonlocal seen
        async for _ in client.watch(resource, str(server.store.version)):
            seen += 1
            if seen == count:
                return

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    bodies = [make(index) for index in range(count)]
    path = resource.path("default")
    begin = time.perf_counter()
    for body in bodies:
        await transport.send(Request(method="POST", path=path, body=body))
    await watcher
    return count / (time.perf_counter() - begin)


def _bytes_per_object(resource: Resource, make: Any, count: int) -> float:
    server = ApiServer(clock=wall_clock, random=Random(0))
    path = resource.path("default")
    server.handle(Request(method="POST", path=path, body=make(count)))
    gc.collect()
    tracemalloc.start()
    for index in range(count):
        server.handle(Request(method="POST", path=path, body=make(index)))
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / count


def measure(count: int = COUNT) -> list[dict[str, object]]:
    """One row per number; rates are per second on one core, with one watcher that sees everything."""
    config_maps = asyncio.run(_creates_per_second(CONFIG_MAPS, a_config_map, count))
    pods = asyncio.run(_creates_per_second(PODS, a_pod, count))
    size = _bytes_per_object(PODS, a_pod, max(count // 5, 1))
    return [
        {
            "what": "ConfigMap creates per second, one watcher",
            "measured": round(config_maps),
            "aim": "20,000",
        },
        {"what": "Pod creates per second, one watcher", "measured": round(pods), "aim": ""},
        {"what": "bytes per stored pod", "measured": round(size), "aim": "10,000"},
    ]


if __name__ == "__main__":
    for row in measure():
        print(row)
