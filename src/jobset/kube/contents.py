"""Tokens, keys and certificates as they are given: inline, or in a file that may be replaced while we run."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from jobset.kube.errors import AccessError

log = logging.getLogger(__name__)

READ_AGAIN_AFTER = timedelta(minutes=1)


class Content(Protocol):
    """Some bytes, and the setting that they come from."""

    @property
    def where(self) -> str:
        """The file and field of the setting, to begin an error with."""
        ...

    def read(self) -> bytes:
        """The bytes as of now, never empty.

        Raises:
            AccessError: there are none.
        """
        ...


@dataclass(frozen=True, slots=True)
class GivenContent:
    """Bytes that stand in the configuration itself."""

    where: str
    given: bytes = field(repr=False)

    def read(self) -> bytes:
        """The bytes."""
        return self.given


@dataclass(slots=True)
class FileContent:
    """The bytes of a file, read again once a minute; while that fails, the `last` ones stay good.

    Who replaces a file does not always do so in one step, and a token outlives several minutes.
    """

    where: str
    path: Path
    clock: Callable[[], datetime]
    last: bytes = field(default=b"", repr=False)
    _read_at: datetime | None = None

    def read(self) -> bytes:
        """The bytes as of now, at most a minute late."""
        now = self.clock()
        if self._is_due(now):
            self._read_at = now
            self._read_file()
        return self.last

    def forget(self) -> None:
        """Read the file again next time."""
        self._read_at = None

    def _is_due(self, now: datetime) -> bool:
        if self._read_at is None or not self.last:
            return True
        # A clock that was set back must not make the wait longer.
        return not timedelta(0) <= now - self._read_at < READ_AGAIN_AFTER

    def _read_file(self) -> None:
        try:
            content = self.path.read_bytes()
            problem = "" if content.strip() else f"{self.path} is empty"
        except OSError as error:
            problem = f"cannot read {self.path}: {error.strerror}"
        if not problem:
            self.last = content
        elif self.last:
            log.warning("keeping what a file held before", extra={"setting": self.where, "problem": problem})
        else:
            raise AccessError(f"{self.where}: {problem}")
