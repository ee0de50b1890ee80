"""Spans and times of day in the few characters that a table has."""

from datetime import datetime, timedelta


def render_span(span: timedelta) -> str:
    """`0.4s`, `12s`, `3m05s`, `2h07m`, `4d03h`."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole // 60 % 60:02}m"
    return f"{whole // 86400}d{whole // 3600 % 24:02}h"


def render_clock(moment: datetime) -> str:
    """The time of day on the clock of whoever reads, to the second."""
    return moment.astimezone().strftime("%H:%M:%S")


def render_between(start: datetime | None, end: datetime | None) -> str:
    """How long something took; empty when one end is not known."""
    return render_span(end - start) if start and end else ""


def render_whole_seconds(start: datetime | None, end: datetime | None) -> str:
    """The same for times that the API keeps in whole seconds."""
    return render_between(start, end).replace(".0s", "s")
