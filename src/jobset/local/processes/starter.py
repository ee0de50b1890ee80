"""What the kubelet asks of the thing that starts containers; containers are processes of this machine."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """A path of this machine that appears at an absolute path in the container."""

    source: str
    target: str
    read_only: bool = False


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """One container to start. File descriptors stay the caller's, who may close them once it has started."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment of the program."""
    working_dir: str | None
    hostname: str
    hosts_file: str | None
    """A file of this machine that is the container's /etc/hosts; rewritten in place while it runs."""
    mounts: tuple[Mount, ...] = ()
    stdout: int
    stderr: int
    stdin: int | None = None
    """None: /dev/null."""
    shared_memory: str | None = None
    """A directory that all containers of the pod see as /dev/shm; None: a private one."""


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a container ended: `code` as a container runtime reports it (128 + N for signal N)."""

    code: int
    signal: int | None = None


class ExecResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a command inside a container ended; `code` is None when it took too long and was killed."""

    code: int | None
    output: bytes


class StartFailed(Exception):
    """The program never ran. `code` is 127 (not found), 126 (not executable) or 128 (anything else)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Process(Protocol):
    """One started container."""

    @property
    def pid(self) -> int:
        """Its process id on this machine."""
        ...

    async def wait(self) -> Exit:
        """Returns when the main process has ended and everything it started is gone."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal to the main process and its process group; no error when it is gone."""
        ...

    def kill(self) -> None:
        """SIGKILL to everything the container started, also after double fork and setsid where possible."""
        ...

    async def exec(self, argv: tuple[str, ...], env: Mapping[str, str], timeout: float) -> ExecResult:
        """Run a command with the container's view of files and names; at most `timeout` seconds."""
        ...


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine allows; `missing` tells for each way that it lacks why (`name` → reason)."""

    own_hosts: bool
    """Each container can have its own /etc/hosts and hostname."""
    own_mounts: bool
    """Volumes can appear at any absolute path."""
    own_processes: bool
    """Containers have a process namespace: nothing that they started can survive them."""
    missing: Mapping[str, str] = msgspec.field(default_factory=dict)


class Starter(Protocol):
    """Starts containers. Everything it started ends when the supervisor ends, however that happens."""

    @property
    def abilities(self) -> Abilities:
        """What this machine allows, found out by trying."""
        ...

    async def start(self, launch: Launch) -> Process:
        """The container, running.

        Raises:
            StartFailed: the program could not be started.
        """
        ...

    async def close(self) -> None:
        """Kill what still runs and end the starter."""
        ...
