"""Which PersistentVolumeClaims, PersistentVolumes and StorageClasses a server takes."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, forbidden, invalid, not_supported, required
from jobset.local.kinds.checks import Problems, dns_subdomain, immutable, quantity_of
from jobset.local.kinds.claims import check_access_modes, check_claim_spec
from jobset.local.kinds.pods.affinity import check_node_selector
from jobset.local.kinds.pods.go_text import difference
from jobset.local.kinds.pods.resources import check_amount
from jobset.local.kinds.pods.volumes import check_persistent_source
from jobset.local.kinds.sharing import without

Struct = Mapping[str, Any]

_ONLY_SIZE = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)
_RECLAIM = ("Delete", "Recycle", "Retain")
_BINDING = ("Immediate", "WaitForFirstConsumer")
_ABOUT_CLAIM = (
    "capacity",
    "accessModes",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "mountOptions",
    "volumeMode",
    "nodeAffinity",
    "claimRef",
    "volumeAttributesClassName",
)


def validate_claim(claim: Struct) -> list[FieldError]:
    """Every problem of a claim beside its metadata."""
    return list(check_claim_spec(claim.get("spec") or {}, "spec"))


def validate_claim_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed claim: a bound one may grow, all else stays."""
    return [*validate_claim(new), *_claim_changes(new["spec"], old["spec"], old.get("status") or {})]


def validate_volume(volume: Struct) -> list[FieldError]:
    """Every problem of a PersistentVolume beside its metadata."""
    return list(_volume(volume.get("spec") or {}))


def validate_volume_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed PersistentVolume: its source stays."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    errors = list(_volume(spec))
    source = without(spec, *_ABOUT_CLAIM)
    if source != without(before, *_ABOUT_CLAIM):
        words = "spec.persistentvolumesource is immutable after creation\n"
        errors.append(forbidden("spec.persistentvolumesource", words + difference(before, spec)))
    errors += immutable("spec.volumeMode", spec.get("volumeMode"), before.get("volumeMode"))
    return errors


def validate_storage_class(storage_class: Struct) -> list[FieldError]:
    """Every problem of a StorageClass beside its metadata."""
    return list(_storage_class(storage_class))


def validate_storage_class_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed StorageClass: what it makes stays."""
    errors = []
    if (new.get("parameters") or {}) != (old.get("parameters") or {}):
        errors.append(forbidden("parameters", "updates to parameters are forbidden."))
    for field in ("provisioner", "reclaimPolicy"):
        if new.get(field) != old.get(field):
            errors.append(forbidden(field, f"updates to {field} are forbidden."))
    binding = "volumeBindingMode"
    return [*errors, *immutable(binding, new.get(binding), old.get(binding)), *_storage_class(new)]


def _claim_changes(new: Struct, old: Struct, status: Struct) -> Problems:
    wanted = dict(new)
    if old.get("volumeName") is None or old.get("volumeName") == "":
        wanted.pop("volumeName", None)
    if old.get("storageClassName") is None:
        # compat: a claim of no class may get one later, so that a new default class counts for it.
        wanted.pop("storageClassName", None)
    if status.get("phase") == "Bound":
        wanted["resources"] = old.get("resources")
        yield from _not_smaller(new, old, status)
        wanted = dict(without(wanted, "volumeAttributesClassName"))
        old = without(old, "volumeAttributesClassName")
    if wanted != {key: value for key, value in old.items() if value != ""}:
        yield forbidden("spec", f"{_ONLY_SIZE}\n{difference(old, wanted)}")


def _not_smaller(new: Struct, old: Struct, status: Struct) -> Problems:
    here = "spec.resources.requests.storage"
    size, before = _storage(new), _storage(old)
    if size is None or before is None or size >= before:
        return
    actual = quantity_of((status.get("capacity") or {}).get("storage", "0"))
    if actual is not None and size <= actual:
        yield forbidden(here, "field can not be less than status.capacity")


def _storage(spec: Struct) -> Any:
    requests = (spec.get("resources") or {}).get("requests") or {}
    return quantity_of(requests.get("storage", ""))


def _volume(spec: Struct) -> Problems:
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required("spec.accessModes")
    yield from check_access_modes(modes, "spec.accessModes")
    capacity = spec.get("capacity") or {}
    if not capacity:
        yield required("spec.capacity")
    if "storage" not in capacity or len(capacity) > 1:
        yield not_supported("spec.capacity", capacity, ("storage",))
    for name in sorted(capacity):
        here = f"spec.capacity[{name}]"
        yield from check_amount(name, capacity[name], here)
        amount = quantity_of(capacity[name])
        if amount is not None and amount.nano == 0:
            yield invalid(here, capacity[name], "must be greater than zero")
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM:
        yield not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM)
    if (affinity := spec.get("nodeAffinity")) is not None:
        if affinity.get("required") is None:
            yield required("spec.nodeAffinity.required", "must specify required node constraints")
        else:
            yield from check_node_selector(affinity["required"], "spec.nodeAffinity.required")
    yield from check_persistent_source(without(spec, *_ABOUT_CLAIM), "spec")
    if name := spec.get("storageClassName"):
        yield from dns_subdomain("spec.storageClassName", name)
    mode = spec.get("volumeMode")
    if mode not in (None, "Block", "Filesystem"):
        yield not_supported("spec.volumeMode", mode, ("Block", "Filesystem"))


def _storage_class(storage_class: Struct) -> Problems:
    if not storage_class.get("provisioner"):
        yield required("provisioner")
    for field, choices in (("reclaimPolicy", ("Delete", "Retain")), ("volumeBindingMode", _BINDING)):
        value = storage_class.get(field)
        if value and value not in choices:
            yield not_supported(field, value, choices)
