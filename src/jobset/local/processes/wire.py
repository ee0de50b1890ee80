"""Frames over a Unix stream socket: one marshalled value each, with open files beside it.

Both ends are forks of one Python process, so `marshal` is a sound format; it costs no import.
"""

import array
import marshal
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

_HEADER = struct.Struct("=IH")
"""Length of the value in bytes, number of files."""
_MOST_FILES = 8
_CLOSE_ON_EXEC: int = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def pack(value: Any, file_count: int = 0) -> bytes:
    """One frame as bytes."""
    body = marshal.dumps(value)
    return _HEADER.pack(len(body), file_count) + body


def unpack(buffer: bytes) -> tuple[list[Any], bytes]:
    """The values of all complete frames, and the bytes of the incomplete one."""
    values, start = [], 0
    while len(buffer) - start >= _HEADER.size:
        length, _ = _HEADER.unpack_from(buffer, start)
        end = start + _HEADER.size + length
        if end > len(buffer):
            break
        values.append(marshal.loads(memoryview(buffer)[start + _HEADER.size : end]))
        start = end
    return values, buffer[start:]


def ancillary(files: Sequence[int]) -> list[tuple[int, int, "array.array[int]"]]:
    """What `sendmsg` takes to pass open files along; the receiver gets its own copies."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []


def send(channel: socket.socket, value: Any, files: Sequence[int] = ()) -> None:
    """Write one frame; waits while the socket is full."""
    data = pack(value, len(files))
    sent = channel.sendmsg([data], ancillary(files))
    if sent < len(data):
        channel.sendall(memoryview(data)[sent:])


def receive(channel: socket.socket) -> tuple[Any, list[int] | None] | None:
    """The next frame's value and files; None when the other end is closed.

    The files are None when this process had no room for them.
    """
    try:
        header, files = _receive_header(channel)
        length, file_count = _HEADER.unpack(header)
        value = marshal.loads(_receive_exactly(channel, length))
    except (EOFError, ConnectionError):
        return None
    if len(files) == file_count:
        return value, files
    for fd in files:
        os.close(fd)
    return value, None


def _receive_header(channel: socket.socket) -> tuple[bytes, list[int]]:
    # Exactly the header is read, so that files, which travel with a frame's first byte, are this frame's.
    space = socket.CMSG_SPACE(_MOST_FILES * array.array("i").itemsize)
    header, messages, _, _ = channel.recvmsg(_HEADER.size, space, _CLOSE_ON_EXEC)
    files = array.array("i")
    for level, kind, data in messages:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
    for fd in files if not _CLOSE_ON_EXEC else ():
        os.set_inheritable(fd, False)
    if not header:
        raise EOFError
    if len(header) < _HEADER.size:
        header += _receive_exactly(channel, _HEADER.size - len(header))
    return header, files.tolist()


def _receive_exactly(channel: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        piece = channel.recv(min(length - len(data), 1 << 20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)
