"""PersistentVolumeClaims, PersistentVolumes and StorageClasses."""

from collections.abc import Mapping
from typing import Any

from jobset.local.kinds.pods.volume_defaults import default_claim_spec, default_volume_source
from jobset.local.kinds.resource_lists import canonical_list
from jobset.local.kinds.sharing import changed, filled, keep_status, with_spec

Struct = Mapping[str, Any]


def default_claim(claim: Struct) -> Struct:
    """A claim with its defaults."""
    return with_spec(claim, default_claim_spec)


def prepare_claim_create(claim: Struct) -> Struct:
    """A new claim waits for its volume."""
    return {**claim, "status": {"phase": "Pending"}}


def prepare_claim_update(new: Struct, old: Struct) -> Struct:
    """A changed claim; its status stays."""
    return keep_status(new, old)


def default_volume(volume: Struct) -> Struct:
    """A PersistentVolume with its defaults."""
    return with_spec(volume, _volume_spec)


def prepare_volume_create(volume: Struct) -> Struct:
    """A new PersistentVolume is not bound yet."""
    now = volume["metadata"].get("creationTimestamp")
    return {**volume, "status": {"lastPhaseTransitionTime": now, "phase": "Pending"}}


def prepare_volume_update(new: Struct, old: Struct) -> Struct:
    """A changed PersistentVolume; its status stays."""
    return keep_status(new, old)


def default_storage_class(storage_class: Struct) -> Struct:
    """A StorageClass with its defaults."""
    return filled(storage_class, {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"})


def _volume_spec(spec: Struct) -> Struct:
    spec = filled(spec, {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"})
    return changed(default_volume_source(spec), {"capacity": canonical_list})
