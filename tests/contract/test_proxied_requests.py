"""Requests and watches through a proxy: the same rules as on connections of our own."""

from dataclasses import replace
from typing import Any

import pytest

from jobset.kube.access import ClusterAccess
from jobset.kube.errors import TransportError
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.transport import Request, WatchEvent
from tests.contract.scripted_server import ScriptedServer, answer, hang, hang_up, scripted, stream
from tests.contract.test_silent_watch import Nobody

QUICK = HttpSettings(user_agent="test/1", connect=2.0, request=0.3, silence=0.3)
GET = Request(method="GET", path="/api/v1/configmaps", query={"limit": "1"})
POST = Request(method="POST", path="/api/v1/configmaps", body={"kind": "ConfigMap"})
FOUND = {"kind": "ConfigMap"}


def through(proxy: ScriptedServer, **options: Any) -> HttpTransport:
    access = ClusterAccess(
        server="http://kube.example:80/below",
        credentials=Nobody(),
        proxy=proxy.url,
        headers=(("Impersonate-Group", "a"), ("Impersonate-Group", "b")),
    )
    return HttpTransport(access, QUICK, **options)


async def test_a_request_goes_to_the_proxy_and_says_where_to():
    async with scripted(answer(FOUND)) as proxy:
        transport = through(proxy)
        told = [(await transport.send(request)).body for request in (GET, POST)]
        await transport.close()

    assert told == [FOUND, FOUND]
    read, written = proxy.asked
    assert (read.method, read.target) == ("GET", "http://kube.example/below/api/v1/configmaps?limit=1")
    assert (written.method, written.body) == ("POST", b'{"kind":"ConfigMap"}')
    assert {name: written.headers.get(name) for name in ("host", "user-agent", "content-type", "accept")} == {
        "host": "kube.example",
        "user-agent": "test/1",
        "content-type": "application/json",
        "accept": "application/json",
    }


async def test_a_large_body_arrives_whole():
    body = {"data": "x" * 3_000_000}
    async with scripted(answer(FOUND)) as proxy:
        transport = through(proxy)
        await transport.send(replace(POST, body=body))
        await transport.close()

    assert len(proxy.asked[0].body) > 3_000_000
    assert proxy.asked[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_is_sent_once_also_on_a_connection_that_was_in_use_before(method):
    async with scripted(answer(FOUND), hang_up, answer(FOUND)) as proxy:
        transport = through(proxy)
        await transport.send(GET)
        with pytest.raises(TransportError, match=f"{method} /api/v1/configmaps: "):
            await transport.send(replace(POST, method=method))
        await transport.close()

    assert [asked.method for asked in proxy.asked] == ["GET", method]


async def test_a_read_survives_a_connection_that_was_closed_meanwhile():
    async with scripted(hang_up, answer(FOUND)) as proxy:
        transport = through(proxy)
        told = await transport.send(GET)
        await transport.close()

    assert told.body == FOUND
    assert len(proxy.asked) == 2


async def test_a_write_is_not_sent_when_another_may_lead_by_the_time_there_is_a_connection():
    answers = iter([True, False])
    async with scripted(answer(FOUND)) as proxy:
        transport = through(proxy, may_write=lambda: next(answers))
        with pytest.raises(TransportError, match="another may lead"):
            await transport.send(POST)
        await transport.close()

    assert not proxy.asked


async def test_no_answer_in_time_is_an_error():
    async with scripted(hang) as proxy:
        transport = through(proxy)
        with pytest.raises(TransportError, match="timed out"):
            await transport.send(POST)
        await transport.close()


async def test_a_watch_goes_through_the_proxy_too():
    async with scripted(stream(b'{"type": "ADDED", "object": {}}\n')) as proxy:
        transport = through(proxy)
        told = [event async for event in transport.watch(GET)]
        await transport.close()

    assert told == [WatchEvent("ADDED", {})]
    assert proxy.asked[0].target.startswith("http://kube.example/below/api/v1/configmaps?")


async def test_a_closed_transport_sends_nothing():
    async with scripted(answer(FOUND)) as proxy:
        transport = through(proxy)
        await transport.close()
        for request in (GET, POST):
            with pytest.raises(TransportError, match="the transport is closed"):
                await transport.send(request)

    assert not proxy.asked
