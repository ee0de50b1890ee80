"""One probe, one answer: what servers of this machine say to a probe."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jobset.local.kubelet.probing import Answer, Target, ask, ask_hook
from jobset.local.processes.starter import ExecResult


class Program:
    """A container in which every command ends with its first word as code."""

    pid = 1

    async def exec(self, argv: tuple[str, ...], env: Any, timeout: float) -> ExecResult:
        code = None if argv[0] == "slow" else int(argv[0])
        return ExecResult(code=code, output=b"said")


def http(*answers: bytes) -> Callable[..., Any]:
    """A server that gives its answers one connection after the other."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        writer.close()

    return serve


def grpc(message: bytes) -> Callable[..., Any]:
    """A gRPC server that answers every call with one message."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24)
        body = b"\x00" + len(message).to_bytes(4, "big") + message
        data = len(body).to_bytes(3, "big") + b"\x00\x01" + (1).to_bytes(4, "big") + body
        writer.write(
            b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88" + data
        )
        await writer.drain()
        await reader.read()
        writer.close()

    return serve


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def ask_server(serve: Callable[..., Any], handler: Callable[[int], dict[str, Any]], ask: Any = ask) -> Answer:
    served = set[asyncio.Task[None]]()

    async def serve_whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        await serve(reader, writer)
        await writer.wait_closed()

    async def main() -> Answer:
        server = await asyncio.start_server(serve_whole, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        ports = [{"name": "web", "containerPort": port}]
        target = Target(process=Program(), env={}, address="127.0.0.1", ports=ports)
        async with server:
            answer = await ask(handler(port), target, 0.3)
            await asyncio.sleep(0.01)
            await asyncio.gather(*served)
            return answer

    return asyncio.run(main())


def get(port: int) -> dict[str, Any]:
    return {"httpGet": {"port": "web", "path": "/health"}}


def call(port: int) -> dict[str, Any]:
    return {"grpc": {"port": port, "service": "s"}}


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ERROR = b"HTTP/1.1 500 No\r\n\r\n"
HERE = b"HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n"
ELSEWHERE = b"HTTP/1.1 301 Moved\r\nlocation: http://example.com/\r\n\r\n"
CASES = {
    "200": (http(OK), get, Answer(True, "ok")),
    "500": (http(ERROR), get, Answer(False, "HTTP probe failed with statuscode: 500")),
    "a redirect to the same host is followed": (
        http(HERE, ERROR),
        get,
        Answer(False, "HTTP probe failed with statuscode: 500"),
    ),
    "a redirect to another host is a success": (http(ELSEWHERE), get, Answer(True, "")),
    "no HTTP at all": (http(b"hello\r\n\r\n"), get, Answer(False, "malformed HTTP response")),
    "no answer in time": (
        silent,
        get,
        Answer(False, "no answer within 0.3s (Client.Timeout or context deadline exceeded)"),
    ),
    "an unknown port name": (
        silent,
        lambda port: {"httpGet": {"port": "none"}},
        Answer(False, 'couldn\'t find port: "none"'),
    ),
    "an open port": (silent, lambda port: {"tcpSocket": {"port": port}}, Answer(True, "")),
    "a serving gRPC server": (grpc(b"\x08\x01"), call, Answer(True, "service is healthy")),
    "a gRPC server that does not serve": (
        grpc(b"\x08\x02"),
        call,
        Answer(False, 'service unhealthy (responded with "NOT_SERVING")'),
    ),
    "a command that ends with 0": (silent, lambda port: {"exec": {"command": ["0"]}}, Answer(True, "said")),
    "a command that ends with 3": (silent, lambda port: {"exec": {"command": ["3"]}}, Answer(False, "said")),
    "a command that takes too long": (
        silent,
        lambda port: {"exec": {"command": ["slow"]}},
        Answer(False, 'command timed out: "slow" timed out after 0.3s'),
    ),
}


HOOKS = {
    "any answer to a hook will do": (http(ERROR), get, Answer(True, "")),
    "a hook's command must end with 0": (
        silent,
        lambda port: {"exec": {"command": ["3"]}},
        Answer(False, "said"),
    ),
    "nobody opens a connection for a hook": (
        silent,
        lambda port: {"tcpSocket": {"port": port}},
        Answer(False, "invalid handler: hooks know exec, httpGet and sleep"),
    ),
}


@pytest.mark.parametrize(("serve", "handler", "expected"), HOOKS.values(), ids=HOOKS)
def test_hooks(serve, handler, expected):
    assert ask_server(serve, handler, ask=ask_hook) == expected


@pytest.mark.parametrize(("serve", "handler", "expected"), CASES.values(), ids=CASES)
def test_answers(serve, handler, expected):
    assert ask_server(serve, handler) == expected
