"""The local API server behind plain HTTP, with the reviews that it does not know itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from aiohttp import web

from jobset.kube.access import ClusterAccess
from jobset.kube.client import Client
from jobset.kube.errors import ApiError
from jobset.kube.transport import Request
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import wall_clock

_TEXT_PATCHES = ("application/apply-patch+yaml",)


@dataclass
class NoCredentials:
    """Nobody in particular, over plain HTTP."""

    async def authorization(self) -> str | None:
        return None

    def ssl_context(self) -> None:
        return None

    def refused(self, authorization: str | None = None) -> None:
        pass


@dataclass
class Front:
    """One API server. `users` are those that tokens belong to, `readers` who may read metrics.

    `reviews` are the bodies of all reviews; while `is_broken`, they are answered 500.
    """

    transport: LocalTransport
    url: str = ""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    readers: set[str] = field(default_factory=set)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    is_broken: bool = False

    @property
    def client(self) -> Client:
        """The same server without HTTP."""
        return Client(self.transport)

    @property
    def access(self) -> ClusterAccess:
        return ClusterAccess(server=self.url, credentials=NoCredentials())

    async def review(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.reviews.append(body)
        if self.is_broken:
            return web.json_response({"kind": "Status", "code": 500, "message": "no etcd"}, status=500)
        if body["kind"] == "TokenReview":
            user = self.users.get(body["spec"]["token"])
            error = {} if user else {"error": "invalid bearer token"}
            status = {"authenticated": bool(user), "user": user or {}, **error}
        else:
            status = {"allowed": body["spec"]["user"] in self.readers}
        return web.json_response(body | {"status": status}, status=201)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        content_type = request.headers.get("Content-Type", "application/json")
        text = await request.text()
        asked = Request(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            body=(text if content_type in _TEXT_PATCHES else json.loads(text)) if text else None,
            content_type=content_type,
            accept=request.headers.get("Accept", "application/json"),
        )
        if asked.query.get("watch"):
            return await self._watch(request, asked)
        response = await self.transport.send(asked)
        return web.Response(
            status=response.code, body=msgspec.json.encode(response.body), content_type="application/json"
        )

    async def _watch(self, request: web.Request, asked: Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        events = self.transport.watch(asked)
        try:
            await stream.prepare(request)
            async for event in events:
                line = msgspec.json.encode({"type": event.type, "object": event.object})
                await stream.write(line + b"\n")
        except ApiError as error:
            await stream.write(msgspec.json.encode({"type": "ERROR", "object": error.status}) + b"\n")
        except ConnectionError:
            pass
        return stream


@asynccontextmanager
async def an_api_server() -> AsyncIterator[Front]:
    front = Front(LocalTransport(ApiServer(clock=wall_clock, random=Random(1))))
    app = web.Application()
    for kind in ("authentication.k8s.io/v1/tokenreviews", "authorization.k8s.io/v1/subjectaccessreviews"):
        app.router.add_post(f"/apis/{kind}", front.review)
    app.router.add_route("*", "/{path:.*}", front.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield front
    finally:
        await front.transport.close()
        await asyncio.wait_for(runner.cleanup(), 10)
