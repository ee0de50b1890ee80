"""Typed verbs over a transport: get, list, create, update, patch, delete, watch."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobset.kube.errors import api_error
from jobset.kube.resources import Resource
from jobset.kube.transport import MERGE_PATCH, Request, Response, Transport, WatchEvent

Object = Mapping[str, Any]


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
    """How to delete: what becomes of dependents, how long a pod gets, and which object exactly is meant."""

    propagation_policy: str | None = None
    grace_period_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None

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
        return body


class Client:
    """Verbs on the resources of one API server.

    Every method raises `ApiError` (or a subclass) for a refusal and `TransportError` when no answer came.
    Objects that come back may be shared with a cache or a store: read them, never change them.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """One object, as stored now."""
        return await self._call(Request(method="GET", path=resource.path(namespace, name)))

    async def list(self, resource: Resource, selection: Selection = Selection()) -> ObjectList:
        """All matching objects and the version at which they were read."""
        body = await self._call(
            Request(method="GET", path=resource.path(selection.namespace), query=selection.query())
        )
        items = tuple(_typed(resource, item) for item in body["items"])
        return ObjectList(items=items, resource_version=body["metadata"]["resourceVersion"])

    async def create(self, resource: Resource, body: Object) -> Object:
        """The object as stored; its namespace is taken from its metadata."""
        return await self._call(Request(method="POST", path=resource.path(_namespace(body)), body=body))

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
    ) -> Object:
        """The object after the patch."""
        path = resource.path(namespace, name, subresource)
        return await self._call(Request(method="PATCH", path=path, body=patch, content_type=content_type))

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, options: DeleteOptions = DeleteOptions()
    ) -> Object:
        """What the server answered: the object as it goes, or a Status."""
        return await self._call(
            Request(method="DELETE", path=resource.path(namespace, name), body=options.body())
        )

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
        self, resource: Resource, resource_version: str, selection: Selection = Selection()
    ) -> AsyncIterator[WatchEvent]:
        """Everything that happened to matching objects after `resource_version`."""
        query = {"watch": "1", "resourceVersion": resource_version, "allowWatchBookmarks": "true"}
        return self._transport.watch(
            Request(method="GET", path=resource.path(selection.namespace), query=query | selection.query())
        )

    async def _call(self, request: Request) -> Object:
        response: Response = await self._transport.send(request)
        if response.code >= 400:
            raise api_error(response.body)
        body: Object = response.body
        return body


def _typed(resource: Resource, item: Object) -> Object:
    """A list item with its kind: an API server tells it once for the whole list of a built-in kind."""
    if "kind" in item:
        return item
    return {"apiVersion": resource.api_version, "kind": resource.kind, **item}


def _namespace(body: Object) -> str | None:
    namespace = body.get("metadata", {}).get("namespace")
    return str(namespace) if namespace else None
