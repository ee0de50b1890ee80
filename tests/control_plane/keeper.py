"""Keeps programs running for as long as somebody uses their folder; then it ends them and removes the folder.

    python keeper.py FOLDER

A user of the folder holds a shared lock on its file `users`; the kernel lets go of it however the user ends,
also by kill -9. The programs die with the keeper. Requests come as lines of JSON over the socket `keeper` in
the folder. This file needs nothing but the standard library, so that it starts quickly.
"""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

USERS = "users"
SOCKET = "keeper"

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Keeper:
    """The programs of one folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        self._one_at_a_time = threading.Lock()

    def serve(self, listener: socket.socket) -> None:
        """Answer requests, one connection each, for ever."""
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rw") as stream:
                request = json.loads(stream.readline())
                with self._one_at_a_time:
                    answer = self._answer(request)
                try:
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()
                except OSError:
                    continue

    def end_with_the_last_user(self, users: int) -> None:
        """Wait until nobody holds the folder, and leave nothing behind."""
        fcntl.flock(users, fcntl.LOCK_EX)
        self._one_at_a_time.acquire()
        for program in self._programs.values():
            program.kill()
        for program in self._programs.values():
            program.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(0)

    def _answer(self, request: Any) -> Any:
        name = request.get("name", "")
        match request["do"]:
            case "start":
                return self._start(name, request["argv"])
            case "stop":
                return self._stop(name, request["signal"])
            case "signal":
                self._programs[name].send_signal(request["signal"])
                return {}
            case _:
                return {key: [program.pid, program.poll()] for key, program in self._programs.items()}

    def _start(self, name: str, argv: list[str]) -> Any:
        keeper = os.getpid()

        def die_with_the_keeper() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != keeper:
                os._exit(1)

        with (self._folder / f"{name}.log").open("ab") as log:
            self._programs[name] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                preexec_fn=die_with_the_keeper,
            )
        return {"pid": self._programs[name].pid}

    def _stop(self, name: str, number: int) -> Any:
        program = self._programs.pop(name)
        program.send_signal(number)
        # A stopped program hears nothing but SIGKILL.
        program.send_signal(signal.SIGCONT)
        return {"code": program.wait()}


def main() -> None:
    folder = Path(sys.argv[1])
    # It ends when its users have ended, not by the Ctrl-C that ends them.
    os.setsid()
    keeper = Keeper(folder)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / SOCKET))
    listener.listen()
    users = os.open(folder / USERS, os.O_RDWR)
    threading.Thread(target=keeper.end_with_the_last_user, args=(users,), daemon=True).start()
    # The programs belong to the thread that started them, and this one stays until the end.
    keeper.serve(listener)


if __name__ == "__main__":
    main()
