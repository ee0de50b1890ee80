"""Virtual time: the same event loop code, but waiting costs nothing."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
Clock = Callable[[], datetime]
"""The time of day, as an aware datetime in UTC."""

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def wall_clock() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when there is nothing to do.

    Code under it must not wait for real files or processes: a wait without a timer is a deadlock and
    raises RuntimeError.
    """

    def __init__(self) -> None:
        self.elapsed = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.elapsed

    def clock(self) -> datetime:
        """The virtual time of day; begins at EPOCH."""
        return EPOCH + timedelta(seconds=self.elapsed)


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("virtual time cannot pass: every task waits and no timer is set")
        if timeout > 0:
            self._loop.elapsed += timeout
        return super().select(0)


def run_virtual(main: Callable[[Clock], Coroutine[Any, Any, T]]) -> T:
    """The result of `main(clock)`, run to its end in virtual time."""
    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop.clock))
