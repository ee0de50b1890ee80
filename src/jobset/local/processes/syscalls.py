"""The Linux calls that Python's `os` lacks. Each raises OSError whose `filename` says what was tried."""

import contextlib
import ctypes
import os
import signal
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MS_RELATIME = 0x200000
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CLOSE_RANGE = 436

_CLONE_NUMBERS = {
    "x86_64": 56,
    "aarch64": 220,
    "riscv64": 220,
    "loongarch64": 220,
    "ppc64le": 120,
    "ppc64": 120,
    "armv7l": 120,
    "armv8l": 120,
    "i686": 120,
    "s390x": 120,
}
_PIVOT_ROOT_NUMBERS = {
    "x86_64": 155,
    "aarch64": 41,
    "riscv64": 41,
    "loongarch64": 41,
    "ppc64le": 203,
    "ppc64": 203,
    "armv7l": 218,
    "armv8l": 218,
    "i686": 217,
    "s390x": 217,
}
_MACHINE = os.uname().machine

# PyDLL keeps the interpreter lock: a clone must not happen while it is given away.
_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def knows_machine() -> bool:
    """Whether the numbers of the calls are known for this kind of processor."""
    return _MACHINE in _CLONE_NUMBERS


def clone(flags: int) -> int:
    """Like `os.fork`, but the child lives in new namespaces: its pid here, 0 in the child.

    Only for a process with one thread: Python's fork hooks do not run.
    """
    words = [flags | signal.SIGCHLD, 0]
    if _MACHINE == "s390x":
        words.reverse()
    arguments = [ctypes.c_long(word) for word in (_CLONE_NUMBERS[_MACHINE], *words, 0, 0, 0)]
    return _checked(_libc.syscall(*arguments), "clone")


def unshare(flags: int) -> None:
    """unshare(2). Only for a process with one thread."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "new namespaces")


def mount(
    source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str | None = None
) -> None:
    """mount(2)."""
    result = _libc.mount(_path(source), _path(target), _path(kind), ctypes.c_ulong(flags), _path(options))
    _checked(result, f"mount {kind or source or 'flags'} on {target}")


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _checked(_libc.umount2(_path(target), ctypes.c_int(flags)), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)."""
    number = ctypes.c_long(_PIVOT_ROOT_NUMBERS[_MACHINE])
    _checked(_libc.syscall(number, _path(new), _path(old)), f"pivot_root {new}")


def die_with_parent() -> None:
    """SIGKILL this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def own_proc_entries() -> None:
    """Let a process that changed its user write its own entries in /proc, such as the map of users."""
    _prctl(_PR_SET_DUMPABLE, 1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def drop_capabilities(kept: int) -> None:
    """What this process executes from now on has at most the capabilities in the bit set `kept`."""
    with contextlib.suppress(OSError):
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for number in range(_last_capability() + 1):
        if not kept >> number & 1:
            _prctl(_PR_CAPBSET_DROP, number)
    _limit_inheritable(kept)


def has_capability(number: int) -> bool:
    """Whether this process may use a capability now."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> number & 1)
    return False


def close_from(first: int) -> None:
    """Close every open file from the number `first` on."""
    numbers = [
        ctypes.c_long(_CLOSE_RANGE),
        ctypes.c_ulong(first),
        ctypes.c_ulong(0xFFFFFFFF),
        ctypes.c_long(0),
    ]
    if _libc.syscall(*numbers) == 0:
        return
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd >= first:
            with contextlib.suppress(OSError):
                os.close(fd)


def _last_capability() -> int:
    try:
        with open("/proc/sys/kernel/cap_last_cap") as file:
            return int(file.read())
    except OSError:
        return 40


def _limit_inheritable(kept: int) -> None:
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    _checked(_libc.capget(header, data), "read capabilities")
    words = list(struct.unpack("=6I", data.raw[:24]))
    words[2] &= kept & 0xFFFFFFFF
    words[5] &= kept >> 32
    changed = ctypes.create_string_buffer(struct.pack("=6I", *words))
    _checked(_libc.capset(header, changed), "drop capabilities")


def _prctl(option: int, value: int) -> None:
    words = [ctypes.c_ulong(word) for word in (value, 0, 0, 0)]
    _checked(_libc.prctl(ctypes.c_int(option), *words), f"prctl {option}")


def _path(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
