"""How many requests go out when a limit was asked for."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from jobset.cli.controller import controller
from jobset.cli.controlling import load_configuration, manager_options
from jobset.controller.manager import Manager
from jobset.kube.rate_limit import RateLimited
from jobset.kube.resources import PODS
from jobset.kube.surroundings import Surroundings
from jobset.kube.transport import Request, Response, WatchEvent
from jobset.local.clock import run_virtual

GET = Request(method="GET", path="/api/v1/pods")


@dataclass
class TellsWhen:
    """A transport that answers at once and keeps the time of each request."""

    times: list[float] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        self.times.append(round(asyncio.get_running_loop().time(), 6))
        return Response(code=200, body={})

    async def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        self.times.append(round(asyncio.get_running_loop().time(), 6))
        yield WatchEvent("BOOKMARK", {})

    async def close(self) -> None:
        """Nothing to close."""


def test_a_burst_goes_at_once_and_the_rest_at_the_rate():
    async def story(_):
        inner = TellsWhen()
        limited = RateLimited(inner, qps=2.0, burst=3)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(limited.send(GET) for _ in range(6)))
        await asyncio.sleep(10)
        await asyncio.gather(*(limited.send(GET) for _ in range(4)))
        return [when - began for when in inner.times]

    assert run_virtual(story) == pytest.approx([0, 0, 0, 0.5, 1, 1.5, 11.5, 11.5, 11.5, 12])


def test_a_watch_counts_as_one_request():
    async def story(_):
        inner = TellsWhen()
        limited = RateLimited(inner, qps=2.0, burst=1)
        began = asyncio.get_running_loop().time()
        async for _event in limited.watch(GET):
            await limited.send(GET)
        return [when - began for when in inner.times]

    assert run_virtual(story) == pytest.approx([0, 0.5])


async def test_the_manager_keeps_the_limit_that_it_was_given(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"kind": "Pod", "metadata": {"name": "p", "namespace": "n"}})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        manager = a_manager(tmp_path, str(server.make_url("")), "--kube-api-qps=50", "--kube-api-burst=1")
        began = time.monotonic()
        await asyncio.gather(*(manager.client.get(PODS, "n", "p") for _ in range(16)))
        seconds = time.monotonic() - began
        await manager.client.close()

    assert seconds >= 15 / 50


def a_manager(folder: Path, url: str, *flags: str) -> Manager:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {}}],"
        " contexts: [{name: c, context: {cluster: c, user: u}}],"
        f' clusters: [{{name: c, cluster: {{server: "{url}"}}}}]}}'
    )
    given = controller.make_context("controller", ["--leader-elect=false", *flags]).params
    here = Surroundings(environ={}, home=None, clock=lambda: datetime.now(UTC))
    return Manager(manager_options(load_configuration(given), str(kubeconfig), here))
