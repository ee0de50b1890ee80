"""What tests of real containers share: launches, their output, and a look at the machine's processes."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobset.local.processes.starter import Launch

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Output:
    """A file that a container writes its standard output and error to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def __str__(self) -> str:
        return self.path.read_text()


def a_launch(output: Output, *argv: str, **changes: Any) -> Launch:
    fields: dict[str, Any] = {
        "argv": argv,
        "env": {"PATH": PATH},
        "working_dir": "/",
        "hostname": "w-0",
        "hosts_file": None,
        "stdout": output.fd,
        "stderr": output.fd,
    }
    return Launch(**fields | changes)


def shell(output: Output, script: str, **changes: Any) -> Launch:
    return a_launch(output, "sh", "-c", script, **changes)


async def until(is_so: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.02)


def processes_with(mark: str) -> list[int]:
    """The processes that have `mark` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in words:
                found.append(int(entry.name))
    return found
