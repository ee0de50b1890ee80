"""What the API server tells of itself: its version, its health, its groups and their resources."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeAlias

from jobset.admission import schemas
from jobset.kube.transport import Response
from jobset.local.kinds.rules import KindRules

Kinds: TypeAlias = Mapping[tuple[str, str], KindRules]

VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.3", "platform": "linux/amd64"}
_HEALTH = ("healthz", "readyz", "livez")
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_OTHER_PARTS = frozenset({"pods/binding", "namespaces/finalize"})


def discover(path: str, kinds: Kinds) -> Response | None:
    """The answer to a question about the server itself; None for every other path."""
    match path.strip("/").split("/"):
        case [word] if word in _HEALTH:
            return Response(code=200, body="ok")
        case ["version"]:
            return Response(code=200, body=VERSION)
        case ["api"]:
            return Response(code=200, body=_core_versions())
        case ["apis"]:
            groups = [_group(name, version) for name, version in _groups(kinds).items()]
            return Response(code=200, body={"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        case ["apis", group]:
            version = _groups(kinds).get(group)
            if version is None:
                return Response(code=404, body="404 page not found\n")
            return Response(code=200, body={"kind": "APIGroup", "apiVersion": "v1"} | _group(group, version))
        case ["api", "v1"]:
            return Response(code=200, body=_resources("v1", kinds))
        case ["apis", group, version] if _groups(kinds).get(group) == version:
            return Response(code=200, body=_resources(f"{group}/{version}", kinds))
        case _:
            return None


def _core_versions() -> dict[str, Any]:
    address = {"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}


def _groups(kinds: Kinds) -> dict[str, str]:
    """The version of each group that has one; each group is served in one version."""
    return {r.resource.group: r.resource.version for r in kinds.values() if r.resource.group}


def _group(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def _resources(group_version: str, kinds: Kinds) -> dict[str, Any]:
    rules = {r.resource.plural: r for r in kinds.values() if r.resource.api_version == group_version}
    prefix = "apis" if "/" in group_version else "api"
    known = schemas.resources().get(f"{prefix}/{group_version}")
    listed = _custom(rules) if known is None else [item for item in known if _is_served(item["name"], rules)]
    hashed = [_with_hash(item, group_version) for item in listed]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": hashed,
    }


def _with_hash(item: Mapping[str, Any], group_version: str) -> Mapping[str, Any]:
    """A resource with the hash that tells clients whether its stored form changed; parts have none."""
    if "list" not in item["verbs"]:
        return item
    # compat: StorageVersionHash of the API server: eight bytes of SHA-256 of group, version and kind.
    gvk = f"{group_version if '/' in group_version else '/' + group_version}/{item['kind']}"
    digest = sha256(gvk.encode()).digest()[:8]
    return {**item, "storageVersionHash": b64encode(digest).decode()}


def _is_served(name: str, rules: Mapping[str, KindRules]) -> bool:
    plural, _, part = name.partition("/")
    found = rules.get(plural)
    return found is not None and (not part or (part == "status" and found.has_status) or name in _OTHER_PARTS)


def _custom(rules: Mapping[str, KindRules]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for plural, found in rules.items():
        named = {"kind": found.resource.kind, "namespaced": found.resource.namespaced}
        listed.append({"name": plural, "singularName": found.resource.kind.lower(), **named, "verbs": _VERBS})
        if found.has_status:
            part = {"name": f"{plural}/status", "singularName": "", **named}
            listed.append({**part, "verbs": ["get", "patch", "update"]})
    return listed
