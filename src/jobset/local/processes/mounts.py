"""Where volumes go in a container's file tree, and making it so in a mount namespace of its own.

A target that exists is simply covered. For one that does not exist, a root of our own is built: a small tmpfs
with binds of every top folder, in which the folder that lacks the target is made changeable.
"""

import contextlib
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jobset.local.processes.syscalls import (
    MNT_DETACH,
    MS_BIND,
    MS_NOATIME,
    MS_NODEV,
    MS_NODIRATIME,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_RELATIME,
    MS_REMOUNT,
    mount,
    pivot_root,
    unmount,
)

_STAGE = "/tmp"
_SYSTEM_FOLDERS = ("/etc", "/usr", "/opt", "/var", "/run", "/lib", "/bin", "/sbin", "/boot")
_KEPT_FLAGS = (
    (os.ST_NOSUID, MS_NOSUID),
    (os.ST_NODEV, MS_NODEV),
    (os.ST_NOEXEC, MS_NOEXEC),
    (os.ST_NOATIME, MS_NOATIME),
    (os.ST_NODIRATIME, MS_NODIRATIME),
    (os.ST_RELATIME, MS_RELATIME),
)


class Bind(NamedTuple):
    """A path of the machine that shall appear at `target`."""

    source: str
    target: str
    read_only: bool


class Layout(NamedTuple):
    """How to make all binds possible."""

    binds: tuple[Bind, ...]
    """In the order in which they are made; links in paths are resolved."""
    opened: tuple[str, ...]
    """Folders that get a changeable copy because a target in them does not exist; outer ones first."""


def plan_layout(binds: Iterable[Bind]) -> Layout:
    """How the targets can be made to exist, from what the file system says now."""
    resolved = [
        Bind(os.path.realpath(bind.source), os.path.realpath(bind.target), bind.read_only) for bind in binds
    ]
    ordered = tuple(sorted(resolved, key=lambda bind: bind.target.count("/")))
    opened: list[str] = []
    for position, bind in enumerate(ordered):
        # A target inside another volume is made in that volume, as container runtimes do.
        if os.path.lexists(bind.target) or any(
            _is_in(bind.target, other.target) for other in ordered[:position]
        ):
            continue
        folder = _nearest_folder(bind.target)
        if folder not in opened and folder != "/":
            opened.append(folder)
        if "/" not in opened:
            opened.insert(0, "/")
    return Layout(ordered, tuple(sorted(opened, key=lambda folder: (folder.count("/"), len(folder)))))


def apply_layout(layout: Layout) -> None:
    """Mount everything; with folders to open, in a root of our own."""
    if not layout.opened:
        for bind in layout.binds:
            _cover(bind, "", "")
        return
    _enter_stage()
    _bind_entries("/old", "/new")
    for folder in layout.opened[1:]:
        _open_folder(folder)
    for bind in layout.binds:
        _cover(bind, "/old", "/new")
    if os.geteuid() != 0:
        _remount_read_only("/new")
    _leave_stage()


def build_empty_root() -> None:
    """Go through the steps of a root of our own, to find out whether they are allowed."""
    _enter_stage()
    _bind_entries("/old", "/new")
    _leave_stage()


def _nearest_folder(target: str) -> str:
    folder = os.path.dirname(target)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _enter_stage() -> None:
    mount("tmpfs", _STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m")
    os.mkdir(f"{_STAGE}/old")
    os.mkdir(f"{_STAGE}/new")
    os.mkdir(f"{_STAGE}/layers")
    pivot_root(_STAGE, f"{_STAGE}/old")
    os.chdir("/")
    mount("tmpfs", "/new", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m")


def _leave_stage() -> None:
    os.chdir("/new")
    pivot_root(".", ".")
    # The stage now lies on top of the new root; taking it away takes the old root with it.
    unmount(".", MNT_DETACH)
    os.chdir("/")


def _bind_entries(source: str, target: str) -> None:
    """Let every entry of a folder appear in another, empty one."""
    for entry in list(os.scandir(source)):
        place = f"{target}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
            continue
        # A dead network file system shall not keep a container from starting.
        with contextlib.suppress(OSError):
            _make_place(place, is_folder=entry.is_dir(follow_symlinks=False))
            mount(entry.path, place, None, MS_BIND | MS_REC)


def _open_folder(folder: str) -> None:
    """Make a folder of the new root changeable without changing the machine's."""
    original, copy = f"/old{folder}", f"/new{folder}"
    if not os.access(original, os.R_OK | os.X_OK):
        # Nothing in it can be seen by this user anyway.
        mount("tmpfs", copy, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        return
    is_system = any(folder == top or _is_in(folder, top) for top in _SYSTEM_FOLDERS)
    if is_system or not os.access(original, os.W_OK):
        with contextlib.suppress(OSError):
            _overlay(folder)
            return
    mode = os.stat(original).st_mode & 0o7777
    mount("tmpfs", copy, "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mode:o}")
    _bind_entries(original, copy)


def _overlay(folder: str) -> None:
    layer = f"/layers/{folder.strip('/').replace('/', '-')}"
    for name in ("", "/upper", "/work"):
        os.mkdir(layer + name)
    lower, upper = _escaped("/old" + folder), _escaped(layer)
    options = f"lowerdir={lower},upperdir={upper}/upper,workdir={upper}/work,userxattr"
    mount("overlay", f"/new{folder}", "overlay", 0, options)
    # An overlay does not show what is mounted inside its lower folder.
    for inner in _mounts_in(f"/old{folder}"):
        with contextlib.suppress(OSError):
            mount(inner, "/new" + inner.removeprefix("/old"), None, MS_BIND | MS_REC)


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")


def _mounts_in(folder: str) -> Sequence[str]:
    with open("/old/proc/self/mountinfo") as file:
        points = [_unescaped(line.split()[4]) for line in file]
    return [point for point in points if _is_in(point, folder)]


def _unescaped(point: str) -> str:
    # No codec: in this place Python may not find its own modules any more.
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point


def _cover(bind: Bind, old: str, new: str) -> None:
    source, target = old + bind.source, new + bind.target
    is_folder = os.path.isdir(source)
    if not os.path.lexists(target):
        _make_place(target, is_folder=is_folder)
    mount(source, target, None, MS_BIND | MS_REC)
    if bind.read_only:
        _remount_read_only(target)


def _make_place(path: str, *, is_folder: bool) -> None:
    if is_folder:
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def _remount_read_only(target: str) -> None:
    # In a user namespace the flags that the mount has already must be repeated.
    found = os.statvfs(target).f_flag
    flags = MS_BIND | MS_REMOUNT | MS_RDONLY
    for stat_flag, mount_flag in _KEPT_FLAGS:
        if found & stat_flag:
            flags |= mount_flag
    mount(None, target, None, flags)
