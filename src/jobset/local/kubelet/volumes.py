"""What pod volumes hold: the files of ConfigMap, Secret, downward API and projected volumes, as values."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from jobset.kube.resources import CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, SECRETS, Resource
from jobset.local.kubelet.facts import Object
from jobset.local.kubelet.pods import all_containers

DEFAULT_MODE = 0o644
FILE_KINDS = ("configMap", "secret", "downwardAPI", "projected")
"""Volumes whose content we write and keep current."""

Reference = tuple[Resource, str]
"""An object of the pod's namespace that the pod needs."""


class NotYet(Exception):
    """A volume cannot be made now; it may be possible later."""


class VolumeFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a volume; `path` is relative."""

    path: str
    data: bytes
    mode: int = DEFAULT_MODE


class VolumeSources(Protocol):
    """Where the content of volumes comes from. None: there is no such object."""

    def config_map(self, name: str) -> Object | None: ...
    def secret(self, name: str) -> Object | None: ...
    def field(self, path: str) -> str: ...
    def resource(self, container: str, resource: str, divisor: str) -> str: ...
    def token(self, audience: str, seconds: int) -> str: ...


def volume_kind(volume: Object) -> str:
    """Which source a volume has: `emptyDir`, `configMap`, …"""
    return next((key for key, value in volume.items() if key != "name" and value is not None), "emptyDir")


def volume_files(volume: Object, sources: VolumeSources) -> tuple[VolumeFile, ...]:
    """The files of a volume of one of FILE_KINDS.

    Raises:
        NotYet: an object or key that is not optional is missing.
    """
    kind = volume_kind(volume)
    source = volume[kind]
    mode = _mode(source.get("defaultMode"), DEFAULT_MODE)
    if kind != "projected":
        return _files_of(kind, source, mode, sources)
    files: dict[str, VolumeFile] = {}
    for projection in source.get("sources") or ():
        part = volume_kind(projection)
        files |= {file.path: file for file in _files_of(part, projection[part], mode, sources)}
    return tuple(files.values())


def _files_of(kind: str, source: Object, mode: int, sources: VolumeSources) -> tuple[VolumeFile, ...]:
    match kind:
        case "configMap":
            found = sources.config_map(source.get("name", ""))
            return _keyed_files("configmap", source.get("name", ""), source, _config_map_bytes(found), mode)
        case "secret":
            name = source.get("secretName") or source.get("name", "")
            return _keyed_files("secret", name, source, _secret_bytes(sources.secret(name)), mode)
        case "downwardAPI":
            items = source.get("items") or ()
            return tuple(_downward_file(item, mode, sources) for item in items)
        case "serviceAccountToken":
            token = sources.token(source.get("audience") or "", source.get("expirationSeconds") or 3600)
            return (VolumeFile(path=source["path"], data=token.encode(), mode=mode),)
        case _:
            if source.get("optional"):
                return ()
            raise NotYet(f"{kind} projections are not available on this machine")


def _config_map_bytes(found: Object | None) -> Mapping[str, bytes] | None:
    if found is None:
        return None
    texts = {key: text.encode() for key, text in (found.get("data") or {}).items()}
    return texts | {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}


def _secret_bytes(found: Object | None) -> Mapping[str, bytes] | None:
    if found is None:
        return None
    return {key: base64.b64decode(text or "") for key, text in (found.get("data") or {}).items()}


def secret_texts(found: Object) -> dict[str, str]:
    """The values of a Secret as text."""
    data = _secret_bytes(found) or {}
    return {key: value.decode(errors="surrogateescape") for key, value in data.items()}


def _keyed_files(
    kind: str, name: str, source: Object, data: Mapping[str, bytes] | None, mode: int
) -> tuple[VolumeFile, ...]:
    optional = bool(source.get("optional"))
    if data is None:
        if optional:
            return ()
        raise NotYet(f'{kind} "{name}" not found')
    items = source.get("items")
    if not items:
        return tuple(VolumeFile(path=key, data=value, mode=mode) for key, value in sorted(data.items()))
    missing = [item["key"] for item in items if item["key"] not in data]
    if missing and not optional:
        word = "config" if kind == "configmap" else "secret"
        raise NotYet(f"{kind} references non-existent {word} key: {missing[0]}")
    return tuple(
        VolumeFile(path=item["path"], data=data[item["key"]], mode=_mode(item.get("mode"), mode))
        for item in items
        if item["key"] in data
    )


def _downward_file(item: Object, mode: int, sources: VolumeSources) -> VolumeFile:
    if "fieldRef" in item:
        text = sources.field(item["fieldRef"]["fieldPath"])
    else:
        reference = item["resourceFieldRef"]
        divisor = str(reference.get("divisor") or "0")
        text = sources.resource(reference.get("containerName", ""), reference["resource"], divisor)
    return VolumeFile(path=item["path"], data=text.encode(), mode=_mode(item.get("mode"), mode))


def _mode(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


def references_of(pod: Object) -> frozenset[Reference]:
    """Every object of its namespace that the pod reads: for variables and for volumes, optional ones too."""
    found: set[Reference] = set()
    for container in all_containers(pod):
        for source in container.get("envFrom") or ():
            found |= _named(CONFIG_MAPS, source.get("configMapRef"))
            found |= _named(SECRETS, source.get("secretRef"))
        for variable in container.get("env") or ():
            value_from = variable.get("valueFrom") or {}
            found |= _named(CONFIG_MAPS, value_from.get("configMapKeyRef"))
            found |= _named(SECRETS, value_from.get("secretKeyRef"))
    for volume in pod["spec"].get("volumes") or ():
        found |= _volume_references(volume)
    return frozenset(found)


def _volume_references(volume: Object) -> set[Reference]:
    found = _named(CONFIG_MAPS, volume.get("configMap")) | _named(SECRETS, volume.get("secret"), "secretName")
    claim = volume.get("persistentVolumeClaim")
    found |= _named(PERSISTENT_VOLUME_CLAIMS, claim, "claimName")
    for projection in (volume.get("projected") or {}).get("sources") or ():
        found |= _named(CONFIG_MAPS, projection.get("configMap"))
        found |= _named(SECRETS, projection.get("secret"))
    return found


def _named(resource: Resource, reference: Mapping[str, Any] | None, key: str = "name") -> set[Reference]:
    return {(resource, reference[key])} if reference and reference.get(key) else set()


def local_token(pod: Object, audience: str, expires_at: int) -> str:
    """An unsigned token that names the pod's service account; no server outside this run takes it."""
    metadata = pod["metadata"]
    account = pod["spec"].get("serviceAccountName") or "default"
    claims = {
        "aud": [audience or "https://kubernetes.default.svc.cluster.local"],
        "exp": expires_at,
        "iss": "https://kubernetes.default.svc.cluster.local",
        "kubernetes.io": {
            "namespace": metadata.get("namespace", ""),
            "pod": {"name": metadata["name"], "uid": metadata.get("uid", "")},
            "serviceaccount": {"name": account},
        },
        "sub": f"system:serviceaccount:{metadata.get('namespace', '')}:{account}",
    }
    return f"{_base64_json({'alg': 'none', 'typ': 'JWT'})}.{_base64_json(claims)}."


def _base64_json(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
