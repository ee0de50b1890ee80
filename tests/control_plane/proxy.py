"""A proxy between a controller and an API server that delays, loses, refuses and reorders what it is told to.

It ends the TLS of its clients with a certificate of its own and speaks to the API server as one user, so that
everything it lets through is readable.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import aiohttp
from aiohttp import web
from yarl import URL

from jobset.kube.access import ClusterAccess
from tests.certificates import Authority

_OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding", "authorization"})
_LONGEST_BODY = 2**26


@dataclass(slots=True)
class Passed:
    """One request, and the code of the API server's answer; None while there is none."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    code: int | None = None
    answer: Any = None

    @property
    def is_watch(self) -> bool:
        return "watch" in self.query

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


Answer: TypeAlias = web.StreamResponse
Forward: TypeAlias = Callable[[], Awaitable[Answer]]
Action: TypeAlias = Callable[["Asked"], Awaitable[Answer]]
Matches: TypeAlias = Callable[[Passed], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in the hands of the proxy: what is asked, by whom, and how to ask the API server."""

    passed: Passed
    request: web.Request
    forward: Forward

    def cut(self) -> None:
        """End the connection without a word."""
        if self.request.transport is not None:
            self.request.transport.abort()


@dataclass(slots=True)
class Rule:
    """What is done with the next `times` requests that match; `hits` tells with how many it was."""

    matches: Matches
    action: Action
    times: int
    hits: int = 0

    def applies(self, passed: Passed) -> bool:
        return self.hits < self.times and self.matches(passed)


@dataclass(slots=True)
class _Watch:
    """A watch that is open."""

    request: web.Request
    is_silent: bool = False

    def cut(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


@dataclass(slots=True)
class Proxy:
    """One way to an API server, and its rules; the first rule that applies is followed.

    `asked` is what came, in that order; `passed` what the API server answered, in that order.
    """

    access: ClusterAccess
    kubeconfig: Path
    asked: list[Passed] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    watch_delay: float = 0.0
    """Seconds by which everything that watches tell comes later."""
    _watches: list["_Watch"] = field(default_factory=list)
    _session: aiohttp.ClientSession | None = None

    def add(self, matches: Matches, action: Action, times: int = 1) -> Rule:
        """Do this with the next requests of that kind."""
        rule = Rule(matches, action, times)
        self.rules.append(rule)
        return rule

    @property
    def writes(self) -> list[Passed]:
        """The changes that the API server was asked for and answered, in the order of the answers."""
        return [passed for passed in self.passed if passed.is_write]

    @property
    def conflicts(self) -> list[Passed]:
        """Writes that the API server refused as somebody had written before."""
        return [passed for passed in self.writes if passed.code == 409]

    def cut_watches(self) -> None:
        """End the connections of all watches that are open."""
        for watch in self._watches:
            watch.cut()

    def silence_watches(self) -> None:
        """Nothing more comes through the watches that are open; they stay so."""
        for watch in self._watches:
            watch.is_silent = True

    async def handle(self, request: web.Request) -> Answer:
        """Follow the first rule for a request, or let it pass."""
        passed = await _read(request)
        self.asked.append(passed)

        async def forward() -> Answer:
            return await self._forward(request, passed)

        asked = Asked(passed, request, forward)
        for rule in self.rules:
            if rule.applies(passed):
                rule.hits += 1
                return await rule.action(asked)
        return await forward()

    async def _forward(self, request: web.Request, passed: Passed) -> Answer:
        try:
            async with await self._ask(request, passed) as answer:
                headers = _handed_on(answer.headers)
                if passed.is_watch and answer.status == 200:
                    self.passed.append(passed)
                    passed.code = answer.status
                    return await self._stream(request, answer, headers)
                body = await answer.read()
                passed.code, passed.answer = answer.status, _decoded(body)
                self.passed.append(passed)
                return web.Response(status=answer.status, headers=headers, body=body)
        except aiohttp.ClientError:
            # Nobody there: so it looks to our client as well.
            return await cut(Asked(passed, request, lambda: self._forward(request, passed)))

    async def _ask(self, request: web.Request, passed: Passed) -> aiohttp.ClientResponse:
        assert self._session is not None
        return await self._session.request(
            request.method,
            URL(self.access.server + request.raw_path, encoded=True),
            headers=_handed_on(request.headers),
            data=await request.read() or None,
            ssl=self.access.credentials.ssl_context() or True,
            allow_redirects=False,
        )

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> Answer:
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        watch = _Watch(request)
        self._watches.append(watch)
        try:
            async for chunk in answer.content.iter_any():
                await asyncio.sleep(self.watch_delay)
                if not watch.is_silent:
                    await response.write(chunk)
        finally:
            self._watches.remove(watch)
        await response.write_eof()
        return response


@asynccontextmanager
async def a_proxy(access: ClusterAccess) -> AsyncIterator[Proxy]:
    """A proxy to an API server; whoever uses its kubeconfig is that user there."""
    with TemporaryDirectory(prefix="jobset-proxy-") as name:
        folder = Path(name)
        authority = Authority.new("jobset-test-ca")
        proxy = Proxy(access, folder / "kubeconfig")
        app = web.Application(client_max_size=_LONGEST_BODY)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.01)
        await runner.setup()
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(limit=0, force_close=False)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False
        ) as session:
            proxy._session = session
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_serving(authority, folder))
            await site.start()
            proxy.kubeconfig.write_text(json.dumps(_kubeconfig(runner.addresses[0][1], folder)))
            try:
                yield proxy
            finally:
                await runner.cleanup()


async def cut(asked: Asked) -> Answer:
    """The connection ends before the request went anywhere."""
    asked.cut()
    return web.Response(status=500)


async def lose_answer(asked: Asked) -> Answer:
    """The request takes effect, and the connection ends instead of an answer."""
    await asked.forward()
    asked.cut()
    return web.Response(status=500)


async def say_nothing(asked: Asked) -> Answer:
    """The request goes nowhere, no answer comes, and the connection stays."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def swallow_answer(asked: Asked) -> Answer:
    """The request takes effect, no answer comes, and the connection stays."""
    await asked.forward()
    return await say_nothing(asked)


def delay(seconds: float) -> Action:
    """The request goes out later."""

    async def act(asked: Asked) -> Answer:
        await asyncio.sleep(seconds)
        return await asked.forward()

    return act


def delay_answer(seconds: float) -> Action:
    """The answer comes later than what a watch tells of it."""

    async def act(asked: Asked) -> Answer:
        answer = await asked.forward()
        await asyncio.sleep(seconds)
        return answer

    return act


def refuse(code: int, reason: str = "", retry_after: int | None = None) -> Action:
    """The request goes nowhere, and the proxy answers itself, as an API server would."""

    async def act(asked: Asked) -> Answer:
        return _refusal(code, reason, retry_after)

    return act


async def conflict(asked: Asked) -> Answer:
    """The proxy says that somebody else was faster, which is not true."""
    return _refusal(409, "AlreadyExists" if asked.passed.method == "POST" else "Conflict")


async def time_out_afterwards(asked: Asked) -> Answer:
    """The request takes effect, and the answer is that nobody knows."""
    await asked.forward()
    return _refusal(504, "Timeout")


async def cut_soon(asked: Asked) -> Answer:
    """A watch begins, tells what it has to tell, and is cut off."""
    asyncio.get_running_loop().call_later(0.2, asked.cut)
    return await asked.forward()


async def end_at_once(asked: Asked) -> Answer:
    """A watch begins and ends, without a word."""
    return web.Response(status=200, headers={"Content-Type": "application/json"})


async def tell_expired(asked: Asked) -> Answer:
    """A watch begins, and its first event says that its version is too old."""
    status = _status(410, "Expired")
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(asked.request)
    await response.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
    await response.write_eof()
    return response


@dataclass(slots=True)
class Holder:
    """Holds requests until there are enough, and lets them go one by one, the last one first."""

    count: int
    _held: list["asyncio.Future[None]"] = field(default_factory=list)

    async def __call__(self, asked: Asked) -> Answer:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append(turn)
        if len(self._held) == self.count:
            self._held.pop().set_result(None)
        await turn
        try:
            return await asked.forward()
        finally:
            if self._held:
                self._held.pop().set_result(None)


def on(method: str, plural: str, subresource: str = "", **facts: Any) -> Matches:
    """Requests with this method for this resource.

    `facts`: the `attempt` of a Job that is created, the `restarts` of a status that is written.
    """

    def matches(passed: Passed) -> bool:
        parts = passed.path.strip("/").split("/")
        asked_for = parts[-1] if subresource else ""
        if passed.is_watch or passed.method != method or plural not in parts or asked_for != subresource:
            return False
        return all(_facts(passed).get(name) == value for name, value in facts.items())

    return matches


def watches(plural: str) -> Matches:
    """Watches of a resource."""
    return lambda passed: passed.is_watch and passed.path.endswith(f"/{plural}")


def _refusal(code: int, reason: str, retry_after: int | None = None) -> Answer:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return web.json_response(_status(code, reason), status=code, headers=headers)


def _status(code: int, reason: str) -> dict[str, Any]:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
    return {**status, "reason": reason, "message": f"refused with {code} by a rule"}


def _facts(passed: Passed) -> dict[str, Any]:
    body = passed.body if isinstance(passed.body, dict) else {}
    labels = (body.get("metadata") or {}).get("labels") or {}
    return {
        "attempt": labels.get("jobset.sigs.k8s.io/restart-attempt"),
        "restarts": (body.get("status") or {}).get("restarts"),
    }


async def _read(request: web.Request) -> Passed:
    body = _decoded(await request.read())
    return Passed(request.method, request.path, dict(request.query), body)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


def _handed_on(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}


def _serving(authority: Authority, folder: Path) -> ssl.SSLContext:
    pair = authority.api_server()
    (folder / "ca.crt").write_bytes(authority.pair.certificate)
    (folder / "server.pem").write_bytes(pair.certificate + pair.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    return context


def _kubeconfig(port: int, folder: Path) -> dict[str, Any]:
    cluster = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority": str(folder / "ca.crt"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": cluster}],
        "users": [{"name": "anybody", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "anybody"}}],
        "current-context": "proxy",
    }
