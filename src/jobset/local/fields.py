"""What of a pod template this machine cannot do as written, before anything starts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from jobset.local.field_classes import FIELD_CLASSES, WHY_NOTICED, WHY_REFUSED, FieldClass

Struct: TypeAlias = Mapping[str, Any]

_KIND_OF_TYPE: Mapping[str, str] = {
    "Directory": "directory",
    "File": "file",
    "Socket": "socket",
    "CharDevice": "character device",
    "BlockDevice": "block device",
}
_OWN_PROCESSES = "containers do not see each other's processes: where there are namespaces, each has its own"
_MOUNT_REMEDY = (
    "name a path that does not exist and that you may create, or allow mount namespaces: "
    "`jobset version --verbose` tells what is in their way"
)
_MAY_BE_MADE: Mapping[str, str] = {"DirectoryOrCreate": "directory", "FileOrCreate": "file"}
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "dnsPolicy": ("", "ClusterFirst"),
    "mountPropagation": ("", "None"),
    "recursiveReadOnly": ("", "Disabled"),
    "procMount": ("", "Default"),
    "allowPrivilegeEscalation": (True,),
    "enableServiceLinks": (True, False),
    "hostUsers": (True,),
    "readOnlyRootFilesystem": (False,),
}
"""Values that change nothing, so that nobody needs a notice about them."""


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What judging fields needs to know of this machine."""

    uid: int
    """Of the user who starts the run."""
    gid: int
    path_kind: Callable[[str], str | None]
    """`directory`, `file`, `socket`, `character device` or `block device`; None: there is nothing."""
    images: Collection[str] = frozenset()
    """The images that have been given a command."""
    unreachable_mounts: Callable[[Struct], Iterable[tuple[str, str, str]]] = lambda _: ()
    """The mounts of a pod spec that cannot be made here: path below the spec, value, reason."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A field that keeps a run from starting, and the way out."""

    path: str
    value: Any
    reason: str
    remedy: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A field that is ignored."""

    path: str
    value: Any
    reason: str

    @property
    def field(self) -> str:
        """The last part of the path, such as `imagePullPolicy`."""
        return self.path.rpartition(".")[2].partition("[")[0]


Finding: TypeAlias = Refusal | Notice


def judge_fields(template: Struct, path: str, machine: MachineFacts) -> list[Finding]:
    """Everything about a pod template that is refused or ignored here, in the order of the template.

    `path` leads to the template. Judge what the user wrote: defaults are not worth a notice.
    """
    spec = template.get("spec") or {}
    return list(_pod(spec, f"{path}.spec", machine))


def told_once(findings: Iterable[Finding]) -> tuple[Notice, ...]:
    """The notices, one for each field: the first that was found stands for all."""
    first: dict[tuple[str, str], Notice] = {}
    for finding in findings:
        if isinstance(finding, Notice):
            first.setdefault((finding.field, finding.reason), finding)
    return tuple(first.values())


def command_of_image(image: str, commands: Mapping[str, Sequence[str]]) -> Sequence[str] | None:
    """The command that was given for an image, under its full name or the one without tag and digest."""
    name = _known_image(image, commands)
    return None if name is None else commands[name]


def _known_image(image: str, known: Collection[str]) -> str | None:
    untagged = image.partition("@")[0]
    head, slash, last = untagged.rpartition("/")
    untagged = head + slash + last.partition(":")[0]
    return next((name for name in (image, untagged, last.partition(":")[0]) if name in known), None)


def _pod(spec: Struct, path: str, machine: MachineFacts) -> Iterator[Finding]:
    yield from _by_class("PodSpec", spec, path)
    if (spec.get("os") or {}).get("name") == "windows":
        yield Refusal(
            path=f"{path}.os.name",
            value="windows",
            reason="this is not a Windows machine",
            remedy="use an image and commands for Linux, and os.name linux",
        )
    if spec.get("shareProcessNamespace"):
        yield Notice(path=f"{path}.shareProcessNamespace", value=True, reason=_OWN_PROCESSES)
    security = spec.get("securityContext") or {}
    yield from _security("PodSecurityContext", security, f"{path}.securityContext", machine)
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _volume(volume, f"{path}.volumes[{index}]", machine)
    for place, value, reason in machine.unreachable_mounts(spec):
        yield Refusal(path=f"{path}.{place}", value=value, reason=reason, remedy=_MOUNT_REMEDY)
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield from _container(container, f"{path}.{kind}[{index}]", machine)


def _container(container: Struct, path: str, machine: MachineFacts) -> Iterator[Finding]:
    yield from _command(container, path, machine)
    yield from _by_class("Container", container, path)
    yield from _by_class("ResourceRequirements", container.get("resources") or {}, f"{path}.resources")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        yield from _by_class("VolumeMount", mount, f"{path}.volumeMounts[{index}]")
    security = container.get("securityContext") or {}
    here = f"{path}.securityContext"
    yield from _security("SecurityContext", security, here, machine)
    yield from _powers(security, here)


def _command(container: Struct, path: str, machine: MachineFacts) -> Iterator[Finding]:
    image = container.get("image") or ""
    if container.get("command") or (image and _known_image(image, machine.images)):
        return
    shown = image or "IMAGE"
    yield Refusal(
        path=f"{path}.command",
        value=None,
        reason=f"no image is pulled, so the command that image {shown} would run is not known",
        remedy=f"write the command into the container, or run with --image {shown}=COMMAND…",
    )


def _volume(volume: Struct, path: str, machine: MachineFacts) -> Iterator[Finding]:
    yield from _by_class("Volume", volume, path)
    if (source := volume.get("hostPath")) is not None:
        yield from _host_path(source, f"{path}.hostPath", machine)
    for index, projection in enumerate((volume.get("projected") or {}).get("sources") or ()):
        yield from _by_class("VolumeProjection", projection, f"{path}.projected.sources[{index}]")


def _host_path(source: Struct, path: str, machine: MachineFacts) -> Iterator[Finding]:
    place, kind = source.get("path") or "", source.get("type") or ""
    wanted = _KIND_OF_TYPE.get(kind) or _MAY_BE_MADE.get(kind)
    if wanted is None:
        return
    found = machine.path_kind(place)
    if found == wanted or (found is None and kind in _MAY_BE_MADE):
        return
    reason = f"there is no {place}" if found is None else f"{place} is a {found}"
    yield Refusal(
        path=f"{path}.path",
        value=place,
        reason=f"{reason} on this machine, and type {kind} demands a {wanted}",
        remedy=f"make the {wanted}, name another path, or leave the type out",
    )


def _security(component: str, security: Struct, path: str, machine: MachineFacts) -> Iterator[Finding]:
    yield from _by_class(component, security, path, judged=("runAsUser", "capabilities", "privileged"))
    user = security.get("runAsUser")
    if user is not None and user != machine.uid:
        yield Refusal(
            path=f"{path}.runAsUser",
            value=user,
            reason=f"processes run as the user who starts the run, whose id is {machine.uid}",
            remedy=f"remove runAsUser, or start the run as user {user}",
        )
    if security.get("runAsNonRoot") and machine.uid == 0:
        yield Refusal(
            path=f"{path}.runAsNonRoot",
            value=True,
            reason="the run is started by root, so its processes would run as root",
            remedy="start the run as another user, or remove runAsNonRoot",
        )


def _powers(security: Struct, path: str) -> Iterator[Finding]:
    if security.get("privileged"):
        yield Refusal(
            path=f"{path}.privileged",
            value=True,
            reason="processes get no more rights than the user who starts the run",
            remedy="remove privileged; what root may do, a run that root starts may do",
        )
    capabilities = security.get("capabilities") or {}
    if added := capabilities.get("add"):
        yield Refusal(
            path=f"{path}.capabilities.add",
            value=list(added),
            reason="processes get no more rights than the user who starts the run",
            remedy="remove the capabilities, or use a port above 1024, a file of your own or the like",
        )
    if capabilities.get("drop"):
        yield _notice("drop", capabilities["drop"], f"{path}.capabilities")


def _by_class(component: str, struct: Struct, path: str, judged: Collection[str] = ()) -> Iterator[Finding]:
    """What the class alone says about the fields that are set; `judged` ones need a closer look."""
    for field, kind in FIELD_CLASSES[component].items():
        value = struct.get(field)
        if field in judged or value is None or value in ("", [], {}) or value in _DEFAULTS.get(field, ()):
            continue
        if kind is FieldClass.NOTICED:
            yield _notice(field, value, path)
        elif kind is FieldClass.REFUSED:
            reason, remedy = WHY_REFUSED[field]
            yield Refusal(path=f"{path}.{field}", value=value, reason=reason, remedy=remedy)


def _notice(field: str, value: Any, path: str) -> Notice:
    return Notice(path=f"{path}.{field}", value=value, reason=WHY_NOTICED[field])
