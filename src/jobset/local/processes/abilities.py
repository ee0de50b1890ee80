"""Which namespaces this machine allows, found out by using them once in a throw-away process."""

import errno
import marshal
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

NO_WAYS = (0, False, False)
_SYS_ADMIN = 21
_CLONE_NEWPID = 0x20000000
_ALL = ("own_hosts", "own_mounts", "own_processes")
_STEP_NEEDED_BY = {
    "user": _ALL,
    "mount": _ALL,
    "hostname": _ALL,
    "root": ("own_mounts",),
    "proc": ("fresh_proc",),
}


class Ways(NamedTuple):
    """Which namespaces containers get, and as whom. `flags` 0: none at all."""

    flags: int
    own_root: bool
    fresh_proc: bool
    uid: int
    gid: int
    message_place: str | None = None
    """A place for a message file that they find in a /dev of ours; None: their /dev is the machine's."""

    @property
    def own_processes(self) -> bool:
        """Containers have a process namespace."""
        return bool(self.flags & _CLONE_NEWPID)


class Found(NamedTuple):
    """What may be used, and for each way that may not, why."""

    flags: int
    own_root: bool
    fresh_proc: bool
    missing: Mapping[str, str]


def find_abilities(*, use_namespaces: bool) -> Found:
    """What containers can be given here."""
    if not use_namespaces:
        return _nothing("switched off")
    if sys.platform != "linux":
        return _nothing(f"{sys.platform} has no namespaces")
    from jobset.local.processes.syscalls import CLONE_NEWUSER, has_capability, knows_machine

    if not knows_machine():
        return _nothing(f"the system calls of {os.uname().machine} are not known")
    from jobset.local.processes.isolate import IDENTITY

    # Real root would lose access to other users' files in a user namespace.
    is_root = os.geteuid() == 0 and has_capability(_SYS_ADMIN)
    flags = IDENTITY | (0 if is_root else CLONE_NEWUSER)
    found = _try(flags | _CLONE_NEWPID)
    if isinstance(found, Found):
        return found
    without = _try(flags)
    if isinstance(without, Found):
        return without._replace(missing={**without.missing, "own_processes": found})
    return _nothing(without)


def explain(step: str, number: int, tried: str) -> str:
    """Why a step failed, in words, with the likely cause."""
    text = f"{tried}: {os.strerror(number)}"
    cause = _likely_cause(step, number)
    return f"{text} ({cause})" if cause else text


def _likely_cause(step: str, number: int) -> str:
    match step, number:
        case "clone", errno.ENOSPC:
            return "a limit user.max_*_namespaces is zero or used up"
        case "clone", errno.EPERM | errno.ENOSYS:
            return "denied by a container's seccomp profile, or kernel.unprivileged_userns_clone is 0"
        case "clone", errno.EINVAL:
            return "the kernel was built without these namespaces"
        case "user" | "mount" | "hostname", errno.EPERM | errno.EACCES:
            return (
                "user namespaces may be made but not used, as AppArmor rules; "
                "see kernel.apparmor_restrict_unprivileged_userns"
            )
        case "root", errno.EINVAL:
            return "the root of this machine is an initial ramdisk"
        case "proc", errno.EPERM:
            return "/proc is masked, as in a container; the machine's processes are shown instead"
    return ""


def _nothing(reason: str) -> Found:
    return Found(*NO_WAYS, dict.fromkeys(_ALL, reason))


def _try(flags: int) -> Found | str:
    """What works in new namespaces of these kinds; the reason when they cannot be made at all."""
    from jobset.local.processes.isolate import try_steps
    from jobset.local.processes.syscalls import clone

    ways = Ways(flags, True, True, os.geteuid(), os.getegid())
    readable, writable = os.pipe()
    try:
        pid = clone(flags)
    except OSError as error:
        os.close(readable)
        os.close(writable)
        return explain("clone", error.errno or 0, "new namespaces")
    if pid == 0:
        _report_steps(writable, try_steps, ways)
    os.close(writable)
    with open(readable, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    if not data:
        return "the trial process was killed"
    return _judge(flags, marshal.loads(data))


def _report_steps(writable: int, try_steps: Any, ways: Any) -> None:
    try:
        os.write(writable, marshal.dumps(try_steps(ways)))
    finally:
        os._exit(0)


def _judge(flags: int, failures: Mapping[str, tuple[int, str]]) -> Found:
    missing: dict[str, str] = {}
    for step, (number, tried) in failures.items():
        for name in _STEP_NEEDED_BY[step]:
            missing.setdefault(name, explain(step, number, tried))
    if "own_hosts" in missing:
        return Found(*NO_WAYS, missing)
    return Found(flags, "own_mounts" not in missing, "fresh_proc" not in missing, missing)
