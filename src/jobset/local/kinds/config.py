"""ConfigMaps and Secrets: keys, sizes, immutability, and texts that become data."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, forbidden, invalid, required, too_long
from jobset.local.kinds.checks import Problems, config_map_key, immutable
from jobset.local.kinds.sharing import filled, without

Struct = Mapping[str, Any]

LARGEST = 1024 * 1024
_IMMUTABLE = "field is immutable when `immutable` is set"
_DOCKER_CONFIG = ".dockercfg"
_DOCKER_CONFIG_JSON = ".dockerconfigjson"
_SERVICE_ACCOUNT_NAME = "kubernetes.io/service-account.name"


def validate_config_map(config_map: Struct) -> list[FieldError]:
    """Every problem of a ConfigMap beside its metadata."""
    return list(_config_map(config_map))


def validate_config_map_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed ConfigMap."""
    return [*_frozen(new, old, ("data", "binaryData")), *_config_map(new)]


def default_secret(secret: Struct) -> Struct:
    """A Secret with its type, and what was given as text turned into data."""
    secret = filled(secret, {"type": "Opaque"})
    texts = secret.get("stringData")
    if texts is None:
        return secret
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    data = {**(secret.get("data") or {}), **encoded}
    rest = without(secret, "stringData")
    return {**rest, "data": data} if data else rest


def validate_secret(secret: Struct) -> list[FieldError]:
    """Every problem of a Secret beside its metadata."""
    return list(_secret(secret))


def validate_secret_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed Secret."""
    return [
        *immutable("type", new.get("type"), old.get("type")),
        *_frozen(new, old, ("data",)),
        *_secret(new),
    ]


def prepare_secret_update(new: Struct, old: Struct) -> Struct:
    """A changed Secret keeps its type when the new one names none."""
    # compat: the strategy copies the type, since an absent one means "as before".
    return filled(new, {"type": old.get("type")}) if old.get("type") else new


def _config_map(config_map: Struct) -> Problems:
    data, binary = config_map.get("data") or {}, config_map.get("binaryData") or {}
    for key in sorted(data):
        yield from config_map_key(f"data[{key}]", key)
        if key in binary:
            yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    for key in sorted(binary):
        yield from config_map_key(f"binaryData[{key}]", key)
    size = sum(len((text or "").encode()) for text in data.values())
    size += sum(_decoded_length(text) for text in binary.values())
    if size > LARGEST:
        # compat: the server names no field here; an empty path is written as `[]`.
        yield too_long("[]", LARGEST)


def _frozen(new: Struct, old: Struct, fields: tuple[str, ...]) -> Problems:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden("immutable", _IMMUTABLE)
    for field in fields:
        if (new.get(field) or {}) != (old.get(field) or {}):
            yield forbidden(field, _IMMUTABLE)


def _decoded_length(text: str | None) -> int:
    return len(text or "") * 3 // 4 - (text or "")[-2:].count("=")


def _secret(secret: Struct) -> Problems:
    data = secret.get("data") or {}
    for key in sorted(data):
        yield from config_map_key(f"data[{key}]", key)
    if sum(_decoded_length(text) for text in data.values()) > LARGEST:
        yield too_long("data", LARGEST)
    yield from _secret_type(secret, data)


def _secret_type(secret: Struct, data: Struct) -> Problems:
    match secret.get("type"):
        case "kubernetes.io/service-account-token":
            annotations = secret["metadata"].get("annotations") or {}
            if not annotations.get(_SERVICE_ACCOUNT_NAME):
                yield required(f"metadata.annotations[{_SERVICE_ACCOUNT_NAME}]")
        case "kubernetes.io/dockercfg":
            yield from _docker_config(data, _DOCKER_CONFIG)
        case "kubernetes.io/dockerconfigjson":
            yield from _docker_config(data, _DOCKER_CONFIG_JSON)
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                yield required("data[username]")
                yield required("data[password]")
        case "kubernetes.io/ssh-auth":
            if not data.get("ssh-privatekey"):
                yield required("data[ssh-privatekey]")
        case "kubernetes.io/tls":
            for key in ("tls.crt", "tls.key"):
                if key not in data:
                    yield required(f"data[{key}]")


def _docker_config(data: Struct, key: str) -> Problems:
    if key not in data:
        yield required(f"data[{key}]")
        return
    try:
        json.loads(base64.b64decode(data[key] or ""))
    except (ValueError, binascii.Error) as error:
        yield invalid(f"data[{key}]", "<secret contents redacted>", str(error))
