"""What a server fills into volumes and claims."""

from collections.abc import Mapping
from typing import Any

from jobset.local.kinds.pods.images import image_pull_policy
from jobset.local.kinds.resource_lists import canonical_quantity, rounded_requirements
from jobset.local.kinds.sharing import changed, each, filled

Struct = Mapping[str, Any]

DEFAULT_MODE = 0o644
_ISCSI = {"iscsiInterface": "default"}
_RBD = {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}
_SCALE_IO = {"storageMode": "ThinProvisioned", "fsType": "xfs"}
_AZURE_DISK = {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False}


def default_volume(volume: Struct) -> Struct:
    """A volume with its defaults; one without a source is an emptyDir."""
    if not any(value is not None for key, value in volume.items() if key != "name"):
        return {**volume, "emptyDir": {}}
    return changed(volume, _IN_VOLUME)


def default_claim_spec(spec: Struct) -> Struct:
    """The spec of a PersistentVolumeClaim with its defaults."""
    spec = filled(spec, {"volumeMode": "Filesystem", "resources": {}})
    return changed(spec, {"resources": rounded_requirements})


def default_volume_source(source: Struct) -> Struct:
    """The source of a PersistentVolume with its defaults."""
    return changed(source, _SHARED_SOURCES)


def _with_mode(source: Struct) -> Struct:
    return filled(source, {"defaultMode": DEFAULT_MODE})


def _downward_item(item: Struct) -> Struct:
    return changed(item, _DOWNWARD_ITEM)


def _downward(source: Struct) -> Struct:
    return changed(source, {"items": each(_downward_item)})


def _projection(projection: Struct) -> Struct:
    return changed(
        projection,
        {
            "downwardAPI": _downward,
            "serviceAccountToken": lambda token: filled(token, {"expirationSeconds": 3600}),
        },
    )


def _projected(source: Struct) -> Struct:
    return changed(_with_mode(source), {"sources": each(_projection)})


def _host_path(source: Struct) -> Struct:
    # compat: an absent type is written as the empty one, which means "no check".
    return source if source.get("type") is not None else {**source, "type": ""}


def _ephemeral(source: Struct) -> Struct:
    return changed(source, {"volumeClaimTemplate": _claim_template})


def _claim_template(template: Struct) -> Struct:
    return changed(template, {"spec": default_claim_spec})


def _image(source: Struct) -> Struct:
    if source.get("pullPolicy"):
        return source
    return {**source, "pullPolicy": image_pull_policy(source.get("reference") or "")}


_DOWNWARD_ITEM = {
    "fieldRef": lambda reference: filled(reference, {"apiVersion": "v1"}),
    "resourceFieldRef": lambda reference: changed(
        filled(reference, {"divisor": "0"}), {"divisor": canonical_quantity}
    ),
}
_SHARED_SOURCES = {
    "hostPath": _host_path,
    "iscsi": lambda source: filled(source, _ISCSI),
    "rbd": lambda source: filled(source, _RBD),
    "scaleIO": lambda source: filled(source, _SCALE_IO),
    "azureDisk": lambda source: filled(source, _AZURE_DISK),
}
_IN_VOLUME = {
    **_SHARED_SOURCES,
    "configMap": _with_mode,
    "secret": _with_mode,
    "downwardAPI": lambda source: _downward(_with_mode(source)),
    "projected": _projected,
    "emptyDir": lambda source: changed(source, {"sizeLimit": canonical_quantity}),
    "ephemeral": _ephemeral,
    "image": _image,
}
