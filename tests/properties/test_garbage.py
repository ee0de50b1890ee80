"""Whoever owns whom: what is left after deletes is what the owner references say, also over crashes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobset.kube.client import Client, DeleteOptions, Selection
from jobset.kube.errors import NotFound
from jobset.kube.resources import CONFIG_MAPS, SECRETS
from jobset.kube.transport import Request, Response, WatchEvent
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import Clock, run_virtual
from jobset.local.garbage import GarbageCollector

SETTLED = 30.0
"""Seconds in which a collector has done what it can."""

Family = Sequence[Sequence[int]]
"""For each object the earlier objects that own it."""
Deletes = Sequence[tuple[int, str]]
Left = dict[str, tuple[str, ...]]
"""What still exists, with the names of its owners."""


class FragileTransport:
    """Carries writes until the given number was carried out; then nothing is answered any more."""

    def __init__(self, server: ApiServer, calls: int | None) -> None:
        self._transport = LocalTransport(server)
        self._left = calls
        self.writes = 0

    async def send(self, request: Request) -> Response:
        if request.method == "GET":
            return await self._transport.send(request)
        if self._left is not None and self._left < 0:
            await asyncio.Event().wait()
        answer = await self._transport.send(request)
        self.writes += 1
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                await asyncio.Event().wait()
        return answer

    def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        return self._transport.watch(request)

    async def close(self) -> None:
        await self._transport.close()


async def live_through(clock: Clock, family: Family, deletes: Deletes, crash_after: int | None) -> Left:
    server = ApiServer(clock=clock, random=Random(0))
    client = Client(LocalTransport(server))
    made: list[Any] = []
    for index, owners in enumerate(family):
        references = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": f"m{owner}",
                "uid": made[owner]["metadata"]["uid"],
                "blockOwnerDeletion": True,
            }
            for owner in owners
        ]
        metadata = {"name": f"m{index}", "namespace": "default", "ownerReferences": references}
        made.append(await client.create(CONFIG_MAPS, {"metadata": metadata}))
    task = asyncio.create_task(collect(server, crash_after))
    for index, policy in deletes:
        try:
            options = DeleteOptions(propagation_policy=policy)
            await client.delete(CONFIG_MAPS, "default", f"m{index}", options)
        except NotFound:
            continue
        await asyncio.sleep(SETTLED)
    task.cancel()
    listed = await client.list(CONFIG_MAPS, Selection(namespace="default"))
    return {
        item["metadata"]["name"]: tuple(ref["name"] for ref in item["metadata"].get("ownerReferences", ()))
        for item in listed.items
    }


async def collect(server: ApiServer, crash_after: int | None) -> None:
    """A collector that may be killed after some write, and a new one that takes over."""
    resources = [CONFIG_MAPS, SECRETS]
    first = asyncio.create_task(
        GarbageCollector(Client(FragileTransport(server, crash_after)), resources).run()
    )
    await asyncio.wait([first], timeout=SETTLED / 2 if crash_after is not None else None)
    first.cancel()
    await GarbageCollector(Client(LocalTransport(server)), resources).run()


def expected(family: Family, deletes: Deletes) -> Left:
    """What owner references mean, without any of the machinery."""
    owners = {index: list(named) for index, named in enumerate(family)}
    for index, policy in deletes:
        if index not in owners:
            continue
        if policy == "Orphan":
            for named in owners.values():
                if index in named:
                    named.remove(index)
        remove(owners, index)
    return {f"m{index}": tuple(f"m{owner}" for owner in named) for index, named in owners.items()}


def remove(owners: dict[int, list[int]], gone: int) -> None:
    del owners[gone]
    for index in list(owners):
        if index in owners and gone in owners[index]:
            left = [owner for owner in owners[index] if owner in owners]
            if left:
                owners[index] = left
            else:
                remove(owners, index)


@st.composite
def families(draw: st.DrawFn) -> list[list[int]]:
    size = draw(st.integers(2, 6))
    return [draw(st.lists(st.integers(0, i - 1), max_size=2, unique=True)) if i else [] for i in range(size)]


DELETES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["Background", "Foreground", "Orphan"])),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60)
@given(family=families(), deletes=DELETES, crash_after=st.none() | st.integers(0, 6))
def test_what_is_left_is_what_the_references_say(
    family: list[list[int]], deletes: Deletes, crash_after: int | None
) -> None:
    left = run_virtual(lambda clock: live_through(clock, family, deletes, crash_after))

    assert left == expected(family, deletes)


async def collect_children(clock: Clock, count: int) -> int:
    """How many writes the collector needs when an owner of many goes."""
    server = ApiServer(clock=clock, random=Random(0))
    client = Client(LocalTransport(server))
    owner = await client.create(CONFIG_MAPS, {"metadata": {"name": "owner", "namespace": "default"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    for index in range(count):
        metadata = {"name": f"m{index}", "namespace": "default", "ownerReferences": [reference]}
        await client.create(CONFIG_MAPS, {"metadata": metadata})
    transport = FragileTransport(server, None)
    task = asyncio.create_task(GarbageCollector(Client(transport), [CONFIG_MAPS]).run())
    await asyncio.sleep(1)
    await client.delete(CONFIG_MAPS, "default", "owner")
    await asyncio.sleep(SETTLED)
    task.cancel()
    assert not (await client.list(CONFIG_MAPS, Selection(namespace="default"))).items
    return transport.writes


def test_each_dependent_costs_one_write() -> None:
    assert run_virtual(lambda clock: collect_children(clock, 200)) == 200


async def wait_for_each_other(clock: Clock) -> int:
    server = ApiServer(clock=clock, random=Random(0))
    client = Client(LocalTransport(server))
    uids = {"a": "11111111-1111-4111-8111-111111111111", "b": "22222222-2222-4222-8222-222222222222"}
    objects = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "uid": uids[name],
                "ownerReferences": [
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": other,
                        "uid": uids[other],
                        "blockOwnerDeletion": True,
                    }
                ],
            },
        }
        for name, other in (("a", "b"), ("b", "a"))
    ]
    server.load(objects)
    task = asyncio.create_task(GarbageCollector(client, [CONFIG_MAPS]).run())
    await asyncio.sleep(1)
    await client.delete(CONFIG_MAPS, "default", "a", DeleteOptions(propagation_policy="Foreground"))
    await asyncio.sleep(SETTLED)
    task.cancel()
    return len((await client.list(CONFIG_MAPS, Selection(namespace="default"))).items)


def test_a_circle_of_owners_that_wait_for_each_other_is_opened() -> None:
    assert run_virtual(wait_for_each_other) == 0
