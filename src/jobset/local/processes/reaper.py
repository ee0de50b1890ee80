"""The first process of a container: starts the program, passes signals on, reaps, and leaves nothing behind.

In a process namespace it is process 1, and the kernel ends everything with it. Elsewhere it adopts the
orphans of its descendants and kills until it has no child left.
"""

import os
import select
import signal
import socket
from collections.abc import Mapping
from typing import Any, NoReturn

from jobset.local.processes import wire
from jobset.local.processes.execute import ExecuteFailed, change_folder, execute
from jobset.local.processes.tree import kill_descendants

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_KILL_AGAIN_MS = 20


class Reaper:
    """Looks after one program and the commands that are run beside it."""

    def __init__(self, channel: socket.socket, *, contained: bool) -> None:
        self._channel = channel
        self._contained = contained
        self._program = 0
        self._status: int | None = None
        self._commands: dict[int, int] = {}
        self._env: Mapping[str, str] = {}
        self._ending = False
        self._orphaned = False
        self._childless = False

    def run(self, launch: Mapping[str, Any], files: tuple[int, int, int]) -> NoReturn:
        """Start the program and stay until nothing of the container is left.

        Raises:
            ExecuteFailed: the program could not be started.
        """
        wake = _wake_on_signals(self._pass_on)
        change_folder(launch["working_dir"], launch["caller_folder"])
        self._program = execute(launch["argv"], launch["env"], files)
        for fd in files:
            os.close(fd)
        self._tell("started", self._program)
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(wake, select.POLLIN)
        while True:
            self._turn(poll, wake)

    def _turn(self, poll: "select.poll", wake: int) -> None:
        for fd, _ in poll.poll(_KILL_AGAIN_MS if self._ending else None):
            if fd == wake:
                os.read(wake, 512)
            elif not self._answer():
                poll.unregister(fd)
        self._reap()
        if self._ending:
            if self._contained:
                self._leave()
            self._signal_group(self._program, signal.SIGKILL)
            kill_descendants(os.getpid())
            self._reap()
            if self._childless:
                self._leave()

    def _leave(self) -> NoReturn:
        if not self._orphaned and self._status is not None:
            self._tell("exit", self._status)
        os._exit(0)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._childless = True
                return
            if pid == 0:
                return
            if pid == self._program:
                # Its group, which still has its id, is all that can be found where there is no /proc.
                self._signal_group(pid, signal.SIGKILL)
                self._status = status
                self._ending = True
            elif pid in self._commands:
                self._tell("command-exit", self._commands.pop(pid), status)

    def _answer(self) -> bool:
        """Do what the starter asks; False when it is gone."""
        frame = wire.receive(self._channel)
        if frame is None:
            self._ending = self._orphaned = True
            return False
        (verb, *arguments), files = frame
        match verb:
            case "signal":
                self._signal_group(self._program, arguments[0])
            case "kill":
                self._ending = True
            case "command":
                self._run_command(arguments, files)
            case "kill-command":
                self._kill_command(arguments[0])
        return True

    def _run_command(self, request: list[Any], files: list[int] | None) -> None:
        key, argv, env = request
        try:
            if files is None:
                raise ExecuteFailed(128, "no file descriptors left")
            empty = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            files.append(empty)
            self._commands[execute(argv, env, (empty, files[0], files[0]))] = key
        except ExecuteFailed as error:
            self._tell("command-failed", key, error.code, error.message)
        except OSError as error:
            self._tell("command-failed", key, 128, str(error))
        finally:
            for fd in files or ():
                os.close(fd)

    def _kill_command(self, key: int) -> None:
        for pid in [pid for pid, known in self._commands.items() if known == key]:
            kill_descendants(pid)
            self._signal_group(pid, signal.SIGKILL)

    def _pass_on(self, number: int, _frame: object) -> None:
        self._signal_group(self._program, number)

    def _signal_group(self, pid: int, number: int) -> None:
        # An id that was reaped may belong to somebody else.
        if pid == 0 or (pid == self._program and self._status is not None):
            return
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _tell(self, *message: Any) -> None:
        try:
            wire.send(self._channel, message)
        except OSError:
            self._orphaned = True


def _wake_on_signals(forward: Any) -> int:
    """A file that becomes readable when a child ends or a signal came."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _FORWARDED:
        signal.signal(number, forward)
    return readable
