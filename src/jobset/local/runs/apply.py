"""Put the objects of a run into the API, what is needed before what needs it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobset.kube.client import Client, Object
from jobset.kube.errors import AlreadyExists, ApiError
from jobset.kube.resources import (
    CONFIG_MAPS,
    JOBSETS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PRIORITY_CLASSES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)

ORDER: tuple[Resource, ...] = (
    NAMESPACES,
    PRIORITY_CLASSES,
    SERVICE_ACCOUNTS,
    CONFIG_MAPS,
    SECRETS,
    PERSISTENT_VOLUMES,
    PERSISTENT_VOLUME_CLAIMS,
    SERVICES,
    JOBSETS,
)
"""The kinds that a run takes, in the order in which they are created."""

_RESOURCES = {(resource.api_version, resource.kind): resource for resource in ORDER}


class Refused(Exception):
    """The API did not take an object; `error` says why."""

    def __init__(self, obj: Object, error: ApiError) -> None:
        super().__init__(str(error))
        self.object = obj
        self.error = error


def resource_of(obj: Object) -> Resource | None:
    """Which resource the object is, or None when a run has no place for it."""
    return _RESOURCES.get((obj.get("apiVersion", ""), obj.get("kind", "")))


def place_objects(objects: Iterable[Object], namespace: str) -> tuple[tuple[Resource, Object], ...]:
    """The objects in the order of their creation, each with its namespace; kinds without a place fall out."""
    placed = [
        (resource, _with_namespace(obj, namespace) if resource.namespaced else obj)
        for obj in objects
        if (resource := resource_of(obj)) is not None
    ]
    return tuple(sorted(placed, key=lambda pair: ORDER.index(pair[0])))


def missing_namespaces(placed: Sequence[tuple[Resource, Object]], namespace: str) -> tuple[str, ...]:
    """Namespaces that objects name and no document defines."""
    named = {obj["metadata"]["namespace"] for resource, obj in placed if resource.namespaced} | {namespace}
    defined = {obj["metadata"]["name"] for resource, obj in placed if resource is NAMESPACES}
    return tuple(sorted(named - defined))


async def apply_objects(client: Client, objects: Iterable[Object], namespace: str) -> tuple[Object, ...]:
    """The JobSets as the API stored them; everything they use exists before them.

    Raises:
        Refused: the API does not take an object; those before it exist.
    """
    placed = place_objects(objects, namespace)
    for name in missing_namespaces(placed, namespace):
        await _create_namespace(client, name)
    jobsets = []
    for resource, obj in placed:
        try:
            stored = await client.create(resource, obj)
        except ApiError as error:
            if resource is NAMESPACES and isinstance(error, AlreadyExists):
                continue
            raise Refused(obj, error) from error
        if resource is JOBSETS:
            jobsets.append(stored)
    return tuple(jobsets)


async def _create_namespace(client: Client, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    try:
        await client.create(NAMESPACES, body)
    except AlreadyExists:
        return
    except ApiError as error:
        raise Refused(body, error) from error


def _with_namespace(obj: Object, namespace: str) -> Object:
    metadata: Mapping[str, Any] = obj.get("metadata") or {}
    return {**obj, "metadata": {**metadata, "namespace": metadata.get("namespace") or namespace}}
