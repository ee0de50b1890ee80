"""The garbage collector: what is deleted, kept or orphaned when owners go."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec

from jobset.controller.queue import WorkQueue
from jobset.controller.turns import Turns
from jobset.kube.cache import Part, WatchCache
from jobset.kube.client import Client, DeleteOptions, Object
from jobset.kube.errors import Conflict, NotFound
from jobset.kube.resources import JOBSETS, Resource
from jobset.local.deletion import FOREGROUND, ORPHAN
from jobset.local.kinds.registry import KINDS

Uid: TypeAlias = str
Owner: TypeAlias = Mapping[str, Any]
MetadataChange: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""From metadata to the part of it that should change; None when it is as wanted."""

COLLECTED: tuple[Resource, ...] = (
    *(rules.resource for rules in KINDS.values() if rules.resource.plural != "events"),
    JOBSETS,
)
"""Everything that can own or be owned; events are left to their age."""
_ATTEMPTS = 5
_REMEMBERED_ABSENT = 5000


class Node(msgspec.Struct, frozen=True):
    """One object, as far as ownership goes."""

    resource: Resource
    metadata: Mapping[str, Any]

    @property
    def uid(self) -> Uid:
        """The uid."""
        uid: Uid = self.metadata["uid"]
        return uid

    @property
    def name(self) -> str:
        """The name."""
        name: str = self.metadata["name"]
        return name

    @property
    def namespace(self) -> str | None:
        """The namespace; None for cluster-scoped objects."""
        return self.metadata.get("namespace")

    @property
    def owners(self) -> Sequence[Owner]:
        """The owner references."""
        return self.metadata.get("ownerReferences") or ()

    @property
    def finalizers(self) -> Sequence[str]:
        """The finalizers."""
        return self.metadata.get("finalizers") or ()

    @property
    def is_deleting(self) -> bool:
        """Whether it has been deleted and is still there."""
        return "deletionTimestamp" in self.metadata

    @property
    def waits_for_dependents(self) -> bool:
        """Whether it goes after the dependents that block it."""
        return self.is_deleting and FOREGROUND in self.finalizers

    @property
    def orphans_dependents(self) -> bool:
        """Whether its dependents are to be let go first."""
        return self.is_deleting and ORPHAN in self.finalizers

    def blocks(self, owner: Uid) -> bool:
        """Whether an owner that is deleted in the foreground waits for this object."""
        return any(ref["uid"] == owner and ref.get("blockOwnerDeletion") for ref in self.owners)


@dataclass(slots=True)
class Graph:
    """Who owns whom, by uid."""

    nodes: dict[Uid, Node] = field(default_factory=dict)
    _dependents: dict[Uid, dict[Uid, None]] = field(default_factory=dict)

    def put(self, node: Node) -> None:
        """Take in an object or its newer state."""
        self._unlink(self.nodes.get(node.uid))
        self.nodes[node.uid] = node
        for owner in node.owners:
            self._dependents.setdefault(owner["uid"], {})[node.uid] = None

    def drop(self, uid: Uid) -> None:
        """Forget an object that is gone."""
        self._unlink(self.nodes.pop(uid, None))

    def dependents(self, uid: Uid) -> list[Node]:
        """The objects that name this owner, in the order in which they were seen."""
        return [self.nodes[dependent] for dependent in self._dependents.get(uid, ())]

    def _unlink(self, node: Node | None) -> None:
        if node is None:
            return
        for owner in node.owners:
            siblings = self._dependents.get(owner["uid"], {})
            siblings.pop(node.uid, None)
            if not siblings:
                self._dependents.pop(owner["uid"], None)


class Owners(msgspec.Struct, frozen=True):
    """The owner references of one object by what became of the owners."""

    living: tuple[Owner, ...] = ()
    absent: tuple[Owner, ...] = ()
    waiting: tuple[Owner, ...] = ()
    """Deleted in the foreground: they go after their dependents."""
    unknown: bool = False
    """Whether a reference names something that cannot be looked up; the object is then left alone."""


class GarbageCollector:
    """Follows all objects and carries out what their owner references ask for.

    Its graph comes from lists and watches alone, so that a new collector goes on where one stopped.
    """

    def __init__(self, client: Client, resources: Iterable[Resource] = COLLECTED, workers: int = 8) -> None:
        self._client = client
        self._resources = {(r.group, r.kind): r for r in resources}
        self._graph = Graph()
        self._absent: dict[tuple[str | None, Uid], None] = {}
        self._queue: WorkQueue[Uid] = WorkQueue()
        self._turns = Turns(
            name="garbage collector", queue=self._queue, reconcile=self._reconcile, workers=workers
        )
        self._caches = [self._follow(resource) for resource in self._resources.values()]

    async def run(self) -> None:
        """Collect for ever; ends by cancellation."""
        async with asyncio.TaskGroup() as group:
            for cache in self._caches:
                group.create_task(cache.run())
            for cache in self._caches:
                await cache.synced()
            group.create_task(self._turns.run())

    def _follow(self, resource: Resource) -> WatchCache:
        def seen(before: Object | None, after: Object | None) -> None:
            if after is not None:
                self._take(Node(resource, after["metadata"]))
            elif before is not None:
                self._lose(before["metadata"]["uid"])

        cache = WatchCache(client=self._client, resource=resource, part=Part(trim=_only_metadata))
        cache.listen(seen)
        return cache

    def _take(self, node: Node) -> None:
        before = self._graph.nodes.get(node.uid)
        self._graph.put(node)
        if before is not None and _links(before) == _links(node):
            return
        if node.owners or node.waits_for_dependents or node.orphans_dependents:
            self._queue.add(node.uid)
        if node.waits_for_dependents:
            self._queue_all(self._graph.dependents(node.uid))
        self._wake_owners(before)
        self._wake_owners(node)

    def _lose(self, uid: Uid) -> None:
        node = self._graph.nodes.get(uid)
        self._graph.drop(uid)
        self._queue_all(self._graph.dependents(uid))
        self._wake_owners(node)

    def _wake_owners(self, node: Node | None) -> None:
        """Owners that wait for their dependents may be able to go on."""
        for owner in node.owners if node is not None else ():
            found = self._graph.nodes.get(owner["uid"])
            if found is not None and found.waits_for_dependents:
                self._queue.add(found.uid)

    def _queue_all(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self._queue.add(node.uid)

    async def _reconcile(self, uid: Uid) -> timedelta | None:
        node = self._graph.nodes.get(uid)
        if node is None:
            return None
        try:
            if node.orphans_dependents:
                await self._let_dependents_go(node)
            elif node.waits_for_dependents:
                await self._finish_foreground(node)
            elif node.owners and not node.is_deleting:
                await self._judge(node)
        except NotFound:
            # Somebody else removed it; the watch will say so.
            pass
        return None

    async def _judge(self, node: Node) -> None:
        owners = await self._classify(node)
        if owners.unknown:
            return
        if owners.living:
            if owners.absent or owners.waiting:
                await self._release(node, {ref["uid"] for ref in (*owners.absent, *owners.waiting)})
            return
        dependents = self._graph.dependents(node.uid)
        if owners.waiting and dependents:
            if any(dependent.waits_for_dependents for dependent in dependents):
                # A circle of objects that wait for each other is opened here.
                await self._unblock(node)
            await self._delete(node, "Foreground")
        else:
            await self._delete(node, _policy(node))

    async def _classify(self, node: Node) -> Owners:
        living: list[Owner] = []
        absent: list[Owner] = []
        waiting: list[Owner] = []
        unknown = False
        for ref in node.owners:
            resource = self._resource_of(ref)
            if resource is None or (resource.namespaced and node.namespace is None):
                unknown = True
                continue
            owner = await self._find_owner(node, ref, resource)
            (absent if owner is None else waiting if owner.waits_for_dependents else living).append(ref)
        return Owners(tuple(living), tuple(absent), tuple(waiting), unknown)

    def _resource_of(self, ref: Owner) -> Resource | None:
        group = ref["apiVersion"].rpartition("/")[0]
        return self._resources.get((group, ref["kind"]))

    async def _find_owner(self, node: Node, ref: Owner, resource: Resource) -> Node | None:
        namespace = node.namespace if resource.namespaced else None
        known = self._graph.nodes.get(ref["uid"])
        if known is not None and (known.namespace, known.name) == (namespace, ref["name"]):
            return known
        if (namespace, ref["uid"]) in self._absent:
            return None
        # A new owner may not have reached our watch: only the server knows that it is absent.
        try:
            found = await self._client.get(resource, namespace, ref["name"])
        except NotFound:
            found = None
        if found is not None and found["metadata"]["uid"] == ref["uid"]:
            return Node(resource, found["metadata"])
        self._remember_absent(namespace, ref["uid"])
        return None

    def _remember_absent(self, namespace: str | None, uid: Uid) -> None:
        # A uid never comes back, so that many dependents of one owner need one question.
        self._absent[(namespace, uid)] = None
        if len(self._absent) > _REMEMBERED_ABSENT:
            del self._absent[next(iter(self._absent))]

    async def _let_dependents_go(self, owner: Node) -> None:
        for dependent in self._graph.dependents(owner.uid):
            try:
                await self._release(dependent, {owner.uid})
            except NotFound:
                continue
        await self._remove_finalizer(owner, ORPHAN)

    async def _finish_foreground(self, owner: Node) -> None:
        blocking = [node for node in self._graph.dependents(owner.uid) if node.blocks(owner.uid)]
        if not blocking:
            await self._remove_finalizer(owner, FOREGROUND)
            return
        self._queue_all(node for node in blocking if not node.is_deleting)

    async def _delete(self, node: Node, policy: str) -> None:
        # The version makes sure that nobody gave it a living owner in the meantime.
        options = DeleteOptions(
            propagation_policy=policy, uid=node.uid, resource_version=node.metadata["resourceVersion"]
        )
        await self._client.delete(node.resource, node.namespace, node.name, options)

    async def _release(self, node: Node, owners: set[Uid]) -> None:
        def without_owners(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
            refs = metadata.get("ownerReferences") or ()
            kept = [ref for ref in refs if ref["uid"] not in owners]
            return None if len(kept) == len(refs) else {"ownerReferences": kept or None}

        await self._edit(node, without_owners)

    async def _unblock(self, node: Node) -> None:
        def without_blocks(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
            refs = metadata.get("ownerReferences") or ()
            if not any(ref.get("blockOwnerDeletion") for ref in refs):
                return None
            return {"ownerReferences": [{**ref, "blockOwnerDeletion": False} for ref in refs]}

        await self._edit(node, without_blocks)

    async def _remove_finalizer(self, node: Node, finalizer: str) -> None:
        def without_finalizer(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
            present = metadata.get("finalizers") or ()
            kept = [name for name in present if name != finalizer]
            return None if len(kept) == len(present) else {"finalizers": kept or None}

        await self._edit(node, without_finalizer)

    async def _edit(self, node: Node, change: MetadataChange) -> None:
        """Patch the metadata of an object; a conflict means to read it again."""
        metadata = node.metadata
        for _ in range(_ATTEMPTS):
            wanted = change(metadata)
            if wanted is None or metadata["uid"] != node.uid:
                return
            patch = {"metadata": {**wanted, "resourceVersion": metadata["resourceVersion"]}}
            try:
                await self._client.patch(node.resource, node.namespace, node.name, patch)
                return
            except Conflict:
                found = await self._client.get(node.resource, node.namespace, node.name)
                metadata = found["metadata"]
        raise Conflict({"message": f"{node.name} changes faster than it can be released", "code": 409})


def _only_metadata(obj: Object) -> Object:
    return {"metadata": obj["metadata"]}


def _links(node: Node) -> tuple[Any, ...]:
    return node.owners, node.is_deleting, node.finalizers


def _policy(node: Node) -> str:
    if ORPHAN in node.finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in node.finalizers else "Background"
