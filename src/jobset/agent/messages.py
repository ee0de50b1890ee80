"""HTTP/1.1 as far as an agent needs it, on the streams of the event loop.

A client for everything would take more than half of the memory of a process that runs in every pod, and of
the time that it needs to start, which all pods of a JobSet wait for.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping

import msgspec

_END_OF_HEAD = b"\r\n\r\n"
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{1,8}")


class BadMessage(Exception):
    """What came is not HTTP as we speak it."""


class Head(msgspec.Struct, frozen=True):
    """The first line of a message, and its headers by their names in small letters."""

    first: str
    headers: Mapping[str, str]


async def read_head(reader: asyncio.StreamReader) -> Head:
    """The head of the next message.

    Raises:
        BadMessage: it is none, or the connection ended before it was whole.
        OSError: the connection was lost.
    """
    try:
        text = (await reader.readuntil(_END_OF_HEAD)).decode("latin-1")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise BadMessage(str(error)) from None
    first, *lines = text[: -len(_END_OF_HEAD)].split("\r\n")
    pairs = [line.partition(":") for line in lines]
    return Head(first, {name.strip().lower(): value.strip() for name, _, value in pairs})


def read_body(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[bytes]:
    """The body of the message, piece by piece as it comes; without a length it ends with the connection."""
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(reader)
    length = head.headers.get("content-length")
    if length is None:
        return _until_end(reader)
    if not length.isdecimal():
        raise BadMessage(f"a length of {length!r}")
    return _exactly(reader, int(length))


async def read_lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of a body, of any length; a last one that was cut off is dropped."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line:
                yield line


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        size = _chunk_size(await _line(reader))
        async for piece in _exactly(reader, size):
            yield piece
        await _skip_line(reader)
        if size == 0:
            return


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.read(size)
        if not piece:
            raise BadMessage("the connection ended within a message")
        size -= len(piece)
        yield piece


async def _until_end(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while piece := await reader.read(2**16):
        yield piece


async def _skip_line(reader: asyncio.StreamReader) -> None:
    if await _line(reader) != b"\r\n":
        raise BadMessage("a chunk that is longer than it says")


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError as error:
        raise BadMessage(str(error)) from None


def _chunk_size(line: bytes) -> int:
    text = line.partition(b";")[0].strip()
    if not _HEXADECIMAL.fullmatch(text):
        raise BadMessage(f"a chunk of {text!r}")
    return int(text, 16)
