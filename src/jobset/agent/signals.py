"""Signals that ask the agent to end; light, since the first process of a container must listen at once."""

import signal

LEAVING = (signal.SIGINT, signal.SIGTERM)


def leave_at_signals() -> None:
    """From now on end at once when asked to, until somebody else listens."""
    for number in LEAVING:
        signal.signal(number, _leave)


def leaving_code(number: int) -> int:
    """The exit code that tells by which signal we were asked to end."""
    return 128 + number


def _leave(number: int, frame: object) -> None:  # noqa: ARG001
    raise SystemExit(leaving_code(number))
