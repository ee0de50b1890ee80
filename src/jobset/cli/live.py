"""The live table at the bottom of a terminal, by rich. Import it only when there is a terminal."""

from collections.abc import Iterable, Sequence
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
HEADING_LINES = 2
"""Lines that the table needs besides its rows."""


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
        self._console.print(_Verbatim(text), end="")

    def show(self, rows: Sequence[Row]) -> None:
        """Draw the table anew."""
        self._live.update(build_table(rows), refresh=True)

    def close(self) -> None:
        """Take the table away."""
        self._live.stop()


def build_table(rows: Iterable[Row]) -> Table:
    """The rows as a table of rich; a long reason is cut, never wrapped."""
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, expand=True)
    for heading in _HEADINGS:
        table.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=1 if heading == "REASON" else None)
    for row in rows:
        name = Text("  " * row.depth + row.name, style="bold" if row.depth == 0 else "")
        state = Text(row.state, style=_STATE_STYLES.get(row.state, ""))
        table.add_row(
            name, state, row.ready, row.restarts, row.node, row.age, Text(row.reason, style="yellow")
        )
    return table
