"""Container logs: lines with time stamps in files that rotate, a short tail, and listeners."""

import asyncio
import errno
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from jobset.local.kubelet.ports import LogLines, LogListener, Tell

LONGEST_PART = 16 * 1024
"""A longer line is written in parts, each marked P but the last."""
LARGEST_FILE = 10 * 1000 * 1000
FILES_KEPT = 5
_READ_SIZE = 64 * 1024
_TAIL_LINES = 80
_TAIL_BYTES = 2048

Part = tuple[bytes, bool]
"""Text without its newline, and whether the line goes on in the next part."""


@dataclass(slots=True)
class LineSplitter:
    """Cuts a stream of bytes into lines, and very long lines into parts."""

    _rest: bytes = b""

    def feed(self, data: bytes) -> list[Part]:
        """The parts that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        parts: list[Part] = []
        for line in lines:
            if len(line) > LONGEST_PART:
                line = _cut(parts, line)
            parts.append((line, False))
        if len(self._rest) > LONGEST_PART:
            self._rest = _cut(parts, self._rest)
        return parts

    def finish(self) -> list[Part]:
        """What is left when the stream ends without a newline."""
        rest, self._rest = self._rest, b""
        return [(rest, True)] if rest else []


def _cut(parts: list[Part], line: bytes) -> bytes:
    """Adds all full parts of a long line to `parts`; what is left of the line."""
    start = 0
    while len(line) - start > LONGEST_PART:
        parts.append((line[start : start + LONGEST_PART], True))
        start += LONGEST_PART
    return line[start:]


def format_parts(parts: Iterable[Part], stream: str, nanos: int) -> bytes:
    """The parts as a container runtime writes them: time, stream, F or P, text."""
    stamp = stamp_text(nanos)
    full, partial = f"{stamp} {stream} F ".encode(), f"{stamp} {stream} P ".encode()
    pieces: list[bytes] = []
    for text, goes_on in parts:
        pieces += (partial if goes_on else full, text, b"\n")
    return b"".join(pieces)


def stamp_text(nanos: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 text with all nine digits."""
    seconds, rest = divmod(nanos, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"


@dataclass(slots=True)
class LogFile:
    """A file that rotates; made at the first write. A full disk loses lines, says so once, and goes on."""

    path: str
    tell: Tell
    _fd: int = -1
    _size: int = 0
    _lost: int = 0

    def write(self, data: bytes) -> None:
        """Append; never raises for a disk that takes nothing."""
        try:
            self._write(data)
        except OSError as error:
            self._lose(data, error)

    def close(self) -> None:
        """No more writes."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, data: bytes) -> None:
        if self._fd >= 0 and self._size + len(data) > LARGEST_FILE:
            self._rotate()
        if self._fd < 0:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._size = os.fstat(self._fd).st_size
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self._size += written
            view = view[written:]
        if self._lost:
            lost, self._lost = self._lost, 0
            self.tell(f"writing to {self.path} works again; {lost} bytes of the log are missing")

    def _rotate(self) -> None:
        self.close()
        for number in range(FILES_KEPT - 2, -1, -1):
            source = f"{self.path}.{number}" if number else self.path
            if os.path.exists(source):
                os.replace(source, f"{self.path}.{number + 1}")

    def _lose(self, data: bytes, error: OSError) -> None:
        if not self._lost:
            cause = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
            self.tell(f"cannot write the log {self.path}: {cause}; the program runs on, its output is lost")
        self._lost += len(data)


class LogSource(msgspec.Struct, frozen=True, kw_only=True):
    """Whose log it is."""

    namespace: str
    pod: str
    pod_uid: str
    container: str
    attempt: int

    def path(self, directory: str) -> str:
        """The log file of this attempt under the run's log directory."""
        folder = f"{self.namespace}_{self.pod}_{self.pod_uid}"
        return os.path.join(directory, folder, self.container, f"{self.attempt}.log")


@dataclass(slots=True, kw_only=True)
class ContainerLog:
    """The log of one attempt: reads pipes or a terminal as they fill, until `finish`."""

    source: LogSource
    file: LogFile
    nanos: Callable[[], int]
    listeners: tuple[LogListener, ...] = ()
    _streams: dict[int, tuple[str, LineSplitter]] = field(default_factory=dict)
    _tail: deque[bytes] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))

    def follow(self, fd: int, stream: str) -> None:
        """Read a descriptor from now on; it is ours and gets closed."""
        os.set_blocking(fd, False)
        self._streams[fd] = (stream, LineSplitter())
        asyncio.get_running_loop().add_reader(fd, self._read, fd)

    def finish(self) -> None:
        """The writers are gone: take in what they left and close everything."""
        for fd in list(self._streams):
            while fd in self._streams and self._read(fd):
                pass
            if fd in self._streams:
                self._end(fd)
        self.file.close()

    def tail(self) -> str:
        """The last lines, at most 80 and 2,048 bytes, as a termination message."""
        text = b"".join(line + b"\n" for line in self._tail)
        return text[-_TAIL_BYTES:].decode(errors="replace")

    def _read(self, fd: int) -> bool:
        """Whether there may be more to read."""
        try:
            data = os.read(fd, _READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # a terminal whose other side is closed answers EIO
        if not data:
            self._end(fd)
            return False
        stream, splitter = self._streams[fd]
        self._take(splitter.feed(data), stream)
        return True

    def _end(self, fd: int) -> None:
        asyncio.get_running_loop().remove_reader(fd)
        stream, splitter = self._streams.pop(fd)
        self._take(splitter.finish(), stream)
        os.close(fd)

    def _take(self, parts: list[Part], stream: str) -> None:
        if not parts:
            return
        nanos = self.nanos()
        self._tail.extend(text for text, _ in parts[-_TAIL_LINES:])
        self.file.write(format_parts(parts, stream, nanos))
        if self.listeners:
            self._tell(parts, stream, nanos)

    def _tell(self, parts: list[Part], stream: str, nanos: int) -> None:
        lines = LogLines(
            namespace=self.source.namespace,
            pod=self.source.pod,
            pod_uid=self.source.pod_uid,
            container=self.source.container,
            attempt=self.source.attempt,
            stream=stream,
            time=datetime.fromtimestamp(nanos / 1e9, UTC),
            lines=[text for text, _ in parts],
        )
        for listener in self.listeners:
            listener(lines)
