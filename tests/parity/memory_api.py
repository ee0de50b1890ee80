"""An API without rules: it keeps what it is given, notes every write, and fails calls on request.

The data set's objects would not all be admitted by an API server, so no server can hold them.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

from jobset.kube.resources import EVENTS
from jobset.kube.transport import STRATEGIC_MERGE_PATCH, Request, Response, WatchEvent
from jobset.local.kinds.registry import KINDS
from jobset.local.merging import merge_schema
from jobset.local.patch import strategic_merge_patch

Key = tuple[str, str, str]
"""Plural, namespace, name."""

# A write has another verb here than in the data set when we send less than the whole object.
_VERBS = {
    "get": {"GET"},
    "list": {"GET"},
    "create": {"POST"},
    "update": {"PUT", "PATCH"},
    "patch": {"PUT", "PATCH"},
    "update-status": {"PUT status", "PATCH status"},
    "delete": {"DELETE"},
}


class MemoryApi:
    """A transport whose server is a dict."""

    def __init__(self, objects: list[dict[str, Any]], faults: list[dict[str, str]]) -> None:
        self._numbers = itertools.count(1)
        self._faults = faults
        self.last_statuses: dict[Key, Any] = {}
        self.objects: dict[Key, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.created: list[dict[str, Any]] = []
        self.updated: dict[Key, dict[str, Any]] = {}
        self.deleted: list[dict[str, Any]] = []
        self.refused_reading: str | None = None
        self.sent_statuses: dict[str, dict[str, Any]] = {}
        for obj in objects:
            self._put(
                (_plural(obj["kind"]), obj["metadata"].get("namespace", ""), obj["metadata"]["name"]), obj
            )
        self.first_statuses = {key: obj.get("status") for key, obj in self.objects.items()}
        self.last_statuses = dict(self.first_statuses)
        self.kinds = {key: obj["kind"] for key, obj in self.objects.items()}

    async def send(self, request: Request) -> Response:
        plural, namespace, name, subresource = _split(request.path)
        if plural == EVENTS.plural:
            return self._tell(request)
        if subresource == "status":
            self.sent_statuses[name] = request.body.get("status") or {}
        if (message := self._fault(plural, f"{request.method} {subresource}".strip())) is not None:
            if request.method == "GET":
                self.refused_reading = message
            return _refusal(500, "InternalError", message)
        key = (plural, namespace, name)
        match request.method, subresource:
            case "GET", _ if not name:
                items = [obj for (kind, _, _), obj in self.objects.items() if kind == plural]
                items = [obj for obj in items if _is_selected(obj, request.query.get("labelSelector", ""))]
                version = {"resourceVersion": str(next(self._numbers))}
                return Response(code=200, body={"metadata": version, "items": items})
            case "POST", _:
                return self._create((plural, namespace, request.body["metadata"]["name"]), request.body)
            case _ if key not in self.objects:
                return _refusal(404, "NotFound", f'{plural} "{name}" not found')
            case "GET", _:
                return Response(code=200, body=self.objects[key])
            case "PUT" | "PATCH", "status":
                whole = self._patched(key, request)
                return Response(
                    code=200, body=self._put(key, {**self.objects[key], "status": whole.get("status")})
                )
            case "PUT" | "PATCH", _:
                self.updated[key] = self._put(key, self._patched(key, request))
                return Response(code=200, body=self.updated[key])
            case _:
                return self._delete(key, request.body or {})

    async def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        await asyncio.Event().wait()
        yield WatchEvent("BOOKMARK", {})

    async def close(self) -> None:
        """Nothing is open."""

    def _tell(self, request: Request) -> Response:
        if request.method == "POST":
            self.events.append(dict(request.body))
        return Response(code=200, body=dict(request.body))

    def _create(self, key: Key, body: Mapping[str, Any]) -> Response:
        if key in self.objects:
            return _refusal(409, "AlreadyExists", f'{key[0]} "{key[2]}" already exists')
        self.created.append(dict(body))
        return Response(code=201, body=self._put(key, dict(body)))

    def _delete(self, key: Key, options: Mapping[str, Any]) -> Response:
        obj = self.objects[key]
        policy = options.get("propagationPolicy")
        self.deleted.append({"kind": obj["kind"], "name": key[2], "propagationPolicy": policy})
        if policy != "Foreground":
            return Response(code=200, body=self.objects.pop(key))
        marks = {"deletionTimestamp": "2030-01-02T03:04:05Z", "finalizers": ["foregroundDeletion"]}
        return Response(code=200, body=self._put(key, {**obj, "metadata": {**obj["metadata"], **marks}}))

    def _patched(self, key: Key, request: Request) -> dict[str, Any]:
        if request.method == "PUT":
            return dict(request.body)
        if request.content_type == STRATEGIC_MERGE_PATCH:
            schema = merge_schema(KINDS[("v1", self.objects[key]["kind"])].schema)
            return dict(strategic_merge_patch(self.objects[key], request.body, schema))
        merged = _merge(self.objects[key], request.body)
        assert isinstance(merged, dict)
        return merged

    def _put(self, key: Key, obj: Mapping[str, Any]) -> dict[str, Any]:
        stored = self._numbered(obj)
        self.objects[key] = stored
        if key in self.last_statuses:
            self.last_statuses[key] = stored.get("status")
        return stored

    def _numbered(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        number = str(next(self._numbers))
        metadata = {"uid": f"uid-{number}", **obj["metadata"], "resourceVersion": number}
        return {**obj, "metadata": metadata}

    def _fault(self, plural: str, call: str) -> str | None:
        for fault in self._faults:
            if _plural(fault["kind"]) == plural and call in _VERBS[fault["verb"]]:
                return fault["message"]
        return None


def _plural(kind: str) -> str:
    return f"{kind.lower()}s"


def _split(path: str) -> tuple[str, str, str, str]:
    """Plural, namespace, name and subresource; empty where absent."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *_ = [*rest, "", ""]
    return plural, namespace, name, subresource


def _is_selected(obj: Mapping[str, Any], selector: str) -> bool:
    """Whether an object has the one label, or label and value, that a selector asks for."""
    key, _, value = selector.partition("=")
    labels = obj["metadata"].get("labels") or {}
    return not key or (labels.get(key) == value if value else key in labels)


def _merge(target: Any, patch: Any) -> Any:
    """JSON merge patch."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _refusal(code: int, reason: str, message: str) -> Response:
    status = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return Response(code=code, body=status)
