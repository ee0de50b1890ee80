"""Ask a gRPC server how it is: one call of `grpc.health.v1.Health/Check` over plain HTTP/2, written by hand.

Only what this call needs: headers are sent as literals, and of the answer only data frames are read, since a
healthy server is one that sends a message which says SERVING.
"""

import asyncio
from collections.abc import AsyncIterator

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GO_AWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _ACK, _END_HEADERS, _PADDED = 1, 1, 4, 8
_STREAM = 1
_PATH = "/grpc.health.v1.Health/Check"
_WORDS = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def check_health(host: str, port: int, service: str) -> str:
    """What the server says: `SERVING`, `NOT_SERVING`, …; empty when it gave no status.

    Raises:
        OSError: there is no connection.
        ValueError: what answers does not speak HTTP/2.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _request(f"{host}:{port}", service))
        await writer.drain()
        async for data in _answer(reader, writer):
            return _WORDS.get(_status_in(data), "UNKNOWN")
        return ""
    finally:
        writer.close()


def _request(authority: str, service: str) -> bytes:
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": _PATH,
        ":authority": authority,
        "content-type": "application/grpc",
        "te": "trailers",
        "user-agent": "kube-probe/1.36",
    }
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers.items())
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    body = b"\x00" + len(message).to_bytes(4) + message
    return _frame(_HEADERS, _END_HEADERS, _STREAM, block) + _frame(_DATA, _END_STREAM, _STREAM, body)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """The payloads of data frames, until the server has said everything."""
    while True:
        try:
            head = await reader.readexactly(9)
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9]) & 0x7FFFFFFF
            payload = await reader.readexactly(int.from_bytes(head[:3]))
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise ValueError("the answer is not HTTP/2") from None
            return
        if kind == _SETTINGS and not flags & _ACK:
            writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            writer.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _GO_AWAY or (kind == _RESET and stream == _STREAM):
            return
        elif kind == _DATA and stream == _STREAM and payload:
            yield payload[1 : -payload[0] or None] if flags & _PADDED else payload
        if kind in (_DATA, _HEADERS) and stream == _STREAM and flags & _END_STREAM:
            return


def _status_in(data: bytes) -> int:
    """The `status` field of the HealthCheckResponse after its five bytes of framing; 0 when it is not set."""
    message = data[5:]
    return message[1] if len(message) >= 2 and message[0] == 0x08 else 0


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def _text(text: str) -> bytes:
    """A string as header blocks have it; all of ours are shorter than 127 bytes or take one more."""
    encoded = text.encode()
    if len(encoded) < 127:
        return bytes((len(encoded),)) + encoded
    return b"\x7f" + _varint(len(encoded) - 127) + encoded


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
