"""The starter's own view of the machine: the mount namespace that every container's begins as a copy of.

In it /dev is a folder of ours with a place for the termination message, which no machine has. Opening it for
each container would take longer than all else of its start.
"""

import os

from jobset.local.processes.abilities import Ways
from jobset.local.processes.isolate import map_user, separate_mounts
from jobset.local.processes.mounts import close_devices, open_devices
from jobset.local.processes.syscalls import CLONE_NEWNS, CLONE_NEWUSER, unshare

# compat: where Kubernetes' defaults put the message.
_MESSAGE_PLACE = "/dev/termination-log"


class OwnView:
    """This process sees the machine in its own way from now on, and so do the containers that it makes."""

    def __init__(self, ways: Ways) -> None:
        unshare(ways.flags & (CLONE_NEWUSER | CLONE_NEWNS))
        if ways.flags & CLONE_NEWUSER:
            map_user(ways.uid, ways.gid)
        separate_mounts()
        self._ways = ways._replace(flags=ways.flags & ~CLONE_NEWUSER)
        self._machines_devices = os.open("/dev", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._seen_at = 0
        self.refresh()

    def refresh(self) -> Ways:
        """What the next container still needs; /dev has what the machine's has now."""
        changed_at = os.fstat(self._machines_devices).st_mtime_ns
        if changed_at != self._seen_at:
            self._seen_at = changed_at
            self._open_devices()
        return self._ways

    def _open_devices(self) -> None:
        if self._ways.message_place is not None:
            close_devices()
        try:
            is_ours = open_devices(_MESSAGE_PLACE)
        except OSError:  # each container opens /dev for itself
            is_ours = False
        self._ways = self._ways._replace(message_place=_MESSAGE_PLACE if is_ours else None)
