"""The barrier before the worker, in the two forms that a pod can have it."""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from jobset.agent.messages import BadMessage, read_head
from jobset.agent.settings import StartupProbe, Worker

KILLED_CODE = 255
"""The exit code after a worker that a signal has ended."""
# Python ignores these; a worker should not have to know that one who started it is written in Python.
_NOT_IGNORED = [signal.SIGPIPE, signal.SIGXFSZ]


class CannotLift(Exception):
    """The worker cannot be let go."""


class Barrier(Protocol):
    """Holds the worker back until it is lifted, once."""

    async def lift(self) -> None:
        """Let the worker start.

        Raises:
            CannotLift: it cannot.
        """
        ...

    async def ended(self) -> int:
        """The exit code of the container, once the worker has ended; never returns where that is not ours."""
        ...

    def close(self) -> None:
        """End what was let go, if it is ours."""
        ...


def build_barrier(behind: Worker | StartupProbe, environ: Mapping[str, str]) -> Barrier:
    """The barrier before what the settings name."""
    return WorkerBarrier(behind, environ) if isinstance(behind, Worker) else ProbeBarrier(behind)


class WorkerBarrier:
    """The worker is a child of this process: its output is ours, and so will be its exit code."""

    def __init__(self, worker: Worker, environ: Mapping[str, str]) -> None:
        self._worker = worker
        self._environ = environ
        self._pid = 0
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def lift(self) -> None:
        """Start the worker."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)
        argv = [self._worker.shell, "-c", self._worker.command]
        # compat: its standard input is empty.
        no_input = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        try:
            self._pid = os.posix_spawnp(
                argv[0], argv, self._environ, file_actions=[no_input], setsigdef=_NOT_IGNORED
            )
        except OSError as error:
            raise CannotLift(f"cannot start {argv[0]}: {error.strerror}") from None

    async def ended(self) -> int:
        """The worker's exit code."""
        return await asyncio.shield(self._code)

    def close(self) -> None:
        """Kill the worker. What it started ends with the container, whose first process we are."""
        if self._pid and not self._code.done():
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def _reap(self) -> None:
        """As the first process of a container we are asked to bury others' orphans as well."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = found
                if pid == self._pid and not self._code.done():
                    code = os.waitstatus_to_exitcode(status)
                    self._code.set_result(code if code >= 0 else KILLED_CODE)


class ProbeBarrier:
    """The kubelet starts the worker when a probe of us succeeds; until then nobody listens."""

    def __init__(self, probe: StartupProbe) -> None:
        self._probe = probe
        self._server: asyncio.Server | None = None

    async def lift(self) -> None:
        """Answer the probe from now on."""
        probe = self._probe
        try:
            self._server = await asyncio.start_server(self._answer, sock=_listen(probe.host, probe.port))
        except OSError as error:
            raise CannotLift(f"cannot listen on port {probe.port}: {error.strerror}") from None

    async def ended(self) -> int:
        """Never: the worker has a container of its own."""
        never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await never

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(BadMessage, OSError, TimeoutError):
            async with asyncio.timeout(10):
                head = await read_head(reader)
            words = head.first.split(" ")
            asked = words[1].partition("?")[0] if len(words) > 1 else ""
            writer.write(_OK if self._is_path(asked) else _NOT_FOUND)
            await writer.drain()
        writer.close()

    def _is_path(self, asked: str) -> bool:
        # compat: a pattern that ends with a slash stands for all paths below it.
        path = self._probe.path
        return asked == path or (path.endswith("/") and asked.startswith(path))


_OK, _NOT_FOUND = (
    f"HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    for line in ("200 OK", "404 Not Found")
)


def _listen(host: str, port: int) -> socket.socket:
    """A socket on one address, or on all of both families where the machine has both."""
    if host or not socket.has_dualstack_ipv6():
        return socket.create_server((host, port))
    try:
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    except OSError as error:
        # The family is there, but no interface has an address of it.
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        return socket.create_server(("", port))
