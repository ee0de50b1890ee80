"""What a process does, once it is in new namespaces, to become the first process of a container."""

import contextlib
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobset.local.processes.abilities import Ways
from jobset.local.processes.mounts import (
    Bind,
    apply_layout,
    build_empty_root,
    close_devices,
    plan_layout,
)
from jobset.local.processes.syscalls import (
    CLONE_NEWIPC,
    CLONE_NEWNS,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_REC,
    MS_SLAVE,
    drop_capabilities,
    mount,
)

IDENTITY = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC
_CHOWN, _DAC_OVERRIDE, _FOWNER, _FSETID, _KILL, _SETGID, _SETUID, _SETPCAP = 0, 1, 3, 4, 5, 6, 7, 8
_NET_BIND_SERVICE, _NET_RAW, _SYS_CHROOT, _AUDIT_WRITE, _SETFCAP = 10, 13, 18, 29, 31
# compat: what container runtimes leave to root, less mknod, which they fence in by other means.
_ROOT_KEEPS = (
    *(_CHOWN, _DAC_OVERRIDE, _FOWNER, _FSETID, _KILL, _SETGID, _SETUID, _SETPCAP),
    *(_NET_BIND_SERVICE, _NET_RAW, _SYS_CHROOT, _AUDIT_WRITE, _SETFCAP),
)


def isolate(launch: Mapping[str, Any], ways: Ways) -> None:
    """Give this process the container's files, names and rights.

    Raises:
        OSError: a step failed; `filename` says which.
    """
    if ways.flags & CLONE_NEWNS:
        _mount_volumes(launch, ways)
        socket.sethostname(launch["hostname"])
        if ways.own_processes and ways.fresh_proc:
            mount_proc()


def map_user(uid: int, gid: int) -> None:
    """In a new user namespace: be the same user as before."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def separate_mounts() -> None:
    """From now on nothing that we mount is seen outside."""
    mount(None, "/", None, MS_REC | MS_SLAVE)


def mount_proc() -> None:
    """Show the processes of this process namespace."""
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def restrict_root() -> None:
    """Let root's programs have the capabilities that they have in a cluster; others have none anyway.

    This process keeps its own.
    """
    if os.geteuid() == 0:
        # Root that may not give up rights has been restricted by somebody else.
        with contextlib.suppress(PermissionError):
            drop_capabilities(sum(1 << number for number in _ROOT_KEEPS))


def try_steps(ways: Ways) -> dict[str, tuple[int, str]]:
    """Do every step once: for each that failed, its error number and what was tried."""
    failures: dict[str, tuple[int, str]] = {}

    def attempt(name: str, *steps: Callable[[], object]) -> None:
        try:
            for step in steps:
                step()
        except OSError as error:
            failures[name] = (error.errno or 0, str(error.filename or name))

    if ways.flags & CLONE_NEWUSER:
        attempt("user", lambda: map_user(ways.uid, ways.gid))
    attempt("mount", separate_mounts, _try_binds)
    attempt("hostname", lambda: socket.sethostname("probe"))
    attempt("root", build_empty_root)
    if ways.own_processes:
        attempt("proc", mount_proc)
    return failures


def _try_binds() -> None:
    if os.path.exists("/etc/hosts"):
        mount("/etc/hosts", "/etc/hosts", None, MS_BIND)
    if os.path.isdir("/dev/shm"):
        mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV)


def _mount_volumes(launch: Mapping[str, Any], ways: Ways) -> None:
    binds = [Bind(*bind) for bind in launch["mounts"]]
    if launch["hosts_file"] is not None:
        binds.append(Bind(launch["hosts_file"], "/etc/hosts", False))
    if ways.message_place is not None and _wants_machines_devices(binds, ways.message_place):
        close_devices()
    has_memory = launch["shared_memory"] is not None or os.path.isdir("/dev/shm")
    if has_memory and all(bind.target.rstrip("/") != "/dev/shm" for bind in binds):
        binds.append(Bind(launch["shared_memory"], "/dev/shm", False))
    layout = plan_layout(binds)
    if layout.opened and not ways.own_root:
        missing = next(bind.target for bind in layout.binds if not os.path.lexists(bind.target))
        raise OSError(
            0, "this machine does not allow a root of one's own, and the path does not exist", missing
        )
    apply_layout(layout)


def _wants_machines_devices(binds: Sequence[Bind], message_place: str) -> bool:
    """Whether the container's /dev shall be as if nothing had been added to it."""
    has_message = any(bind.target == message_place for bind in binds)
    return not has_message or any(bind.source and os.path.realpath(bind.source) == "/dev" for bind in binds)
