"""A work queue: one turn per key at a time, several keys in parallel, per-key back-off."""

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from jobset.controller.histogram import Histogram, decades

_TICK = 1e-6
_SECONDS = decades(1e-8, 12)

K = TypeVar("K", bound=Hashable)


class Shut(Exception):
    """The queue hands out no more keys."""


@dataclass(slots=True, kw_only=True)
class WorkQueue(Generic[K]):
    """Keys that need a turn.

    A key that is added while it has its turn comes again after it; a key added twice has one turn.
    Delays are in seconds of the running event loop's clock. What has happened is counted: `adds`; `retries`,
    the turns that a turn asked for; how long keys waited for their turn, and how long turns took.
    """

    first_back_off: float = 0.005
    longest_back_off: float = 1000.0
    adds: int = 0
    retries: int = 0
    queue_seconds: Histogram = field(default_factory=lambda: Histogram(_SECONDS))
    work_seconds: Histogram = field(default_factory=lambda: Histogram(_SECONDS))
    _ready: deque[K] = field(default_factory=deque)
    _dirty: dict[K, float] = field(default_factory=dict)
    _taken: dict[K, float] = field(default_factory=dict)
    _failures: dict[K, int] = field(default_factory=dict)
    _delayed: list[tuple[float, int, K]] = field(default_factory=list)
    _due: dict[K, float] = field(default_factory=dict)
    _count: int = 0
    _shut: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, key: K) -> None:
        """The key needs a turn as soon as possible."""
        if key in self._dirty:
            return
        self._dirty[key] = _now()
        self.adds += 1
        if key not in self._taken:
            self._ready.append(key)
            self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """The key needs a turn in `seconds`; the earliest of several such wishes counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = _now() + seconds
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        self._count += 1
        heapq.heappush(self._delayed, (due, self._count, key))
        if self._delayed[0][2] == key:
            self._wake.set()

    def repeat_after(self, key: K, seconds: float) -> None:
        """The key had a turn, and needs another in `seconds`."""
        self.retries += 1
        self.add_after(key, seconds)

    def shut(self) -> None:
        """Hand out no more keys: whoever waits for one, or asks for one from now on, gets `Shut`."""
        self._shut.set()
        self._wake.set()

    async def until_shut(self) -> None:
        """Returns when no more keys will be handed out."""
        await self._shut.wait()

    async def take(self) -> K:
        """The next key; it is ours until `done`.

        Raises:
            Shut: there will be no more.
        """
        while True:
            if self._shut.is_set():
                raise Shut
            self._release_due()
            if self._ready:
                key = self._ready.popleft()
                now = _now()
                self.queue_seconds.observe(now - self._dirty.pop(key))
                self._taken[key] = now
                return key
            self._wake.clear()
            await self._wait()

    def done(self, key: K) -> None:
        """The turn is over; the key comes again if it was added meanwhile."""
        self.work_seconds.observe(_now() - self._taken.pop(key))
        if key in self._dirty:
            self._ready.append(key)
            self._wake.set()

    def back_off(self, key: K) -> float:
        """The turn failed: try again after a delay that doubles; the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self.first_back_off * 2.0 ** min(failures, 60), self.longest_back_off)
        self.repeat_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The turn succeeded: the next failure starts from the first delay."""
        self._failures.pop(key, None)

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def waiting(self) -> Mapping[K, float]:
        """The keys that need a turn, and for how many seconds already; those that have one among them."""
        return _ages(self._dirty)

    @property
    def taken(self) -> Mapping[K, float]:
        """The keys that have their turn, and for how many seconds already."""
        return _ages(self._taken)

    @property
    def delayed(self) -> Mapping[K, float]:
        """The keys that will need a turn, and in how many seconds."""
        now = _now()
        return {key: due - now for key, due in self._due.items()}

    def _release_due(self) -> None:
        # A loop may call a timer a clock tick early; to wait again for less than that would spin.
        now = _now() + _TICK
        while self._delayed and self._delayed[0][0] <= now:
            due, _, key = heapq.heappop(self._delayed)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)

    async def _wait(self) -> None:
        delay = self._delayed[0][0] - _now() if self._delayed else None
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ages(since: Mapping[K, float]) -> Mapping[K, float]:
    now = _now()
    return {key: now - begun for key, begun in since.items()}
