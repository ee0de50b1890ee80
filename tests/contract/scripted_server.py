"""An HTTP server that does what a test tells it, down to the bytes and the moment the connection ends."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Conversation = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """Answers the n-th request with the n-th conversation; the last one goes on for ever.

    `connections` tells how many there were, `ended` how many of them our side has ended.
    """

    conversations: list[Conversation]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    connections: int = 0
    ended: int = 0
    _served: dict["asyncio.Task[None]", asyncio.StreamWriter] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._served[task] = writer
        try:
            while (asked := await _read(reader)) is not None:
                number = min(len(self.asked), len(self.conversations) - 1)
                self.asked.append(asked)
                await self.conversations[number](asked, writer)
                await writer.drain()
            self.ended += 1
        except (ConnectionError, asyncio.IncompleteReadError):
            self.ended += 1
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    async def end(self) -> None:
        """Break all connections."""
        for task, writer in self._served.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*self._served)


@asynccontextmanager
async def scripted(
    *conversations: Conversation, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    script = ScriptedServer(list(conversations))
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    script.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield script
    finally:
        server.close()
        await script.end()


def answer(body: Any, code: int = 200, **headers: str) -> Conversation:
    """A whole answer; `body` is JSON or bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def converse(asked: Asked, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + data)

    return converse


def stream(*pieces: bytes, then: str = "end") -> Conversation:
    """A chunked answer, a chunk for each piece; then it ends, is cut off, or says nothing more."""

    async def converse(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
        if then == "end":
            writer.write(b"0\r\n\r\n")
        elif then == "cut":
            writer.close()
        else:
            await asyncio.sleep(3600)

    return converse


def raw(*pieces: bytes | float, then: str = "stay") -> Conversation:
    """These bytes, with pauses of so many seconds between; then the connection stays, ends or breaks."""

    async def converse(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                writer.write(piece)
                await writer.drain()
        if then == "end":
            writer.close()
        elif then == "break":
            # A connection that ends without lingering is reset.
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    return converse


async def hang(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await asyncio.sleep(3600)


async def hang_up(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """The connection ends instead of an answer."""
    writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    first = await reader.readline()
    if not first:
        return None
    method, target, _ = first.decode().split()
    headers = {}
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body)
