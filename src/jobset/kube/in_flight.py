"""How many requests are under way at once, and whose turn it is."""

import asyncio
from collections import OrderedDict, deque
from contextvars import ContextVar
from dataclasses import dataclass, field

FLOW: ContextVar[str] = ContextVar("FLOW", default="")
"""On whose behalf the code that runs sends requests; tasks inherit it from their makers."""

_FEW_WAITING, _MANY_WAITING = 6.0, 12.0
"""Requests of ours that wait inside of the server: with fewer we ask for more, with more for less."""
_SMOOTHING = 0.1
_MEMORY_SECONDS = 60.0
"""How long the fastest answer counts, so that a server that became slow is noticed."""


@dataclass(slots=True, kw_only=True)
class InFlight:
    """Lets requests pass, `least` to `most` at once, and those of different flows in turns.

    Follows the server as TCP Vegas follows a network: the time that answers take above the fastest tells how
    many requests lie in its queues. More than a few there make nothing faster, and everybody wait longer.
    Times are in seconds.
    """

    least: int = 16
    most: int = 128
    limit: float = 16.0
    running: int = 0
    _recent: float = float("inf")
    _earlier: float = float("inf")
    _recent_since: float = float("-inf")
    _usual: float = 0.0
    _waiting: "OrderedDict[str, deque[asyncio.Future[None]]]" = field(default_factory=OrderedDict)

    async def enter(self) -> None:
        """Returns when a request may be sent; `leave` must follow."""
        if self.running < int(self.limit) and not self._waiting:
            self.running += 1
            return
        flow, turn = FLOW.get(), asyncio.get_running_loop().create_future()
        self._waiting.setdefault(flow, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Our turn came with the cancellation: it is the next one's.
                self.running -= 1
                self._admit()
            raise

    def leave(self, seconds: float | None) -> None:
        """A request was answered after so long, or not at all when that is None."""
        if seconds is not None:
            self._learn(seconds)
        self.running -= 1
        self._admit()

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return sum(len(turns) for turns in self._waiting.values())

    def _admit(self) -> None:
        while self._waiting and self.running < int(self.limit):
            flow, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[flow] = turns
            if not turn.done():
                self.running += 1
                turn.set_result(None)

    def _learn(self, seconds: float) -> None:
        fastest = self._fastest(seconds)
        self._usual += _SMOOTHING * (seconds - self._usual) if self._usual else seconds
        if self.running < int(self.limit) // 2:
            # What is not used up says nothing about a larger limit.
            return
        in_server = self.limit * (1 - fastest / max(self._usual, fastest))
        if in_server < _FEW_WAITING:
            self.limit = min(self.limit + 1.0, self.most)
        elif in_server > _MANY_WAITING:
            self.limit = max(self.limit - 0.5, self.least)

    def _fastest(self, seconds: float) -> float:
        """The fastest answer of the last minute or two, this one among them."""
        now = asyncio.get_running_loop().time()
        if now - self._recent_since > _MEMORY_SECONDS:
            self._recent, self._earlier, self._recent_since = seconds, self._recent, now
        self._recent = min(self._recent, seconds)
        return min(self._recent, self._earlier)
