"""Shows a run to people: log lines, state changes and a live table, on one stream."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Literal
from zlib import crc32

from jobset.cli.printer import PlainScreen, Printer, Screen
from jobset.cli.render.lines import clean_for_terminal, render_change, render_log_line, render_waits
from jobset.cli.render.style import Style
from jobset.local.kubelet.ports import LogLines
from jobset.local.runs.changes import Change, Level
from jobset.local.runs.records import ContainerRun
from jobset.local.runs.report import Waiting
from jobset.local.runs.views import ObjectKey

Logs = Literal["none", "failed", "all"]


def is_terminal(stream: IO[str]) -> bool:
    """Whether a live table makes sense there."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def choose_style(stream: IO[str], color: Literal["auto", "always", "never"]) -> Style:
    """Colors on terminals, unless NO_COLOR is set; or as the user says."""
    if color == "auto":
        return Style(is_terminal(stream) and not os.environ.get("NO_COLOR"))
    return Style(color == "always")


def open_screen(stream: IO[str]) -> Screen:
    """A live screen on a terminal, the plain stream elsewhere."""
    if not is_terminal(stream):
        return PlainScreen(stream)
    from jobset.cli.live import LiveScreen

    return LiveScreen(stream)


@dataclass(slots=True, kw_only=True)
class Console:
    """The observer of a run that a person watches."""

    printer: Printer
    style: Style
    namespace: str
    logs: Logs
    is_live: bool

    def changed(self, change: Change) -> None:
        """A line; on a terminal the table shows what most of them say."""
        is_trouble = change.level in (Level.WARNING, Level.ERROR)
        if not self.is_live or is_trouble or change.kind == "JobSet":
            self.printer.say(render_change(change, self.namespace, self.style))

    def wrote(self, written: LogLines) -> None:
        """Lines of a log, when all logs are wanted."""
        if self.logs == "all":
            self.printer.log(
                [self._log_line(written.pod, written.container, text) for text in written.texts()]
            )

    def failed(self, run: ContainerRun, log_lines: Sequence[str]) -> None:
        """The last lines of a container that failed, when only such logs are wanted."""
        if self.logs == "failed":
            for text in log_lines:
                self.printer.say(self._log_line(run.pod, run.container, text))

    def waits(self, waiting: Sequence[tuple[ObjectKey, Waiting]]) -> None:
        """Why nothing happens; a table says it already."""
        if not self.is_live:
            self.printer.say(render_waits(waiting, self.style))

    def said(self, text: str) -> None:
        """A sentence about the run itself."""
        self.printer.say(self.style.paint(text, "bold"))

    def _log_line(self, pod: str, container: str, text: str) -> str:
        number = crc32(pod.encode()) if self.style.is_colored else 0
        shown = clean_for_terminal(text) if self.is_live else text
        return render_log_line(pod, container, shown, number, self.style)
