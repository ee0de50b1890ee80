"""Exclusive placement on a real control plane: how long until all pods have a node.

64 Jobs of 16 pods, on 64 domains of one node each, with the real Job controller and scheduler; the nodes are
played. `make control-plane` builds the programs.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.kubelet import FakeKubelet, a_node
from tests.control_plane.processes import a_control_plane
from tests.control_plane.webhooks import registered_webhooks

from jobset.api import keys
from jobset.controller.placement import PlacementController
from jobset.controller.reconcile import JobSetController
from jobset.controller.settings import Settings
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, Object, Selection
from jobset.kube.resources import JOBSETS, PODS
from jobset.local.clock import wall_clock

JOBS, PODS_PER_JOB = 64, 16
TOPOLOGY = "example.com/rack"
_PATIENCE = 600.0


def measure() -> list[dict[str, object]]:
    """A row without and a row with exclusive placement."""
    return [asyncio.run(_measured(exclusive)) for exclusive in (False, True)]


@dataclass
class Watched:
    """When each pod was made and got its node, in seconds from the creation of the JobSet."""

    begun: float = field(default_factory=monotonic)
    made: dict[str, float] = field(default_factory=dict)
    placed: dict[str, float] = field(default_factory=dict)
    job_of: dict[str, str] = field(default_factory=dict)
    leaders: dict[str, str] = field(default_factory=dict)
    all_placed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, _before: Object | None, after: Object | None) -> None:
        """One pod was made or has changed."""
        if after is None:
            return
        metadata, now = after["metadata"], monotonic() - self.begun
        uid, job = metadata["uid"], metadata["labels"][keys.JOB_KEY]
        self.made.setdefault(uid, now)
        self.job_of[uid] = job
        if metadata["annotations"][keys.JOB_COMPLETION_INDEX] == "0":
            self.leaders[job] = uid
        if after["spec"].get("nodeName"):
            self.placed.setdefault(uid, now)
        if len(self.placed) == JOBS * PODS_PER_JOB:
            self.all_placed.set()

    def waits(self, times: Mapping[str, float]) -> list[float]:
        """How long after its leader had a node each follower came so far, in order."""
        return sorted(
            times[uid] - self.placed[self.leaders[job]]
            for uid, job in self.job_of.items()
            if uid != self.leaders[job]
        )


async def _measured(exclusive: bool) -> dict[str, object]:
    with a_control_plane() as plane:
        install_jobset_crd(plane)
        client = Client(plane.transport())
        nodes = tuple(a_node(f"node-{number}", **{TOPOLOGY: f"rack-{number}"}) for number in range(JOBS))
        kubelet = FakeKubelet(transport=plane.transport(), script=lambda _: "hang", nodes=nodes)
        async with registered_webhooks(plane.folder, client), _workers(client, kubelet):
            watched = Watched()
            pods = WatchCache(client=client, resource=PODS, selection=Selection(namespace="default"))
            pods.listen(watched.take)
            watching = asyncio.create_task(pods.run())
            await pods.synced()
            watched.begun = monotonic()
            await client.create(JOBSETS, a_jobset(exclusive))
            async with asyncio.timeout(_PATIENCE):
                await watched.all_placed.wait()
            watching.cancel()
    return _row(exclusive, watched)


def _row(exclusive: bool, watched: Watched) -> dict[str, object]:
    last = max(watched.placed.values())
    made, placed = watched.waits(watched.made), watched.waits(watched.placed)
    return {
        "placement": "exclusive" if exclusive else "anywhere",
        "pods per second": round(JOBS * PODS_PER_JOB / last, 1),
        "last leader placed, s": max(watched.placed[uid] for uid in watched.leaders.values()),
        "last pod placed, s": last,
        "follower made after its leader was placed, s: median": made[len(made) // 2] if exclusive else "",
        "longest": made[-1] if exclusive else "",
        "follower placed after its leader, s: median": placed[len(placed) // 2] if exclusive else "",
        "longest wait": placed[-1] if exclusive else "",
    }


def a_jobset(exclusive: bool) -> dict[str, Any]:
    """The JobSet that is placed."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]}
    sizes = {"parallelism": PODS_PER_JOB, "completions": PODS_PER_JOB, "backoffLimit": 0}
    rjob = {"name": "w", "replicas": JOBS, "template": {"spec": {**sizes, "template": {"spec": pod}}}}
    annotations = {keys.EXCLUSIVE_TOPOLOGY: TOPOLOGY} if exclusive else {}
    return {
        "apiVersion": JOBSETS.api_version,
        "kind": JOBSETS.kind,
        "metadata": {"name": "placed", "namespace": "default", "annotations": annotations},
        "spec": {"replicatedJobs": [rjob]},
    }


@asynccontextmanager
async def _workers(client: Client, kubelet: FakeKubelet) -> AsyncIterator[None]:
    working = [
        asyncio.create_task(worker)
        for worker in (
            JobSetController(client, wall_clock, Settings()).run(),
            PlacementController(client, wall_clock).run(),
            kubelet.run(),
        )
    ]
    await kubelet.registered()
    try:
        yield
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
