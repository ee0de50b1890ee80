"""The transport to a real API server: HTTP/1.1 on connections of our own, watches on aiohttp's."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import msgspec
from yarl import URL

from jobset.kube.access import ClusterAccess
from jobset.kube.bodies import Decoders, read_status
from jobset.kube.connections import Connections, Server
from jobset.kube.errors import AccessError, ConnectionLost, TransportError, api_error
from jobset.kube.http_answers import Answer
from jobset.kube.http_heads import RequestHeads
from jobset.kube.http_responses import read_response
from jobset.kube.http_sessions import HttpSessions, Watched
from jobset.kube.in_flight import InFlight
from jobset.kube.retries import MOST_RETRIES, retry_delay
from jobset.kube.transport import Request, Response, WatchEvent

_UNAUTHORIZED = 401
_WATCH_SECONDS = (290, 580)


Answered: TypeAlias = Callable[[str, str, int | None, float | None], None]
"""Called with method, host, code and seconds of a request: without a code when no answer came, without
seconds when it was a watch, which lasts as long as it likes."""


def _always() -> bool:
    return True


def _nobody(method: str, host: str, code: int | None, seconds: float | None) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """How one transport uses the network; times are in seconds.

    `silence` is how long a watch may say nothing: API servers send a bookmark about every minute, so a longer
    silence is a connection that died without a word.
    """

    user_agent: str
    connect: float = 10.0
    request: float = 60.0
    silence: float = 100.0
    compression: bool = False
    retries: int = MOST_RETRIES
    """How often a request is sent again when the server asks for it; 0 hands every refusal on."""


class HttpTransport:
    """Requests and watches to the API server of a cluster.

    `in_flight` lets requests pass; watches have connections of their own. `may_write` is asked right before a
    request that changes something goes out, each time it goes out. `answered` hears of every request that
    went out.
    """

    def __init__(
        self,
        access: ClusterAccess,
        settings: HttpSettings,
        in_flight: InFlight | None = None,
        may_write: Callable[[], bool] = _always,
        answered: Answered = _nobody,
    ) -> None:
        encoding = "gzip" if settings.compression else "identity"
        headers = (("User-Agent", settings.user_agent), ("Accept-Encoding", encoding), *access.headers)
        url = URL(access.server)
        self._access = access
        self._settings = settings
        self._in_flight = in_flight or InFlight()
        self._may_write = may_write
        self._answered = answered
        self._host = url.authority
        self._decoders = Decoders()
        self._heads = RequestHeads(url, headers)
        self._connections = Connections(_server(url, access.tls_server_name, settings))
        self._sessions = HttpSessions(access, headers, settings.connect)

    async def send(self, request: Request) -> Response:
        """The answer, whatever its code; waits and asks again where the server says so.

        Raises:
            TransportError: no answer came; whether the request took effect is unknown.
        """
        retries, may_renew = 0, True
        while True:
            authorization = await self._authorization()
            answer = await self._pass(request, authorization)
            if answer.code == _UNAUTHORIZED and may_renew:
                self._access.credentials.refused(authorization)
                may_renew = False
                continue
            delay = retry_delay(answer.code, answer.headers, retries)
            if delay is None or retries >= self._settings.retries:
                return read_response(answer, self._decoders, request.shape)
            retries += 1
            await asyncio.sleep(delay * random.uniform(1.0, 1.2))

    async def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        """The events of a list request with `watch=1`; ends when the server ends it.

        Raises:
            ApiError: on the first step, when the server refuses the watch.
            TransportError: the connection was lost, or has been silent for too long.
        """
        # Not all at the same time, or a server that was away would hear from every watch at once.
        seconds = str(random.randint(*_WATCH_SECONDS))
        request = replace(request, query={"timeoutSeconds": seconds, **request.query})
        authorization = await self._authorization()
        try:
            async with await self._open_watch(request, authorization) as watched:
                if watched.code >= 400:
                    if watched.code == _UNAUTHORIZED:
                        self._access.credentials.refused(authorization)
                    raise api_error(read_status(watched.code, await watched.body()))
                async for line in watched.lines():
                    yield self._decoders.event(line, request.shape)
        except TransportError as error:
            raise TransportError(f"watch of {request.path}: {error}") from error

    async def close(self) -> None:
        """Release connections; watches end, and nothing is sent any more."""
        await self._connections.close()
        await self._sessions.close()

    async def _authorization(self) -> str | None:
        try:
            return await self._access.credentials.authorization()
        except AccessError as error:
            raise TransportError(str(error)) from error

    async def _pass(self, request: Request, authorization: str | None) -> Answer:
        await self._in_flight.enter()
        seconds = None
        try:
            if request.method != "GET":
                self._check_lead()
            begun = asyncio.get_running_loop().time()
            answer = await self._exchange(request, authorization)
            seconds = asyncio.get_running_loop().time() - begun
            return answer
        except TransportError as error:
            raise TransportError(f"{request.method} {request.path}: {error}") from error
        finally:
            self._in_flight.leave(seconds)

    async def _exchange(self, request: Request, authorization: str | None) -> Answer:
        try:
            return await self._ask(request, authorization)
        except ConnectionLost:
            # What only reads may be sent twice: a connection that lay idle is often found closed.
            if request.method != "GET":
                raise
        return await self._ask(request, authorization)

    async def _ask(self, request: Request, authorization: str | None) -> Answer:
        begun, code = asyncio.get_running_loop().time(), None
        try:
            answer = await self._ask_somehow(request, authorization)
            code = answer.code
            return answer
        finally:
            seconds = asyncio.get_running_loop().time() - begun
            self._answered(request.method, self._host, code, seconds)

    async def _ask_somehow(self, request: Request, authorization: str | None) -> Answer:
        body = _encoded(request.body)
        check = _nothing if request.method == "GET" else self._check_lead
        if self._access.proxy is not None:
            return await self._sessions.exchange(request, authorization, body, check, self._settings.request)
        head = self._heads.build(request, authorization, body)
        context = self._access.credentials.ssl_context()
        return await self._connections.exchange(head, body, context, check)

    async def _open_watch(self, request: Request, authorization: str | None) -> Watched:
        code = None
        try:
            watched = await self._sessions.watch(request, authorization, self._settings.silence)
            code = watched.code
            return watched
        finally:
            self._answered(request.method, self._host, code, None)

    def _check_lead(self) -> None:
        if not self._may_write():
            raise TransportError("not sent, as another may lead by now")


def _encoded(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def _server(url: URL, name: str | None, settings: HttpSettings) -> Server:
    host = url.raw_host or ""
    return Server(
        host=host,
        port=url.port or 0,
        is_tls=url.scheme == "https",
        name=name or host.rstrip("."),
        connect_timeout=settings.connect,
        request_timeout=settings.request,
    )


def _nothing() -> None:
    pass
