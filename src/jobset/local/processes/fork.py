"""Fork the starter: a small process that makes containers, split off before threads and the event loop exist.

Imports next to nothing, so that a command can call it first.
"""

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobset.local.processes.starter import Abilities


class StarterHandle:
    """The supervisor's end of the starter: its process id and the socket to talk to it."""

    __slots__ = ("abilities", "channel", "pid")

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.abilities: Abilities | None = None
        """What the starter has told of this machine, once it has been read."""


def fork_starter(*, use_namespaces: bool = True) -> StarterHandle:
    """A running starter. Call it while this process has one thread.

    Without namespaces containers are told from each other by their descent only.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    pid = os.fork()
    if pid == 0:
        _be_starter(ours, theirs, use_namespaces)
    theirs.close()
    return StarterHandle(pid, ours)


def _be_starter(ours: socket.socket, theirs: socket.socket, use_namespaces: bool) -> None:
    try:
        ours.close()
        # Imported by the child only: the supervisor loads its own modules meanwhile.
        from jobset.local.processes.zygote import serve

        serve(theirs, use_namespaces)
    finally:
        os._exit(1)
