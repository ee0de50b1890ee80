"""The end of a namespace: everything in it is deleted, then it is allowed to go."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import TypeAlias

from jobset.controller.queue import WorkQueue
from jobset.controller.turns import Turns
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, DeleteOptions, Object, Selection
from jobset.kube.errors import NotFound
from jobset.kube.resources import JOBSETS, NAMESPACES, Resource
from jobset.local.kinds.registry import KINDS

Name: TypeAlias = str

EMPTIED: tuple[Resource, ...] = (
    *(rules.resource for rules in KINDS.values() if rules.resource.namespaced),
    JOBSETS,
)
_LOOK_AGAIN = timedelta(seconds=1)
_FINALIZER = "kubernetes"


class NamespaceController:
    """Empties namespaces that are being deleted."""

    def __init__(self, client: Client, resources: Iterable[Resource] = EMPTIED) -> None:
        self._client = client
        self._resources = tuple(r for r in resources if r.group != "events.k8s.io")
        self._queue: WorkQueue[Name] = WorkQueue()
        self._turns = Turns(
            name="namespace controller", queue=self._queue, reconcile=self._reconcile, workers=2
        )
        self._cache = WatchCache(client=client, resource=NAMESPACES)
        self._cache.listen(self._seen)

    async def run(self) -> None:
        """Work for ever; ends by cancellation."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._cache.run())
            await self._cache.synced()
            group.create_task(self._turns.run())

    def _seen(self, _: Object | None, after: Object | None) -> None:
        if after is not None and "deletionTimestamp" in after["metadata"]:
            self._queue.add(after["metadata"]["name"])

    async def _reconcile(self, name: Name) -> timedelta | None:
        namespace = self._cache.get("", name)
        if namespace is None or _FINALIZER not in (namespace["spec"].get("finalizers") or ()):
            return None
        left = 0
        for resource in self._resources:
            left += await self._empty(resource, name)
        if left:
            return _LOOK_AGAIN
        with suppress(NotFound):
            await self._finalize(name)
        return None

    async def _empty(self, resource: Resource, namespace: Name) -> int:
        """Delete what is there; how many objects are left."""
        present = await self._client.list(resource, Selection(namespace=namespace))
        for item in present.items:
            if "deletionTimestamp" not in item["metadata"]:
                await self._delete(resource, namespace, item["metadata"]["name"])
        if not present.items:
            return 0
        return len((await self._client.list(resource, Selection(namespace=namespace))).items)

    async def _delete(self, resource: Resource, namespace: Name, name: str) -> None:
        options = DeleteOptions(propagation_policy="Background")
        with suppress(NotFound):
            await self._client.delete(resource, namespace, name, options)

    async def _finalize(self, name: Name) -> None:
        namespace = await self._client.get(NAMESPACES, None, name)
        kept = [f for f in namespace["spec"].get("finalizers") or () if f != _FINALIZER]
        body = {**namespace, "spec": {**namespace["spec"], "finalizers": kept}}
        await self._client.update_part(NAMESPACES, body, "finalize")
