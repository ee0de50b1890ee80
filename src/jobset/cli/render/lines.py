"""Log lines, state changes and waiting reasons as single lines of text."""

import re
from collections.abc import Sequence

from jobset.cli.render.printable import printable
from jobset.cli.render.report import render_waiting
from jobset.cli.render.style import PLAIN, Style
from jobset.cli.render.times import render_clock
from jobset.local.runs.changes import Change, Level
from jobset.local.runs.report import Notice, Waiting
from jobset.local.runs.views import ObjectKey

_COLORS = {Level.GOOD: "green", Level.WARNING: "yellow", Level.ERROR: "red"}
# Colors (SGR) stay; what moves the cursor, sets titles or rings would spoil the table below.
_ESCAPES = re.compile(r"\x1b\[[0-9;:?]*[ -/]*([@-~])|\x1b\].*?(?:\x07|\x1b\\|$)|\x1b[^\[\]]?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]")


def render_log_line(pod: str, container: str, text: str, number: int = 0, style: Style = PLAIN) -> str:
    """`pod/container | text`, the prefix in the color of the pod's number."""
    prefix = style.paint_pod(f"{pod}/{container} |", number)
    return f"{prefix} {text}"


def clean_for_terminal(text: str) -> str:
    """A log line without anything that moves the cursor; of a line drawn over itself, its last state."""
    text = text.rstrip("\r").rpartition("\r")[2]
    text = _ESCAPES.sub(lambda found: found.group(0) if found.group(1) == "m" else "", text)
    return _CONTROLS.sub("", text)


def render_change(change: Change, namespace: str, style: Style = PLAIN) -> str:
    """`14:03:02 pod/train-workers-0-0-x2k4p running`; other namespaces than the run's are told."""
    other = f"{change.namespace}/" if change.namespace not in ("", namespace) else ""
    text = f"{change.kind.lower()}/{other}{change.name} {_one_line(change.text)}"
    color = _COLORS.get(change.level)
    return f"{style.paint(render_clock(change.at), 'dim')} {style.paint(text, color) if color else text}"


def _one_line(text: str) -> str:
    # Messages may hold what a program said, such as a probe's command.
    return " ".join(filter(None, (clean_for_terminal(part).strip() for part in text.splitlines())))


def render_waits(waiting: Sequence[tuple[ObjectKey, Waiting]], style: Style = PLAIN) -> str:
    """Why nothing has happened for a while."""
    lines = [style.paint("Waiting for:", "yellow")]
    lines += [f"  {name}: {render_waiting(wait)}" for (_, name), wait in waiting[:10]]
    if len(waiting) > 10:
        lines.append(f"  … {len(waiting) - 10} more reasons …")
    return "\n".join(lines)


def render_notice(notice: Notice) -> str:
    """What is ignored or done in another way here, and where that was asked for."""
    subject = " ".join(part for part in (notice.object, notice.field) if part)
    return printable(f"Notice: {subject}: {notice.message}")
