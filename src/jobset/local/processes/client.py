"""The supervisor's side of the starter, on its event loop."""

import asyncio
import contextlib
import itertools
import os
import socket
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobset.local.processes import wire
from jobset.local.processes.fork import StarterHandle
from jobset.local.processes.starter import Abilities, ExecResult, Exit, Launch, Process, StartFailed

_KILLED = Exit(code=137, signal=9)
_MOST_OUTPUT = 64 * 1024
_LINGER_SECONDS = 0.2
_CLOSE_SECONDS = 10.0
_GONE = "the starter has ended"


class ProcessStarter:
    """Starts containers through the starter process. Make it on the running event loop."""

    def __init__(self, handle: StarterHandle) -> None:
        self._pid = handle.pid
        self._channel = handle.channel
        self._abilities = read_abilities(handle)
        self._loop = asyncio.get_running_loop()
        self._keys = itertools.count(1)
        self._starting: dict[int, asyncio.Future[int]] = {}
        self._running: dict[int, StartedProcess] = {}
        self._buffer = b""
        self._unsent: deque[tuple[memoryview, Sequence[int], asyncio.Future[int] | None]] = deque()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel, self._read)

    @property
    def abilities(self) -> Abilities:
        """What this machine allows, found out by trying."""
        return self._abilities

    async def start(self, launch: Launch) -> Process:
        """The container, running.

        Raises:
            StartFailed: the program could not be started.
        """
        key = next(self._keys)
        answer: asyncio.Future[int] = self._loop.create_future()
        self._starting[key] = answer
        files = [launch.stdout, launch.stderr, *(() if launch.stdin is None else (launch.stdin,))]
        # Known before it is asked for: a short program's end is told together with its start.
        hostname = launch.env.get("HOSTNAME", launch.hostname)
        process = self._running[key] = StartedProcess(self, key, hostname)
        self._send(("start", key, _plain(launch)), files, answer)
        try:
            process.pid = await answer
        except asyncio.CancelledError:
            self._send(("kill", key))
            raise
        except StartFailed:
            del self._running[key]
            raise
        finally:
            self._starting.pop(key, None)
        return process

    def programs(self) -> dict[int, str]:
        """The process ids of the main programs that run, with their host names."""
        return {process.pid: process.hostname for process in self._running.values() if process.pid}

    def remove_afterwards(self, paths: Iterable[str]) -> None:
        """What the starter removes, after everything has ended, if this process dies without `close`."""
        self._send(("remove-afterwards", 0, [os.path.abspath(path) for path in paths]))

    async def close(self) -> None:
        """Kill what still runs and end the starter."""
        if not self._ended.done():
            self.remove_afterwards(())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._drain()
                    with contextlib.suppress(OSError):
                        self._channel.shutdown(socket.SHUT_WR)
                    await asyncio.shield(self._ended)
        self._end()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, os.WNOHANG)

    def _send(
        self, message: tuple[Any, ...], files: Sequence[int] = (), sender: "asyncio.Future[int] | None" = None
    ) -> None:
        if self._ended.done():
            if sender is not None and not sender.done():
                sender.set_exception(StartFailed(128, _GONE))
            return
        self._unsent.append((memoryview(wire.pack(message, len(files))), files, sender))
        if len(self._unsent) == 1:
            self._write()

    def _write(self) -> None:
        while self._unsent:
            data, files, sender = self._unsent[0]
            if sender is not None and sender.cancelled() and files:
                # Its files may be closed by now; nothing of the frame has been sent.
                self._unsent.popleft()
                continue
            try:
                sent = self._channel.sendmsg([data], wire.ancillary(files))
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._channel, self._write)
                return
            except OSError as error:
                self._refuse(sender, error)
                return
            if sent < len(data):
                self._unsent[0] = (data[sent:], (), sender)
            else:
                self._unsent.popleft()
        self._loop.remove_writer(self._channel)

    def _refuse(self, sender: "asyncio.Future[int] | None", error: OSError) -> None:
        if isinstance(error, ConnectionError):
            self._end()
            return
        # A file that cannot be passed is the fault of this one message.
        self._unsent.popleft()
        if sender is not None and not sender.done():
            sender.set_exception(StartFailed(128, f"the starter cannot be asked: {error.strerror}"))
        if self._unsent:
            self._loop.call_soon(self._write)

    async def _drain(self) -> None:
        while self._unsent and not self._ended.done():
            await asyncio.sleep(0.005)

    def _read(self) -> None:
        try:
            data = self._channel.recv(1 << 18)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        messages, self._buffer = wire.unpack(self._buffer + data)
        for key, *message in messages:
            self._take(key, message)

    def _take(self, key: int, message: list[Any]) -> None:
        process = self._running.get(key)
        match message:
            case ["started", pid]:
                _settle(self._starting.get(key), pid)
            case ["failed", code, text]:
                self._fail(key, StartFailed(code, text))
            case ["exit", code, number]:
                self._fail(key, StartFailed(128, "killed before it could start"))
                self._running.pop(key, None)
                if process is not None:
                    process._finish(Exit(code=code, signal=number))
            case ["command-exit", command, status] if process is not None:
                code = os.waitstatus_to_exitcode(status)
                process._finish_command(command, 128 - code if code < 0 else code, b"")
            case ["command-failed", command, code, text] if process is not None:
                process._finish_command(command, code, text.encode())

    def _fail(self, key: int, reason: StartFailed) -> None:
        future = self._starting.get(key)
        if future is not None and not future.done():
            future.set_exception(reason)

    def _end(self) -> None:
        """The starter is gone, and everything that it started with it."""
        if self._ended.done():
            return
        self._ended.set_result(None)
        self._loop.remove_reader(self._channel)
        self._loop.remove_writer(self._channel)
        self._channel.close()
        self._unsent.clear()
        for key in list(self._starting):
            self._fail(key, StartFailed(128, _GONE))
        for process in list(self._running.values()):
            process._finish(_KILLED)
        self._running.clear()


class StartedProcess:
    """One container that was started."""

    def __init__(self, starter: ProcessStarter, key: int, hostname: str) -> None:
        self.pid = 0
        self.hostname = hostname
        self._starter = starter
        self._key = key
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._commands: dict[int, asyncio.Future[tuple[int, bytes]]] = {}

    async def wait(self) -> Exit:
        """Returns when the main process has ended and everything it started is gone."""
        return await asyncio.shield(self._exit)

    def signal(self, number: int) -> None:
        """Send a signal to the main process and its process group; no error when it is gone."""
        if not self._exit.done():
            self._starter._send(("signal", self._key, int(number)))

    def kill(self) -> None:
        """SIGKILL to everything the container started, also after double fork and setsid where possible."""
        if not self._exit.done():
            self._starter._send(("kill", self._key))

    async def exec(self, argv: tuple[str, ...], env: Mapping[str, str], timeout: float) -> ExecResult:
        """Run a command with the container's view of files and names; at most `timeout` seconds."""
        if self._exit.done():
            return ExecResult(code=137, output=b"the container has ended")
        command = next(self._starter._keys)
        done: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._commands[command] = done
        try:
            output = _Output()
        except OSError as error:
            del self._commands[command]
            return ExecResult(code=128, output=str(error).encode())
        try:
            self._starter._send(("command", self._key, command, list(argv), dict(env)), (output.given,), None)
            await self._starter._drain()
            output.release()
            return await self._result(done, output, timeout)
        finally:
            if self._commands.pop(command, None) is not None and not done.done():
                self._starter._send(("kill-command", self._key, command))
            output.close()

    async def _result(
        self, done: "asyncio.Future[tuple[int, bytes]]", output: "_Output", timeout: float
    ) -> ExecResult:
        try:
            async with asyncio.timeout(timeout):
                code, message = await asyncio.shield(done)
        except TimeoutError:
            return ExecResult(code=None, output=bytes(output.data))
        # What it left running in the background may hold the output open.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await asyncio.shield(output.ended)
        return ExecResult(code=code, output=bytes(output.data) + message)

    def _finish(self, result: Exit) -> None:
        _settle(self._exit, result)
        for done in self._commands.values():
            _settle(done, (137, b"the container has ended"))

    def _finish_command(self, command: int, code: int, message: bytes) -> None:
        _settle(self._commands.get(command), (code, message))


class _Output:
    """What a command writes, up to a limit; the rest is read and dropped."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._readable, self.given = os.pipe()
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        os.set_blocking(self._readable, False)
        self._loop.add_reader(self._readable, self._read)

    def release(self) -> None:
        """The command has its own copy of the write end."""
        if self.given >= 0:
            os.close(self.given)
            self.given = -1

    def close(self) -> None:
        self.release()
        if self._readable >= 0:
            self._loop.remove_reader(self._readable)
            os.close(self._readable)
            self._readable = -1

    def _read(self) -> None:
        try:
            piece = os.read(self._readable, 65536)
        except (BlockingIOError, InterruptedError):
            return
        self.data += piece[: _MOST_OUTPUT - len(self.data)]
        if not piece:
            self._loop.remove_reader(self._readable)
            _settle(self.ended, None)


def _plain(launch: Launch) -> dict[str, Any]:
    return {
        "argv": list(launch.argv),
        "env": dict(launch.env),
        "working_dir": launch.working_dir,
        "hostname": launch.hostname,
        "hosts_file": launch.hosts_file,
        "mounts": [(mount.source, mount.target, mount.read_only) for mount in launch.mounts],
        "shared_memory": launch.shared_memory,
    }


def read_abilities(handle: StarterHandle) -> Abilities:
    """What this machine allows, as the starter has found out; waits for it the first time."""
    if handle.abilities is None:
        handle.abilities = _receive_abilities(handle.channel)
    return handle.abilities


def _receive_abilities(channel: socket.socket) -> Abilities:
    """The starter's first message; it is on its way since the fork."""
    channel.setblocking(True)
    frame = wire.receive(channel)
    if frame is None:
        reasons = dict.fromkeys(("own_hosts", "own_mounts", "own_processes"), _GONE)
        return Abilities(own_hosts=False, own_mounts=False, own_processes=False, missing=reasons)
    _, own_hosts, own_mounts, own_processes, missing = frame[0]
    return Abilities(own_hosts=own_hosts, own_mounts=own_mounts, own_processes=own_processes, missing=missing)


def _settle(future: "asyncio.Future[Any] | None", value: Any) -> None:
    if future is not None and not future.done():
        future.set_result(value)
