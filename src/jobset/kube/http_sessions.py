"""HTTP by aiohttp: watches, and everything that goes through a proxy."""

import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from jobset.kube.access import ClusterAccess
from jobset.kube.connections import KEEP_ALIVE_SECONDS, new_socket
from jobset.kube.errors import ConnectionLost, TransportError, reason
from jobset.kube.http_answers import Answer
from jobset.kube.transport import Request

_LARGE_BODY = 2**20


class HttpSessions:
    """Sessions with one API server, those of watches apart; `headers` go with every request."""

    def __init__(
        self, access: ClusterAccess, headers: tuple[tuple[str, str], ...], connect_timeout: float
    ) -> None:
        self._access = access
        self._headers = headers
        self._connect_timeout = connect_timeout
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._is_closed = False

    async def exchange(
        self,
        request: Request,
        authorization: str | None,
        body: bytes,
        check: Callable[[], None],
        seconds: float,
    ) -> Answer:
        """The answer to a request, within that time.

        `check` is called when the connection is there; nothing goes out when it raises.

        Raises:
            ConnectionLost: the connection ended before anything of an answer came.
            TransportError: no answer came for another reason.
        """
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=self._connect_timeout)
        with _in_our_words():
            asked = self._ask(request, authorization, body, timeout, watching=False, check=check)
            async with await asked as answer:
                return Answer(answer.status, answer.headers, await answer.read())

    async def watch(self, request: Request, authorization: str | None, silence: float) -> "Watched":
        """The answer to a watch, which may say nothing for so many seconds.

        Raises:
            TransportError: there is none.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout, sock_read=silence)
        with _in_our_words():
            asked = self._ask(request, authorization, b"", timeout, watching=True, check=_nothing)
            return Watched(await asked)

    async def close(self) -> None:
        """End all connections; nothing is sent any more."""
        self._is_closed = True
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _ask(
        self,
        request: Request,
        authorization: str | None,
        body: bytes,
        timeout: aiohttp.ClientTimeout,
        *,
        watching: bool,
        check: Callable[[], None],
    ) -> aiohttp.ClientResponse:
        access = self._access
        headers = CIMultiDict(self._headers)
        headers["Accept"] = request.accept
        if authorization is not None:
            headers["Authorization"] = authorization
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        # aiohttp takes True for "the usual verification", which is also what plain http wants to hear.
        ssl = access.credentials.ssl_context() or True
        return await self._session(watching).request(
            request.method,
            URL(access.server + request.path),
            params=request.query,
            data=None if request.body is None else _readable(body),
            headers=headers,
            timeout=timeout,
            ssl=ssl,
            server_hostname=access.tls_server_name,
            proxy=access.proxy,
            allow_redirects=False,
            trace_request_ctx=check,
        )

    def _session(self, watching: bool) -> aiohttp.ClientSession:
        if self._is_closed:
            raise TransportError("the transport is closed")
        # Made on first use: a session belongs to the event loop that runs then.
        if watching not in self._sessions:
            self._sessions[watching] = self._new_session()
        return self._sessions[watching]

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, socket_factory=new_socket
            ),
            trace_configs=[_guarding_writes()],
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=2**18,
        )


class Watched:
    """What the server says to a watch, as it comes; leaving its context ends it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aenter__(self) -> "Watched":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._answer.release()

    @property
    def code(self) -> int:
        """The code of the answer."""
        return self._answer.status

    async def body(self) -> bytes:
        """Everything, until it ends; for a refusal."""
        with _in_our_words():
            return await self._answer.read()

    async def lines(self) -> AsyncIterator[bytes]:
        """Its lines, of any length; a last one that was cut off is dropped."""
        rest = b""
        with _in_our_words():
            async for chunk in self._answer.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    if line:
                        yield line


def _guarding_writes() -> aiohttp.TraceConfig:
    """Calls the check of a request when there is a connection, which can take long."""

    async def guard(_: Any, context: SimpleNamespace, sent: aiohttp.TraceRequestHeadersSentParams) -> None:
        # What aiohttp takes for idempotent it would send again when a connection is lost after the first
        # time; but the second PUT of a version is a conflict, with ourselves.
        if sent.method != "GET" and getattr(context, "was_sent", False):
            raise TransportError("the connection was lost")
        context.was_sent = True
        context.trace_request_ctx()

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(guard)
    return config


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ServerDisconnectedError, ConnectionError) as error:
        raise ConnectionLost(reason(error)) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TransportError(reason(error)) from error


def _readable(body: bytes) -> bytes | io.BytesIO:
    # A large body goes out in pieces, so that other requests have their turn in between.
    return io.BytesIO(body) if len(body) > _LARGE_BODY else body


def _nothing() -> None:
    pass
