"""Writes that are not plain: binding a pod, finalizing a namespace, deleting a namespace."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from jobset.api.times import format_time
from jobset.kube.resources import NAMESPACES, Resource
from jobset.kube.transport import Request, Response
from jobset.local import bodies, deletion, statuses
from jobset.local.decoding import decode_component
from jobset.local.deletion import DeleteRequest
from jobset.local.routes import Route
from jobset.local.writes import Writer, check_uid

Object: TypeAlias = Mapping[str, Any]

_IMMORTAL = ("default", "kube-system", "kube-public")
_BINDING, _NAMESPACE = "io.k8s.api.core.v1.Binding", "io.k8s.api.core.v1.Namespace"
_BINDINGS = Resource("", "v1", "pods/binding", "Binding")


def is_served(route: Route) -> bool:
    """Whether the resource has such a part."""
    return (route.resource.plural, route.subresource) in (("pods", "binding"), ("namespaces", "finalize"))


def act(writer: Writer, route: Route, request: Request, obj: Object, now: datetime) -> Response:
    """The answer to a write of a served subresource other than status.

    Raises:
        ApiError: the write is refused.
    """
    body = bodies.read_json(request)
    name = _NAMESPACE if route.subresource == "finalize" else _BINDING
    body = decode_component(name, body)
    if route.subresource == "finalize":
        return Response(code=200, body=_finalize(writer, route, body, obj))
    writer.put(route.rules, _bound(obj, body, route, now))
    success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return Response(code=201, body=success)


def _bound(pod: Object, binding: Object, route: Route, now: datetime) -> Object:
    name, node = pod["metadata"]["name"], (binding.get("target") or {}).get("name")
    given = binding.get("metadata") or {}
    if given.get("name") != name:
        raise statuses.bad_request("name in URL does not match name in Binding object")
    check_uid(given, pod, route)
    if not node:
        raise statuses.bad_request("target.name: Required value")
    if "deletionTimestamp" in pod["metadata"]:
        why = f"pod {name} is being deleted, cannot be assigned to a host"
        raise statuses.conflict(_BINDINGS, name, why)
    if pod["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise statuses.conflict(_BINDINGS, name, why)
    if pod["spec"].get("schedulingGates"):
        raise statuses.conflict(_BINDINGS, name, f"pod {name} has non-empty .spec.schedulingGates")
    metadata = dict(pod["metadata"])
    for key in ("labels", "annotations"):
        if given.get(key):
            metadata[key] = {**metadata.get(key, {}), **given[key]}
    status = {**pod["status"], "conditions": _scheduled(pod["status"].get("conditions") or [], now)}
    return {**pod, "metadata": metadata, "spec": {**pod["spec"], "nodeName": node}, "status": status}


def _scheduled(conditions: list[Object], now: datetime) -> list[Object]:
    scheduled = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": format_time(now),
    }
    kept = [condition for condition in conditions if condition["type"] != "PodScheduled"]
    before = next((c for c in conditions if c["type"] == "PodScheduled"), None)
    if before is not None and before["status"] == "True":
        return conditions
    return [*kept, scheduled]


def _finalize(writer: Writer, route: Route, body: Object, namespace: Object) -> Object:
    spec = {**namespace["spec"], "finalizers": (body.get("spec") or {}).get("finalizers") or []}
    if not spec["finalizers"]:
        del spec["finalizers"]
    new = {**namespace, "spec": spec}
    if _is_over(new):
        return writer.remove(route.rules, namespace)
    return writer.put(route.rules, new)


def _is_over(namespace: Object) -> bool:
    metadata = namespace["metadata"]
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and not namespace["spec"].get("finalizers")
    )


def delete(writer: Writer, route: Route, request: DeleteRequest, now: datetime) -> tuple[Object, bool]:
    """The object after a delete, and whether it is gone. A namespace empties itself before it goes.

    Raises:
        ApiError: the delete is refused.
    """
    if route.resource == NAMESPACES:
        return _delete_namespace(writer, route, request, now)
    return writer.delete(route, request)


def _delete_namespace(
    writer: Writer, route: Route, request: DeleteRequest, now: datetime
) -> tuple[Object, bool]:
    name = route.name or ""
    if name in _IMMORTAL:
        raise statuses.forbidden(route.resource, name, "this namespace may not be deleted")
    namespace = writer.find(route)
    if (why := deletion.broken_precondition(namespace, request)) is not None:
        raise statuses.conflict(route.resource, name, why)
    if "deletionTimestamp" not in namespace["metadata"]:
        metadata = {**namespace["metadata"], "deletionTimestamp": format_time(now)}
        status = {**namespace.get("status", {}), "phase": "Terminating"}
        marked = {**namespace, "metadata": metadata, "status": status}
        return (marked if request.dry_run else writer.put(route.rules, marked)), False
    if namespace.get("spec", {}).get("finalizers"):
        return namespace, False
    return writer.delete(route, request)
