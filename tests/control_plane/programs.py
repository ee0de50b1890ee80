"""Programs that end with whoever uses them: the client's side of the keeper."""

import fcntl
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.control_plane import keeper

_PATIENCE = 30.0
_PREFIX = "jobset-control-plane-"


class StartFailed(Exception):
    """A program did not come up; the text holds the end of its log."""


@dataclass(slots=True)
class KeptPrograms:
    """A folder of programs, held by this process until `release` or the end of the process."""

    folder: Path
    _users: int
    _keeper: int | None = None

    @classmethod
    def start(cls) -> Self:
        """A new folder with a keeper."""
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        users = os.open(folder / keeper.USERS, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(users, fcntl.LOCK_SH)
        log = (1, str(folder / "keeper.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        process = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", keeper.__file__, str(folder)],
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, *log),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        return cls(folder, users, process)

    @classmethod
    def join(cls, folder: Path) -> Self | None:
        """The folder of another process; None when it is gone or just goes."""
        try:
            users = os.open(folder / keeper.USERS, os.O_RDWR)
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (FileNotFoundError, BlockingIOError):
            return None
        return cls(folder, users)

    def release(self) -> None:
        """Use the folder no more; when nobody else does, it is gone afterwards."""
        others_stay = not self._is_last()
        os.close(self._users)
        if self._keeper is not None and not others_stay:
            os.waitpid(self._keeper, 0)

    def run(self, name: str, argv: Sequence[str]) -> None:
        """Start a program; its output is added to `<name>.log`."""
        self._ask({"do": "start", "name": name, "argv": list(argv)})

    def stop(self, name: str, signal: int) -> None:
        """Send a signal that ends a program, and wait until it has ended."""
        self._ask({"do": "stop", "name": name, "signal": signal})

    def signal(self, name: str, signal: int) -> None:
        """Send a signal to a program."""
        self._ask({"do": "signal", "name": name, "signal": signal})

    def pid(self, name: str) -> int:
        """The process id of a program."""
        return int(self._ask({"do": "tell"})[name][0])

    def check(self, name: str) -> None:
        """Returns when a program runs.

        Raises:
            StartFailed: it has ended.
        """
        code = self._ask({"do": "tell"})[name][1]
        if code is not None:
            raise StartFailed(f"{name} ended with {code}: {self.end_of_log(name)}")

    def end_of_log(self, name: str, characters: int = 3000) -> str:
        """The last lines that a program wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-characters:]

    def _is_last(self) -> bool:
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _ask(self, request: Any) -> Any:
        with socket.socket(socket.AF_UNIX) as connection:
            _connect(connection, str(self.folder / keeper.SOCKET))
            with connection.makefile("rw") as stream:
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = stream.readline()
        if not answer:
            raise StartFailed(f"no answer to {request}: {self.end_of_log('keeper')}")
        return json.loads(answer)


def _connect(connection: socket.socket, address: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
