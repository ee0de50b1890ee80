"""The end of deleted pods that no kubelet knows, since they never got a node."""

import asyncio
from datetime import timedelta

from jobset.controller.queue import WorkQueue
from jobset.controller.turns import Turns
from jobset.kube.cache import Key, WatchCache, key_of
from jobset.kube.client import Client, DeleteOptions, Object, Selection
from jobset.kube.errors import Conflict, Invalid, NotFound
from jobset.kube.resources import PODS


class PodCollector:
    """Marks such pods as failed, so that whoever holds them with a finalizer sees that they are over.

    # compat: the pod garbage collector of a cluster does so within twenty seconds.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        nowhere = Selection(field_selector="spec.nodeName=")
        self._pods = WatchCache(client=client, resource=PODS, selection=nowhere)
        self._pods.listen(self._seen)
        self._queue: WorkQueue[Key] = WorkQueue()
        self._turns = Turns(name="pod collector", queue=self._queue, reconcile=self._reconcile, workers=1)

    async def run(self) -> None:
        """Work for ever; ends by cancellation."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pods.run())
            group.create_task(self._turns.run())

    def _seen(self, _: Object | None, after: Object | None) -> None:
        if after is not None and is_forsaken(after):
            self._queue.add(key_of(after))

    async def _reconcile(self, key: Key) -> timedelta | None:
        pod = self._pods.get(*key)
        if pod is None or not is_forsaken(pod):
            return None
        namespace, name = key
        uid = pod["metadata"]["uid"]
        failed = {"metadata": {"uid": uid}, "status": {"phase": "Failed"}}
        try:
            await self._client.patch(PODS, namespace, name, failed, subresource="status")
            await self._client.delete(PODS, namespace, name, DeleteOptions(grace_period_seconds=0, uid=uid))
        except (NotFound, Conflict, Invalid):
            # Gone, or another pod has its name now.
            pass
        return None


def is_forsaken(pod: Object) -> bool:
    """Whether a pod without a node is deleted and not over: nobody will end it."""
    is_over = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return "deletionTimestamp" in pod["metadata"] and not is_over
