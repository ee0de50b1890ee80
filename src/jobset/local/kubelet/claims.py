"""PersistentVolumeClaims: a directory each, bound as soon as they exist and removed when they are gone."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobset.controller.queue import WorkQueue
from jobset.controller.turns import Turns
from jobset.kube.cache import Key, WatchCache, key_of
from jobset.kube.client import Client, Object
from jobset.kube.errors import NotFound
from jobset.kube.resources import PERSISTENT_VOLUME_CLAIMS
from jobset.local.kubelet.directories import Paths, remove_tree


def bound_status(claim: Object) -> Mapping[str, Any] | None:
    """The status of a claim that has its directory; None when it says so already, or the claim is going."""
    old = claim.get("status") or {}
    if old.get("phase") == "Bound" or claim["metadata"].get("deletionTimestamp"):
        return None
    spec = claim["spec"]
    capacity = (spec.get("resources") or {}).get("requests") or {}
    return {
        **old,
        "phase": "Bound",
        "accessModes": list(spec.get("accessModes") or ()),
        "capacity": dict(capacity),
    }


@dataclass(slots=True, kw_only=True)
class ClaimController:
    """Binds every claim, and removes the directory of a claim that is gone."""

    client: Client
    paths: Paths
    _queue: WorkQueue[Key] = field(default_factory=WorkQueue)
    _cache: WatchCache = field(init=False)

    def __post_init__(self) -> None:
        self._cache = WatchCache(client=self.client, resource=PERSISTENT_VOLUME_CLAIMS)
        self._cache.listen(self._on_claim)

    async def run(self) -> None:
        """Work for ever; ends by cancellation."""
        turns = Turns(name="claims", queue=self._queue, reconcile=self._reconcile, workers=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._cache.run())
            group.create_task(turns.run())

    def _on_claim(self, before: Object | None, after: Object | None) -> None:
        if before is not None and (after is None or after["metadata"]["uid"] != before["metadata"]["uid"]):
            remove_tree(self.paths.claim(*key_of(before)))
        if after is not None:
            self._queue.add(key_of(after))

    async def _reconcile(self, key: Key) -> None:
        claim = self._cache.get(*key)
        status = bound_status(claim) if claim is not None else None
        if claim is None or status is None:
            return
        try:
            self._cache.note(
                await self.client.update_status(PERSISTENT_VOLUME_CLAIMS, {**claim, "status": status})
            )
        except NotFound:
            self._cache.note_gone(claim)
