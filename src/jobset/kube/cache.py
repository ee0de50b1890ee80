"""A watch cache: the objects of one resource, kept current by a watch, with indexes and our own writes."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jobset.kube.client import Client, Object, Selection, ends_initial_events
from jobset.kube.errors import ApiError, BadRequest, Gone, Invalid, TransportError, api_error
from jobset.kube.resources import Resource
from jobset.kube.transport import WatchEvent

log = logging.getLogger(__name__)

Key: TypeAlias = tuple[str, str]
"""Namespace (empty for cluster-scoped objects) and name."""
Index: TypeAlias = Callable[[Object], Iterable[str]]
Listener: TypeAlias = Callable[[Object | None, Object | None], None]
"""Called with the object before and after a change; None where there is none."""

_PASSING = frozenset({401, 403, 429, 500, 503})
"""Refusals after which a watch goes on where it was; after others everything is read again."""
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.5, 30.0
_SHORT_SECONDS = 1.0
"""A watch without a word that is shorter is no watch: to ask for the next one at once would be a flood."""
_REMEMBERED_UIDS = 10_000


def key_of(obj: Object) -> Key:
    """Where an object is kept."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def version_of(obj: Object) -> int:
    """The resourceVersion as a number; versions of one server are comparable."""
    return int(obj["metadata"]["resourceVersion"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of the objects a cache holds.

    `shape` and `metadata_only` go to the server with each request; `trim` makes what comes smaller still,
    and where it answers None the object is not held at all.
    """

    shape: Any = None
    metadata_only: bool = False
    trim: Callable[[Object], Object | None] | None = None


@dataclass(slots=True, kw_only=True)
class WatchCache:
    """The objects of one resource that a selection matches.

    Never goes back in time: an object that our own write returned (`note`) replaces what a slower watch
    says until the watch has caught up, and an object we saw deleted does not come back. Counts the `events`
    that its watches brought, and the `failures` after which it had to ask again.
    """

    client: Client
    resource: Resource
    selection: Selection = Selection()
    indexes: Mapping[str, Index] = field(default_factory=dict)
    part: Part = Part()
    events: int = 0
    failures: int = 0
    _objects: dict[Key, Object] = field(default_factory=dict)
    _indexed: dict[tuple[str, str], dict[Key, Object]] = field(default_factory=lambda: defaultdict(dict))
    _listeners: list[Listener] = field(default_factory=list)
    _gone: dict[str, None] = field(default_factory=dict)
    _synced: asyncio.Event = field(default_factory=asyncio.Event)
    _version: str = ""
    _newest: int = 0
    _streams: bool = True

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

    @property
    def is_synced(self) -> bool:
        """Whether the first list has been read."""
        return self._synced.is_set()

    async def synced(self) -> None:
        """Returns when the first list has been read."""
        await self._synced.wait()

    def note(self, obj: Object) -> None:
        """Take in what one of our own writes answered, before the watch tells it."""
        self._take(obj)

    def note_deleted(self, answer: Object, namespace: str, name: str, uid: str) -> None:
        """Take in what a delete of ours answered: an object that stays for a while, or a Status."""
        metadata = answer.get("metadata") or {}
        lasts = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
        if answer.get("kind") == self.resource.kind and lasts:
            self._take(answer)
        else:
            self.note_not_found(namespace, name, uid)

    def note_gone(self, obj: Object) -> None:
        """Take in that an object we knew was answered as not found or deleted for good."""
        self._drop(obj)

    def note_not_found(self, namespace: str, name: str, uid: str) -> None:
        """Take in that an object is there no more, whether we knew it or not."""
        if uid:
            self._drop({"metadata": {"namespace": namespace, "name": name, "uid": uid}})

    async def run(self) -> None:
        """List, then watch, for ever; goes on where it was cut off, lists again when that is forgotten."""
        failures = 0
        while True:
            before = self._version
            try:
                await self._follow()
            except (ApiError, TransportError) as error:
                self.failures += 1
                if isinstance(error, ApiError) and error.code not in _PASSING:
                    self._version = ""
                # An outage lasts as long as nothing new is heard.
                failures = 1 if self._version != before else failures + 1
                if isinstance(error, Gone) and failures == 1:
                    # Versions expire; that the next one has expired as well is no longer usual.
                    continue
                delay = back_off(failures)
                log.warning("watch of %s: %s", self.resource.group_resource, error, extra={"retry_in": delay})
                await asyncio.sleep(delay)

    async def _follow(self) -> None:
        if self._version:
            await self._take_events(self._watch(self._version))
        elif self.client.streams_lists and self._streams:
            await self._stream()
        else:
            self._replace(*await self._list())
            await self._take_events(self._watch(self._version))

    async def _stream(self) -> None:
        """The first events of a watch stand for a list; the same watch goes on from there."""
        events = self._watch(None)
        try:
            self._replace(*await _initial(events))
        except (BadRequest, Invalid):
            # A server from before watches could begin with everything.
            self._streams = False
            return
        await self._take_events(events)

    async def _list(self) -> tuple[Sequence[Object], str]:
        part = self.part
        found = await self.client.list(
            self.resource, self.selection, shape=part.shape, metadata_only=part.metadata_only
        )
        return found.items, found.resource_version

    def _watch(self, version: str | None) -> AsyncIterator[WatchEvent]:
        part = self.part
        return self.client.watch(
            self.resource, version, self.selection, shape=part.shape, metadata_only=part.metadata_only
        )

    async def _take_events(self, events: AsyncIterator[WatchEvent]) -> None:
        begun, has_heard = asyncio.get_running_loop().time(), False
        async for event in events:
            has_heard = True
            self._apply(event)
        if not has_heard and asyncio.get_running_loop().time() - begun < _SHORT_SECONDS:
            raise TransportError("the watch ended as soon as it began")

    def _replace(self, items: Sequence[Object], version: str) -> None:
        """Everything there is at `version`; what is not among it has gone."""
        alive = {key_of(item) for item in items}
        # A server restored from a backup counts from an earlier version: nothing known is newer then.
        rewound = int(version) < self._newest
        for key in [key for key in self._objects if rewound or key not in alive]:
            # An object that our own write created after this reading is newer than the list.
            if rewound or version_of(self._objects[key]) <= int(version):
                self._drop(self._objects[key], for_good=not rewound)
        for item in items:
            self._take(item)
        self._version, self._newest = version, int(version)
        self._synced.set()

    def _apply(self, event: WatchEvent) -> None:
        self.events += 1
        if event.type == "ERROR":
            raise api_error(event.object)
        if event.type == "DELETED":
            self._drop(event.object)
        elif event.type != "BOOKMARK":
            self._take(event.object)
        self._version = event.object["metadata"]["resourceVersion"]
        self._newest = int(self._version)

    def _take(self, obj: Object) -> None:
        known = self._objects.get(key_of(obj))
        if known is not None and version_of(known) >= version_of(obj):
            return
        if obj["metadata"].get("uid", "") in self._gone:
            return
        kept = self.part.trim(obj) if self.part.trim else obj
        if kept is not None:
            self._put(kept)
        elif known is not None:
            self._drop(known, for_good=False)

    def _put(self, kept: Object) -> None:
        key = key_of(kept)
        before = self._objects.get(key)
        self._objects[key] = kept
        self._reindex(key, before, kept)
        self._tell(before, kept)

    def _drop(self, obj: Object, *, for_good: bool = True) -> None:
        if for_good:
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


def back_off(failures: int) -> float:
    """Seconds to wait after so many failures in a row, at least one."""
    return min(_FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 16), _LONGEST_RETRY_SECONDS)


async def _initial(events: AsyncIterator[WatchEvent]) -> tuple[Sequence[Object], str]:
    """What a watch tells first: everything that exists, and the version of the bookmark that ends it.

    Raises:
        ApiError, TransportError: the watch ended before that.
    """
    found: dict[Key, Object] = {}
    async for event in events:
        if event.type == "ERROR":
            raise api_error(event.object)
        if ends_initial_events(event):
            return tuple(found.values()), event.object["metadata"]["resourceVersion"]
        if event.type != "BOOKMARK":
            found[key_of(event.object)] = event.object
    raise TransportError("the watch ended before everything was told")


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
