"""Termination messages: what a container leaves behind as its last words."""

import os

from jobset.local.kubelet.facts import Object

DEFAULT_PATH = "/dev/termination-log"
MESSAGE_VARIABLE = "JOBSET_TERMINATION_LOG"
"""Names the message file to programs where nothing can be mounted at its usual path; where processes have
no namespace it also tells whose they are, should they outlive their run."""
LONGEST = 4096
LONGEST_OF_POD = 12 * 1024


def message_path(container: Object) -> str:
    """Where the container writes its message, as it sees it."""
    return container.get("terminationMessagePath") or DEFAULT_PATH


def longest_message(containers: int) -> int:
    """How many bytes each of a pod's containers may say."""
    return min(LONGEST, LONGEST_OF_POD // max(containers, 1))


def read_message(path: str, longest: int) -> str:
    """The end of a message file; empty when there is none."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - longest, 0))
            return file.read(longest).decode(errors="replace")
    except OSError:
        return ""


def termination_message(container: Object, code: int, written: str, log_tail: str, longest: int) -> str:
    """What the container status says: the file's text, or the end of the log where that is asked for."""
    falls_back = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    if not written and code != 0 and falls_back:
        return log_tail[-longest:]
    return written
