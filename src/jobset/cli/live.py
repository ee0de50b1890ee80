"""The live table at the bottom of a terminal, by rich. Import it only when there is a terminal."""

from collections.abc import Sequence
from typing import IO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from jobset.cli.render.rows import Row

_STATE_STYLES = {
    "Completed": "green",
    "Complete": "green",
    "Succeeded": "green",
    "Failed": "red",
    "Failing": "red",
    "Running": "cyan",
    "Pending": "yellow",
    "Terminating": "yellow",
    "Suspended": "yellow",
}
_HEADINGS = ("NAME", "STATE", "READY", "RESTARTS", "NODE", "AGE", "REASON")
_LONGEST_STATE = 14
_LEAST_REASON = 12
"""Characters that reasons have even where names must be cut for it."""
_LEAST_NAME = 12


class _Verbatim:
    """Text that rich passes on untouched."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self._text)


class LiveScreen:
    """Log lines and changes scroll by above a table that stays."""

    def __init__(self, stream: IO[str]) -> None:
        self._console = Console(file=stream, highlight=False, force_terminal=True)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()

    def write(self, text: str) -> None:
        """Show text above the table."""
        # The terminal wraps; rich would cut, and takes colors for letters.
        self._console.print(_Verbatim(text), end="", crop=False)

    def show(self, rows: Sequence[Row]) -> None:
        """Draw the table anew."""
        if rows:
            self._live.update(build_table(rows, self._console.width), refresh=True)

    def close(self) -> None:
        """Take the table away."""
        self._live.stop()


def build_table(rows: Sequence[Row], width: int) -> Table:
    """The rows as a table of rich, not wider than `width`: what is too long is cut, never wrapped."""
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, expand=True)
    for heading in _HEADINGS:
        most = _LONGEST_STATE if heading == "STATE" else None
        ratio = 1 if heading == "REASON" else None
        table.add_column(heading, no_wrap=True, overflow="ellipsis", max_width=most, ratio=ratio)
    room = _room_for_names(rows, width)
    for row in rows:
        name = Text(shorten("  " * row.depth, row.name, room), style="bold" if row.depth == 0 else "")
        state = Text(row.state, style=_STATE_STYLES.get(row.state, ""))
        reason = Text(row.reason, style="yellow")
        table.add_row(name, state, row.ready, row.restarts, row.node, row.age, reason)
    return table


def _room_for_names(rows: Sequence[Row], width: int) -> int:
    """The characters that the other columns leave."""
    cells = (
        [row.state[:_LONGEST_STATE] for row in rows],
        *([getattr(row, name) for row in rows] for name in ("ready", "restarts", "node", "age")),
    )
    others = sum(
        max(len(heading), *map(len, column)) + 1
        for heading, column in zip(_HEADINGS[1:-1], cells, strict=True)
    )
    reason = min(_LEAST_REASON, max(len(row.reason) for row in rows))
    return max(width - others - reason - 2, _LEAST_NAME)


def shorten(indent: str, name: str, room: int) -> str:
    """The name in at most `room` characters: its end tells it from its neighbours, its beginning seldom."""
    rest = room - len(indent)
    return indent + (name if len(name) <= rest else "…" + name[len(name) - max(rest - 1, 1) :])
