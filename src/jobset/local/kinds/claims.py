"""Validation of the specs of PersistentVolumeClaims, also of those inside pods."""

from collections.abc import Mapping
from typing import Any

from jobset.admission import names
from jobset.admission.field_errors import forbidden, invalid, not_supported, required
from jobset.local.kinds.checks import Problems, dns_subdomain, one_of, quantity, quantity_of

Struct = Mapping[str, Any]

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def check_claim_spec(spec: Struct, path: str) -> Problems:
    """What a claim asks for."""
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required(f"{path}.accessModes", "at least 1 access mode is required")
    if spec.get("selector") is not None:
        yield from names.label_selector(f"{path}.selector", spec["selector"])
    yield from check_access_modes(modes, f"{path}.accessModes")
    yield from _size(spec, path)
    if name := spec.get("storageClassName"):
        yield from dns_subdomain(f"{path}.storageClassName", name)
    if (mode := spec.get("volumeMode")) is not None and mode not in ("Block", "Filesystem"):
        yield not_supported(f"{path}.volumeMode", mode, ("Block", "Filesystem"))
    for field in ("dataSource", "dataSourceRef"):
        if (source := spec.get(field)) is not None:
            yield from _data_source(source, f"{path}.{field}")


def check_access_modes(modes: Any, path: str) -> Problems:
    """How a volume may be mounted."""
    for mode in modes:
        yield from one_of(path, mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        yield forbidden(path, "may not use ReadWriteOncePod with other access modes")


def _size(spec: Struct, path: str) -> Problems:
    requests = (spec.get("resources") or {}).get("requests") or {}
    here = f"{path}.resources[storage]"
    if "storage" not in requests:
        yield required(here)
        return
    amount = quantity_of(requests["storage"])
    if amount is None:
        yield from quantity(here, requests["storage"])
    elif amount.nano <= 0:
        yield invalid(here, str(amount), "must be greater than zero")


def _data_source(source: Struct, path: str) -> Problems:
    if not source.get("name"):
        yield required(f"{path}.name")
    if not source.get("kind"):
        yield required(f"{path}.kind")
    if not source.get("apiGroup") and source.get("kind") != "PersistentVolumeClaim":
        yield invalid(
            path,
            source.get("kind") or "",
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        )
