"""A watch cache in every history: it ends with the truth, never goes back, and tells each change once."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobset.kube.cache import Part, WatchCache, key_of, version_of
from jobset.kube.client import Client, DeleteOptions
from jobset.kube.errors import ApiError, Invalid, TransportError
from jobset.kube.resources import CONFIG_MAPS
from jobset.kube.transport import Response, WatchEvent
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import run_virtual

NAMES = st.sampled_from(["a", "b", "c"])


@dataclass
class Line:
    """A transport whose watches can be cut, whose lists can be refused, and whose news can be late."""

    inner: LocalTransport
    refusals: int = 0
    lag: float = 0.0
    code: int = 503
    cuts: asyncio.Event = field(default_factory=asyncio.Event)
    streams_refused: bool = False

    async def send(self, request):
        if self.refusals:
            self.refusals -= 1
            return Response(code=self.code, body={"kind": "Status", "code": self.code})
        answer = await self.inner.send(request)
        if request.method == "GET":
            await asyncio.sleep(self.lag)
        return answer

    async def watch(self, request):
        if self.streams_refused and "sendInitialEvents" in request.query:
            raise Invalid({"kind": "Status", "code": 422, "reason": "Invalid"})
        cut = asyncio.ensure_future(self.cuts.wait())
        events = self.inner.watch(request)
        try:
            while True:
                following = asyncio.ensure_future(anext(events, None))
                done, _ = await asyncio.wait({following, cut}, return_when=asyncio.FIRST_COMPLETED)
                if following not in done:
                    following.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await following
                    raise TransportError("cut")
                if (event := following.result()) is None:
                    return
                await asyncio.sleep(self.lag)
                yield event
        finally:
            cut.cancel()

    def cut(self) -> None:
        self.cuts.set()
        self.cuts = asyncio.Event()

    async def close(self):
        pass


class Told:
    """What a listener believes, checked with each change."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.objects: dict[Any, Any] = {}
        self.deleted_by_us: set[str] = set()
        self.once_hidden: set[str] = set()

    def __call__(self, before, after) -> None:
        key = key_of(after or before)
        assert self.objects.get(key) == before, "the state before a change is not the one told last"
        if after is None:
            stored = self.server.read(CONFIG_MAPS, *key)
            is_there = stored is not None and stored["metadata"]["uid"] == before["metadata"]["uid"]
            # One that was hidden for a while may be told gone when it can be seen again.
            may_go = before["metadata"]["uid"] in self.once_hidden
            assert not is_there or may_go, "an object that exists was told gone"
            del self.objects[key]
            return
        assert after["metadata"]["uid"] not in self.deleted_by_us, "an object that we deleted came back"
        same = before is not None and before["metadata"]["uid"] == after["metadata"]["uid"]
        assert not same or version_of(before) < version_of(after), "an object went back in time"
        self.objects[key] = after


STEPS = st.one_of(
    st.tuples(st.just("create"), NAMES),
    st.tuples(st.just("change"), NAMES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("own create"), NAMES),
    st.tuples(st.just("own write"), NAMES),
    st.tuples(st.just("own delete"), NAMES),
    st.tuples(st.just("hide"), NAMES),
    st.tuples(st.just("cut"), st.just("")),
    st.tuples(st.just("forget history"), st.just("")),
    st.tuples(st.just("refuse"), st.just("")),
    st.tuples(st.just("late"), st.just("")),
    st.tuples(st.just("wait"), st.just("")),
)


def not_hidden(obj):
    return None if (obj.get("data") or {}).get("k") == "hidden" else obj


async def take(
    step: str, name: str, client: Client, line: Line, cache: WatchCache, told: Told, number: int
) -> None:
    body = {"metadata": {"name": name, "namespace": "default"}, "data": {"k": str(number)}}
    with contextlib.suppress(ApiError):
        match step:
            case "create":
                await client.create(CONFIG_MAPS, body)
            case "change":
                await client.patch(CONFIG_MAPS, "default", name, {"data": {"k": str(number)}})
            case "hide":
                hidden = await client.patch(CONFIG_MAPS, "default", name, {"data": {"k": "hidden"}})
                told.once_hidden.add(hidden["metadata"]["uid"])
            case "delete":
                await client.delete(CONFIG_MAPS, "default", name)
            case "own create":
                cache.note(await client.create(CONFIG_MAPS, body))
                assert cache.get("default", name) == await client.get(CONFIG_MAPS, "default", name)
            case "own write":
                cache.note(await client.patch(CONFIG_MAPS, "default", name, {"data": {"k": str(number)}}))
                assert cache.get("default", name) == await client.get(CONFIG_MAPS, "default", name)
            case "own delete":
                found = await client.get(CONFIG_MAPS, "default", name)
                options = DeleteOptions(uid=found["metadata"]["uid"])
                answer = await client.delete(CONFIG_MAPS, "default", name, options)
                told.deleted_by_us.add(found["metadata"]["uid"])
                cache.note_deleted(answer, "default", name, found["metadata"]["uid"])
                held = cache.get("default", name)
                assert held is None or held["metadata"]["uid"] != found["metadata"]["uid"]
            case "cut":
                line.cut()
            case "forget history":
                for _ in range(6):
                    await client.create(CONFIG_MAPS, {"metadata": {"name": "n", "namespace": "kube-public"}})
                    await client.delete(CONFIG_MAPS, "kube-public", "n")
                line.cut()
            case "refuse":
                line.refusals = 2
            case "late":
                line.lag = 0.3 - line.lag
            case "wait":
                await asyncio.sleep(1)
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("streams", [False, True], ids=["lists", "streamed lists"])
@given(steps=st.lists(STEPS, max_size=25))
def test_a_cache_ends_with_the_truth_and_never_goes_back(streams, steps):
    async def main(clock):
        server = ApiServer(clock=clock, random=Random(0), history=4)
        client, line = Client(LocalTransport(server)), Line(LocalTransport(server))
        reader = Client(line, page_size=2, streams_lists=streams)
        cache = WatchCache(client=reader, resource=CONFIG_MAPS, part=Part(trim=not_hidden))
        told = Told(server)
        cache.listen(told)
        task = asyncio.create_task(cache.run())
        await cache.synced()
        for number, (step, name) in enumerate(steps):
            await take(step, name, client, line, cache, told, number)
        await asyncio.sleep(70)
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        truth = (await client.list(CONFIG_MAPS)).items
        return {key_of(obj): obj for obj in truth if not_hidden(obj)}, told.objects, list(cache.all())

    truth, told, held = run_virtual(main)

    assert told == truth
    assert {key_of(obj): obj for obj in held} == truth


def test_a_server_that_cannot_stream_a_list_is_asked_for_one():
    async def main(clock):
        server = ApiServer(clock=clock, random=Random(0))
        client = Client(LocalTransport(server))
        await client.create(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "default"}})
        line = Line(LocalTransport(server), streams_refused=True)
        cache = WatchCache(client=Client(line, streams_lists=True), resource=CONFIG_MAPS)
        task = asyncio.create_task(cache.run())
        await cache.synced()
        await client.create(CONFIG_MAPS, {"metadata": {"name": "b", "namespace": "default"}})
        await asyncio.sleep(1)
        task.cancel()
        return sorted(obj["metadata"]["name"] for obj in cache.all())

    assert run_virtual(main) == ["a", "b"]


class Restored:
    """A server that counts on from an earlier version, as one that was restored from a backup."""

    def __init__(self) -> None:
        self.version, self.objects = 100, {"old": 90, "lost": 95}
        self.cut = asyncio.Event()

    async def send(self, request):
        items = [
            {"metadata": {"name": name, "namespace": "x", "uid": name, "resourceVersion": str(version)}}
            for name, version in self.objects.items()
        ]
        body = {"metadata": {"resourceVersion": str(self.version)}, "items": items}
        return Response(code=200, body=body)

    async def watch(self, request):
        if int(request.query["resourceVersion"]) > self.version:
            yield WatchEvent("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})
            return
        await self.cut.wait()
        raise TransportError("restarted")

    async def close(self):
        pass


def test_a_server_restored_from_a_backup_is_believed():
    async def main(clock):
        server = Restored()
        cache = WatchCache(client=Client(server), resource=CONFIG_MAPS)
        task = asyncio.create_task(cache.run())
        await cache.synced()
        server.version, server.objects = 50, {"old": 40, "new": 45}
        server.cut.set()
        await asyncio.sleep(5)
        task.cancel()
        return sorted((obj["metadata"]["name"], version_of(obj)) for obj in cache.all())

    assert run_virtual(main) == [("new", 45), ("old", 40)]


class Forgetful:
    """A server whose lists are fine, and whose watches never are."""

    def __init__(self, *events: WatchEvent) -> None:
        self.events = events
        self.watches = 0

    async def send(self, request):
        return Response(code=200, body={"metadata": {"resourceVersion": "7"}, "items": []})

    async def watch(self, request):
        self.watches += 1
        assert self.watches < 1000
        await asyncio.sleep(0.01)
        for event in self.events:
            yield event

    async def close(self):
        pass


EXPIRED = WatchEvent("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})


@pytest.mark.parametrize("events", [(), (EXPIRED,)], ids=["ends at once", "expires at once"])
def test_a_server_whose_watches_never_last_is_asked_less_and_less_often(events):
    async def main(clock):
        server = Forgetful(*events)
        task = asyncio.create_task(WatchCache(client=Client(server), resource=CONFIG_MAPS).run())
        await asyncio.sleep(300)
        task.cancel()
        return server.watches

    # Every half minute in the end, after a few more at first.
    assert 10 <= run_virtual(main) <= 18


def test_an_expired_version_is_replaced_at_once():
    async def main(clock):
        server = Restored()
        cache = WatchCache(client=Client(server), resource=CONFIG_MAPS)
        task = asyncio.create_task(cache.run())
        await cache.synced()
        server.version, server.objects = 50, {"new": 45}
        server.cut.set()
        await asyncio.sleep(0.55)
        task.cancel()
        return [obj["metadata"]["name"] for obj in cache.all()]

    assert run_virtual(main) == ["new"]
