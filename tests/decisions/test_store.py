"""What the store promises to its readers."""

import asyncio
from random import Random
from typing import Any

from jobset.kube.client import Client
from jobset.kube.resources import CONFIG_MAPS
from jobset.kube.transport import Request
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import EPOCH, Clock, run_virtual
from jobset.local.store import Store, Watch

MAPS = ("", "configmaps")


def a_map(name: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "default"}}


def test_a_reader_that_is_too_slow_is_cut_and_nobody_else() -> None:
    store = Store(history=2)
    collection = store.collection(MAPS)
    slow, quick = (Watch(collection, 0, None, None) for _ in range(2))

    seen = []
    for number in range(10):
        store.put(MAPS, a_map(f"m{number}"))
        seen += [event.object["metadata"]["name"] for event in quick.next_events() or ()]

    assert slow.next_events() is None
    assert seen == [f"m{number}" for number in range(10)]


def test_a_version_that_is_forgotten_is_told_as_expired() -> None:
    async def read(clock: Clock) -> tuple[list[Any], Any]:
        server = ApiServer(clock=clock, random=Random(0), history=2)
        old = str(server.store.version)
        for number in range(9):
            server.store.put(MAPS, a_map(f"m{number}"))
        watch = {"watch": "1", "resourceVersion": old}
        exact = {"resourceVersion": old, "resourceVersionMatch": "Exact"}

        stream = server.watch(Request(method="GET", path=CONFIG_MAPS.path(), query=watch))
        listed = server.handle(Request(method="GET", path=CONFIG_MAPS.path(), query=exact))
        return [event async for event in stream.events()], listed

    (event,), listed = run_virtual(read)

    assert (event.type, event.object["code"], event.object["reason"]) == ("ERROR", 410, "Expired")
    assert (listed.code, listed.body["reason"]) == (410, "Expired")


def test_readers_share_one_event() -> None:
    store = Store()
    readers = [Watch(store.collection(MAPS), 0, space, None) for space in (None, "default")]

    store.put(MAPS, a_map("m"))

    first, second = (next(iter(reader.next_events() or ())) for reader in readers)
    assert first is second


def test_an_old_object_is_not_changed_by_a_new_version() -> None:
    store = Store()
    old = store.put(MAPS, a_map("m"))

    new = store.put(MAPS, {**old, "data": {"k": "v"}})

    assert "data" not in old
    assert old["metadata"]["resourceVersion"] != new["metadata"]["resourceVersion"]


async def end_while_waiting(clock: Clock) -> list[str]:
    server = ApiServer(clock=clock, random=Random(0))
    transport = LocalTransport(server)
    names: list[str] = []

    async def follow() -> None:
        async for event in Client(transport).watch(CONFIG_MAPS, str(server.store.version)):
            names.append(event.object["metadata"]["name"])

    follower = asyncio.create_task(follow())
    await asyncio.sleep(1)
    server.handle(Request(method="POST", path=CONFIG_MAPS.path("default"), body=a_map("m")))
    await asyncio.sleep(1)
    await transport.close()
    await asyncio.wait_for(follower, 1)
    return names


def test_closing_the_transport_ends_its_watches() -> None:
    assert run_virtual(end_while_waiting) == ["m"]


def test_a_watch_ends_in_time_though_there_is_always_something_new() -> None:
    async def watch(clock: Clock) -> float:
        server, loop = ApiServer(clock=clock, random=Random(0)), asyncio.get_running_loop()
        query = {"watch": "1", "resourceVersion": str(server.store.version), "timeoutSeconds": "3"}
        stream = server.watch(Request(method="GET", path=CONFIG_MAPS.path(), query=query))
        begun = loop.time()

        server.store.put(MAPS, a_map("m"))
        async for _ in stream.events():
            await asyncio.sleep(0.5)
            server.store.put(MAPS, a_map("m"))
            if loop.time() > begun + 60:
                break

        return loop.time() - begun

    assert run_virtual(watch) == 3


class Stuck(Random):
    """Chance that always says the same."""

    def choices(self, population: Any, *_: Any, k: int = 1, **__: Any) -> list[Any]:
        return [population[0]] * k


def test_a_prefix_whose_names_are_taken_is_told_so() -> None:
    server = ApiServer(clock=lambda: EPOCH, random=Stuck(0))
    request = Request(
        method="POST", path=CONFIG_MAPS.path("default"), body={"metadata": {"generateName": "m-"}}
    )

    first, second = (server.handle(request) for _ in range(2))

    assert first.body["metadata"]["name"] == "m-bbbbb"
    assert (second.code, second.body["reason"]) == (409, "AlreadyExists")
    assert second.body["details"]["retryAfterSeconds"] == 1
    assert second.body["message"] == (
        'configmaps "m-bbbbb" already exists, '
        "the server was not able to generate a unique name for the object"
    )


def test_loaded_objects_are_kept_as_they_are_given() -> None:
    async def load(clock: Clock) -> None:
        server = ApiServer(clock=clock, random=Random(0))
        given = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "j", "uid": "u"},
            "status": {"active": 1},
        }

        (stored,) = server.load([given])

        assert stored["metadata"]["uid"] == "u"
        assert stored["metadata"]["namespace"] == "default"
        assert stored["status"] == {"active": 1}
        assert "spec" not in stored

    run_virtual(load)
