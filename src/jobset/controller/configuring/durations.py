"""Durations as Go's `time` package reads and writes them: `15s`, `1m30s`, `1.5h`."""

import re
from datetime import timedelta
from fractions import Fraction

_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 10**3),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_WHOLE = re.compile(f"([-+]?)((?:{_PART})+|0)", re.ASCII)
_LONGEST = Fraction(2**63 - 1, 10**9)


def parse_go_duration(text: str) -> timedelta | None:
    """The span, to the microsecond; None when Go would not take the text."""
    matched = _WHOLE.fullmatch(text)
    if matched is None:
        return None
    seconds = sum(
        (Fraction(number) * _SECONDS[unit] for number, unit in re.findall(_PART, matched[2], re.ASCII)),
        Fraction(0),
    )
    if seconds > _LONGEST:
        return None
    span = timedelta(microseconds=int(seconds * 10**6))
    return -span if matched[1] == "-" else span


def render_go_duration(span: timedelta) -> str:
    """The shortest form that Go's `Duration.String` gives: `0s`, `150ms`, `1m30s`."""
    micros = span // timedelta(microseconds=1)
    if micros < 0:
        return f"-{render_go_duration(-span)}"
    if micros and micros < 1_000_000:
        return f"{micros}µs" if micros < 1000 else f"{_decimal(micros, 1000)}ms"
    minutes, rest = divmod(micros, 60_000_000)
    seconds = f"{_decimal(rest, 1_000_000)}s"
    if not minutes:
        return seconds
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
