"""Connections of our own to one server, for requests whose answers come at once."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from aiohappyeyeballs import start_connection

from jobset.kube.errors import ConnectionLost, TransportError, reason
from jobset.kube.http_answers import Answer, AnswerReader

KEEP_ALIVE_SECONDS = 80.0
"""Shorter than an API server's own idle time-out; longer than pauses between bursts."""
_KEEP_ALIVE_OPTIONS = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
_HAPPY_EYEBALLS_SECONDS = 0.25
_BUFFER = 2**16
_PIECE = 2**16

Address: TypeAlias = tuple[Any, ...]
"""One address of a server, as `getaddrinfo` tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where connections lead. `name` is what its certificate has to be for; times are in seconds."""

    host: str
    port: int
    is_tls: bool
    name: str
    connect_timeout: float
    request_timeout: float


class Connections:
    """As many connections to a server as there are requests at once; each is kept for the next ones."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._context: ssl.SSLContext | None = None
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._opening: set[asyncio.Timeout] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._is_closed = False
        # What comes is read at once, so that one buffer is enough for all.
        self._buffer = memoryview(bytearray(_BUFFER))

    async def exchange(
        self,
        head: bytes,
        body: bytes,
        context: ssl.SSLContext | None,
        check: Callable[[], None],
    ) -> Answer:
        """The answer to a request; the connection is made with this context, or as this system verifies.

        `check` is called when the connection is there; nothing goes out when it raises.

        Raises:
            ConnectionLost: the connection ended before anything of an answer came.
            TransportError: no answer came for another reason.
        """
        begun = asyncio.get_running_loop().time()
        connection = self._kept(context) or await self._open(context)
        self._busy.add(connection)
        try:
            if self._is_closed:
                raise _closed()
            check()
            return await connection.exchange(head, body, begun + self._server.request_timeout)
        except ConnectionLost:
            # The server has ended one, and with it most likely all: the next request needs a new one.
            self._close_idle()
            raise
        finally:
            self._busy.discard(connection)
            self._keep(connection)

    async def close(self) -> None:
        """End all connections, those in use too; nothing is sent any more."""
        self._is_closed = True
        for scope in self._opening:
            if not scope.expired():
                scope.reschedule(0)
        for connection in self._busy:
            connection.fail(_closed())
        self._close_idle()
        await asyncio.sleep(0)  # when sockets are closed

    def _kept(self, context: ssl.SSLContext | None) -> "Connection | None":
        if self._is_closed:
            raise _closed()
        if context is not self._context:
            self._context = context
            self._close_idle()
        while self._idle:
            # The one that was used last: the others may have their rest.
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
        return None

    async def _open(self, context: ssl.SSLContext | None) -> "Connection":
        server, loop = self._server, asyncio.get_running_loop()
        scope = asyncio.timeout(min(server.connect_timeout, server.request_timeout))
        self._opening.add(scope)
        try:
            async with scope:
                connected = await start_connection(
                    await _addresses(server.host, server.port),
                    happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS,
                    socket_factory=new_socket,
                )
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self._buffer, context),
                    sock=connected,
                    ssl=(context or True) if server.is_tls else None,
                    server_hostname=server.name if server.is_tls else None,
                )
                return connection
        except (OSError, UnicodeError) as error:
            if self._is_closed:
                raise _closed() from error
            where = f"{server.host}:{server.port}"
            raise TransportError(f"cannot connect to {where}: {reason(error)}") from error
        finally:
            self._opening.discard(scope)

    def _keep(self, connection: "Connection") -> None:
        if self._is_closed or not connection.is_usable or connection.context is not self._context:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweeping is None:
            self._sweeping = loop.call_later(KEEP_ALIVE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what lay idle for too long, and come again when the next one has."""
        loop = asyncio.get_running_loop()
        while self._idle and self._idle[0].idle_since + KEEP_ALIVE_SECONDS <= loop.time():
            self._idle.popleft().close()
        self._sweeping = None
        if self._idle:
            self._sweeping = loop.call_at(self._idle[0].idle_since + KEEP_ALIVE_SECONDS, self._sweep)

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None


class Connection(asyncio.BufferedProtocol):
    """One connection, which carries one request at a time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        buffer: memoryview,
        context: ssl.SSLContext | None,
    ) -> None:
        self.context = context
        self.idle_since = 0.0
        self._loop = loop
        self._buffer = buffer
        self._reader = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._unsent = memoryview(b"")
        self._is_full = False

    @property
    def is_usable(self) -> bool:
        """Whether another request may go out."""
        transport = self._transport
        is_open = transport is not None and not transport.is_closing()
        return is_open and self._reader.keeps_alive and not self._unsent

    async def exchange(self, head: bytes, body: bytes, deadline: float) -> Answer:
        """The answer to one request; the connection is closed when there is none until then.

        Raises:
            ConnectionLost: the connection ended before anything of an answer came.
            TransportError: no answer came for another reason.
        """
        self._reader.expect()
        self._answer = self._loop.create_future()
        timer = self._loop.call_at(deadline, self._time_out)
        try:
            self._send(head, body)
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None
            timer.cancel()

    def fail(self, error: Exception) -> None:
        """Close the connection; whoever waits for an answer hears why there is none."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()

    def close(self) -> None:
        """End the connection at once."""
        self._unsent = memoryview(b"")
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _time_out(self) -> None:
        self.fail(TransportError("timed out"))

    # --- out --------------------------------------------------------------------------------------

    def _send(self, head: bytes, body: bytes) -> None:
        if self._transport is None:
            raise ConnectionLost("the server closed the connection")
        if len(body) <= _PIECE:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._send_pieces()

    def _send_pieces(self) -> None:
        # One at a time, so that other requests have their turn in between.
        if self._transport is None or self._is_full or not self._unsent:
            return
        piece, self._unsent = self._unsent[:_PIECE], self._unsent[_PIECE:]
        self._transport.write(piece)
        self._loop.call_soon(self._send_pieces)

    # --- what the event loop calls ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended, with an error or without."""
        self._end(error)

    def eof_received(self) -> None:
        """The server says nothing more."""
        self._end(None)

    def pause_writing(self) -> None:
        """Enough is on its way."""
        self._is_full = True

    def resume_writing(self) -> None:
        """There is room again."""
        self._is_full = False
        self._send_pieces()

    def get_buffer(self, _: int) -> memoryview:
        """Where to put what comes next."""
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        """So much has come."""
        try:
            answer = self._reader.feed(self._buffer[:size])
        except TransportError as error:
            self.fail(error)
        else:
            self._tell(answer)

    def _end(self, error: Exception | None) -> None:
        try:
            answer = self._reader.end(error)
        except TransportError as lost:
            self.fail(lost)
        else:
            self._tell(answer)
            self.close()

    def _tell(self, answer: Answer | None) -> None:
        if answer is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


def new_socket(address: Address) -> socket.socket:
    """A socket on which a vanished peer is noticed, also while we only listen."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in _KEEP_ALIVE_OPTIONS.items():
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    return made


async def _addresses(host: str, port: int) -> Sequence[Address]:
    try:
        # Most servers are known by their address, which asks nobody and takes no thread.
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _closed() -> TransportError:
    return TransportError("the transport is closed")
