"""Where volumes appear in a container: mounts, or links where this machine allows no mounts."""

import contextlib
import filecmp
import json
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jobset.local.kubelet.environment import expand
from jobset.local.kubelet.facts import Object
from jobset.local.processes.starter import Mount


class MountRefused(Exception):
    """A volume cannot appear where the container wants it."""


def container_mounts(
    container: Object,
    volume_paths: Mapping[str, str],
    read_only: frozenset[str],
    variables: Mapping[str, str],
) -> tuple[Mount, ...]:
    """The mounts of a container, outer paths before the inner ones.

    `read_only` names the volumes that nobody may write to.

    Raises:
        MountRefused: a subPath leaves its volume.
        OSError: the machine refuses to make a subPath.
    """
    mounts = [
        Mount(
            source=_source_of(mount, volume_paths[mount["name"]], variables),
            target=posixpath.normpath(mount["mountPath"]),
            read_only=bool(mount.get("readOnly")) or mount["name"] in read_only,
        )
        for mount in container.get("volumeMounts") or ()
    ]
    return tuple(sorted(mounts, key=lambda mount: mount.target))


def _source_of(mount: Object, volume_path: str, variables: Mapping[str, str]) -> str:
    inner = mount.get("subPath") or expand(mount.get("subPathExpr") or "", variables)
    if not inner:
        return volume_path
    path = os.path.realpath(os.path.join(volume_path, inner))
    root = os.path.realpath(volume_path)
    if inner.startswith("/") or (path != root and not path.startswith(root + os.sep)):
        raise MountRefused(f'subPath "{inner}" of volume "{mount["name"]}" leaves the volume')
    if not os.path.lexists(path):
        os.makedirs(path)
    return path


def link_problem(target: str) -> str:
    """Why this user cannot make a link at `target`, in words; empty when they can."""
    if os.path.lexists(target):
        return f"{target} exists on this machine and is never covered without mounts of its own"
    parent = os.path.dirname(target)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK):
        return f"{target} cannot be made: {parent} is not writable by this user"
    return ""


def unlinkable_mounts(spec: Object) -> Iterator[tuple[str, str, str]]:
    """The mounts of a pod spec that links cannot stand in for: path below the spec, value, reason."""
    host_paths = {
        volume["name"]: volume["hostPath"].get("path")
        for volume in spec.get("volumes") or ()
        if volume.get("hostPath")
    }
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            for position, mount in enumerate(container.get("volumeMounts") or ()):
                target = mount.get("mountPath", "")
                if host_paths.get(mount.get("name")) == target:
                    continue
                reason = link_problem(posixpath.normpath(target))
                if reason:
                    yield f"{kind}[{index}].volumeMounts[{position}].mountPath", target, reason


@dataclass(slots=True)
class _Link:
    source: str
    made_folders: tuple[str, ...]
    users: dict[str, str] = field(default_factory=dict)
    """Each user's own source of the same content."""


@dataclass(slots=True)
class Links:
    """Links that stand in for mounts; each is shared by the pods that want the same content there."""

    record: str | None = None
    """A file that tells of all links, for `remove_dead_links`."""
    _links: dict[str, _Link] = field(default_factory=dict)

    def make(self, user: str, mount: Mount) -> None:
        """Let `mount.source` appear at `mount.target` for all programs of this machine.

        Raises:
            MountRefused: something else is there, or the user may not make it.
        """
        if os.path.realpath(mount.source) == mount.target:
            return
        link = self._links.get(mount.target)
        if link is not None:
            self._share(link, user, mount)
            return
        problem = link_problem(mount.target)
        if problem:
            raise MountRefused(f"{problem}; mount namespaces are not allowed here")
        missing = _missing_folders(os.path.dirname(mount.target))
        self._note(mount.source, mount.target, missing)
        for folder in reversed(missing):
            os.mkdir(folder)
        os.symlink(mount.source, mount.target)
        self._links[mount.target] = _Link(mount.source, missing, {user: mount.source})

    def release(self, user: str) -> None:
        """Remove the links that only `user` needed, and the folders made for them."""
        for target, link in list(self._links.items()):
            link.users.pop(user, None)
            if link.users:
                self._keep_alive(target, link)
                continue
            del self._links[target]
            if _is_link_to(target, link.source):
                os.unlink(target)
            _remove_folders(link.made_folders)

    def _keep_alive(self, target: str, link: _Link) -> None:
        """The source of a user that left goes away: point to one that stays."""
        if link.source in link.users.values() or not _is_link_to(target, link.source):
            return
        link.source = next(iter(link.users.values()))
        self._note(link.source, target, link.made_folders)
        os.symlink(link.source, f"{target}.new")
        os.replace(f"{target}.new", target)

    def _note(self, source: str, target: str, folders: Sequence[str]) -> None:
        """Write it down before it is done: after a kill nobody else knows."""
        if self.record is not None:
            with open(self.record, "a") as record:
                record.write(json.dumps([source, target, folders]) + "\n")

    def _share(self, link: _Link, user: str, mount: Mount) -> None:
        if link.source != mount.source and not same_content(link.source, mount.source):
            raise MountRefused(
                f"{mount.target} is already a link to another pod's volume; "
                "two pods can have different files at one path only with mount namespaces"
            )
        link.users[user] = mount.source


def remove_dead_links(record: str) -> None:
    """Remove the links that a killed run left, and the folders made for them; no error without a record."""
    try:
        with open(record) as file:
            noted = [json.loads(line) for line in file if line.endswith("\n")]
    except (OSError, ValueError):
        return
    for source, target, folders in reversed(noted):
        if _is_link_to(target, source):
            with contextlib.suppress(OSError):
                os.unlink(target)
        _remove_folders(folders)
    with contextlib.suppress(OSError):
        os.unlink(record)


def _is_link_to(path: str, source: str) -> bool:
    return os.path.islink(path) and os.readlink(path) == source


def _missing_folders(folder: str) -> tuple[str, ...]:
    """The folder and those above it that are not there, inner ones first."""
    missing: list[str] = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return tuple(missing)


def _remove_folders(folders: Sequence[str]) -> None:
    for folder in folders:
        try:
            os.rmdir(folder)
        except OSError:
            return  # somebody put something there: it stays


def same_content(one: str, other: str) -> bool:
    """Whether two files are equal, or two read-only trees of configuration."""
    if os.path.isfile(one) and os.path.isfile(other):
        return filecmp.cmp(one, other, shallow=False)
    if not (os.path.islink(os.path.join(one, "..data")) and os.path.islink(os.path.join(other, "..data"))):
        return False  # a directory that programs write to is never shared by accident
    return _same_tree(
        os.path.realpath(os.path.join(one, "..data")), os.path.realpath(os.path.join(other, "..data"))
    )


def _same_tree(one: str, other: str) -> bool:
    compared = filecmp.dircmp(one, other)
    if compared.left_only or compared.right_only or compared.funny_files:
        return False
    if filecmp.cmpfiles(one, other, compared.common_files, shallow=False)[0] != compared.common_files:
        return False
    return all(_same_tree(os.path.join(one, d), os.path.join(other, d)) for d in compared.common_dirs)
