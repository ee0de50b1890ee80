"""What playing a recorded case can come to."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Skip:
    """The case was not played, and why."""

    reason: str


Outcome: TypeAlias = "str | Skip | None"
"""None when the case passes, else the difference, or a Skip."""
