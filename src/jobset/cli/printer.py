"""Writes to the terminal, a file or a pipe from a thread of its own: a slow reader never holds up the run."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import IO, Protocol

from jobset.cli.render.rows import Row

_MOST_CHARACTERS = 64 * 1024 * 1024
"""Log text that may wait for a slow reader; what comes on top is told as left out, the log files have it."""


class Screen(Protocol):
    """Puts text on a terminal above something that stays at its bottom. Called from one thread."""

    def write(self, text: str) -> None:
        """Show text that ends with a newline."""
        ...

    def show(self, rows: Sequence[Row]) -> None:
        """Draw what stays at the bottom anew."""
        ...

    def close(self) -> None:
        """Take away what stays at the bottom."""
        ...


class PlainScreen:
    """A stream as it is."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write and flush."""
        self._stream.write(text)
        self._stream.flush()

    def show(self, rows: Sequence[Row]) -> None:
        """A stream has no bottom."""

    def close(self) -> None:
        """Nothing stays."""


class Printer:
    """Text goes in without waiting and comes out in order, as fast as it is read."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._texts: deque[str] = deque()
        self._rows: Sequence[Row] | None = None
        self._waiting = 0
        self._left_out = 0
        self._wake = threading.Condition()
        self._closing = False
        self.is_broken = False
        """Whether the reader went away."""
        self._thread = threading.Thread(target=self._work, name="printer", daemon=True)
        self._thread.start()

    def log(self, lines: Sequence[str]) -> None:
        """Lines of a log; left out when far too much waits already."""
        if self._waiting > _MOST_CHARACTERS:
            self._left_out += len(lines)
            return
        self.say("\n".join(lines))

    def say(self, text: str) -> None:
        """Text that always appears."""
        with self._wake:
            self._texts.append(text)
            self._waiting += len(text)
            self._wake.notify()

    def show(self, rows: Sequence[Row]) -> None:
        """The table as it should look now; one that was not drawn yet is skipped."""
        with self._wake:
            self._rows = rows
            self._wake.notify()

    def close(self, timeout: float | None = None) -> None:
        """Write what waits, at most `timeout` seconds; the screen is plain again."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout)

    def _work(self) -> None:
        try:
            while not self._is_done():
                text, rows = self._take()
                if text:
                    self._screen.write(text)
                if rows is not None:
                    self._screen.show(rows)
            self._screen.close()
        except (OSError, ValueError):
            self._give_up()

    def _is_done(self) -> bool:
        with self._wake:
            return self._closing and not self._texts

    def _take(self) -> tuple[str, Sequence[Row] | None]:
        with self._wake:
            while not (self._texts or self._closing or self._rows is not None):
                self._wake.wait()
            lines, self._waiting = list(self._texts), 0
            self._texts.clear()
            rows, self._rows = self._rows, None
        if self._left_out:
            lines.append(f"… {self._left_out} log lines are not shown here; the log files have them …")
            self._left_out = 0
        return "".join(f"{line}\n" for line in lines), rows

    def _give_up(self) -> None:
        self.is_broken = True
        while True:
            with self._wake:
                self._texts.clear()
                self._waiting = 0
                if self._closing:
                    return
                self._wake.wait()
