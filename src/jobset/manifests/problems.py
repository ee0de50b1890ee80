"""What is wrong with a manifest: where, what, and what to do about it."""

from enum import StrEnum
from typing import Any

import msgspec


class Severity(StrEnum):
    """Whether the manifest is refused, or only looks like a mistake."""

    ERROR = "error"
    WARNING = "warning"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem. Lines and columns count from 1; 0 means that the place is not known."""

    file: str
    line: int = 0
    column: int = 0
    object: str = ""
    """Kind and name, such as `JobSet/train`; empty before that much is known."""
    field: str = ""
    """Path of the field, such as `spec.replicatedJobs[0].replicas`."""
    value: Any = None
    message: str
    remedy: str
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        """`file:line:column`, as editors and compilers write it."""
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])

    def __str__(self) -> str:
        subject = " ".join(part for part in (self.object, self.field) if part)
        what = f"{subject}: {self.message}" if subject else self.message
        return f"{self.place}: {self.severity}: {what} ({self.remedy})"
