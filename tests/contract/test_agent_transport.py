"""The agent's transport on real connections, with a server that misbehaves in every way."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from jobset.agent.account import Account, read_account, read_pod_account
from jobset.agent.transport import AgentTransport, Times
from jobset.kube.client import Client
from jobset.kube.contents import FileContent
from jobset.kube.errors import AccessError, Forbidden, Gone, TransportError
from jobset.kube.resources import PODS
from jobset.kube.transport import Request, WatchEvent
from tests.contract.scripted_server import ScriptedServer, answer, hang, hang_up, scripted, stream

QUICK = Times(connect=2.0, request=0.3, silence=0.3, scatter=0.01)
GET = Request(method="GET", path="/apis/x/y", query={"fieldSelector": "metadata.name=js"})
EVENT = {"type": "ADDED", "object": {"metadata": {"name": "js"}, "spec": {"a": 1}}}
LINE = b'{"type":"ADDED","object":{"metadata":{"name":"js"},"spec":{"a":1}}}\n'
FORBIDDEN = {"kind": "Status", "reason": "Forbidden", "message": "no"}


class Named(TypedDict, total=False):
    metadata: dict[str, str]


@pytest.fixture
def token(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first\n")
    return tmp_path / "token"


def transport_to(server: ScriptedServer, token: Path) -> AgentTransport:
    url = urlsplit(server.url)
    content = FileContent("token", token, lambda: datetime.now(UTC))
    account = Account(host=url.hostname, port=url.port, namespace="default", token=content, tls=None)
    return AgentTransport(account, "test/1", QUICK)


async def watch(server: ScriptedServer, token: Path, shape: Any = None) -> list[WatchEvent]:
    asked = Request(method="GET", path="/apis/x/y", query={"watch": "1"}, shape=shape)
    return [event async for event in transport_to(server, token).watch(asked)]


async def test_a_request_says_who_asks_and_what_for(token: Path) -> None:
    async with scripted(answer({"kind": "Pod"})) as server:
        client = Client(transport_to(server, token))
        told = {"metadata": {"name": "p"}}
        pod = await client.apply(PODS, "default", "p", told, manager="m")
    (asked,) = server.asked

    assert pod == {"kind": "Pod"}
    assert asked.method == "PATCH"
    assert asked.target == "/api/v1/namespaces/default/pods/p?fieldManager=m&force=true"
    assert asked.body == b'{"metadata":{"name":"p"}}'
    assert asked.headers["authorization"] == "Bearer first"
    assert asked.headers["user-agent"] == "test/1"
    assert asked.headers["content-type"] == "application/apply-patch+yaml"
    assert f"http://{asked.headers['host']}" == server.url


async def test_a_query_arrives_as_it_was_meant(token: Path) -> None:
    async with scripted(answer({})) as server:
        await transport_to(server, token).send(GET)

    assert parse_qs(urlsplit(server.asked[0].target).query) == {"fieldSelector": ["metadata.name=js"]}


async def test_a_refusal_is_an_answer(token: Path) -> None:
    async with scripted(answer(FORBIDDEN, code=403)) as server:
        response = await transport_to(server, token).send(GET)

    assert (response.code, response.body) == (403, FORBIDDEN | {"code": 403})


async def test_a_refusal_that_is_no_status_still_has_words(token: Path) -> None:
    async with scripted(answer(b"<html>down</html>", code=502)) as server:
        response = await transport_to(server, token).send(GET)

    assert (response.code, response.body["message"]) == (502, "<html>down</html>")


async def test_only_the_part_that_is_asked_for_is_decoded(token: Path) -> None:
    async with scripted(stream(LINE)) as server:
        assert await watch(server, token, Named) == [WatchEvent("ADDED", {"metadata": {"name": "js"}})]


async def test_the_words_of_an_error_are_decoded_whatever_is_asked_for(token: Path) -> None:
    gone = {"code": 410, "message": "too old"}

    async with scripted(stream(msgspec.json.encode({"type": "ERROR", "object": gone}) + b"\n")) as server:
        assert await watch(server, token, Named) == [WatchEvent("ERROR", gone)]


async def test_a_renewed_token_is_shown_after_a_refusal(token: Path) -> None:
    async with scripted(answer({}, code=401), answer({})) as server:
        transport = transport_to(server, token)
        await transport.send(GET)
        token.write_text("second\n")
        await transport.send(GET)

    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer first", "Bearer second"]


WATCHES: dict[str, tuple[tuple[bytes, ...], list[WatchEvent]]] = {
    "two lines": ((LINE, LINE), [WatchEvent("ADDED", EVENT["object"])] * 2),
    "one line in pieces": ((LINE[:9], LINE[9:30], LINE[30:]), [WatchEvent("ADDED", EVENT["object"])]),
    "two lines in one piece": ((LINE + LINE,), [WatchEvent("ADDED", EVENT["object"])] * 2),
    "a last line that is cut off": ((LINE, LINE[:20]), [WatchEvent("ADDED", EVENT["object"])]),
    "a long line": (
        (b'{"type":"ADDED","object":{"x":"' + b"y" * 2**18 + b'"}}\n',),
        [WatchEvent("ADDED", {"x": "y" * 2**18})],
    ),
    "an error": (
        (b'{"type":"ERROR","object":{"code":410,"metadata":{}}}\n',),
        [WatchEvent("ERROR", {"code": 410, "metadata": {}})],
    ),
    "nothing": ((), []),
}


@pytest.mark.parametrize(("pieces", "events"), WATCHES.values(), ids=WATCHES)
async def test_the_events_of_a_watch(
    token: Path, pieces: tuple[bytes, ...], events: list[WatchEvent]
) -> None:
    async with scripted(stream(*pieces)) as server:
        assert await watch(server, token) == events


async def test_a_watch_ends_before_the_server_would_end_it_for_all_at_once(token: Path) -> None:
    async with scripted(stream()) as server:
        await watch(server, token)

    (seconds,) = parse_qs(urlsplit(server.asked[0].target).query)["timeoutSeconds"]
    assert 290 <= int(seconds) <= 580


async def test_a_refused_watch(token: Path) -> None:
    async with scripted(answer(FORBIDDEN, code=403), answer({"code": 410}, code=410)) as server:
        with pytest.raises(Forbidden, match="no"):
            await watch(server, token)
        with pytest.raises(Gone):
            await watch(server, token)


def raw(data: bytes) -> Callable[..., Awaitable[None]]:
    """These bytes and no more."""

    async def converse(asked: Any, writer: Any) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return converse


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LOSSES: dict[str, Any] = {
    "no answer": hang,
    "the connection ends before an answer": hang_up,
    "the connection ends within a stream": stream(LINE, then="cut"),
    "silence": stream(LINE, then="hang"),
    "an answer of another protocol": raw(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "an answer without a code": raw(b"HTTP/1.1 OK\r\n\r\n"),
    "a head without an end": raw(b"HTTP/1.1 200 OK\r\nA: b\r\n"),
    "a head that is too long": raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 2**16),
    "a chunk without a size": raw(CHUNKED + b"x\r\nabc\r\n"),
    "a chunk of negative size": raw(CHUNKED + b"-5\r\nabc\r\n"),
    "a chunk that is longer than it says": raw(CHUNKED + b"1\r\nabc\r\n"),
    "a chunk that is shorter than it says": raw(CHUNKED + b"9\r\nabc\r\n"),
    "a size of any length": raw(CHUNKED + b"1" * 2**17),
    "a length that is none": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    "no JSON": stream(b"hello\n"),
}


@pytest.mark.parametrize("conversation", LOSSES.values(), ids=LOSSES)
async def test_a_watch_that_is_lost(token: Path, conversation: Any) -> None:
    async with scripted(conversation) as server:
        with pytest.raises(TransportError, match="/apis/x/y: "):
            await watch(server, token)


LOST_ANSWERS: dict[str, Any] = {
    "no answer": hang,
    "the connection ends before an answer": hang_up,
    "the connection ends within an answer": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"),
    "an answer that goes on for ever": stream(LINE, then="hang"),
    "no JSON": answer(b"hello"),
}


@pytest.mark.parametrize("conversation", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
async def test_an_answer_that_is_lost(token: Path, conversation: Any) -> None:
    async with scripted(conversation) as server:
        with pytest.raises(TransportError, match="GET /apis/x/y: "):
            await transport_to(server, token).send(GET)


async def test_nobody_is_there(token: Path) -> None:
    async with scripted(answer({})) as server:
        transport = transport_to(server, token)

    with pytest.raises(TransportError, match="GET /apis/x/y: "):
        await transport.send(GET)


IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


def test_the_account_that_a_cluster_mounts(tmp_path: Path, token: Path) -> None:
    (tmp_path / "namespace").write_text("team\n")

    account = read_pod_account(IN_CLUSTER, tmp_path)

    assert (account.host, account.port) == ("10.0.0.1", 6443)
    assert account.namespace == "team\n"
    assert account.authorization() == "Bearer first"
    assert account.ssl_context() is not None


def test_an_address_of_the_newer_kind(tmp_path: Path, token: Path) -> None:
    (tmp_path / "namespace").write_text("team")

    account = read_pod_account({**IN_CLUSTER, "KUBERNETES_SERVICE_HOST": "fd00::1"}, tmp_path)

    assert (account.host, account.port) == ("fd00::1", 6443)


MISSING = {
    "no cluster": ({}, ["token", "namespace"], "this is not a pod"),
    "no namespace": (IN_CLUSTER, ["token"], "namespace: No such file"),
    "no token": (IN_CLUSTER, ["namespace"], "no service account token"),
    "a bad authority": (IN_CLUSTER, ["token", "namespace", "ca.crt"], "holds no certificate"),
}


@pytest.mark.parametrize(("environ", "files", "words"), MISSING.values(), ids=MISSING)
def test_an_account_that_is_missing_something(
    tmp_path: Path, environ: dict[str, str], files: list[str], words: str
) -> None:
    for name in files:
        (tmp_path / name).write_text("text")

    with pytest.raises(AccessError, match=words):
        read_pod_account(environ, tmp_path)


def test_the_account_of_a_run_on_one_machine(tmp_path: Path, token: Path) -> None:
    (tmp_path / "namespace").write_text("default")
    (tmp_path / "server").write_text("http://127.0.0.1:4321\n")

    account = read_account({"JOBSET_ACCOUNT_FOLDER": str(tmp_path)})

    assert (account.host, account.port, account.namespace) == ("127.0.0.1", 4321, "default")
    assert account.ssl_context() is None
