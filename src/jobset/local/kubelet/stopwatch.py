"""Time that forgives: a machine that slept or a stopped supervisor does not make every time-out fire."""

import asyncio
from dataclasses import dataclass

TICK = 1.0
LATE = 3.0
"""A tick that is later than this means that we did not run, not that others were slow."""
SLACK = 1e-6
"""A wait shorter than this is over: adding it to the clock may not change the clock."""


@dataclass(slots=True)
class ForgivingTime:
    """Seconds of the event loop's clock without the gaps in which this process did not run."""

    gaps: int = 0
    """How often we did not run."""
    _forgiven: float = 0.0
    _last_tick: float = -1.0

    def now(self) -> float:
        """Seconds since some moment; stands still while we are stopped."""
        self._look()
        return asyncio.get_running_loop().time() - self._forgiven

    def has_gap_since(self, gaps: int) -> bool:
        """Whether we did not run for a while since `gaps` was read."""
        self._look()
        return self.gaps != gaps

    async def sleep(self, seconds: float) -> None:
        """Wait; time in which we did not run does not count."""
        end = self.now() + seconds
        while (left := end - self.now()) > SLACK:
            await asyncio.sleep(left)

    async def tick(self) -> None:
        """Notice gaps, for ever."""
        while True:
            self._look()
            await asyncio.sleep(TICK)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        late = now - self._last_tick - TICK
        if self._last_tick >= 0 and late > LATE:
            self._forgiven += late
            self.gaps += 1
        if self._last_tick < 0 or late >= 0:
            self._last_tick = now
