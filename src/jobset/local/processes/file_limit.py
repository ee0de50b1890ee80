"""How many files a process may have open: the supervisor and the starter need some for every container."""

import contextlib
import resource
import sys


def raise_file_limit() -> tuple[int, int]:
    """Allow this process as many open files as may be had; the soft and hard limit of before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft, hard
