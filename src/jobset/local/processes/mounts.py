"""Where volumes go in a container's file tree, and making it so in a mount namespace of its own.

A target that exists is simply covered. For one that does not exist, a root of our own is built: a small tmpfs
with binds of every top folder, in which the folder that lacks the target is made changeable.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jobset.local.processes.syscalls import (
    MNT_DETACH,
    MS_BIND,
    MS_MOVE,
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
_DEVICES = "/dev"
_MACHINES_DEVICES = ".machine"
"""The machine's /dev inside ours."""
_PATH_ONLY: int = getattr(os, "O_PATH", 0) | os.O_CLOEXEC
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
    """A path of the machine that shall appear at `target`; None: an empty folder in memory."""

    source: str | None
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
    resolved = [bind._replace(target=os.path.realpath(bind.target)) for bind in binds]
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
    # Before anything is mounted: it may lie over the sources of what comes later.
    sources = [None if bind.source is None else os.open(bind.source, _PATH_ONLY) for bind in layout.binds]
    if layout.opened:
        _apply_in_own_root(layout, sources)
    else:
        for bind, source in zip(layout.binds, sources, strict=True):
            _cover(bind, source, "", "")
    for source in sources:
        if source is not None:
            os.close(source)


def _apply_in_own_root(layout: Layout, sources: Sequence[int | None]) -> None:
    _enter_stage()
    _bind_entries("/old", "/new")
    for folder in layout.opened[1:]:
        _open_folder(folder)
    for bind, source in zip(layout.binds, sources, strict=True):
        _cover(bind, source, "/old", "/new")
    if os.geteuid() != 0:
        _remount_read_only("/new")
    _leave_stage()


def open_devices(place: str) -> bool:
    """Cover /dev with a changeable one that has an empty file at `place`; False: it is there already."""
    if os.path.lexists(place):
        return False
    try:
        _make_devices(_DEVICES, _STAGE)
        _make_place(_STAGE + place.removeprefix(_DEVICES), is_folder=False)
        mount(_STAGE, _DEVICES, None, MS_MOVE)
    except OSError:
        with contextlib.suppress(OSError):
            unmount(_STAGE, MNT_DETACH)
        raise
    return True


def close_devices() -> None:
    """Show the machine's /dev again."""
    unmount(_DEVICES, MNT_DETACH)


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
    if folder == _DEVICES:
        # Never an overlay: devices in one that an ordinary user makes cannot be opened.
        _make_devices(original, copy)
        return
    is_system = any(folder == top or _is_in(folder, top) for top in _SYSTEM_FOLDERS)
    if is_system or not os.access(original, os.W_OK):
        with contextlib.suppress(OSError):
            _overlay(folder)
            return
    mode = os.stat(original).st_mode & 0o7777
    mount("tmpfs", copy, "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mode:o}")
    _bind_entries(original, copy)


def _make_devices(original: str, copy: str) -> None:
    """Make a changeable folder with the machine's devices in it."""
    mount("tmpfs", copy, "tmpfs", MS_NOSUID, "mode=755,size=16m")
    _bind_entries(original, copy)
    terminals = f"{copy}/ptmx"
    if os.path.lexists(terminals) and not os.path.islink(terminals):
        unmount(terminals)
        os.unlink(terminals)
        _make_terminals(original, copy)


def _make_terminals(original: str, copy: str) -> None:
    """The device that gives terminals: the kernel looks for them beside it, in the same mount."""
    source, place = f"{original}/ptmx", f"{copy}/ptmx"
    found = os.stat(source)
    try:
        os.mknod(place, found.st_mode, found.st_rdev)
        os.chmod(place, stat.S_IMODE(found.st_mode))
    except PermissionError:  # only root may make a device; the whole folder serves as well
        os.mkdir(f"{copy}/{_MACHINES_DEVICES}")
        mount(original, f"{copy}/{_MACHINES_DEVICES}", None, MS_BIND | MS_REC)
        os.symlink(f"{_MACHINES_DEVICES}/ptmx", place)


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


def _cover(bind: Bind, source: int | None, old: str, new: str) -> None:
    target = new + bind.target
    if not os.path.lexists(target):
        _make_place(target, is_folder=source is None or stat.S_ISDIR(os.fstat(source).st_mode))
    if source is None:
        mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    else:
        mount(f"{old}/proc/self/fd/{source}", target, None, MS_BIND | MS_REC)
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
