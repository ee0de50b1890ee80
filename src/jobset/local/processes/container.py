"""The life of a container's first process, from the fork on."""

import contextlib
import fcntl
import os
import resource
import select
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from jobset.local.processes import wire
from jobset.local.processes.abilities import Ways
from jobset.local.processes.execute import ExecuteFailed
from jobset.local.processes.reaper import Reaper

if sys.platform == "linux":
    from jobset.local.processes.isolate import isolate
    from jobset.local.processes.syscalls import adopt_orphans, close_from, die_with_parent

_FIRST_OWN_FILE = 3


def live(
    channel: socket.socket,
    launch: Mapping[str, Any],
    files: Sequence[int],
    ways: Ways,
    file_limit: tuple[int, int],
) -> NoReturn:
    """Be the container: isolate, start the program, look after it. Ends the process.

    `files` are standard output, error and perhaps input.
    """
    try:
        channel, stdio = _keep_only(channel, files)
        _end_with_starter(channel, ways)
        if sys.platform == "linux":
            isolate(launch, ways)
            resource.setrlimit(resource.RLIMIT_NOFILE, file_limit)
        Reaper(channel, contained=ways.own_processes).run(launch, stdio)
    except ExecuteFailed as error:
        _report(channel, error.code, error.message)
    except OSError as error:
        _report(channel, 128, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except BaseException as error:
        _report(channel, 128, f"{type(error).__name__}: {error}")
    finally:
        os._exit(1)


def _keep_only(channel: socket.socket, files: Sequence[int]) -> tuple[socket.socket, tuple[int, int, int]]:
    """Close everything but the channel and standard input, output and error, in that order.

    Open ends of other containers' channels would keep these from noticing that the starter is gone.
    """
    output, error, *given = files
    entry = given[0] if given else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    wanted = (channel.fileno(), entry, output, error)
    above = max(*wanted, _FIRST_OWN_FILE + len(wanted)) + 1
    # First out of the way, then to the lowest places.
    moved = [_duplicate(fd, above) for fd in wanted]
    for place, fd in enumerate(moved, _FIRST_OWN_FILE):
        os.dup2(fd, place, inheritable=False)
    _close_from(_FIRST_OWN_FILE + len(wanted))
    channel.detach()
    return socket.socket(fileno=_FIRST_OWN_FILE), (
        _FIRST_OWN_FILE + 1,
        _FIRST_OWN_FILE + 2,
        _FIRST_OWN_FILE + 3,
    )


def _duplicate(fd: int, at_least: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, at_least)


def _close_from(first: int) -> None:
    if sys.platform == "linux":
        close_from(first)
    else:
        os.closerange(first, 4096)


def _end_with_starter(channel: socket.socket, ways: Ways) -> None:
    if sys.platform == "linux":
        if ways.own_processes:
            die_with_parent()
        else:
            adopt_orphans()
    if not ways.flags:
        os.setsid()
    poll = select.poll()
    poll.register(channel, select.POLLHUP)
    if poll.poll(0):  # it ended before we asked to be told
        os._exit(1)


def _report(channel: socket.socket, code: int, message: str) -> None:
    with contextlib.suppress(OSError):
        wire.send(channel, ("failed", code, message))
