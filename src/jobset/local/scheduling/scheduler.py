"""The scheduler's shell: watches pods and nodes, binds what fits, says why the rest waits."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from jobset.api.times import format_time
from jobset.kube.cache import Listener, WatchCache
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError, Conflict, Invalid, NotFound, TransportError
from jobset.kube.resources import NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PODS, Resource
from jobset.kube.transport import STRATEGIC_MERGE_PATCH
from jobset.local.kubelet.ports import Recorder
from jobset.local.scheduling.decide import Bind, Unschedulable, schedule
from jobset.local.scheduling.nodes import Cluster, read_node
from jobset.local.scheduling.pods import PodFacts, read_pod
from jobset.local.scheduling.waiting import WaitingPods

log = logging.getLogger(__name__)

NAME = "default-scheduler"
_RETRY_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """Gives every pod of this scheduler a node, one pod after the other; `run` lasts until it is cancelled.

    `waits_for_claims`: a pod waits until its PersistentVolumeClaims are bound, not only until they exist.
    """

    client: Client
    clock: Callable[[], datetime]
    recorder: Recorder
    waits_for_claims: bool = False
    cluster: Cluster = field(default_factory=Cluster)
    _waiting: WaitingPods = field(default_factory=WaitingPods)
    _objects: dict[str, Object] = field(default_factory=dict)
    """The waiting pods as stored, by uid."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Work for ever; ends by cancellation."""
        caches = (
            self._cache(NODES, self._node_changed),
            self._cache(NAMESPACES, self._namespace_changed),
            self._cache(PERSISTENT_VOLUME_CLAIMS, self._claim_changed),
            self._cache(PODS, self._pod_changed),
        )
        async with asyncio.TaskGroup() as group:
            for cache in caches:
                group.create_task(cache.run())
            for cache in caches:
                await cache.synced()
            group.create_task(self._work())

    def _cache(self, resource: Resource, listener: Listener) -> WatchCache:
        cache = WatchCache(client=self.client, resource=resource)
        cache.listen(listener)
        return cache

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            await self._pass()
            await self._wake.wait()

    async def _pass(self) -> None:
        """Try every pod that is due once."""
        for pod in self._waiting.due(self.cluster):
            try:
                await self._try(pod)
            except (NotFound, Conflict, Invalid):
                # Gone, bound or changed meanwhile: the watch tells which.
                self._waiting.refused(pod, self.cluster)
            except (ApiError, TransportError) as error:
                log.warning("pod not scheduled", extra={"pod": "/".join(pod.key), "error": str(error)})
                asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._retry, pod)

    def _retry(self, pod: PodFacts) -> None:
        if (stored := self._objects.get(pod.uid)) is not None:
            self._waiting.drop(pod)
            self._waiting.put(read_pod(stored))
            self._wake.set()

    async def _try(self, pod: PodFacts) -> None:
        stored = self._objects.get(pod.uid)
        if stored is None:
            return
        verdict = schedule(pod, self.cluster)
        match verdict:
            case Bind(node=node):
                await self._bind(pod, stored, node)
            case Unschedulable(message=message):
                self._waiting.refused(pod, self.cluster)
                await self._refuse(stored, message)

    async def _bind(self, pod: PodFacts, stored: Object, node: str) -> None:
        await self.client.bind(pod.namespace, pod.name, node)
        # Counted at once: the watch may tell only after the next verdict.
        self._forget(pod)
        self.cluster.put_pod(replace(pod, node=node))
        # A pod that others want near can help them.
        self.cluster.version += 1
        self.recorder.event(
            stored, "Normal", "Scheduled", f"Successfully assigned {pod.namespace}/{pod.name} to {node}"
        )

    async def _refuse(self, stored: Object, message: str) -> None:
        if _is_told(stored, message):
            return
        metadata = stored["metadata"]
        known = _condition(stored)
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "observedGeneration": metadata.get("generation", 0),
            "lastProbeTime": None,
            "lastTransitionTime": known["lastTransitionTime"]
            if known is not None and known["status"] == "False"
            else format_time(self.clock()),
        }
        patch = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [condition]}}
        answer = await self.client.patch(
            PODS,
            metadata["namespace"],
            metadata["name"],
            patch,
            content_type=STRATEGIC_MERGE_PATCH,
            subresource="status",
        )
        if metadata["uid"] in self._objects:
            self._objects[metadata["uid"]] = answer
        self.recorder.event(stored, "Warning", "FailedScheduling", message)

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        if before is not None and after is not None and _concern(before) == _concern(after):
            if after["metadata"]["uid"] in self._objects:
                self._objects[after["metadata"]["uid"]] = after
            return
        if after is None:
            assert before is not None
            gone = read_pod(before)
            self._forget(gone)
            self.cluster.drop_pod(gone)
        else:
            self._take(read_pod(after), after)
        self._wake.set()

    def _take(self, pod: PodFacts, stored: Object) -> None:
        if pod.node or pod.is_over:
            self._forget(pod)
            is_new = bool(pod.node) and not pod.is_over and not self.cluster.is_placed(pod)
            self.cluster.put_pod(pod)
            self.cluster.version += is_new
        elif pod.is_gated or pod.is_terminating or pod.scheduler != NAME:
            self._forget(pod)
        else:
            self._objects[pod.uid] = stored
            self._waiting.put(pod)

    def _forget(self, pod: PodFacts) -> None:
        self._waiting.drop(pod)
        self._objects.pop(pod.uid, None)

    def _node_changed(self, before: Object | None, after: Object | None) -> None:
        if after is not None:
            self.cluster.put_node(read_node(after))
        elif before is not None:
            self.cluster.drop_node(before["metadata"]["name"])
        self._wake.set()

    def _namespace_changed(self, before: Object | None, after: Object | None) -> None:
        namespace = after or before
        assert namespace is not None
        self.cluster.namespaces[namespace["metadata"]["name"]] = namespace["metadata"].get("labels") or {}

    def _claim_changed(self, before: Object | None, after: Object | None) -> None:
        claim = after or before
        assert claim is not None
        key = claim["metadata"]["namespace"], claim["metadata"]["name"]
        if after is None:
            self.cluster.claims.pop(key, None)
        else:
            is_bound = (after.get("status") or {}).get("phase") == "Bound"
            self.cluster.claims[key] = is_bound or not self.waits_for_claims
        self.cluster.version += 1
        self._wake.set()


def _concern(pod: Object) -> tuple[object, ...]:
    """What of a pod can change where it or another one goes."""
    metadata = pod["metadata"]
    phase = (pod.get("status") or {}).get("phase")
    is_over = phase in ("Succeeded", "Failed")
    return metadata["uid"], metadata.get("labels"), "deletionTimestamp" in metadata, is_over, pod["spec"]


def _condition(pod: Object) -> Object | None:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == "PodScheduled"), None)


def _is_told(pod: Object, message: str) -> bool:
    condition = _condition(pod)
    return condition is not None and (condition.get("reason"), condition.get("message")) == (
        "Unschedulable",
        message,
    )
