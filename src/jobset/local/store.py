"""Objects, resource versions and history: what an API server remembers, and the watches on it."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jobset.kube.resources import Resource
from jobset.kube.transport import WatchEvent

Object: TypeAlias = Mapping[str, Any]
"""A stored object. Shared with everybody who reads it: never changed in place."""
Predicate: TypeAlias = Callable[[Object], bool]
CollectionKey: TypeAlias = tuple[str, str]
"""Group and plural name."""

HISTORY = 4096
"""How many changes of a collection can be watched again; twice as many may be held."""


def collection_key(resource: Resource) -> CollectionKey:
    """Where the objects of a resource are kept: both event APIs show one collection."""
    return ("", "events") if resource.plural == "events" else (resource.group, resource.plural)


@dataclass(slots=True)
class Change:
    """One write. `after` is None for a deletion; `object` is what a watcher without a selector is shown."""

    version: int
    before: Object | None
    after: Object | None
    event: WatchEvent


class TooOld(Exception):
    """The history that was asked for is forgotten; `oldest` is the first version that can be resumed from."""

    def __init__(self, oldest: int) -> None:
        super().__init__(oldest)
        self.oldest = oldest


@dataclass(slots=True)
class Collection:
    """All objects of one resource, by namespace and name, and the latest changes to them."""

    history: int = HISTORY
    namespaces: dict[str, dict[str, Object]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    first: int = 0
    """The absolute position of `changes[0]`."""
    forgotten: int = 0
    """The version of the last change that is no longer in `changes`."""
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def get(self, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        names = self.namespaces.get(namespace)
        return names.get(name) if names else None

    def select(self, namespace: str | None, predicate: Predicate | None) -> list[Object]:
        """Matching objects in the order of namespace and name; of all namespaces when None."""
        spaces = sorted(self.namespaces) if namespace is None else (namespace,)
        found = [
            names[name] for space in spaces if (names := self.namespaces.get(space)) for name in sorted(names)
        ]
        return [obj for obj in found if predicate(obj)] if predicate else found

    def record(self, change: Change) -> None:
        """Append to the history, forget what is too long ago, and wake the watchers."""
        self.changes.append(change)
        if len(self.changes) > 2 * self.history:
            self.forgotten = self.changes[self.history - 1].version
            del self.changes[: self.history]
            self.first += self.history
        if self.waiting:
            waiting, self.waiting = self.waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    def position_after(self, version: int) -> int:
        """Where a watch from `version` begins.

        Raises:
            TooOld: changes after that version are forgotten.
        """
        if version < self.forgotten:
            raise TooOld(self.forgotten)
        return self.first + bisect_right(self.changes, version, key=lambda change: change.version)


class Store:
    """Every object of an API server under one resourceVersion counter. Knows nothing of kinds."""

    def __init__(self, *, history: int = HISTORY) -> None:
        self.version = 1
        self._history = history
        self._collections: dict[CollectionKey, Collection] = defaultdict(lambda: Collection(self._history))

    def collection(self, key: CollectionKey) -> Collection:
        """The collection of a resource; empty when nothing was ever written to it."""
        return self._collections[key]

    def get(self, key: CollectionKey, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        return self._collections[key].get(namespace, name)

    def collections(self) -> Iterable[tuple[CollectionKey, Collection]]:
        """Every collection that was ever used."""
        return list(self._collections.items())

    def put(self, key: CollectionKey, obj: Mapping[str, Any]) -> Object:
        """The object as stored, under a new resourceVersion; replaces one of the same name."""
        collection = self._collections[key]
        self.version += 1
        metadata = {**obj["metadata"], "resourceVersion": str(self.version)}
        stored = {**obj, "metadata": metadata}
        namespace = metadata.get("namespace", "")
        names = collection.namespaces.get(namespace)
        if names is None:
            names = collection.namespaces[namespace] = {}
        before = names.get(metadata["name"])
        names[metadata["name"]] = stored
        event = WatchEvent("MODIFIED" if before is not None else "ADDED", stored)
        collection.record(Change(self.version, before, stored, event))
        return stored

    def remove(self, key: CollectionKey, obj: Object) -> Object:
        """Forget an object; the last state, under the version of its removal."""
        collection = self._collections[key]
        self.version += 1
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        names = collection.namespaces[namespace]
        before = names.pop(name)
        if not names:
            del collection.namespaces[namespace]
        last = at_version(before, self.version)
        collection.record(Change(self.version, before, None, WatchEvent("DELETED", last)))
        return last


def at_version(obj: Object, version: int) -> Object:
    """The same object under another resourceVersion."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}


class Watch:
    """A reader of a collection's history. It holds a position, no queue: it costs writers nothing.

    A reader that falls behind what the history holds is cut: `next_events` then answers None.
    """

    def __init__(
        self, collection: Collection, version: int, namespace: str | None, predicate: Predicate | None
    ) -> None:
        """Reads what happens after a version, which may be one that is yet to come.

        Raises:
            TooOld: changes after that version are forgotten.
        """
        self._collection = collection
        self._position = collection.position_after(version)
        self._after = version
        self._namespace = namespace
        self._predicate = predicate
        self._stopped = False
        self._future: asyncio.Future[None] | None = None

    def next_events(self) -> Sequence[WatchEvent] | None:
        """What happened since the last call; None when this reader was too slow."""
        collection = self._collection
        start = self._position - collection.first
        if start < 0 or self._stopped:
            return None
        self._position = collection.first + len(collection.changes)
        if start == len(collection.changes):
            return ()
        changes = collection.changes[start:]
        if changes[0].version <= self._after:
            changes = [change for change in changes if change.version > self._after]
        if self._namespace is None and self._predicate is None:
            return [change.event for change in changes]
        return [event for change in changes if (event := self._seen(change)) is not None]

    def _seen(self, change: Change) -> WatchEvent | None:
        shown = change.event.object
        if self._namespace is not None and shown["metadata"].get("namespace", "") != self._namespace:
            return None
        if self._predicate is None:
            return change.event
        before = change.before is not None and self._predicate(change.before)
        after = change.after is not None and self._predicate(change.after)
        if before and after:
            return change.event
        if after:
            return change.event if change.event.type == "ADDED" else WatchEvent("ADDED", shown)
        if before and change.before is not None:
            # compat: an object that stops matching is shown as it last matched, under the new version.
            return WatchEvent("DELETED", at_version(change.before, change.version))
        return None

    async def changed(self) -> None:
        """Returns when there may be something new to read, or this reader was stopped."""
        if self._stopped or self._position < self._collection.first + len(self._collection.changes):
            return
        future = self._future = asyncio.get_running_loop().create_future()
        self._collection.waiting.append(future)
        try:
            await future
        finally:
            if future.cancelled() and future in self._collection.waiting:
                self._collection.waiting.remove(future)

    def stop(self) -> None:
        """End the stream: whoever waits for changes is woken."""
        self._stopped = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
