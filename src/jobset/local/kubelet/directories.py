"""Volumes as directories of this machine: made, filled, kept current, measured, removed."""

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from jobset.local.kubelet.facts import Object
from jobset.local.kubelet.volumes import (
    FILE_KINDS,
    NotYet,
    VolumeFile,
    VolumeSources,
    volume_files,
    volume_kind,
)

_HOST_PATH_CHECKS = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}
_ENTRIES_PER_STEP = 500


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """Where the kubelet keeps things on this machine."""

    pods: str
    logs: str
    claims: str
    memory: str | None = None
    """A directory in memory for emptyDir volumes of medium Memory, for shared /dev/shm and for messages."""
    links: str | None = None
    """A file that tells which links stand in for mounts."""

    def pod(self, uid: str) -> str:
        """The directory of one pod; gone when the pod is."""
        return os.path.join(self.pods, uid)

    def claim(self, namespace: str, name: str) -> str:
        """The directory of a PersistentVolumeClaim."""
        return os.path.join(self.claims, namespace, name)

    def account(self, uid: str) -> str:
        """Where a pod finds how to speak to the API, if it may."""
        return os.path.join(self.pod(uid), "account")

    def in_memory(self, uid: str) -> str:
        """The directory of one pod in memory; on disk where there is no memory for it."""
        return os.path.join(self.memory or self.pods, uid)

    def shared_memory(self, uid: str) -> str:
        """What all containers of a pod see as /dev/shm."""
        return os.path.join(self.in_memory(uid), "shm")


def make_volume(volume: Object, pod: Object, paths: Paths, sources: VolumeSources) -> str:
    """The path of a volume, made or brought up to date.

    Raises:
        NotYet: something it needs is missing.
        OSError: the machine refuses.
    """
    kind, uid = volume_kind(volume), pod["metadata"]["uid"]
    own = os.path.join(paths.pod(uid), "volumes", volume["name"])
    if kind in FILE_KINDS:
        write_files(own, volume_files(volume, sources))
        return own
    match kind:
        case "emptyDir":
            return _make_empty_dir(volume["emptyDir"] or {}, own, paths, uid)
        case "ephemeral":
            os.makedirs(own, exist_ok=True)
            return own
        case "hostPath":
            return _check_host_path(volume["hostPath"])
        case "persistentVolumeClaim":
            path = paths.claim(pod["metadata"].get("namespace", ""), volume[kind]["claimName"])
            os.makedirs(path, exist_ok=True)
            return path
        case _:
            raise NotYet(f"volumes of kind {kind} are not available on this machine")


def _make_empty_dir(source: Object, own: str, paths: Paths, uid: str) -> str:
    in_memory = source.get("medium") == "Memory" and paths.memory
    path = os.path.join(paths.memory or "", uid, os.path.basename(own)) if in_memory else own
    if not os.path.isdir(path):
        os.makedirs(path)
        # compat: every user of a container may write into an emptyDir.
        os.chmod(path, 0o777)
    return path


def _check_host_path(source: Object) -> str:
    path, type_ = source["path"], source.get("type") or ""
    # compat: with no type the runtime makes a missing directory itself.
    if type_ == "DirectoryOrCreate" or (not type_ and not os.path.lexists(path)):
        os.makedirs(path, mode=0o755, exist_ok=True)
        type_ = "Directory"
    if type_ == "FileOrCreate":
        if not os.path.exists(path):
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
        type_ = "File"
    check = _HOST_PATH_CHECKS.get(type_)
    if check is not None and not (os.path.exists(path) and check[0](os.stat(path).st_mode)):
        raise NotYet(f"hostPath type check failed: {path} is not {check[1]}")
    return str(path)


def write_files(directory: str, files: Sequence[VolumeFile]) -> bool:
    """Bring a directory to hold exactly `files`, all at once by one link switch; whether anything changed.

    Users see `name -> ..data/name`, and `..data` names the current generation.
    """
    os.makedirs(directory, exist_ok=True)
    data = os.path.join(directory, "..data")
    if os.path.lexists(data) and _holds(data, files):
        return False
    generation = _next_generation(directory)
    for file in files:
        _write_file(os.path.join(directory, generation, file.path), file)
    os.makedirs(os.path.join(directory, generation), exist_ok=True)
    old = os.readlink(data) if os.path.lexists(data) else None
    _switch_link(data, generation)
    _link_names(directory, {file.path.split("/")[0] for file in files})
    if old is not None:
        shutil.rmtree(os.path.join(directory, old), ignore_errors=True)
    return True


def _holds(data: str, files: Sequence[VolumeFile]) -> bool:
    real = os.path.realpath(data)
    present = {os.path.relpath(path, real) for path in _walk_files(real)}
    if present != {os.path.normpath(file.path) for file in files}:
        return False
    for file in files:
        path = os.path.join(real, file.path)
        with open(path, "rb") as current:
            if current.read() != file.data or stat.S_IMODE(os.stat(path).st_mode) != file.mode:
                return False
    return True


def _walk_files(directory: str) -> Iterator[str]:
    for folder, _, names in os.walk(directory):
        for name in names:
            yield os.path.join(folder, name)


def _next_generation(directory: str) -> str:
    number = 1
    while os.path.lexists(os.path.join(directory, f"..generation-{number}")):
        number += 1
    return f"..generation-{number}"


def _write_file(path: str, file: VolumeFile) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(file.data)
        os.fchmod(out.fileno(), file.mode)


def _switch_link(link: str, target: str) -> None:
    temporary = f"{link}_tmp"
    os.symlink(target, temporary)
    os.replace(temporary, link)


def _link_names(directory: str, names: Iterable[str]) -> None:
    wanted = set(names)
    for name in os.listdir(directory):
        if not name.startswith("..") and name not in wanted:
            os.unlink(os.path.join(directory, name))
    for name in wanted:
        link = os.path.join(directory, name)
        if not os.path.lexists(link):
            os.symlink(os.path.join("..data", name), link)


async def bytes_used(directory: str) -> int:
    """How much disk a directory takes; lets other tasks run while it counts."""
    total = seen = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                continue  # gone meanwhile
            seen += 1
            if seen % _ENTRIES_PER_STEP == 0:
                await asyncio.sleep(0)
    return total


async def empty_tree(path: str) -> None:
    """Remove the files of a directory, a few at a time; what cannot be removed stays for `remove_tree`."""
    seen = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))
            seen += 1
            if seen % _ENTRIES_PER_STEP == 0:
                await asyncio.sleep(0)


def remove_tree(path: str) -> None:
    """Remove a directory with everything in it, also what was made unwritable; no error when it is gone."""
    shutil.rmtree(path, ignore_errors=True)
    if not os.path.lexists(path):
        return
    for folder, _, _ in os.walk(path):
        try:
            os.chmod(folder, 0o700)
        except OSError:
            continue  # another user's: it stays
    shutil.rmtree(path, ignore_errors=True)
