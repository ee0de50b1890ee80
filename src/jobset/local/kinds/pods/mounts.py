"""Validation of where a container mounts its volumes."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import forbidden, invalid, required
from jobset.local.kinds.checks import Problems, not_found, one_of
from jobset.local.kinds.pods.paths import descending_path, no_backsteps

Struct = Mapping[str, Any]

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def check_mounts(container: Struct, path: str, volumes: Mapping[str, Struct]) -> Problems:
    """The volume mounts of a container."""
    devices = container.get("volumeDevices") or ()
    taken: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        here = f"{path}[{index}]"
        name, place = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            yield required(f"{here}.name")
        if name not in volumes:
            yield not_found(f"{here}.name", name)
        if not place:
            yield required(f"{here}.mountPath")
        if place in taken:
            yield invalid(f"{here}.mountPath", place, "must be unique")
        taken.add(place)
        if any(device.get("name") == name for device in devices):
            yield invalid(f"{here}.name", name, "must not already exist in volumeDevices")
        if any(device.get("devicePath") == place for device in devices):
            yield invalid(f"{here}.mountPath", place, "must not already exist as a path in volumeDevices")
        yield from _sub_path(mount, here, path)
        yield from _propagation(mount, container, path)
        yield from _recursive_read_only(mount, path)


def check_devices(container: Struct, path: str, volumes: Mapping[str, Struct]) -> Problems:
    """The block devices of a container."""
    mounts = container.get("volumeMounts") or ()
    names: set[str] = set()
    places: set[str] = set()
    for index, device in enumerate(container.get("volumeDevices") or ()):
        here = f"{path}[{index}]"
        name, place = device.get("name") or "", device.get("devicePath") or ""
        yield from _device_name(name, names, here, volumes)
        if not place:
            yield required(f"{here}.devicePath")
        if place in places:
            yield invalid(f"{here}.devicePath", place, "must be unique")
        if any(no_backsteps(path, place)):
            yield invalid(f"{here}.devicePath", place, "can not contain backsteps ('..')")
        names.add(name)
        places.add(place)
        if any(mount.get("name") == name for mount in mounts):
            yield invalid(f"{here}.name", name, "must not already exist in volumeMounts")
        if any(mount.get("mountPath") == place for mount in mounts):
            yield invalid(f"{here}.devicePath", place, "must not already exist as a path in volumeMounts")


def _device_name(name: str, names: set[str], here: str, volumes: Mapping[str, Struct]) -> Problems:
    volume = volumes.get(name)
    if not name:
        yield required(f"{here}.name")
    if name in names:
        yield invalid(f"{here}.name", name, "must be unique")
    if volume is None:
        yield not_found(f"{here}.name", name)
    elif not volume.get("persistentVolumeClaim") and not volume.get("ephemeral"):
        words = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        yield invalid(f"{here}.name", name, words)


def _sub_path(mount: Struct, here: str, path: str) -> Problems:
    below, expression = mount.get("subPath"), mount.get("subPathExpr")
    if below:
        # compat: here and below the server names the list rather than the mount.
        yield from descending_path(f"{path}.subPath", below)
    if expression:
        if below:
            words = "subPathExpr and subPath are mutually exclusive"
            yield invalid(f"{here}.subPathExpr", expression, words)
        yield from descending_path(f"{path}.subPathExpr", expression)


def _propagation(mount: Struct, container: Struct, path: str) -> Problems:
    propagation = mount.get("mountPropagation")
    if propagation is None:
        return
    yield from one_of(f"{path}.mountPropagation", propagation, _PROPAGATIONS)
    privileged = (container.get("securityContext") or {}).get("privileged")
    if propagation == "Bidirectional" and not privileged:
        words = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden(f"{path}.mountPropagation", words)


def _recursive_read_only(mount: Struct, path: str) -> Problems:
    recursive = mount.get("recursiveReadOnly")
    here = f"{path}.recursiveReadOnly"
    if recursive is None or recursive == "Disabled":
        return
    if recursive not in _RECURSIVE:
        yield from one_of(here, recursive, _RECURSIVE)
        return
    if not mount.get("readOnly"):
        yield forbidden(here, "may only be specified when readOnly is true")
    if mount.get("mountPropagation") not in (None, "None"):
        yield forbidden(here, "may only be specified when mountPropagation is None or not specified")
