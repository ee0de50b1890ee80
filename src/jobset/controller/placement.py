"""The pod controller of exclusive placement: evict followers that do not follow their leader."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobset.admission.pods import led_key
from jobset.api import keys
from jobset.api.children import ChildPod, read_pod
from jobset.controller.metrics import TurnMetrics
from jobset.controller.parts import EXCLUSIVE_POD_PART, NODE_PART
from jobset.controller.queue import WorkQueue
from jobset.controller.turns import TurnFailed, Turns, synced_or_shut
from jobset.core.placement import EvictPod, decide_placement, disruption_patch, is_scheduled_leader
from jobset.kube.cache import Key, WatchCache, key_of
from jobset.kube.client import Client, DeleteOptions, Object, Selection
from jobset.kube.errors import ApiError, NotFound, TransportError
from jobset.kube.resources import NODES, PODS
from jobset.kube.transport import STRATEGIC_MERGE_PATCH

_JOB_KEY = "job-key"
_LEADER = "leader"
_LED_KEY = "led-key"
_NODE = "node"


@dataclass(slots=True)
class PlacementController:
    """Watches exclusively placed pods; a turn belongs to one scheduled leader."""

    client: Client
    clock: Callable[[], datetime]
    writes_in_flight: int = 50
    pods: WatchCache = field(init=False)
    nodes: WatchCache = field(init=False)
    queue: WorkQueue[Key] = field(default_factory=WorkQueue)
    turns: TurnMetrics = field(default_factory=lambda: TurnMetrics(workers=1))

    def __post_init__(self) -> None:
        self.pods = WatchCache(
            client=self.client,
            resource=PODS,
            part=EXCLUSIVE_POD_PART,
            selection=Selection(label_selector=keys.JOBSET_NAME),
            indexes={
                _JOB_KEY: _exclusive_job_key,
                _LEADER: _leader_job_key,
                _LED_KEY: _led_key,
                _NODE: _leader_node,
            },
        )
        self.nodes = WatchCache(client=self.client, resource=NODES, part=NODE_PART)
        self.pods.listen(self._touch)
        self.nodes.listen(self._touch_leaders_on)

    async def run(self) -> None:
        """Watch and work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watch())
            group.create_task(self.work())

    async def watch(self) -> None:
        """Keep the caches current until cancelled."""
        async with asyncio.TaskGroup() as group:
            for cache in (self.pods, self.nodes):
                group.create_task(cache.run())

    async def work(self) -> None:
        """Take turns, once the caches are full, until the queue is shut."""
        await synced_or_shut(self.synced(), self.queue)
        await Turns(
            name="pod",
            kind="Pod",
            queue=self.queue,
            reconcile=self.reconcile,
            workers=self.turns.workers,
            metrics=self.turns,
        ).run()

    async def synced(self) -> None:
        """Returns when the caches have been filled."""
        await self.pods.synced()
        await self.nodes.synced()

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

    def led(self, namespace: str, leader_key: str) -> Collection[Object]:
        """The pods of a namespace whose names say that they lead the followers of a key."""
        return self.pods.indexed(_LED_KEY, f"{namespace}/{leader_key}")

    def _node_labels(self, name: str) -> Mapping[str, Mapping[str, str]]:
        node = self.nodes.get("", name)
        return {} if node is None else {name: _labels(node)}

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
            # A patch, since only a part of the pod is known here.
            marked = await self.client.patch(
                PODS,
                pod.namespace,
                pod.name,
                disruption_patch(pod, self.clock()),
                content_type=STRATEGIC_MERGE_PATCH,
                subresource="status",
                shape=EXCLUSIVE_POD_PART.shape,
            )
            self.pods.note(marked)
        options = DeleteOptions(propagation_policy="Background", uid=pod.uid or None)
        answer = await self.client.delete(PODS, pod.namespace, pod.name, options)
        self.pods.note_deleted(answer, pod.namespace, pod.name, pod.uid)

    def _touch(self, before: Object | None, after: Object | None) -> None:
        """A change of any pod of a Job is a reason to look at its leader again."""
        pod = after if after is not None else before
        if pod is None:
            return
        for job in _exclusive_job_key(pod):
            self._need_turns(self.pods.indexed(_LEADER, job))

    def _touch_leaders_on(self, before: Object | None, after: Object | None) -> None:
        """A node that moves to another domain takes its leaders along, and nothing need happen to any pod."""
        if after is None or (before is not None and _labels(before) == _labels(after)):
            return
        self._need_turns(self.pods.indexed(_NODE, after["metadata"]["name"]))

    def _need_turns(self, leaders: Iterable[Object]) -> None:
        for leader in leaders:
            if is_scheduled_leader(read_pod(leader)):
                self.queue.add(key_of(leader))


def _exclusive_job_key(pod: Object) -> Iterable[str]:
    metadata = pod["metadata"]
    if keys.EXCLUSIVE_TOPOLOGY in (metadata.get("annotations") or {}):
        yield f"{metadata.get('namespace', '')}/{_labels(pod).get(keys.JOB_KEY, '')}"


def _led_key(pod: Object) -> Iterable[str]:
    if (key := led_key(pod)) is not None:
        yield f"{pod['metadata'].get('namespace', '')}/{key}"


def _leader_job_key(pod: Object) -> Iterable[str]:
    annotations = pod["metadata"].get("annotations") or {}
    if annotations.get(keys.JOB_COMPLETION_INDEX) == "0":
        yield from _exclusive_job_key(pod)


def _leader_node(pod: Object) -> Iterable[str]:
    if any(_leader_job_key(pod)) and (node := pod["spec"].get("nodeName")):
        yield node


def _labels(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}
