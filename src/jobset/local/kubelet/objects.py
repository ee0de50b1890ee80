"""The ConfigMaps, Secrets and claims that pods read: watched from the first need on, with who needs what."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from jobset.kube.cache import WatchCache
from jobset.kube.client import Client
from jobset.kube.resources import Resource
from jobset.local.kubelet.facts import Object
from jobset.local.kubelet.volumes import references_of

Needed = tuple[Resource, str, str]
"""Resource, namespace, name."""


@dataclass(slots=True, kw_only=True)
class Objects:
    """Objects that pods refer to; calls `changed(pod uid)` when one that a pod needs changes."""

    client: Client
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    changed: Callable[[str], None]
    _caches: dict[Resource, WatchCache] = field(default_factory=dict)
    _users: dict[Needed, set[str]] = field(default_factory=lambda: defaultdict(set))

    async def follow(self, pod: Object) -> None:
        """Everything the pod refers to is known from now on."""
        namespace, uid = pod["metadata"].get("namespace", ""), pod["metadata"]["uid"]
        references = references_of(pod)
        for resource, name in references:
            self._users[resource, namespace, name].add(uid)
        for resource in {resource for resource, _ in references}:
            await self._cache(resource).synced()

    def forget(self, pod: Object) -> None:
        """The pod is gone."""
        namespace, uid = pod["metadata"].get("namespace", ""), pod["metadata"]["uid"]
        for resource, name in references_of(pod):
            users = self._users[resource, namespace, name]
            users.discard(uid)
            if not users:
                del self._users[resource, namespace, name]

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object that somebody follows, or None when it does not exist."""
        return self._cache(resource).get(namespace, name)

    def _cache(self, resource: Resource) -> WatchCache:
        if resource not in self._caches:
            cache = WatchCache(client=self.client, resource=resource)
            cache.listen(lambda before, after: self._tell(resource, after or before))
            self._caches[resource] = cache
            self.spawn(cache.run())
        return self._caches[resource]

    def _tell(self, resource: Resource, obj: Object | None) -> None:
        assert obj is not None
        metadata = obj["metadata"]
        for uid in tuple(self._users.get((resource, metadata.get("namespace", ""), metadata["name"]), ())):
            self.changed(uid)
