"""The agent's transport: one connection that lasts, for its watch, and one for each of its few requests."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import quote, urlencode

import msgspec

from jobset.agent.account import Account
from jobset.agent.messages import BadMessage, Head, read_body, read_head, read_lines
from jobset.kube.bodies import Decoders, read_status
from jobset.kube.errors import AccessError, TransportError, api_error, reason
from jobset.kube.transport import Request, Response, WatchEvent

_WATCH_SECONDS = (290, 580)
_LONGEST_HEAD = 2**16
_LONGEST_MESSAGE = 1024
_UNAUTHORIZED = 401


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds.

    API servers send a bookmark about every minute: after a longer `silence` the connection of a watch has
    died. A watch that failed begins again within `scatter`.
    """

    connect: float = 10.0
    request: float = 60.0
    silence: float = 100.0
    scatter: float = 2.0


class AgentTransport:
    """Requests and watches to the API server of the pod's cluster."""

    def __init__(self, account: Account, user_agent: str, times: Times = Times()) -> None:
        self._account = account
        self._user_agent = user_agent
        self._times = times
        self._decoders = Decoders()
        self._has_failed = False

    async def send(self, request: Request) -> Response:
        """The answer, whatever its code.

        Raises:
            TransportError: no answer came; whether the request took effect is unknown.
        """
        try:
            async with asyncio.timeout(self._times.request), self._exchange(request) as (head, reader):
                code = self._noted(head)
                body = b"".join([piece async for piece in read_body(reader, head)])
            answered = read_status(code, body) if code >= 400 else self._decoders.body(body, request.shape)
            return Response(code=code, body=answered)
        except (BadMessage, TransportError, OSError, TimeoutError, AccessError) as error:
            raise _lost(request, error) from error

    async def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        """The events of a list request with `watch=1`; ends when the server ends it.

        Raises:
            ApiError: on the first step, when the server refuses the watch.
            TransportError: the connection was lost, or has been silent for too long.
        """
        # Not all at the same time, or a server that was away would hear from every pod at once.
        if self._has_failed:
            await asyncio.sleep(random.uniform(0, self._times.scatter))
        self._has_failed = True
        request = replace(
            request, query={"timeoutSeconds": str(random.randint(*_WATCH_SECONDS)), **request.query}
        )
        try:
            async with self._exchange(request) as (head, reader):
                pieces = _unless_silent(read_body(reader, head), self._times.silence)
                if (code := self._noted(head)) >= 400:
                    raise api_error(read_status(code, b"".join([piece async for piece in pieces])))
                async for line in read_lines(pieces):
                    yield self._decoders.event(line, request.shape)
            self._has_failed = False
        except (BadMessage, TransportError, OSError, TimeoutError, AccessError) as error:
            raise _lost(request, error) from error

    async def close(self) -> None:
        """Nothing is kept: each connection ends with what it was for."""

    def _noted(self, head: Head) -> int:
        """The code of an answer; after a refused token the next request reads the file again."""
        code = _code(head)
        if code == _UNAUTHORIZED:
            self._account.token.forget()
        return code

    @asynccontextmanager
    async def _exchange(self, request: Request) -> AsyncIterator[tuple[Head, asyncio.StreamReader]]:
        account = self._account
        async with asyncio.timeout(self._times.connect):
            reader, writer = await asyncio.open_connection(
                account.host, account.port, ssl=account.ssl_context(), limit=_LONGEST_HEAD
            )
        try:
            writer.write(self._render(request))
            async with asyncio.timeout(self._times.request):
                head = await read_head(reader)
            yield head, reader
        finally:
            writer.transport.abort()

    def _render(self, request: Request) -> bytes:
        account = self._account
        headers = {
            "Host": f"{f'[{account.host}]' if ':' in account.host else account.host}:{account.port}",
            "User-Agent": self._user_agent,
            "Authorization": account.authorization(),
            "Accept": request.accept,
            "Connection": "close",
        }
        body = b""
        if request.body is not None:
            body = msgspec.json.encode(request.body)
            headers |= {"Content-Type": request.content_type, "Content-Length": str(len(body))}
        return _render_head(request, headers).encode() + body


def _render_head(request: Request, headers: Mapping[str, str]) -> str:
    query = f"?{urlencode(request.query)}" if request.query else ""
    lines = [f"{request.method} {quote(request.path)}{query} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""])


async def _unless_silent(pieces: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(seconds):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        yield piece


def _code(head: Head) -> int:
    version, _, rest = head.first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
        raise BadMessage(f"an answer that begins with {head.first[:_LONGEST_MESSAGE]!r}")
    return int(rest[:3])


def _lost(request: Request, error: Exception) -> TransportError:
    return TransportError(f"{request.method} {request.path}: {reason(error)}")
