"""Processes by descent: the children of a process, and all that came from it."""

import os
import signal
from collections.abc import Iterator


def children_of(pid: int) -> list[int]:
    """The living or unreaped children of a process; empty where /proc does not tell."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found.extend(int(word) for word in file.read().split())
        except FileNotFoundError:
            if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
                return _children_by_scan(pid)
        except OSError:
            continue
    return found


def descendants_of(pid: int) -> Iterator[int]:
    """Everything that came from a process, nearest first."""
    waiting = children_of(pid)
    while waiting:
        child = waiting.pop()
        yield child
        waiting.extend(children_of(child))


def kill_descendants(pid: int) -> None:
    """SIGKILL to everything that came from a process; what it starts meanwhile needs another call."""
    for child in list(descendants_of(pid)):
        try:
            os.kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _children_by_scan(pid: int) -> list[int]:
    """For kernels that do not list children."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The second field is the program's name in brackets and may contain anything.
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == pid:
            found.append(int(name))
    return found
