"""What an examination finds: one verdict after the other, each with what would mend it."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"
    """We may not look."""


class Finding(msgspec.Struct, frozen=True):
    """A verdict about one thing: the `check` that came to it, what it saw, and the remedy if one is known."""

    check: str
    verdict: Verdict
    message: str
    remedy: str = ""
