"""The directory of a run: locked while the run lives, cleaned when it is over or was killed."""

import errno
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from jobset.local.kubelet.directories import Paths, remove_tree
from jobset.local.kubelet.mounts import remove_dead_links
from jobset.local.kubelet.termination import MESSAGE_VARIABLE
from jobset.local.processes.leftovers import kill_programs_of

RUNS_KEPT = 20
"""Logs of so many runs stay; older ones are removed by the next start."""
_LOCK = "lock"
_KEPT = "kept"
_LINKS = "links"
_OF_PODS = ("pods", "names")
_TEMPORARY = (*_OF_PODS, "claims")
_MEMORY_ROOT = "/dev/shm"


class InUse(Exception):
    """Another run lives in the directory; the message tells its process id."""


class CannotWrite(Exception):
    """The directory cannot be made or written."""


@dataclass(slots=True, kw_only=True)
class RunDirectory:
    """Where one run keeps its pods, claims and logs."""

    path: str
    memory: str | None
    """A directory in memory, for what pods share in memory."""
    _lock: int

    @property
    def logs(self) -> str:
        """Where the log files are; they stay after the run."""
        return os.path.join(self.path, "logs")

    @property
    def names(self) -> str:
        """Where hosts files are."""
        return os.path.join(self.path, "names")

    @property
    def paths(self) -> Paths:
        """The directories as the kubelet wants them."""
        return Paths(
            pods=os.path.join(self.path, "pods"),
            logs=self.logs,
            claims=os.path.join(self.path, "claims"),
            memory=self.memory,
            links=os.path.join(self.path, _LINKS),
        )

    @property
    def temporary(self) -> tuple[str, ...]:
        """Everything that must not outlive the run."""
        own = tuple(os.path.join(self.path, name) for name in _TEMPORARY)
        return (*own, self.memory) if self.memory else own

    def close(self, *, keep: bool) -> None:
        """Let go of it; without `keep` only the logs stay, and nothing at all when there are none.

        A second call does nothing.
        """
        if self._lock < 0:
            return
        remove_dead_links(os.path.join(self.path, _LINKS))
        if not keep:
            for path in self.temporary:
                remove_tree(path)
            with suppress(OSError):
                os.unlink(os.path.join(self.path, _LOCK))
            for path in (self.logs, self.path):
                with suppress(OSError):
                    os.rmdir(path)
        else:
            if self.memory:
                remove_tree(self.memory)
            with suppress(OSError), open(os.path.join(self.path, _KEPT), "w"):
                pass
        os.close(self._lock)
        self._lock = -1


def state_home(environment: Mapping[str, str]) -> str:
    """Where runs keep their directories when no other place is asked for."""
    base = environment.get("XDG_STATE_HOME", "")
    if os.path.isabs(base):
        return os.path.join(base, "jobset", "runs")
    home = environment.get("HOME", "")
    if os.path.isabs(home) and home != "/" and os.access(home, os.W_OK):
        return os.path.join(home, ".local", "state", "jobset", "runs")
    return os.path.join(tempfile.gettempdir(), f"jobset-{os.getuid()}", "runs")


def clean_up(path: str | None, home: str) -> None:
    """Remove what a killed run left of `path`, or killed runs under `home`."""
    with suppress(OSError):
        if path is None:
            _clean(home)
        elif os.path.exists(os.path.join(path, _LINKS)):
            with suppress(InUse):
                os.close(_take_lock(os.path.abspath(path)))


def open_directory(path: str | None, home: str, now: datetime) -> RunDirectory:
    """The run's directory, made and locked: `path`, or a new one under `home` whose dead runs are cleaned.

    Raises:
        InUse: another run lives in `path`.
        CannotWrite: it cannot be made.
    """
    is_ours = path is None
    try:
        if path is None:
            os.makedirs(home, mode=0o700, exist_ok=True)
            _clean(home)
            path = os.path.join(home, f"{now:%Y%m%d-%H%M%S}-{os.getpid()}")
        path = os.path.abspath(path)
        os.makedirs(path, mode=0o700, exist_ok=True)
        lock = _take_lock(path)
        directory = RunDirectory(path=path, memory=_make_memory(), _lock=lock)
        try:
            _prepare(directory)
        except OSError:
            # What an earlier run kept in a directory of the user's stays.
            for made in filter(None, (directory.memory, path if is_ours else None)):
                remove_tree(made)
            os.close(lock)
            raise
    except OSError as error:
        raise CannotWrite(f"cannot use {error.filename or path}: {error.strerror}") from error
    return directory


def _prepare(directory: RunDirectory) -> None:
    with open(os.path.join(directory.path, _LOCK), "r+") as lock:
        lock.truncate()
        lock.write(f"{os.getpid()}\n{directory.memory or ''}\n")
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(directory.path, _KEPT))
    for name in _OF_PODS:
        remove_tree(os.path.join(directory.path, name))
    for made in (*directory.temporary, directory.logs):
        os.makedirs(made, mode=0o700, exist_ok=True)


def _take_lock(path: str) -> int:
    lock = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(lock, 200, 0).decode(errors="replace").split("\n")[0]
        os.close(lock)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise InUse(f"{path} is in use by another run, process {holder or 'unknown'}") from None
        raise
    memory = _read_memory(lock)
    if memory:
        remove_tree(memory)
    remove_dead_links(os.path.join(path, _LINKS))
    has_pods, was_closed = (os.path.exists(os.path.join(path, name)) for name in ("pods", _KEPT))
    if has_pods and not was_closed:  # not even the starter lived to clean up
        for directory in filter(None, (path, memory)):
            kill_programs_of(directory, MESSAGE_VARIABLE)
    return lock


def _read_memory(lock: int) -> str:
    """The directory in memory that a dead run left, as its lock file tells."""
    lines = os.pread(lock, 1000, 0).decode(errors="replace").split("\n")
    memory = lines[1] if len(lines) > 1 else ""
    return memory if memory.startswith(f"{_MEMORY_ROOT}/jobset-") else ""


def _make_memory() -> str | None:
    memory = f"{_MEMORY_ROOT}/jobset-{os.getpid()}-{secrets.token_hex(4)}"
    with suppress(OSError):
        os.mkdir(memory, 0o700)
    return memory if os.path.isdir(memory) else None


def _clean(home: str) -> None:
    """Remove what killed runs left, and the logs of runs long past."""
    for number, path in enumerate(_newest_first(home)):
        is_dead = any(os.path.exists(os.path.join(path, name)) for name in ("pods", _LINKS))
        if number < RUNS_KEPT and not is_dead:
            continue
        try:
            lock = _take_lock(path)
        except (InUse, OSError):
            continue
        if number >= RUNS_KEPT:
            remove_tree(path)
        elif not os.path.exists(os.path.join(path, _KEPT)):
            for name in _TEMPORARY:
                remove_tree(os.path.join(path, name))
        os.close(lock)


def _newest_first(home: str) -> Iterator[str]:
    for name in sorted(os.listdir(home), reverse=True):
        path = os.path.join(home, name)
        if os.path.isdir(path):
            yield path
