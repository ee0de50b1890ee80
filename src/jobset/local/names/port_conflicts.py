"""Why a program could not listen on its port: which other pod has it, and what to do."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec

from jobset.local.processes.tree import descendants_of

_IN_USE = re.compile(
    r"address already in use|EADDRINUSE|only one usage of each socket address", re.IGNORECASE
)
# A number after the word port, after a colon that is no time's, or in an address as Python prints it.
_PORT = re.compile(
    r"(?:\bport\b\D{0,5}|(?<!\d\d:\d\d):(?=\d+\b(?!:\d))|\('[^']*',\s*)(\d{2,5})\b", re.IGNORECASE
)
_LISTENING = "0A"
_EVERYWHERE = ("0.0.0.0", "::")


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A socket that waits for connections, and what the kernel calls it."""

    address: str
    """`0.0.0.0` or `::` for all addresses."""
    port: int
    inode: int


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that listens."""

    pod: str
    pid: int
    listener: Listener


def conflicting_ports(lines: Sequence[str]) -> tuple[int, ...] | None:
    """The ports that a program's last words may speak of; None when they speak of no port in use."""
    at = [number for number, line in enumerate(lines) if _IN_USE.search(line)]
    if not at:
        return None
    near = [line for number in at for line in lines[max(0, number - 2) : number + 3]]
    ports = (int(found) for line in near for found in _PORT.findall(line))
    return tuple(dict.fromkeys(port for port in ports if 0 < port < 65536))


def explain_port_conflict(lines: Sequence[str], holders: Iterable[Holder]) -> str | None:
    """Who has the port that a failed program wanted, and the remedy; None when that was not its trouble.

    `lines` are the last of its log, `holders` the listening pods.
    """
    ports = conflicting_ports(lines)
    if ports is None:
        return None
    others = list(holders)
    taken = [holder for holder in others if holder.listener.port in ports]
    if not taken and not ports:
        # The program did not say which port: a socket on all addresses is the likely one.
        taken = [holder for holder in others if holder.listener.address in _EVERYWHERE]
    if not taken:
        return f"a port{_named(ports)} is taken on this machine, by no pod of this run; {_REMEDY}"
    return f"{'; '.join(_describe(holder) for holder in taken[:3])}. A{_REMEDY[1:]}"


def read_holders(programs: Mapping[int, str]) -> tuple[Holder, ...]:
    """The listening sockets of pods; `programs` are ids of their main processes, with the pods' names."""
    listeners = {listener.inode: listener for listener in _read_listeners()}
    return tuple(
        Holder(pod=pod, pid=pid, listener=listeners[inode])
        for main, pod in programs.items()
        for pid in (main, *descendants_of(main))
        for inode in _sockets_of(pid)
        if inode in listeners
    )


def parse_listeners(table: str) -> Iterator[Listener]:
    """The listening sockets in the text of /proc/net/tcp or tcp6."""
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == _LISTENING:
            address, _, port = words[1].partition(":")
            yield Listener(address=_address(address), port=int(port, 16), inode=int(words[9]))


_REMEDY = (
    "all pods share the network of this machine: let each listen on its own address (its hostname or "
    "status.podIP) in place of 0.0.0.0, or give them different ports"
)


def _describe(holder: Holder) -> str:
    listener = holder.listener
    where = "all addresses" if listener.address in _EVERYWHERE else listener.address
    return f"port {listener.port} is held by pod {holder.pod} (process {holder.pid}), on {where}"


def _named(ports: Sequence[int]) -> str:
    return f" ({' or '.join(map(str, ports))})" if ports else ""


def _address(text: str) -> str:
    # The kernel prints each 32-bit word as a number in the machine's own byte order.
    words = [int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8)]
    data = b"".join(words)
    if len(data) == 4:
        return ".".join(map(str, data))
    if data == bytes(16):
        return "::"
    if data[:12] == bytes(10) + b"\xff\xff":
        return ".".join(map(str, data[12:]))
    return ":".join(data[start : start + 2].hex() for start in range(0, 16, 2))


def _read_listeners() -> Iterator[Listener]:
    for name in ("tcp", "tcp6"):
        with suppress(OSError), open(f"/proc/net/{name}") as file:
            yield from parse_listeners(file.read())


def _sockets_of(pid: int) -> Iterator[int]:
    """The inodes of a process's sockets; none when it is gone or not ours to look at."""
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                if target.startswith("socket:["):
                    yield int(target[8:-1])
