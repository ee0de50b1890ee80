"""A watch cache: the objects of one resource, kept current by a watch, with indexes and our own writes."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jobset.kube.client import Client, Object, Selection
from jobset.kube.errors import ApiError, Gone, TransportError
from jobset.kube.resources import Resource
from jobset.kube.transport import WatchEvent

Key: TypeAlias = tuple[str, str]
"""Namespace (empty for cluster-scoped objects) and name."""
Index: TypeAlias = Callable[[Object], Iterable[str]]
Listener: TypeAlias = Callable[[Object | None, Object | None], None]
"""Called with the object before and after a change; None where there is none."""

_RETRY_SECONDS = 0.5
_REMEMBERED_UIDS = 10_000


def key_of(obj: Object) -> Key:
    """Where an object is kept."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def version_of(obj: Object) -> int:
    """The resourceVersion as a number; versions of one server are comparable."""
    return int(obj["metadata"]["resourceVersion"])


@dataclass(slots=True, kw_only=True)
class WatchCache:
    """The objects of one resource that a selection matches.

    Never goes back in time: an object that our own write returned (`note`) replaces what a slower watch
    says until the watch has caught up, and an object we saw deleted does not come back.
    """

    client: Client
    resource: Resource
    selection: Selection = Selection()
    indexes: Mapping[str, Index] = field(default_factory=dict)
    trim: Callable[[Object], Object] | None = None
    _objects: dict[Key, Object] = field(default_factory=dict)
    _indexed: dict[tuple[str, str], dict[Key, Object]] = field(default_factory=lambda: defaultdict(dict))
    _listeners: list[Listener] = field(default_factory=list)
    _gone: dict[str, None] = field(default_factory=dict)
    _synced: asyncio.Event = field(default_factory=asyncio.Event)

    def listen(self, listener: Listener) -> None:
        """Call `listener(before, after)` for each change from now on, and for what is known already."""
        self._listeners.append(listener)
        for obj in list(self._objects.values()):
            listener(None, obj)

    def get(self, namespace: str, name: str) -> Object | None:
        """One object, or None when it does not exist as far as we know."""
        return self._objects.get((namespace, name))

    def all(self) -> Iterable[Object]:
        """Every object, in no order."""
        return self._objects.values()

    def indexed(self, index: str, value: str) -> Collection[Object]:
        """The objects whose index function gave `value`, in no order."""
        found = self._indexed.get((index, value))
        return found.values() if found else ()

    def __len__(self) -> int:
        return len(self._objects)

    async def synced(self) -> None:
        """Returns when the first list has been read."""
        await self._synced.wait()

    def note(self, obj: Object) -> None:
        """Take in what one of our own writes answered, before the watch tells it."""
        self._take(obj)

    def note_gone(self, obj: Object) -> None:
        """Take in that an object we knew was answered as not found or deleted for good."""
        self._drop(obj)

    async def run(self) -> None:
        """List, then watch, for ever; lists again when the server forgot our version or cut us off."""
        version = ""
        while True:
            try:
                version = version or await self._relist()
                version = await self._follow(version)
            except Gone:
                version = ""
            except (ApiError, TransportError):
                version = ""
                await asyncio.sleep(_RETRY_SECONDS)

    async def _relist(self) -> str:
        listed = await self.client.list(self.resource, self.selection)
        alive = {key_of(item) for item in listed.items}
        for key in [key for key in self._objects if key not in alive]:
            # An object that our own write created after this reading is newer than the list.
            if version_of(self._objects[key]) <= int(listed.resource_version):
                self._drop(self._objects[key])
        for item in listed.items:
            self._take(item)
        self._synced.set()
        return listed.resource_version

    async def _follow(self, version: str) -> str:
        async for event in self.client.watch(self.resource, version, self.selection):
            version = self._apply(event)
        return version

    def _apply(self, event: WatchEvent) -> str:
        if event.type == "ERROR":
            raise Gone(event.object)
        version: str = event.object["metadata"]["resourceVersion"]
        if event.type == "DELETED":
            self._drop(event.object)
        elif event.type != "BOOKMARK":
            self._take(event.object)
        return version

    def _take(self, obj: Object) -> None:
        known = self._objects.get(key_of(obj))
        if known is not None and version_of(known) >= version_of(obj):
            return
        if obj["metadata"].get("uid", "") in self._gone:
            return
        self._put(obj)

    def _put(self, obj: Object) -> None:
        kept = self.trim(obj) if self.trim else obj
        key = key_of(kept)
        before = self._objects.get(key)
        self._objects[key] = kept
        self._reindex(key, before, kept)
        self._tell(before, kept)

    def _drop(self, obj: Object) -> None:
        self._remember_gone(obj["metadata"].get("uid", ""))
        key = key_of(obj)
        before = self._objects.get(key)
        if before is None or before["metadata"].get("uid") != obj["metadata"].get("uid"):
            return
        del self._objects[key]
        self._reindex(key, before, None)
        self._tell(before, None)

    def _remember_gone(self, uid: str) -> None:
        # The answer to our own write may be taken in after the watch has told the deletion.
        self._gone[uid] = None
        if len(self._gone) > _REMEMBERED_UIDS:
            del self._gone[next(iter(self._gone))]

    def _reindex(self, key: Key, before: Object | None, after: Object | None) -> None:
        for name, index in self.indexes.items():
            old = set(index(before)) if before is not None else set()
            new = set(index(after)) if after is not None else set()
            for value in old - new:
                entries = self._indexed[(name, value)]
                entries.pop(key, None)
                if not entries:
                    del self._indexed[(name, value)]
            if after is not None:
                for value in new:
                    self._indexed[(name, value)][key] = after

    def _tell(self, before: Object | None, after: Object | None) -> None:
        for listener in self._listeners:
            listener(before, after)


def by_owner_uid(obj: Object) -> Iterable[str]:
    """Index function: the uid of the controller owner."""
    owner = controller_of(obj)
    return (owner["uid"],) if owner else ()


def controller_of(obj: Object) -> Mapping[str, Any] | None:
    """The owner reference that says `controller: true`, or None."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return owner  # type: ignore[no-any-return]
    return None
