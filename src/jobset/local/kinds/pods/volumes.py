"""Validation of volumes and their sources."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobset.admission.field_errors import duplicate, forbidden, invalid, required
from jobset.local.kinds.checks import Problems, dns_label, dns_subdomain, one_of, quantity_of
from jobset.local.kinds.claims import check_claim_spec
from jobset.local.kinds.pods.environment import VOLUME_FIELDS, check_field_ref, check_resource_ref
from jobset.local.kinds.pods.paths import descending_path, file_path, no_backsteps

Struct = Mapping[str, Any]

_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)


def check_volumes(volumes: Sequence[Struct], path: str) -> tuple[list[Any], dict[str, Struct]]:
    """The problems of the volumes, and those without problems by name: only they can be mounted."""
    errors: list[Any] = []
    sound: dict[str, Struct] = {}
    for index, volume in enumerate(volumes):
        here, name = f"{path}[{index}]", volume.get("name") or ""
        own = list(_source(volume, here))
        if not name:
            own.append(required(f"{here}.name"))
        else:
            own += dns_label(f"{here}.name", name)
        if name in sound:
            own.append(duplicate(f"{here}.name", name))
        if own:
            errors += own
        else:
            sound[name] = volume
    return errors, sound


def check_persistent_source(source: Struct, path: str) -> Problems:
    """The source of a PersistentVolume, which may be a local disk too."""
    local = source.get("local")
    if local is None:
        yield from _source(source, path)
    elif not local.get("path"):
        yield required(f"{path}.local.path")


def _source(volume: Struct, path: str) -> Problems:
    given = [kind for kind in _SOURCES if volume.get(kind) is not None]
    if not given:
        yield required(path, "must specify a volume type")
        return
    first, *more = given
    yield from _SOURCES[first](volume[first], f"{path}.{first}")
    for kind in more:
        yield forbidden(f"{path}.{kind}", "may not specify more than 1 volume type")


def _needs(*fields: str) -> Callable[[Struct, str], Problems]:
    def check(source: Struct, path: str) -> Problems:
        for field in fields:
            if not source.get(field):
                yield required(f"{path}.{field}")

    return check


def _empty_dir(source: Struct, path: str) -> Problems:
    limit = quantity_of(source.get("sizeLimit", "0"))
    if limit is None or limit.nano < 0:
        yield forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def _host_path(source: Struct, path: str) -> Problems:
    if not source.get("path"):
        yield required(f"{path}.path")
        return
    yield from no_backsteps(f"{path}.path", source["path"])
    yield from one_of(f"{path}.type", source.get("type", ""), _HOST_PATH_TYPES)


def _git_repo(source: Struct, path: str) -> Problems:
    yield from _needs("repository")(source, path)
    yield from descending_path(f"{path}.directory", source.get("directory") or "")


def _named_files(name_field: str) -> Callable[[Struct, str], Problems]:
    def check(source: Struct, path: str) -> Problems:
        if not source.get(name_field):
            yield required(f"{path}.{name_field}")
        yield from _mode(f"{path}.defaultMode", source.get("defaultMode"))
        yield from _items(source.get("items") or (), f"{path}.items")

    return check


def _mode(path: str, mode: Any) -> Problems:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(path, mode, _MODE)


def _items(items: Sequence[Struct], path: str) -> Problems:
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        yield from _needs("key", "path")(item, here)
        yield from file_path(f"{here}.path", item.get("path") or "")
        if (mode := item.get("mode")) is not None and not 0 <= mode <= 0o777:
            yield invalid(f"{here}.mode", mode, _MODE)


def _downward_api(source: Struct, path: str) -> Problems:
    yield from _mode(f"{path}.defaultMode", source.get("defaultMode"))
    for item in source.get("items") or ():
        yield from _downward_item(item, path)


def _downward_item(item: Struct, path: str) -> Problems:
    # compat: the server's paths leave the index of the item out.
    if not item.get("path"):
        yield required(f"{path}.path")
    yield from file_path(f"{path}.path", item.get("path") or "")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        yield from check_field_ref(field, f"{path}.fieldRef", VOLUME_FIELDS)
        if resource is not None:
            words = "fieldRef and resourceFieldRef can not be specified simultaneously"
            yield invalid(path, "resource", words)
    elif resource is not None:
        yield from check_resource_ref(resource, f"{path}.resourceFieldRef", needs_container=True)
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required")
    yield from _mode(f"{path}.mode", item.get("mode"))


def _projected(source: Struct, path: str) -> Problems:
    yield from _mode(f"{path}.defaultMode", source.get("defaultMode"))
    taken: set[str] = set()
    for index, projection in enumerate(source.get("sources") or ()):
        here = f"{path}.sources[{index}]"
        given = [kind for kind in _PROJECTIONS if projection.get(kind) is not None]
        for kind in given:
            yield from _PROJECTIONS[kind](projection[kind], f"{here}.{kind}")
            yield from _path_conflicts(projection[kind], path, taken)
        if len(given) > 1:
            yield forbidden(here, "may not specify more than 1 volume type per source")


def _path_conflicts(projection: Struct, path: str, taken: set[str]) -> Problems:
    for item in projection.get("items") or ():
        place = item.get("path") or ""
        if place and place in taken:
            # compat: the server names the source that comes second, or the path where it has no name.
            yield invalid(path, projection.get("name") or place, "conflicting duplicate paths")
        taken.add(place)


def _token(source: Struct, path: str) -> Problems:
    seconds = source.get("expirationSeconds") or 0
    if seconds < 600:
        words = "may not specify a duration less than 10 minutes"
        yield invalid(f"{path}.expirationSeconds", seconds, words)
    if seconds > 1 << 32:
        words = "may not specify a duration larger than 2^32 seconds"
        yield invalid(f"{path}.expirationSeconds", seconds, words)
    # compat: the server's path leaves the source out.
    here = f"{path.partition('.sources[')[0]}.path"
    if not source.get("path"):
        yield required(here)
    else:
        yield from file_path(here, source["path"])


def _projected_files(source: Struct, path: str) -> Problems:
    if not source.get("name"):
        yield required(f"{path}.name")
    yield from _items(source.get("items") or (), f"{path}.items")


def _projected_downward(source: Struct, path: str) -> Problems:
    for item in source.get("items") or ():
        yield from _downward_item(item, path)


def _nfs(source: Struct, path: str) -> Problems:
    yield from _needs("server", "path")(source, path)
    if not (place := source.get("path") or "").startswith("/"):
        yield invalid(f"{path}.path", place, "must be an absolute path")


def _csi(source: Struct, path: str) -> Problems:
    driver = source.get("driver") or ""
    if not driver:
        yield required(f"{path}.driver")
    else:
        yield from dns_subdomain(f"{path}.driver", driver.lower())
    reference = source.get("nodePublishSecretRef")
    if reference is not None and not reference.get("name"):
        yield required(f"{path}.nodePublishSecretRef.name")


def _ephemeral(source: Struct, path: str) -> Problems:
    template = source.get("volumeClaimTemplate")
    if template is None:
        yield required(f"{path}.volumeClaimTemplate")
        return
    yield from check_claim_spec(template.get("spec") or {}, f"{path}.volumeClaimTemplate.spec")


def _image(source: Struct, path: str) -> Problems:
    if not source.get("reference"):
        yield required(f"{path}.reference")
    yield from one_of(f"{path}.pullPolicy", source.get("pullPolicy"), ("Always", "IfNotPresent", "Never"))


_PROJECTIONS: Mapping[str, Callable[[Struct, str], Problems]] = {
    "secret": _projected_files,
    "configMap": _projected_files,
    "downwardAPI": _projected_downward,
    "serviceAccountToken": _token,
    "clusterTrustBundle": _needs("path"),
    "podCertificate": _needs("signerName", "keyType"),
}
_SOURCES: Mapping[str, Callable[[Struct, str], Problems]] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": _needs("pdName"),
    "awsElasticBlockStore": _needs("volumeID"),
    "secret": _named_files("secretName"),
    "nfs": _nfs,
    "iscsi": _needs("targetPortal", "iqn"),
    "glusterfs": _needs("endpoints", "path"),
    "flocker": lambda source, path: iter(()),  # noqa: ARG005
    "persistentVolumeClaim": _needs("claimName"),
    "rbd": _needs("monitors", "image"),
    "cinder": _needs("volumeID"),
    "cephfs": _needs("monitors"),
    "quobyte": _needs("registry", "volume"),
    "downwardAPI": _downward_api,
    "fc": lambda source, path: iter(()),  # noqa: ARG005
    "flexVolume": _needs("driver"),
    "configMap": _named_files("name"),
    "azureFile": _needs("secretName", "shareName"),
    "storageos": _needs("volumeName"),
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _needs("diskName", "diskURI"),
    "scaleIO": _needs("gateway", "system", "volumeName"),
    "projected": _projected,
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,
}
