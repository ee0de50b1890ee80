"""A work queue: one turn per key at a time, several keys in parallel, per-key back-off."""

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_TICK = 1e-6

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True, kw_only=True)
class WorkQueue(Generic[K]):
    """Keys that need a turn.

    A key that is added while it has its turn comes again after it; a key added twice has one turn.
    Delays are in seconds of the running event loop's clock.
    """

    first_back_off: float = 0.005
    longest_back_off: float = 1000.0
    _ready: deque[K] = field(default_factory=deque)
    _dirty: set[K] = field(default_factory=set)
    _taken: set[K] = field(default_factory=set)
    _failures: dict[K, int] = field(default_factory=dict)
    _delayed: list[tuple[float, int, K]] = field(default_factory=list)
    _due: dict[K, float] = field(default_factory=dict)
    _count: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, key: K) -> None:
        """The key needs a turn as soon as possible."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._taken:
            self._ready.append(key)
            self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """The key needs a turn in `seconds`; the earliest of several such wishes counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = asyncio.get_running_loop().time() + seconds
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        self._count += 1
        heapq.heappush(self._delayed, (due, self._count, key))
        self._wake.set()

    async def take(self) -> K:
        """The next key; it is ours until `done`."""
        while True:
            self._release_due()
            if self._ready:
                key = self._ready.popleft()
                self._dirty.discard(key)
                self._taken.add(key)
                return key
            self._wake.clear()
            await self._wait()

    def done(self, key: K) -> None:
        """The turn is over; the key comes again if it was added meanwhile."""
        self._taken.discard(key)
        if key in self._dirty:
            self._ready.append(key)
            self._wake.set()

    def back_off(self, key: K) -> float:
        """The turn failed: try again after a delay that doubles; the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self.first_back_off * 2.0 ** min(failures, 60), self.longest_back_off)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The turn succeeded: the next failure starts from the first delay."""
        self._failures.pop(key, None)

    def __len__(self) -> int:
        return len(self._ready)

    def _release_due(self) -> None:
        # A loop may call a timer a clock tick early; to wait again for less than that would spin.
        now = asyncio.get_running_loop().time() + _TICK
        while self._delayed and self._delayed[0][0] <= now:
            due, _, key = heapq.heappop(self._delayed)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)

    async def _wait(self) -> None:
        delay = self._delayed[0][0] - asyncio.get_running_loop().time() if self._delayed else None
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass
