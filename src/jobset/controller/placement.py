"""The pod controller of exclusive placement: evict followers that do not follow their leader."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobset.api import keys
from jobset.api.children import ChildPod, read_pod
from jobset.controller.queue import WorkQueue
from jobset.controller.turns import TurnFailed, Turns
from jobset.core.placement import EvictPod, decide_placement, disruption_status, is_scheduled_leader
from jobset.kube.cache import Key, WatchCache, key_of
from jobset.kube.client import Client, DeleteOptions, Object, Selection
from jobset.kube.errors import ApiError, NotFound, TransportError
from jobset.kube.resources import NODES, PODS

_JOB_KEY = "job-key"
_LEADER = "leader"


@dataclass(slots=True)
class PlacementController:
    """Watches exclusively placed pods; a turn belongs to one scheduled leader."""

    client: Client
    clock: Callable[[], datetime]
    writes_in_flight: int = 50
    pods: WatchCache = field(init=False)
    nodes: WatchCache = field(init=False)
    queue: WorkQueue[Key] = field(default_factory=WorkQueue)

    def __post_init__(self) -> None:
        self.pods = WatchCache(
            client=self.client,
            resource=PODS,
            selection=Selection(label_selector=keys.JOB_KEY),
            indexes={_JOB_KEY: _exclusive_job_key, _LEADER: _leader_job_key},
        )
        self.nodes = WatchCache(client=self.client, resource=NODES)
        self.pods.listen(self._touch)

    async def run(self) -> None:
        """Fill the caches, then work until cancelled."""
        turns = Turns(name="pod", queue=self.queue, reconcile=self.reconcile, workers=1)
        async with asyncio.TaskGroup() as group:
            for cache in (self.pods, self.nodes):
                group.create_task(cache.run())
            await self.pods.synced()
            await self.nodes.synced()
            group.create_task(turns.run())

    async def reconcile(self, key: Key) -> timedelta | None:
        """One turn for one leader pod.

        Raises:
            TurnFailed: the leader's place is unknown, or an eviction was refused.
        """
        raw = self.pods.get(*key)
        if raw is None or not is_scheduled_leader(leader := read_pod(raw)):
            return None
        job = f"{leader.namespace}/{leader.job_key}"
        siblings = [read_pod(pod) for pod in self.pods.indexed(_JOB_KEY, job)]
        plan = decide_placement(leader, siblings, self._node_labels(leader.node))
        if plan.error is not None:
            raise TurnFailed(plan.error)
        await self.evict(plan.evictions)
        return None

    def _node_labels(self, name: str) -> Mapping[str, Mapping[str, str]]:
        node = self.nodes.get("", name)
        return {} if node is None else {name: node["metadata"].get("labels") or {}}

    async def evict(self, evictions: Iterable[EvictPod]) -> None:
        """Mark and delete pods, all of them, even when some are refused.

        Raises:
            TurnFailed: an eviction was refused.
        """
        waiting, refused = iter(evictions), list[Exception]()

        async def work() -> None:
            for eviction in waiting:
                try:
                    await self._evict(eviction.pod)
                except NotFound:
                    continue
                except (ApiError, TransportError) as error:
                    refused.append(error)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.writes_in_flight):
                group.create_task(work())
        if refused:
            raise TurnFailed("\n".join(str(error) for error in refused)) from ExceptionGroup(
                "refused", refused
            )

    async def _evict(self, pod: ChildPod) -> None:
        if not pod.is_disruption_target:
            body = {**pod.raw, "status": disruption_status(pod, self.clock())}
            self.pods.note(await self.client.update_status(PODS, body))
        options = DeleteOptions(propagation_policy="Background", uid=pod.uid or None)
        await self.client.delete(PODS, pod.namespace, pod.name, options)

    def _touch(self, before: Object | None, after: Object | None) -> None:
        """A change of any pod of a Job is a reason to look at its leader again."""
        pod = after if after is not None else before
        if pod is None:
            return
        for job in _exclusive_job_key(pod):
            for leader in self.pods.indexed(_LEADER, job):
                if is_scheduled_leader(read_pod(leader)):
                    self.queue.add(key_of(leader))


def _exclusive_job_key(pod: Object) -> Iterable[str]:
    metadata = pod["metadata"]
    if keys.EXCLUSIVE_TOPOLOGY in (metadata.get("annotations") or {}):
        yield f"{metadata.get('namespace', '')}/{(metadata.get('labels') or {}).get(keys.JOB_KEY, '')}"


def _leader_job_key(pod: Object) -> Iterable[str]:
    annotations = pod["metadata"].get("annotations") or {}
    if annotations.get(keys.JOB_COMPLETION_INDEX) == "0":
        yield from _exclusive_job_key(pod)
