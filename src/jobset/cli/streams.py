"""The standard streams, in whatever state a command gets them: closed, full, unread, or not in UTF-8."""

import os
import sys
from typing import IO, Any

import click

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def prepare_streams() -> None:
    """Make every standard stream one that can be used.

    A closed one becomes /dev/null: nobody else may get its number, nor what is meant for it. Characters that
    an encoding does not have are written as escapes.
    """
    for name, mode in _STREAMS:
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def tell(text: str) -> None:
    """Write a line to standard output. A reader that has gone away is no error.

    Raises:
        click.ClickException: it cannot be written, on a full disk for instance.
    """
    try:
        _write_line(sys.stdout, text)
    except BrokenPipeError:
        silence_broken_streams()
    except OSError as error:
        silence_broken_streams()
        raise click.ClickException(_cannot_write(error)) from None


def tell_aside(text: str) -> None:
    """Write a line to standard error; where that is impossible nobody is left to tell."""
    try:
        _write_line(sys.stderr, text)
    except (OSError, ValueError):
        silence_broken_streams()


def tell_data(data: Any) -> None:
    """Write data to standard output as JSON.

    Raises:
        click.ClickException: it cannot be written.
    """
    import json

    # An escape that is right in text may be wrong in JSON, so none must be needed.
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    tell(json.dumps(data, indent=2, ensure_ascii=not is_unicode))


def silence_broken_streams() -> bool:
    """Point streams that take nothing at /dev/null, so that the interpreter's last flush cannot fail.

    Says whether standard output was one of them.
    """
    broken = [number for stream, number in ((sys.stdout, 1), (sys.stderr, 2)) if not _flushes(stream)]
    for number in broken:
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    return 1 in broken


def refuse_output(error: OSError) -> int:
    """Tell that standard output cannot be written; the exit code for it."""
    tell_aside(f"Error: {_cannot_write(error)}")
    return 1


def _cannot_write(error: OSError) -> str:
    return f"cannot write to standard output: {(error.strerror or str(error)).lower()}"


def _write_line(stream: IO[str], text: str) -> None:
    stream.write(text + "\n")
    stream.flush()


def _flushes(stream: IO[str]) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True
