"""Pod addresses: each pod has a loopback address of its own, and no two runs on a machine share one."""

import os
import socket
import sys
from collections import deque
from dataclasses import dataclass, field

_BLOCKS = range(1, 255)
"""The second number of an address. Block 0 is left to the machine: 127.0.0.1, 127.0.0.53, 127.0.1.1."""
_LAST_NUMBERS = range(1, 255)
_PER_BLOCK = 256 * len(_LAST_NUMBERS)
SHARED = "127.0.0.1"


class NoAddressLeft(Exception):
    """Every address of the block is in use."""


@dataclass(slots=True)
class LoopbackAddresses:
    """Gives each pod an address of one block; addresses that were used longest ago serve again first.

    Addresses can be reserved for a name: the pod that is known by it gets that address.
    """

    block: int
    lock: socket.socket | None = None
    """Held for as long as the block is ours; the kernel lets go of it when this process ends."""
    _next: int = 0
    _by_uid: dict[str, str] = field(default_factory=dict)
    _released: deque[str] = field(default_factory=deque)
    _reserved: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def assign(self, uid: str) -> str:
        """The pod's address; the same on every call until it is released.

        Raises:
            NoAddressLeft: 65,024 pods have one.
        """
        if uid not in self._by_uid:
            self._by_uid[uid] = self._reserved_for(uid) or self._fresh()
        return self._by_uid[uid]

    def release(self, uid: str) -> None:
        """The pod is over: its address may serve again once nobody can remember it. No error when unknown."""
        address = self._by_uid.pop(uid, None)
        self._names.pop(uid, None)
        if address is not None and address not in self._reserved.values():
            self._released.append(address)

    def reserve(self, name: str) -> str:
        """The address that pods known by `name` will have, one after the other."""
        if name not in self._reserved:
            current = next((uid for uid, known in self._names.items() if known == name), None)
            self._reserved[name] = self._by_uid.get(current or "") or self._fresh()
        return self._reserved[name]

    def learn(self, uid: str, name: str) -> None:
        """A pod without an address yet is known by `name`."""
        self._names[uid] = name

    def close(self) -> None:
        """Let another run have the block."""
        if self.lock is not None:
            self.lock.close()

    def _reserved_for(self, uid: str) -> str | None:
        address = self._reserved.get(self._names.get(uid, ""))
        # Its predecessor may still be stopping: then they cannot share it.
        if address is None or address in self._by_uid.values():
            return None
        return address

    def _fresh(self) -> str:
        if self._next < _PER_BLOCK:
            third, last = divmod(self._next, len(_LAST_NUMBERS))
            self._next += 1
            return f"127.{self.block}.{third}.{_LAST_NUMBERS[last]}"
        if not self._released:
            raise NoAddressLeft(f"all {_PER_BLOCK} addresses of 127.{self.block}.0.0/16 are in use")
        return self._released.popleft()


def take_block() -> LoopbackAddresses | None:
    """Addresses that no other run on this machine uses; None where there is only 127.0.0.1."""
    if not _has_many_addresses():
        return None
    # Begin elsewhere each time: processes of a killed run may linger for a moment on its addresses.
    start = os.getpid() % len(_BLOCKS)
    for block in (*_BLOCKS[start:], *_BLOCKS[:start]):
        lock = _lock_block(block)
        if lock is not None:
            return LoopbackAddresses(block, lock)
    return None


def _lock_block(block: int) -> socket.socket | None:
    # An abstract name belongs to the network namespace, as the addresses do, whoever the user is.
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(f"\0jobset-addresses-127.{block}")
    except OSError:
        lock.close()
        return None
    return lock


def _has_many_addresses() -> bool:
    if sys.platform != "linux":
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind(("127.254.0.1", 0))
        except OSError:
            return False
    return True
