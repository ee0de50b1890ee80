"""The webhook server on a real socket: what it makes of what is sent to it, good or bad."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from jobset.controller.webhooks.reviews import LONGEST_BODY, AdmissionRequest, Allowed, Answer, Denied
from jobset.controller.webhooks.server import WebhookServer
from jobset.kube.errors import TransportError, api_error

PATCH = [{"op": "add", "path": "/spec", "value": {}}]
NOT_FOUND = {"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "no node"}
JSON = {"Content-Type": "application/json"}


@dataclass
class Scripted:
    """A reviewer that answers by what the object is called."""

    held: asyncio.Event

    async def review(self, request: AdmissionRequest) -> Answer:
        answers: dict[str, Callable[[], Awaitable[Answer]]] = {
            "good": self._give(Allowed()),
            "lacking": self._give(Allowed(PATCH)),
            "bad": self._give(Denied({"code": 422, "reason": "Invalid", "message": "bad"})),
            "refused": self._raise(api_error(NOT_FOUND)),
            "unanswered": self._raise(TransportError("no route")),
            "unreadable": self._raise(msgspec.ValidationError("Expected `int`")),
            "hostile": self._raise(RuntimeError("boom")),
            "slow": self._wait,
        }
        return await answers[request.object["name"]]()

    def _give(self, answer: Answer) -> Callable[[], Awaitable[Answer]]:
        async def give() -> Answer:
            return answer

        return give

    def _raise(self, error: Exception) -> Callable[[], Awaitable[Answer]]:
        async def fail() -> Answer:
            raise error

        return fail

    async def _wait(self) -> Answer:
        await self.held.wait()
        return Allowed()


@dataclass
class World:
    """A server with one webhook, at `/it`."""

    server: WebhookServer
    reviewer: Scripted
    session: aiohttp.ClientSession
    url: str

    async def post(self, body: Any, headers: dict[str, str] = JSON) -> tuple[int, dict[str, Any]]:
        if isinstance(body, str | bytes):
            body = io.BytesIO(body.encode() if isinstance(body, str) else body)
        async with self.session.post(self.url + "/it", data=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def ask(self, name: str, **more: Any) -> dict[str, Any]:
        code, answer = await self.post(json.dumps(a_review(name, **more)))
        assert code == 200
        response: dict[str, Any] = answer["response"]
        return response


@asynccontextmanager
async def a_server(**settings: float) -> AsyncIterator[World]:
    reviewer = Scripted(asyncio.Event())
    server = WebhookServer({"/it": reviewer}, **settings)
    runner = web.AppRunner(server.app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield World(server, reviewer, session, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
        server.offload.close()


def a_review(name: str, version: str = "admission.k8s.io/v1", **request: Any) -> dict[str, Any]:
    asked = {"uid": "u-1", "operation": "CREATE", "object": {"name": name}, **request}
    return {"apiVersion": version, "kind": "AdmissionReview", "request": asked}


VERSIONS = {
    "v1": ({"version": "admission.k8s.io/v1"}, "admission.k8s.io/v1"),
    "v1beta1": ({"version": "admission.k8s.io/v1beta1"}, "admission.k8s.io/v1beta1"),
    "no version": ({"version": ""}, "admission.k8s.io/v1"),
}


@pytest.mark.parametrize(("review", "version"), VERSIONS.values(), ids=VERSIONS)
async def test_an_answer_has_the_uid_and_the_version_of_its_review(review, version):
    async with a_server() as world:
        _, answer = await world.post(json.dumps(a_review("good", **review)))

    assert (answer["kind"], answer["apiVersion"]) == ("AdmissionReview", version)
    assert answer["response"] == {"uid": "u-1", "allowed": True, "status": {"metadata": {}, "code": 200}}


async def test_a_change_is_a_json_patch():
    async with a_server() as world:
        response = await world.ask("lacking")

    assert (response["allowed"], response["patchType"]) == (True, "JSONPatch")
    assert json.loads(base64.b64decode(response["patch"])) == PATCH


REFUSALS = {
    "refused with a status": ("bad", {"code": 422, "reason": "Invalid", "message": "bad"}),
    "an error of the API": ("refused", NOT_FOUND),
    "no answer of the API": ("unanswered", {"code": 403, "reason": "Forbidden", "message": "no route"}),
    "an object of the wrong type": ("unreadable", {"code": 400, "message": "Expected `int`"}),
    "an error of ours": ("hostile", {"code": 500, "message": "panic: boom [recovered]"}),
}


@pytest.mark.parametrize(("name", "status"), REFUSALS.values(), ids=REFUSALS)
async def test_what_a_refusal_says(name, status):
    async with a_server() as world:
        response = await world.ask(name)

        assert response == {"uid": "u-1", "allowed": False, "status": {"metadata": {}, **status}}
        # The server lives on.
        assert (await world.ask("good"))["allowed"]
        assert world.server.metrics.panics == (1 if name == "hostile" else 0)


GOOD = json.dumps(a_review("good"))
DEEP = '{"request": {"object": ' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}}"
UNREADABLE = {
    "nothing": (b"", JSON, 400, "request body is empty"),
    "no JSON": ("nonsense", JSON, 400, "the body is no AdmissionReview: "),
    "no text": (b'{"kind": "\xff"}', JSON, 400, "the body is no AdmissionReview: "),
    "a list": ("[]", JSON, 400, "the body is no AdmissionReview: Expected `object`, got `array`"),
    "a depth without end": (DEEP, JSON, 400, "the body is no AdmissionReview: "),
    "no type": (GOOD, {}, 400, "contentType=application/octet-stream, expected application/json"),
    "another type": (GOOD, {"Content-Type": "text/yaml"}, 400, "contentType=text/yaml, expected"),
    "a charset": (
        GOOD,
        {"Content-Type": "application/json; charset=utf-8"},
        400,
        "contentType=application/json; charset=utf-8, expected application/json",
    ),
    "another kind": ('{"kind": "Pod", "apiVersion": "v1"}', JSON, 400, 'no kind "Pod" is registered'),
    "another version": (
        json.dumps(a_review("good", "admission.k8s.io/v2")),
        JSON,
        400,
        'for version "admission.k8s.io/v2": expected admission.k8s.io/v1, AdmissionReview',
    ),
    "no request": ('{"kind": "AdmissionReview"}', JSON, 400, "the AdmissionReview has no request"),
    "an object that is none": (
        json.dumps(a_review("good", object=[1])),
        JSON,
        400,
        "request.object must be an object to CREATE",
    ),
    "a change of nothing": (
        json.dumps(a_review("good", operation="UPDATE")),
        JSON,
        400,
        "request.oldObject must be an object to UPDATE",
    ),
    "too much": (
        b" " * LONGEST_BODY,
        JSON,
        413,
        "request entity is too large; limit is 7340032 bytes",
    ),
}


@pytest.mark.parametrize(("body", "headers", "code", "text"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_review_is_answered_all_the_same(body, headers, code, text):
    async with a_server() as world:
        http_code, answer = await world.post(body, headers)

        status = answer["response"].pop("status")
        assert (http_code, answer) == (200, {"response": {"uid": "", "allowed": False}})
        assert status["code"] == code
        assert text in status["message"]
        assert (await world.ask("good"))["allowed"]


async def test_one_byte_less_is_not_too_much():
    async with a_server() as world:
        _, answer = await world.post(GOOD + " " * (LONGEST_BODY - 1 - len(GOOD)))

    assert answer["response"]["allowed"]


async def test_a_body_that_does_not_come_is_not_waited_for():
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with a_server(body_seconds=0.05) as world, asyncio.timeout(5):
        _, answer = await world.post(never())

    assert answer["response"]["status"]["code"] == 408


async def test_a_review_that_takes_too_long_is_refused():
    async with a_server(review_seconds=0.05) as world, asyncio.timeout(5):
        response = await world.ask("slow")

    assert response["status"]["message"] == "the review took longer than 0.05 seconds"


async def test_slow_reviews_keep_nobody_waiting():
    async with a_server() as world, asyncio.timeout(5):
        slow = [asyncio.create_task(world.ask("slow")) for _ in range(20)]
        while world.server.metrics.in_flight["/it"] < 20:
            await asyncio.sleep(0.01)

        assert (await world.ask("good"))["allowed"]
        world.reviewer.held.set()
        assert all(response["allowed"] for response in await asyncio.gather(*slow))


async def test_large_bodies_wait_for_each_other_and_small_ones_do_not():
    gate = asyncio.Event()

    async def trickle() -> AsyncIterator[bytes]:
        yield GOOD.encode()
        await gate.wait()
        yield b" "

    async with a_server() as world, asyncio.timeout(5):
        # Nobody knows how large what is sent in pieces will be.
        large = [asyncio.create_task(world.post(trickle())) for _ in range(12)]
        while world.server.metrics.in_flight["/it"] < 12:
            await asyncio.sleep(0.01)

        assert world.server._large.locked()
        assert (await world.ask("good"))["allowed"]
        gate.set()
        assert all(answer["response"]["allowed"] for _, answer in await asyncio.gather(*large))


async def test_other_paths_are_not_there():
    async with a_server() as world, world.session.post(world.url + "/else") as answer:
        assert answer.status == 404


async def test_reviews_are_counted():
    async with a_server() as world:
        await world.ask("good")
        await world.ask("bad")
        await world.post(b"")

        metrics = world.server.metrics
        assert dict(metrics.counts) == {("/it", "200"): 3}
        assert metrics.in_flight["/it"] == 0
        assert metrics.seconds["/it"].cumulative[-1] == 3
