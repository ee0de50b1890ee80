"""Connections of our own, with servers that do to them whatever a server can do."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from jobset.kube.connections import Connection, Connections, Server
from jobset.kube.errors import ConnectionLost, TransportError
from tests.certificates import Authority
from tests.contract.scripted_server import ScriptedServer, answer, hang, hang_up, raw, scripted
from tests.contract.test_silent_watch import VirtualTimeWithSockets

SECONDS = 0.3
HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"
LARGE = b"x" * 2**23


def always() -> None:
    """Nothing speaks against a request."""


def server_at(url: str, **changes: Any) -> Server:
    parsed = URL(url)
    known = Server(
        host=parsed.host or "",
        port=parsed.port or 0,
        is_tls=parsed.scheme == "https",
        name="localhost",
        connect_timeout=2.0,
        request_timeout=5.0,
    )
    return replace(known, **changes)


@dataclass
class Listener:
    """Says something at once, if at all, and then only listens.

    `heard` tells how much came over each connection that ended.
    """

    says: bytes = b""
    url: str = ""
    connections: int = 0
    heard: list[int] = field(default_factory=list)

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        count = 0
        with suppress(ConnectionError):
            if self.says:
                count += len(await reader.readline())
                writer.write(self.says)
            while piece := await reader.read(2**16):
                count += len(piece)
        self.heard.append(count)
        writer.close()


@asynccontextmanager
async def listening(scheme: str = "http", says: bytes = b"") -> AsyncIterator[Listener]:
    listener = Listener(says)
    server = await asyncio.start_server(listener.listen, "127.0.0.1", 0)
    listener.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield listener


@asynccontextmanager
async def connections_to(server: ScriptedServer | Listener, **changes: Any) -> AsyncIterator[Connections]:
    connections = Connections(server_at(server.url, **changes))
    try:
        yield connections
    finally:
        await connections.close()


async def ask(
    connections: Connections, body: bytes = b"", context: ssl.SSLContext | None = None
) -> tuple[int, bytes]:
    answered = await connections.exchange(HEAD % len(body), body, context, always)
    return answered.code, answered.body


async def outcome(
    connections: Connections, body: bytes = b"", context: ssl.SSLContext | None = None
) -> tuple[int, bytes] | str:
    """The answer, or the type and the text of what came instead."""
    try:
        return await ask(connections, body, context)
    except TransportError as error:
        # In which words the parser refuses is its own affair.
        return f"{type(error).__name__}: {error}".partition(": Expected")[0]


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


GOOD = (200, b"hello")
LOST = "ConnectionLost: the server closed the connection"
CUT = "TransportError: the connection ended in the middle of the answer"
LATE = "TransportError: timed out"
SAME, ANOTHER = 1, 2

BEHAVIOURS = {
    "answers": (raw(HELLO), GOOD, SAME),
    "answers in chunks": (raw(CHUNKED), GOOD, SAME),
    "answers slowly": (raw(HELLO[:9], 0.02, HELLO[9:38], 0.02, HELLO[38:]), GOOD, SAME),
    "answers byte by byte": (raw(*(bytes([byte]) for byte in HELLO)), GOOD, SAME),
    "says that it will answer": (raw(b"HTTP/1.1 100 Continue\r\n\r\n", 0.02, HELLO), GOOD, SAME),
    "has no content": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), (204, b""), SAME),
    "compresses": (answer(gzip.compress(b"hello"), Content_Encoding="gzip"), GOOD, SAME),
    "wants to end": (answer(b"hello", Connection="close"), GOOD, ANOTHER),
    "ends after its answer": (raw(HELLO, then="end"), GOOD, ANOTHER),
    "ends its answer with the connection": (raw(b"HTTP/1.1 200 OK\r\n\r\nhello", then="end"), GOOD, ANOTHER),
    "breaks after its answer": (raw(HELLO, 0.02, then="break"), GOOD, ANOTHER),
    "answers twice": (raw(HELLO + HELLO), GOOD, ANOTHER),
    "answers again later": (raw(HELLO, 0.02, HELLO), GOOD, ANOTHER),
    "ends": (hang_up, LOST, ANOTHER),
    "breaks": (raw(then="break"), "ConnectionLost: [Errno 104] Connection reset by peer", ANOTHER),
    "ends within the head": (raw(HELLO[:9], then="end"), CUT, ANOTHER),
    "ends within the body": (raw(HELLO[:-1], then="end"), CUT, ANOTHER),
    "breaks what had no end": (raw(b"HTTP/1.1 200 OK\r\n\r\nhello", 0.02, then="break"), CUT, ANOTHER),
    "says nothing": (hang, LATE, ANOTHER),
    "says no more": (raw(HELLO[:-1], 3600.0), LATE, ANOTHER),
    "says all the time that it will answer": (
        raw(*(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01) * 1000),
        LATE,
        ANOTHER,
    ),
    "speaks another protocol": (
        raw(b"220 mail ESMTP\r\n"),
        "TransportError: the answer is not HTTP",
        ANOTHER,
    ),
    "does not end its head": (
        raw(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 2**16),
        "TransportError: the head of the answer does not end",
        ANOTHER,
    ),
}


@pytest.mark.parametrize(("behaviour", "told", "second_on"), BEHAVIOURS.values(), ids=BEHAVIOURS)
async def test_what_becomes_of_a_request_and_of_the_one_after_it(behaviour, told, second_on):
    async with (
        scripted(behaviour, raw(HELLO)) as server,
        connections_to(server, request_timeout=SECONDS) as connections,
    ):
        first = await outcome(connections)
        await asyncio.sleep(0.05)
        second = await outcome(connections)

    assert first == told
    assert second == GOOD
    assert server.connections == second_on


async def test_an_answer_of_any_size_is_read():
    async with scripted(answer(LARGE)) as server, connections_to(server) as connections:
        code, body = await ask(connections)

    assert (code, body == LARGE) == (200, True)


# --- bodies ---------------------------------------------------------------------------------------


async def test_a_large_body_arrives_whole():
    body = bytes(range(256)) * 2**15
    async with scripted(raw(HELLO)) as server, connections_to(server) as connections:
        told = [await outcome(connections, body), await outcome(connections)]

    assert told == [GOOD, GOOD]
    assert server.asked[0].body == body
    assert server.connections == SAME


async def test_a_server_may_refuse_a_body_before_it_has_it():
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    async with listening(says=refusal) as server, connections_to(server) as connections:
        told = [await outcome(connections, LARGE) for _ in range(2)]
        await until(lambda: len(server.heard) == 2)

    assert told == [(413, b""), (413, b"")]


class Written(asyncio.Transport):
    """A way out that keeps what was written."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__({"socket": connected})
        self.pieces: list[bytes] = []
        self.is_aborted = False

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


async def test_a_large_body_leaves_others_their_turn_and_waits_when_there_is_no_room():
    loop, seen, body = asyncio.get_running_loop(), [], LARGE[: 2**18]
    with socket.socket() as connected:
        written, connection = Written(connected), Connection(loop, memoryview(bytearray(99)), None)
        connection.connection_made(written)
        asking = asyncio.create_task(connection.exchange(b"head", body, loop.time() + 5))
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(len(written.pieces))
        connection.pause_writing()
        await asyncio.sleep(0.01)
        seen.append(len(written.pieces))
        connection.resume_writing()
        await asyncio.sleep(0.01)
        asking.cancel()

    assert seen == [2, 3, 4, 4]
    assert b"".join(written.pieces) == b"head" + body
    assert max(map(len, written.pieces)) <= 2**16


# --- ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", LARGE], ids=["small", "large"])
async def test_a_request_that_is_given_up_ends_its_connection(body):
    async with listening() as server, connections_to(server) as connections:
        asking = asyncio.create_task(ask(connections, body))
        await until(lambda: server.connections)
        await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: server.heard)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("turns", range(12))
async def test_a_request_that_is_given_up_at_any_moment_leaves_no_connection(scheme, turns):
    async with listening(scheme) as server, connections_to(server) as connections:
        asking = asyncio.create_task(ask(connections))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.01)
        await until(lambda: len(server.heard) == server.connections)


async def test_a_request_that_is_late_ends_its_connection():
    async with listening() as server, connections_to(server, request_timeout=0.1) as connections:
        told = await outcome(connections)
        await until(lambda: server.heard)

    assert told == LATE


async def test_closing_ends_what_is_under_way_and_lets_nothing_begin():
    async with listening() as server, listening("https") as mute, connections_to(server) as connections:
        opening = Connections(server_at(mute.url))
        waiting = [asyncio.create_task(outcome(each)) for each in (connections, opening)]
        await until(lambda: server.connections and mute.connections)
        begun = asyncio.get_running_loop().time()
        await connections.close()
        await opening.close()
        told = [await task for task in waiting] + [await outcome(connections)]
        await until(lambda: server.heard and mute.heard)

    assert told == ["TransportError: the transport is closed"] * 3
    assert asyncio.get_running_loop().time() - begun < 1
    assert server.connections == 1


async def test_nothing_goes_out_over_a_connection_that_came_about_while_closing(monkeypatch):
    async with scripted(raw(HELLO)) as server, connections_to(server) as connections:
        loop, closing = asyncio.get_running_loop(), connections.close()
        connect = loop.create_connection

        async def connect_while_closing(*how, **more):
            made = await connect(*how, **more)
            closing.send(None)  # up to its first pause
            return made

        monkeypatch.setattr(loop, "create_connection", connect_while_closing)
        told = await outcome(connections)
        closing.close()
        await until(lambda: server.ended)

    assert told == "TransportError: the transport is closed"
    assert not server.asked


async def test_closing_ends_connections_that_lie_idle():
    async with scripted(raw(HELLO)) as server:
        async with connections_to(server) as connections:
            await outcome(connections)
        await until(lambda: server.ended)

    assert (server.connections, server.ended) == (1, 1)


LIMITS = {
    "for the connection": ({"connect_timeout": 0.1}, 0.1),
    "for the request, the connection included": ({"request_timeout": 0.1}, 0.1),
}


@pytest.mark.parametrize(("limits", "seconds"), LIMITS.values(), ids=LIMITS)
async def test_a_connection_that_does_not_come_about_is_given_up(limits, seconds):
    begun = asyncio.get_running_loop().time()
    async with listening("https") as server, connections_to(server, **limits) as connections:
        told = await outcome(connections)
        took = asyncio.get_running_loop().time() - begun
        await until(lambda: server.heard)

    assert told == f"TransportError: cannot connect to {server.url.removeprefix('https://')}: timed out"
    assert seconds <= took < 1.5


NOWHERE = {"nobody listens": "127.0.0.1", "no such name": "nowhere.invalid", "no name at all": "a..b"}


@pytest.mark.parametrize("host", NOWHERE.values(), ids=NOWHERE)
async def test_a_server_that_is_not_there_does_not_answer(host):
    async with listening() as server:
        pass
    async with connections_to(server, host=host) as connections:
        told = await outcome(connections)

    port = URL(server.url).port
    assert str(told).startswith(f"TransportError: cannot connect to {host}:{port}: ")


# --- what is kept ---------------------------------------------------------------------------------


async def test_there_are_as_many_connections_as_requests_at_once():
    async with scripted(raw(0.05, HELLO)) as server, connections_to(server) as connections:
        told = [await asyncio.gather(*(outcome(connections) for _ in range(20))) for _ in range(3)]

    assert told == [[GOOD] * 20] * 3
    assert server.connections == 20


async def test_a_request_that_may_not_go_out_leaves_its_connection_to_the_next():
    def never() -> None:
        raise TransportError("not now")

    async with scripted(raw(HELLO)) as server, connections_to(server) as connections:
        with pytest.raises(TransportError, match="not now"):
            await connections.exchange(HEAD % 0, b"", None, never)
        told = await outcome(connections)

    assert told == GOOD
    assert (server.connections, len(server.asked)) == (1, 1)


async def test_when_one_connection_is_found_ended_the_others_are_not_tried():
    slow = raw(0.05, HELLO)
    async with (
        scripted(slow, slow, slow, hang_up, raw(HELLO)) as server,
        connections_to(server) as connections,
    ):
        await asyncio.gather(*(outcome(connections) for _ in range(3)))
        with pytest.raises(ConnectionLost):
            await ask(connections)
        await until(lambda: server.ended == 3)
        told = await outcome(connections)

    assert told == GOOD
    assert server.connections == 4


def test_connections_that_lie_idle_for_long_are_ended():
    async def story() -> list[tuple[int, int]]:
        seen = []
        async with scripted(raw(HELLO)) as server, connections_to(server) as connections:
            for pause in (0, 79, 79, 81):
                await asyncio.sleep(pause)
                seen.append((server.connections, server.ended))
                await outcome(connections)
        return seen

    with asyncio.Runner(loop_factory=VirtualTimeWithSockets) as runner:
        assert runner.run(story()) == [(0, 0), (1, 0), (1, 0), (1, 1)]


def test_of_several_idle_connections_one_is_used_again_and_the_others_are_ended():
    async def story() -> list[int]:
        async with scripted(raw(1.0, HELLO)) as server, connections_to(server) as connections:
            await asyncio.gather(*(outcome(connections) for _ in range(3)))
            for _ in range(5):
                await asyncio.sleep(20)
                await outcome(connections)
            ended = server.ended
            await asyncio.sleep(90)
            return [ended, server.ended, server.connections]

    with asyncio.Runner(loop_factory=VirtualTimeWithSockets) as runner:
        assert runner.run(story()) == [2, 3, 3]


async def test_a_peer_that_vanished_is_noticed(monkeypatch):
    loop, told = asyncio.get_running_loop(), []
    connect = loop.sock_connect

    async def look(connecting, address):
        told.append(connecting.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        told.append(connecting.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
        await connect(connecting, address)

    monkeypatch.setattr(loop, "sock_connect", look)
    async with scripted(raw(HELLO)) as server, connections_to(server) as connections:
        await outcome(connections)

    assert told == [1, 30]


async def test_a_name_with_several_addresses_is_tried_at_each(monkeypatch):
    async with scripted(raw(HELLO)) as server, connections_to(server, host="kube.example") as connections:
        loop = asyncio.get_running_loop()
        tcp = (socket.SOCK_STREAM, 0, "")

        async def look_up(host, port, **_):
            assert host == "kube.example"
            silent = (socket.AF_INET6, *tcp, ("100::1", port, 0, 0))
            return [silent, (socket.AF_INET, *tcp, ("127.0.0.1", port))]

        async def connect(connecting, address):
            if connecting.family == socket.AF_INET6:
                await asyncio.sleep(3600)
            connecting.setblocking(True)
            connecting.connect(address)
            connecting.setblocking(False)

        monkeypatch.setattr(loop, "getaddrinfo", look_up)
        monkeypatch.setattr(loop, "sock_connect", connect)
        told = await outcome(connections)

    assert told == GOOD


# --- TLS ------------------------------------------------------------------------------------------

AUTHORITY = Authority.plain()


def believing(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


async def test_a_new_context_means_new_connections(tmp_path: Path):
    first, second = believing(AUTHORITY), believing(AUTHORITY)
    tls = AUTHORITY.server_context(tmp_path, "localhost")
    async with scripted(raw(HELLO), tls=tls) as server, connections_to(server) as connections:
        told = [
            (await ask(connections, context=context), server.connections)
            for context in (first, first, second, second)
        ]
        await until(lambda: server.ended)

    assert told == [(GOOD, 1), (GOOD, 1), (GOOD, 2), (GOOD, 2)]


async def test_a_connection_of_an_old_context_ends_with_its_answer(tmp_path: Path):
    first, second = believing(AUTHORITY), believing(AUTHORITY)
    tls = AUTHORITY.server_context(tmp_path, "localhost")
    slow, quick = raw(0.2, HELLO), raw(HELLO)
    async with scripted(slow, quick, tls=tls) as server, connections_to(server) as connections:
        old = asyncio.create_task(ask(connections, context=first))
        await until(lambda: server.asked)
        told = [await ask(connections, context=second), await old, await ask(connections, context=second)]
        await until(lambda: server.ended)

    assert told == [GOOD] * 3
    assert (server.connections, server.ended) == (2, 1)


REFUSALS = {
    "another name": ({"name": "other.example"}, AUTHORITY, "Hostname mismatch"),
    "another authority": ({}, Authority.plain("another"), "certificate verify failed"),
}


@pytest.mark.parametrize(("changes", "authority", "problem"), REFUSALS.values(), ids=REFUSALS)
async def test_a_server_that_is_not_believed_is_asked_nothing(tmp_path: Path, changes, authority, problem):
    tls = AUTHORITY.server_context(tmp_path, "localhost")
    async with scripted(raw(HELLO), tls=tls) as server, connections_to(server, **changes) as connections:
        with pytest.raises(TransportError, match=problem):
            await ask(connections, context=believing(authority))

    assert not server.asked


async def test_without_a_context_a_server_is_believed_when_this_system_does(tmp_path: Path):
    tls = AUTHORITY.server_context(tmp_path, "localhost")
    async with scripted(raw(HELLO), tls=tls) as server, connections_to(server) as connections:
        told = await outcome(connections)

    assert "certificate verify failed" in str(told)
    assert not server.asked


TLS_BEHAVIOURS = {
    "answers": (raw(HELLO), GOOD),
    "has much to say": (answer(LARGE), (200, LARGE)),
    "ends": (hang_up, LOST),
    "ends within the body": (raw(HELLO[:-1], then="end"), CUT),
    "ends its answer with the connection": (raw(b"HTTP/1.1 200 OK\r\n\r\nhello", then="end"), GOOD),
}


@pytest.mark.parametrize(("behaviour", "told"), TLS_BEHAVIOURS.values(), ids=TLS_BEHAVIOURS)
@pytest.mark.parametrize("body", [b"", LARGE], ids=["small", "large"])
async def test_the_same_over_tls(tmp_path: Path, behaviour, told, body):
    tls = AUTHORITY.server_context(tmp_path, "localhost")
    async with scripted(behaviour, tls=tls) as server, connections_to(server) as connections:
        heard = await outcome(connections, body, believing(AUTHORITY))

    assert heard == told
    assert server.asked[0].body == body
