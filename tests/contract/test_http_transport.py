"""The HTTP transport on real connections, with a server that misbehaves in every way."""

import asyncio
import gzip
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypedDict

import pytest

from jobset.kube.access import ClusterAccess
from jobset.kube.client import Client
from jobset.kube.errors import AccessError, ApiError, Conflict, Gone, NotFound, TransportError
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.resources import CONFIG_MAPS, JOBS
from jobset.kube.transport import Request, WatchEvent
from tests.contract.scripted_server import answer, hang, hang_up, scripted, stream

QUICK = HttpSettings(user_agent="test/1", connect=2.0, request=0.3, silence=0.3)
GET = Request(method="GET", path="/api/v1/namespaces/default/configmaps/m")
POST = Request(method="POST", path="/api/v1/namespaces/default/configmaps", body={"kind": "ConfigMap"})
FOUND = {"kind": "ConfigMap", "metadata": {"name": "m"}}


@dataclass
class Tokens:
    """Credentials with a new token after each refusal."""

    number: int = 1
    is_broken: bool = False

    async def authorization(self):
        if self.is_broken:
            raise AccessError("the plugin is missing")
        return f"Bearer {self.number}"

    def ssl_context(self):
        return None

    def refused(self, authorization=None):
        self.number += 1


def transport_to(server, settings=QUICK, *, tokens=None, headers=(), may_write=lambda: True) -> HttpTransport:
    access = ClusterAccess(server=server.url, credentials=tokens or Tokens(), headers=headers)
    return HttpTransport(access, settings, may_write=may_write)


async def send(server, request=GET, **options):
    transport = transport_to(server, **options)
    try:
        return await transport.send(request)
    finally:
        await transport.close()


async def watch(server, shape=None, **options) -> list[WatchEvent]:
    transport = transport_to(server, **options)
    try:
        request = Request(method="GET", path="/api/v1/configmaps", query={"watch": "1"}, shape=shape)
        return [event async for event in transport.watch(request)]
    finally:
        await transport.close()


def line(type: str, **obj) -> bytes:
    return json.dumps({"type": type, "object": obj}).encode() + b"\n"


async def test_a_request_says_who_asks_and_what_it_takes():
    async with scripted(answer(FOUND)) as server:
        await send(server, replace(POST, query={"dryRun": "All"}), headers=(("Impersonate-Group", "a"),))

    asked = server.asked[0]
    assert (asked.method, asked.target) == ("POST", f"{POST.path}?dryRun=All")
    told = {name: asked.headers.get(name) for name in ("user-agent", "authorization", "content-type")}
    assert told == {
        "user-agent": "test/1",
        "authorization": "Bearer 1",
        "content-type": "application/json",
    }
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["impersonate-group"] == "a"
    assert json.loads(asked.body) == POST.body


async def test_answers_come_compressed_when_that_is_wanted():
    packed = answer(gzip.compress(json.dumps(FOUND).encode()), Content_Encoding="gzip")
    async with scripted(packed) as server:
        response = await send(server, settings=replace(QUICK, compression=True))

    assert response.body == FOUND
    assert server.asked[0].headers["accept-encoding"] == "gzip"


async def test_a_closed_transport_sends_nothing():
    async with scripted(answer(FOUND)) as server:
        transport = transport_to(server)
        await transport.close()
        for request in (GET, POST):
            with pytest.raises(TransportError, match="the transport is closed"):
                await transport.send(request)
        with pytest.raises(TransportError, match="the transport is closed"):
            await anext(transport.watch(GET))

    assert not server.asked


async def test_a_large_body_is_sent_as_any_other():
    body = {"data": {"k": "x" * 3_000_000}}
    async with scripted(answer(FOUND, 201)) as server:
        response = await send(server, replace(POST, body=body), settings=replace(QUICK, request=10.0))

    assert response.code == 201
    assert json.loads(server.asked[0].body) == body
    assert server.asked[0].headers["content-type"] == "application/json"


async def test_a_refused_token_is_renewed_once():
    refusal = answer({"kind": "Status", "code": 401}, 401)
    async with scripted(refusal, answer(FOUND)) as renewed, scripted(refusal) as refusing:
        first, second = await send(renewed), await send(refusing)

    assert first.code == 200
    assert [asked.headers["authorization"] for asked in renewed.asked] == ["Bearer 1", "Bearer 2"]
    assert second.code == 401
    assert len(refusing.asked) == 2


async def test_credentials_that_cannot_be_had_are_no_answer():
    async with scripted(answer(FOUND)) as server:
        with pytest.raises(TransportError, match="the plugin is missing"):
            await send(server, tokens=Tokens(is_broken=True))

    assert not server.asked


async def test_a_busy_server_is_asked_again_when_it_said():
    busy = answer({"kind": "Status", "code": 429}, 429, Retry_After="0")
    async with scripted(busy, busy, answer(FOUND, 201)) as server:
        response = await send(server, POST)

    assert response.code == 201
    assert len(server.asked) == 3


async def test_a_read_survives_a_connection_that_was_closed_meanwhile_and_a_write_does_not():
    async with scripted(hang_up, answer(FOUND)) as reading, scripted(hang_up, answer(FOUND)) as writing:
        response = await send(reading)
        with pytest.raises(TransportError):
            await send(writing, POST)

    assert response.code == 200
    assert len(writing.asked) == 1


async def test_a_read_is_not_sent_a_second_time_over_a_connection_that_lay_idle_as_well():
    async with scripted(answer(FOUND), answer(FOUND), hang_up, answer(FOUND)) as server:
        transport = transport_to(server)
        await asyncio.gather(transport.send(GET), transport.send(GET))
        response = await transport.send(GET)
        await transport.close()

    assert response.code == 200
    assert (server.connections, len(server.asked)) == (3, 4)


async def test_a_read_is_sent_twice_at_most():
    async with scripted(hang_up) as server:
        with pytest.raises(TransportError, match="the server closed the connection"):
            await send(server)

    assert len(server.asked) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_is_sent_once_also_on_a_connection_that_was_in_use_before(method):
    async with scripted(answer(FOUND), hang_up, answer(FOUND)) as server:
        transport = transport_to(server)
        await transport.send(GET)
        with pytest.raises(TransportError):
            await transport.send(replace(POST, method=method))
        await transport.close()

    assert [asked.method for asked in server.asked] == ["GET", method]


@pytest.mark.parametrize(
    "conversation",
    [hang, answer(b"{not json"), stream(b'{"kind":', then="cut")],
    ids=["silence", "no JSON", "half an answer"],
)
async def test_no_answer_is_an_error_of_its_own(conversation):
    async with scripted(conversation) as server:
        with pytest.raises(TransportError):
            await send(server, POST)


async def test_nobody_there():
    async with scripted(answer(FOUND)) as server:
        pass
    with pytest.raises(TransportError, match="POST /api/v1/namespaces/default/configmaps: "):
        await send(server, POST)


async def test_a_refusal_without_a_status_still_says_what_was_answered():
    async with scripted(answer(b"<html>Bad gateway</html>", 502)) as server:
        response = await send(server)

    assert response.body["message"] == "<html>Bad gateway</html>"
    assert response.body["code"] == 502


async def test_warnings_are_told():
    async with scripted(answer(FOUND, Warning='299 - "spec.foo: say \\"bar\\""')) as server:
        response = await send(server)

    assert response.warnings == ('spec.foo: say "bar"',)


async def test_a_write_is_not_sent_when_another_may_lead():
    async with scripted(answer(FOUND)) as server:
        response = await send(server, may_write=lambda: False)
        with pytest.raises(TransportError, match="another may lead"):
            await send(server, POST, may_write=lambda: False)

    assert response.code == 200
    assert [asked.method for asked in server.asked] == ["GET"]


async def test_a_write_that_waits_for_a_busy_server_is_not_sent_again_after_the_lease():
    busy = answer({"kind": "Status", "code": 429}, 429, Retry_After="0")
    async with scripted(busy, answer(FOUND)) as server:
        with pytest.raises(TransportError, match="another may lead"):
            await send(server, POST, may_write=lambda: not server.asked)

    assert len(server.asked) == 1


async def test_a_write_is_not_sent_when_another_may_lead_by_the_time_there_is_a_connection(monkeypatch):
    async with scripted(answer(FOUND)) as server:
        loop, leads = asyncio.get_running_loop(), [True]
        connect = loop.sock_connect

        async def slow_connect(*where):
            await connect(*where)
            leads.clear()

        monkeypatch.setattr(loop, "sock_connect", slow_connect)
        with pytest.raises(TransportError, match="another may lead"):
            await send(server, POST, may_write=lambda: bool(leads))

    assert not server.asked


class Part(TypedDict, total=False):
    """A part of a ConfigMap."""

    kind: str
    data: dict[str, str]


async def test_only_the_asked_part_is_decoded_and_anything_else_as_a_whole():
    whole = {"kind": "ConfigMap", "data": {"k": "v"}, "metadata": {"name": "m"}}
    status = {"kind": "Status", "data": 7}
    async with scripted(answer(whole), answer(status)) as server:
        first = await send(server, replace(GET, shape=Part))
    async with scripted(answer(status)) as server:
        second = await send(server, replace(GET, shape=Part))

    assert first.body == {"kind": "ConfigMap", "data": {"k": "v"}}
    assert second.body == status


async def test_a_watch_tells_each_line_however_it_is_cut_into_pieces():
    whole = line("ADDED", kind="A" * 100_000) + line("MODIFIED", kind="ä") + line("BOOKMARK")
    places = (0, 1, 100_000, 100_040, len(whole) - 1, len(whole))
    pieces = [whole[begin:end] for begin, end in pairwise(places)]
    async with scripted(stream(*pieces)) as server:
        events = await watch(server)

    assert [event.type for event in events] == ["ADDED", "MODIFIED", "BOOKMARK"]
    assert events[1].object == {"kind": "ä"}
    assert "timeoutSeconds=" in server.asked[0].target


async def test_an_error_in_a_watch_is_told_as_a_whole():
    async with scripted(stream(line("ADDED", kind="A"), line("ERROR", kind="Status", code=410))) as server:
        events = await watch(server, shape=Part)

    assert events[1] == WatchEvent("ERROR", {"kind": "Status", "code": 410})


@pytest.mark.parametrize("then", ["cut", "silence"])
async def test_a_watch_that_lost_its_server_says_so(then):
    async with scripted(stream(line("ADDED"), b'{"type": "MOD', then=then)) as server:
        with pytest.raises(TransportError):
            await watch(server)


async def test_a_refused_watch_says_why():
    async with scripted(answer({"kind": "Status", "code": 410, "message": "too old"}, 410)) as server:
        with pytest.raises(Gone, match="too old"):
            await watch(server)


async def test_a_list_is_read_in_pages_and_at_once_when_they_expire():
    def page(name: str, token: str = ""):
        metadata = {"resourceVersion": "7", **({"continue": token} if token else {})}
        return answer({"metadata": metadata, "items": [{"metadata": {"name": name}}]})

    expired = answer({"kind": "Status", "code": 410, "reason": "Expired"}, 410)
    async with scripted(page("a", "next"), page("b")) as paging:
        transport = transport_to(paging)
        two = await Client(transport, page_size=1).list(JOBS)
        await transport.close()
    async with scripted(page("a", "next"), expired, page("all")) as expiring:
        transport = transport_to(expiring)
        one = await Client(transport, page_size=1).list(JOBS)
        await transport.close()

    assert [item["metadata"]["name"] for item in two.items] == ["a", "b"]
    assert {item["kind"] for item in two.items} == {"Job"}
    assert [asked.target for asked in paging.asked] == [
        "/apis/batch/v1/jobs?limit=1",
        "/apis/batch/v1/jobs?limit=1&continue=next",
    ]
    assert [item["metadata"]["name"] for item in one.items] == ["all"]
    assert expiring.asked[-1].target == "/apis/batch/v1/jobs"


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [(404, "NotFound", NotFound), (409, "Conflict", Conflict), (500, "InternalError", ApiError)],
)
async def test_refusals_are_typed(code, reason, error):
    async with scripted(answer({"kind": "Status", "code": code, "reason": reason}, code)) as server:
        transport = transport_to(server)
        with pytest.raises(error):
            await Client(transport).get(CONFIG_MAPS, "default", "m")
        await transport.close()


@pytest.mark.parametrize("body", [{"a": 1}, [1], "v1.36.3", {"gitVersion": 1}, "<html>"], ids=str)
@pytest.mark.parametrize("code", [200, 404])
async def test_a_server_without_a_version_of_kubernetes_is_none_of_its(body, code):
    async with scripted(answer(body, code)) as server:
        transport = transport_to(server)
        with pytest.raises(TransportError, match="no Kubernetes API server"):
            await Client(transport).server_version()
        await transport.close()


async def test_many_requests_share_few_connections():
    async with scripted(answer(FOUND)) as server:
        transport = transport_to(server, replace(QUICK, request=30.0))
        responses = await asyncio.gather(*(transport.send(GET) for _ in range(200)))
        await transport.close()

    assert {response.code for response in responses} == {200}


# --- who hears of requests ------------------------------------------------------------------------

TOLD = {
    "an answer": ((answer(FOUND),), GET, [("GET", 200)]),
    "a refusal": ((answer({"kind": "Status"}, 409),), POST, [("POST", 409)]),
    "no answer": ((hang_up,), POST, [("POST", None)]),
    "asked again when told so": (
        (answer({}, 429, Retry_After="0"), answer(FOUND)),
        GET,
        [("GET", 429), ("GET", 200)],
    ),
    "a token that was renewed": ((answer({}, 401), answer(FOUND)), GET, [("GET", 401), ("GET", 200)]),
}


@pytest.mark.parametrize(("conversations", "request_", "told"), TOLD.values(), ids=TOLD)
async def test_every_request_that_went_out_is_told(conversations, request_, told):
    heard = []
    async with scripted(*conversations) as server:
        transport = HttpTransport(
            ClusterAccess(server=server.url, credentials=Tokens()),
            QUICK,
            answered=lambda *what: heard.append(what),
        )
        with suppress(TransportError):
            await transport.send(request_)
        await transport.close()

    assert [(method, code) for method, _, code, _ in heard] == told
    assert {host for _, host, _, _ in heard} == {server.url.removeprefix("http://")}
    assert all(0 < seconds < 5 for *_, seconds in heard)


async def test_a_request_that_never_went_out_is_not_told():
    heard = []
    async with scripted(answer(FOUND)) as server:
        transport = HttpTransport(
            ClusterAccess(server=server.url, credentials=Tokens()),
            QUICK,
            may_write=lambda: False,
            answered=lambda *what: heard.append(what),
        )
        with suppress(TransportError):
            await transport.send(POST)
        await transport.close()

    assert heard == []


WATCHES = {"begun": (stream(), 200), "refused": (answer({}, 410), 410), "cut": (hang_up, None)}


@pytest.mark.parametrize(("conversation", "code"), WATCHES.values(), ids=WATCHES)
async def test_a_watch_is_told_when_it_begins_and_takes_no_time(conversation, code):
    heard = []
    async with scripted(conversation) as server:
        transport = HttpTransport(
            ClusterAccess(server=server.url, credentials=Tokens()),
            QUICK,
            answered=lambda *what: heard.append(what),
        )
        with suppress(TransportError, ApiError):
            async for _ in transport.watch(GET):
                pass
        await transport.close()

    assert heard == [("GET", server.url.removeprefix("http://"), code, None)]
