"""The machine's own hosts file: a marked block in it, for as long as the process that wrote it lives."""

import contextlib
import os
import re
from collections.abc import Callable

import msgspec

HOSTS = "/etc/hosts"
_BLOCK = re.compile(
    r"(?ms)^# BEGIN jobset (?P<pid>\d+) (?P<started>\d+)\n.*?^# END jobset (?P=pid) (?P=started)\n"
)


class Owner(msgspec.Struct, frozen=True):
    """A process, told from a later one with the same id by when it started."""

    pid: int
    started: int


def with_block(text: str, owner: Owner, lines: str) -> str:
    """The file with the owner's block at its end; without it when there are no lines."""
    kept = without_blocks(text, lambda other: other == owner)
    if not lines:
        return kept
    if kept and not kept.endswith("\n"):
        kept += "\n"
    mark = f"jobset {owner.pid} {owner.started}"
    return f"{kept}# BEGIN {mark}\n{lines}# END {mark}\n"


def without_blocks(text: str, is_unwanted: Callable[[Owner], bool]) -> str:
    """The file without the blocks of some owners."""

    def keep(block: re.Match[str]) -> str:
        return "" if is_unwanted(Owner(int(block["pid"]), int(block["started"]))) else block[0]

    return _BLOCK.sub(keep, text)


def this_process() -> Owner:
    """The running process as an owner."""
    return Owner(os.getpid(), _started(os.getpid()))


def is_gone(owner: Owner) -> bool:
    """Whether the process has ended."""
    return _started(owner.pid) != owner.started


def change_file(change: Callable[[str], str], path: str = HOSTS) -> None:
    """Rewrite a hosts file in place: in a container it is a mount that cannot be replaced.

    Raises:
        OSError: it may not be written.
    """
    with open(path) as file:
        before = file.read()
    after = change(before)
    if after == before:
        return
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        data = after.encode()
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)


def remove_dead_blocks(path: str = HOSTS) -> None:
    """Take out what processes left that were killed; nothing when the file may not be written."""
    if os.access(path, os.W_OK):
        with contextlib.suppress(OSError):
            change_file(lambda text: without_blocks(text, is_gone), path)


def _started(pid: int) -> int:
    """When a process started, in ticks since the machine did; 0 when there is none or no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The second field is the program's name in brackets and may contain anything.
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return 0
