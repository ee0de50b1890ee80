"""Programs that outlived everybody who looked after them, found by what their environment says."""

import contextlib
import os
import signal

from jobset.local.processes.tree import kill_descendants


def kill_programs_of(directory: str, variable: str) -> None:
    """SIGKILL to every process, and all that came from it, whose `variable` is a path in `directory`.

    Nothing where there is no /proc.
    """
    mark = b"\0" + os.fsencode(f"{variable}={directory.rstrip('/')}/")
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid() and mark in b"\0" + _environment_of(name):
                kill_descendants(int(name))
                with contextlib.suppress(OSError):
                    os.kill(int(name), signal.SIGKILL)


def _environment_of(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:  # gone, or somebody else's
        return b""
