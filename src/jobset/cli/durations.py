"""Durations as people type them: `90`, `90s`, `5m`, `1h30m`."""

import re
from datetime import timedelta

import click

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: str) -> timedelta | None:
    """The span, or None when the text is not one; a bare number counts seconds."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return timedelta(seconds=float(text))
    if not re.fullmatch(f"(?:{_PART.pattern})+", text):
        return None
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """A click callback: the span, or a refusal with an example."""
    if value is None:
        return None
    span = parse_duration(value)
    if span is None or span <= timedelta(0):
        raise click.BadParameter(
            f"{value!r} is not a duration; write for example 90s, 5m or 1h30m", ctx, param
        )
    if span > timedelta(days=3650):
        raise click.BadParameter(f"{value!r} is longer than ten years", ctx, param)
    return span
