"""The starter process: one thread that forks containers, tells how they fare, and ends them all when it must.

It waits for nobody: a container isolates itself while the next one is forked.
"""

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import sys
from typing import Any, NoReturn

from jobset.local.processes import container, wire
from jobset.local.processes.abilities import Ways, find_abilities
from jobset.local.processes.file_limit import raise_file_limit
from jobset.local.processes.tree import children_of, kill_descendants

if sys.platform == "linux":
    from jobset.local.processes.isolate import restrict_root
    from jobset.local.processes.own_view import OwnView
    from jobset.local.processes.syscalls import adopt_orphans, clone, close_from, own_proc_entries

_IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP)
_KILLED = (128 + signal.SIGKILL, int(signal.SIGKILL))
_KILL_AGAIN_MS = 20


def serve(client: socket.socket, use_namespaces: bool) -> NoReturn:
    """Start what the supervisor asks for until it is gone; then kill everything and end."""
    client = _stand_alone(client)
    found = find_abilities(use_namespaces=use_namespaces)
    ways = Ways(found.flags, found.own_root, found.fresh_proc, os.geteuid(), os.getegid())
    missing = dict(found.missing)
    with contextlib.suppress(OSError):
        wire.send(client, ("ready", bool(found.flags), found.own_root, ways.own_processes, missing))
    # Once for all containers: it would take most of the time to start one.
    view = None
    if sys.platform == "linux":
        view = OwnView(ways) if ways.flags else None
        restrict_root()
    # What exists now is shared with every container's first process for as long as nobody touches it.
    gc.disable()
    gc.freeze()
    starter = _Starter(client, ways, view)
    starter.run()
    starter.end()


class _Container:
    __slots__ = ("channel", "key", "pid", "reported", "status")

    def __init__(self, key: int, pid: int, channel: socket.socket) -> None:
        self.key = key
        self.pid = pid
        self.channel = channel
        self.status: int | None = None
        self.reported = False


class _Starter:
    def __init__(self, client: socket.socket, ways: Ways, view: "OwnView | None") -> None:
        self._client = client
        self._ways = ways
        self._view = view
        self._file_limit = raise_file_limit()
        self._folder = _current_folder()
        self._by_key: dict[int, _Container] = {}
        self._by_pid: dict[int, _Container] = {}
        self._by_file: dict[int, _Container] = {}
        self._left_behind: set[str] = set()
        self._poll = select.poll()
        self._wake = _wake_on_children()

    def run(self) -> None:
        self._poll.register(self._client, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)
        while True:
            for fd, _ in self._poll.poll():
                if fd == self._client.fileno():
                    if not self._answer():
                        return
                elif fd == self._wake:
                    os.read(self._wake, 512)
                elif fd in self._by_file:
                    self._hear(self._by_file[fd])
            self._reap()

    def end(self) -> NoReturn:
        """Kill everything, remove what the supervisor would have removed, and end."""
        for known in list(self._by_pid.values()):
            self._kill(known)
            known.channel.close()
        self._poll = select.poll()
        self._poll.register(self._wake, select.POLLIN)
        while not self._is_childless():
            self._kill_strays()
            if self._poll.poll(_KILL_AGAIN_MS):
                os.read(self._wake, 512)
        for path in self._left_behind:
            _remove(path)
        os._exit(0)

    def _answer(self) -> bool:
        """Do what the supervisor asks; False when it is gone."""
        frame = wire.receive(self._client)
        if frame is None:
            return False
        (verb, key, *arguments), files = frame
        try:
            if verb == "start":
                self._start(key, arguments[0], files)
            elif verb == "remove-afterwards":
                self._left_behind = set(arguments[0])
            elif (known := self._by_key.get(key)) is not None:
                self._ask(known, verb, arguments, files)
        finally:
            for fd in files or ():
                os.close(fd)
        return True

    def _start(self, key: int, launch: dict[str, Any], files: list[int] | None) -> None:
        try:
            if files is None:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                pid = self._fork()
            except OSError:
                ours.close()
                theirs.close()
                raise
        except OSError as error:
            self._tell(key, "failed", 128, _why_not_forked(error))
            return
        if pid == 0:
            launch["caller_folder"] = self._folder
            container.live(theirs, launch, files, self._ways, self._file_limit)
        theirs.close()
        known = _Container(key, pid, ours)
        self._by_key[key] = self._by_pid[pid] = self._by_file[ours.fileno()] = known
        self._poll.register(ours, select.POLLIN)

    def _fork(self) -> int:
        if self._view is not None:
            self._ways = self._view.refresh()
        if not self._ways.flags:
            return os.fork()
        return clone(self._ways.flags)

    def _ask(self, known: _Container, verb: str, arguments: list[Any], files: list[int] | None) -> None:
        if verb == "kill":
            self._kill(known)
            return
        if verb == "command" and files is None:
            self._tell(known.key, "command-failed", arguments[0], 128, os.strerror(errno.EMFILE))
            return
        with contextlib.suppress(OSError):
            wire.send(known.channel, (verb, *arguments), files or ())

    def _kill(self, known: _Container) -> None:
        if self._ways.own_processes:
            os.kill(known.pid, signal.SIGKILL)
            return
        with contextlib.suppress(OSError):
            wire.send(known.channel, ("kill",))

    def _hear(self, known: _Container) -> bool:
        """Take in one message of a container; False when it has nothing more to say."""
        frame = wire.receive(known.channel)
        if frame is None:
            self._deafen(known)
            return False
        message, _ = frame
        match message:
            case ("exit", status):
                known.status = status
            case ("started", inner):
                self._tell(known.key, "started", self._pid_here(known, inner))
            case ("failed", code, text):
                known.reported = True
                self._tell(known.key, "failed", code, text)
            case _:
                self._tell(known.key, *message)
        return True

    def _deafen(self, known: _Container) -> None:
        if self._by_file.pop(known.channel.fileno(), None) is not None:
            self._poll.unregister(known.channel)

    def _pid_here(self, known: _Container, inner: int) -> int:
        if not self._ways.own_processes:
            return inner
        children = children_of(known.pid)
        if len(children) == 1:
            return children[0]
        return next((pid for pid in children if _innermost_pid(pid) == inner), known.pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            known = self._by_pid.pop(pid, None)
            if known is not None:
                self._forget(known)
            elif not self._ways.own_processes:
                self._kill_strays()  # what a stray had started is our child now

    def _forget(self, known: _Container) -> None:
        while self._hear(known):
            pass
        known.channel.close()
        del self._by_key[known.key]
        if known.status is None and not self._ways.own_processes:
            self._kill_strays()
        if not known.reported:
            code, number = _KILLED if known.status is None else _as_exit(known.status)
            self._tell(known.key, "exit", code, number)

    def _kill_strays(self) -> None:
        """Without process namespaces: what a killed reaper left behind is our child now."""
        for pid in children_of(os.getpid()):
            if pid not in self._by_pid:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                kill_descendants(pid)

    def _is_childless(self) -> bool:
        try:
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return False
                self._by_pid.pop(pid, None)
        except ChildProcessError:
            return True

    def _tell(self, key: int, *message: Any) -> None:
        # When the supervisor is gone, the next turn finds out.
        with contextlib.suppress(OSError):
            wire.send(self._client, (key, *message))


def _stand_alone(client: socket.socket) -> socket.socket:
    """Leave the terminal and close everything but the socket to the supervisor."""
    os.setsid()
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    empty = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(empty, fd)
    os.dup2(client.fileno(), 3, inheritable=False)
    if client.fileno() == 3:
        client.detach()
    client = socket.socket(fileno=3)
    if sys.platform == "linux":
        close_from(4)
        own_proc_entries()
        adopt_orphans()
    else:
        os.closerange(4, 4096)
    return client


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return "/"


def _wake_on_children() -> int:
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def _why_not_forked(error: OSError) -> str:
    causes = {
        errno.EAGAIN: "no more processes are allowed",
        errno.ENOMEM: "no memory is left",
        errno.EMFILE: "no file descriptors are left",
        errno.ENFILE: "no file descriptors are left on this machine",
        errno.ENOSPC: "no more namespaces are allowed",
    }
    cause = causes.get(error.errno or 0, "the container's process could not be made")
    return f"{cause}: {error.strerror}"


def _as_exit(status: int) -> tuple[int, int | None]:
    """Exit code as a container runtime reports it, and the signal if there was one."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status), os.WTERMSIG(status)
    return os.WEXITSTATUS(status), None


def _innermost_pid(pid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return 0


def _remove(path: str) -> None:
    import shutil

    if os.path.islink(path) or os.path.isfile(path):
        with contextlib.suppress(OSError):
            os.unlink(path)
    else:
        shutil.rmtree(path, ignore_errors=True)
