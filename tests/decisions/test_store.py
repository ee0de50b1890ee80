"""What the store promises to its readers."""

import asyncio
from random import Random

from jobset.kube.client import Client
from jobset.kube.resources import CONFIG_MAPS
from jobset.kube.transport import Request
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import Clock, run_virtual
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
