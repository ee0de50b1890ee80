"""Typed verbs over a transport: get, list, create, update, patch, delete, watch."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypedDict

from jobset.kube.errors import Gone, NotFound, TransportError, api_error
from jobset.kube.resources import Resource
from jobset.kube.transport import APPLY_PATCH, JSON, MERGE_PATCH, Request, Response, Transport, WatchEvent

Object = Mapping[str, Any]
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
"""The annotation of the bookmark after everything that existed."""
_DRY_RUN = {"dryRun": "All"}
_METADATA, _METADATA_LIST = (
    f"application/json;as={kind};g=meta.k8s.io;v=v1,{JSON}"
    for kind in ("PartialObjectMetadata", "PartialObjectMetadataList")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectList:
    """One consistent reading of a collection."""

    items: tuple[Object, ...]
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of a resource: a namespace (all when None) and selectors in their string form."""

    namespace: str | None = None
    label_selector: str = ""
    field_selector: str = ""

    def query(self) -> dict[str, str]:
        """The selectors as query parameters."""
        pairs = {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}
        return {key: value for key, value in pairs.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """How to delete: what becomes of dependents, how long a pod gets, and which object exactly is meant.

    With `dry_run` it is only asked whether that would be done.
    """

    propagation_policy: str | None = None
    grace_period_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False

    def body(self) -> dict[str, Any]:
        """The `v1` DeleteOptions object."""
        preconditions = {
            key: value
            for key, value in (("uid", self.uid), ("resourceVersion", self.resource_version))
            if value
        }
        body: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if self.propagation_policy is not None:
            body["propagationPolicy"] = self.propagation_policy
        if self.grace_period_seconds is not None:
            body["gracePeriodSeconds"] = self.grace_period_seconds
        if preconditions:
            body["preconditions"] = preconditions
        if self.dry_run:
            body["dryRun"] = ["All"]
        return body


class Client:
    """Verbs on the resources of one API server.

    Every method raises `ApiError` (or a subclass) for a refusal and `TransportError` when no answer came.
    Objects that come back may be shared with a cache or a store: read them, never change them. Where a method
    takes a `shape`, at least that part of the objects comes back (see `Request`).

    Lists are read in pages of `page_size` objects, or at once when that is None. `streams_lists` says that a
    cache should ask for a first watch with everything rather than for a list.
    """

    def __init__(
        self, transport: Transport, *, page_size: int | None = None, streams_lists: bool = False
    ) -> None:
        self.streams_lists = streams_lists
        self._transport = transport
        self._page_size = page_size

    async def get(self, resource: Resource, namespace: str | None, name: str, shape: Any = None) -> Object:
        """One object, as stored now."""
        return await self._call(Request(method="GET", path=resource.path(namespace, name), shape=shape))

    async def list(
        self,
        resource: Resource,
        selection: Selection = Selection(),
        *,
        shape: Any = None,
        metadata_only: bool = False,
    ) -> ObjectList:
        """All matching objects and the version at which they were read.

        With `metadata_only` a server may leave out all but their metadata.
        """
        accept = _METADATA_LIST if metadata_only else JSON
        path, query = resource.path(selection.namespace), selection.query()
        asked = Request(method="GET", path=path, query=query, shape=_list_shape(shape), accept=accept)
        try:
            items, version = await self._pages(asked)
        except Gone:
            # The pages were read too slowly: their version is forgotten. At once, nothing can be missed.
            body = await self._call(asked)
            items, version = _items(body), body["metadata"]["resourceVersion"]
        if shape is None:
            items = [_typed(resource, item) for item in items]
        return ObjectList(items=tuple(items), resource_version=version)

    async def create(
        self, resource: Resource, body: Object, shape: Any = None, *, dry_run: bool = False
    ) -> Object:
        """The object as stored, or as it would be; its namespace is taken from its metadata."""
        path, query = resource.path(_namespace(body)), _DRY_RUN if dry_run else {}
        return await self._call(Request(method="POST", path=path, query=query, body=body, shape=shape))

    async def update(self, resource: Resource, body: Object) -> Object:
        """PUT the whole object; bound to its resourceVersion when it carries one."""
        return await self._call(
            Request(method="PUT", path=resource.path(_namespace(body), body["metadata"]["name"]), body=body)
        )

    async def update_status(self, resource: Resource, body: Object) -> Object:
        """PUT the status subresource; everything but `status` and the resourceVersion is ignored."""
        return await self.update_part(resource, body, "status")

    async def update_part(self, resource: Resource, body: Object, subresource: str) -> Object:
        """PUT a subresource of an object."""
        path = resource.path(_namespace(body), body["metadata"]["name"], subresource)
        return await self._call(Request(method="PUT", path=path, body=body))

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Any,
        *,
        content_type: str = MERGE_PATCH,
        subresource: str | None = None,
        shape: Any = None,
    ) -> Object:
        """The object after the patch."""
        path = resource.path(namespace, name, subresource)
        return await self._call(
            Request(method="PATCH", path=path, body=patch, content_type=content_type, shape=shape)
        )

    async def apply(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        applied: Object,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
        shape: Any = None,
    ) -> Object:
        """The object after a server-side apply, or as it would be.

        With `force`, fields that others manage are taken from them.

        Raises:
            Conflict: without `force`, somebody else has set a field to another value.
        """
        path = resource.path(namespace, name)
        query = {"fieldManager": manager, "force": str(force).lower(), **(_DRY_RUN if dry_run else {})}
        return await self._call(
            Request(
                method="PATCH", path=path, query=query, body=applied, content_type=APPLY_PATCH, shape=shape
            )
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        options: DeleteOptions = DeleteOptions(),
        shape: Any = None,
    ) -> Object:
        """What the server answered: the object as it goes, or a Status."""
        path = resource.path(namespace, name)
        return await self._call(Request(method="DELETE", path=path, body=options.body(), shape=shape))

    async def server_version(self) -> str:
        """The version of the API server, such as `v1.36.3`.

        Raises:
            TransportError: whoever answers is no API server.
        """
        with suppress(NotFound):
            match await self._call(Request(method="GET", path="/version")):
                case {"gitVersion": str(version)}:
                    return version
        raise TransportError("no Kubernetes API server answers there: look at the server in the kubeconfig")

    async def bind(self, namespace: str, pod: str, node: str) -> None:
        """Give a pod its node through the binding subresource."""
        target = {"kind": "Node", "apiVersion": "v1", "name": node}
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod, "namespace": namespace},
            "target": target,
        }
        await self._call(
            Request(method="POST", path=f"/api/v1/namespaces/{namespace}/pods/{pod}/binding", body=body)
        )

    def watch(
        self,
        resource: Resource,
        resource_version: str | None,
        selection: Selection = Selection(),
        *,
        shape: Any = None,
        metadata_only: bool = False,
    ) -> AsyncIterator[WatchEvent]:
        """Everything that happened to matching objects after `resource_version`.

        With None, first everything that exists, as ADDED, up to a bookmark that `ends_initial_events`. The
        server ends the watch when it likes.
        """
        query = {"watch": "1", "allowWatchBookmarks": "true", **selection.query()}
        if resource_version is None:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        else:
            query["resourceVersion"] = resource_version
        path = resource.path(selection.namespace)
        accept = _METADATA if metadata_only else JSON
        return self._transport.watch(
            Request(method="GET", path=path, query=query, shape=shape, accept=accept)
        )

    async def close(self) -> None:
        """Release the connections; watches end."""
        await self._transport.close()

    async def _pages(self, asked: Request) -> tuple[Sequence[Object], str]:
        limit = {} if self._page_size is None else {"limit": str(self._page_size)}
        items: deque[Object] = deque()
        token: dict[str, str] = {}
        while True:
            body = await self._call(replace(asked, query={**asked.query, **limit, **token}))
            items.extend(_items(body))
            metadata = body["metadata"]
            if not metadata.get("continue"):
                return items, metadata["resourceVersion"]
            token = {"continue": metadata["continue"]}

    async def _call(self, request: Request) -> Object:
        response: Response = await self._transport.send(request)
        if response.code >= 400:
            raise api_error(response.body)
        body: Object = response.body
        return body


def _items(body: Object) -> Sequence[Object]:
    # compat: an empty list of metadata comes as null.
    return body["items"] or ()


def ends_initial_events(event: WatchEvent) -> bool:
    """Whether everything that existed when a watch began has been told."""
    if event.type != "BOOKMARK":
        return False
    annotations = event.object["metadata"].get("annotations") or {}
    return annotations.get(INITIAL_EVENTS_END) == "true"


# `continue` is a keyword of Python, so the functional form.
_ListMetadata = TypedDict("_ListMetadata", {"resourceVersion": str, "continue": str}, total=False)


@cache
def _list_shape(shape: Any) -> Any:
    if shape is None:
        return None
    return TypedDict("_List", {"metadata": _ListMetadata, "items": list[shape]})  # type: ignore[operator]


def _typed(resource: Resource, item: Object) -> Object:
    """A list item with its kind: an API server tells it once for the whole list of a built-in kind."""
    if "kind" in item:
        return item
    return {"apiVersion": resource.api_version, "kind": resource.kind, **item}


def _namespace(body: Object) -> str | None:
    namespace = body.get("metadata", {}).get("namespace")
    return str(namespace) if namespace else None
