"""Whatever is written: a list and a watch from it tell the whole truth, once."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobset.kube.resources import CONFIG_MAPS
from jobset.kube.transport import MERGE_PATCH, Request
from jobset.local.apiserver import ApiServer, Stream
from jobset.local.clock import EPOCH

NAMES = st.sampled_from(["a", "b", "c"])
COLOURS = st.sampled_from(["red", "blue"])
SELECTORS = st.sampled_from(["", "colour=red", "colour!=red", "colour in (red,blue)"])
NAMESPACES = st.sampled_from([None, "default", "kube-public"])
HISTORY = 2

Objects = dict[tuple[str, str], Mapping[str, Any]]


def key_of(obj: Mapping[str, Any]) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def known(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object without its kind, which lists leave out."""
    return {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}


class Reader:
    """A client that follows a selection: it keeps what it was told and checks that this makes sense."""

    def __init__(self, server: ApiServer, namespace: str | None, selector: str) -> None:
        self.server = server
        self.path = CONFIG_MAPS.path(namespace)
        self.query = {"labelSelector": selector} if selector else {}
        self.objects: Objects = {}
        self.version = "0"
        self.stream: Stream | None = None
        self.relist()

    def listed(self) -> tuple[Objects, str]:
        body = self.server.handle(Request(method="GET", path=self.path, query=self.query)).body
        return {key_of(item): item for item in body["items"]}, body["metadata"]["resourceVersion"]

    def relist(self) -> None:
        self.objects, self.version = self.listed()
        self.resume()

    def resume(self) -> None:
        query = {**self.query, "watch": "1", "resourceVersion": self.version}
        self.stream = self.server.watch(Request(method="GET", path=self.path, query=query))
        self.events = self.stream.events()

    def catch_up(self) -> None:
        """Read what is there; after a cut or an expired version, do what a client does."""
        asyncio.run(self._read())

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(0):
                async for event in self.events:
                    if event.type == "ERROR":
                        assert event.object["code"] == 410
                        break
                    self.take(event.type, event.object)
        except TimeoutError:
            self.resume()
            return
        self.relist()

    def take(self, type_: str, obj: Mapping[str, Any]) -> None:
        key, version = key_of(obj), obj["metadata"]["resourceVersion"]
        assert int(version) > int(self.version), "an event came twice or out of order"
        assert (key in self.objects) is (type_ != "ADDED"), f"{type_} of {key} makes no sense"
        if type_ == "DELETED":
            assert key_of(self.objects.pop(key)) == key
        else:
            self.objects[key] = known(obj)
        self.version = version


class Watches(RuleBasedStateMachine):
    """Random writes, and readers that come, fall behind and resume."""

    def __init__(self) -> None:
        super().__init__()
        self.server = ApiServer(clock=lambda: EPOCH, random=Random(0), history=HISTORY)
        self.readers: list[Reader] = []

    def send(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> None:
        self.server.handle(Request(method=method, path=path, body=body, content_type=content_type))

    @rule(name=NAMES, space=st.sampled_from(["default", "kube-public"]), colour=COLOURS, held=st.booleans())
    def create(self, name: str, space: str, colour: str, held: bool) -> None:
        finalizers = {"finalizers": ["x.io/hold"]} if held else {}
        body = {"metadata": {"name": name, "labels": {"colour": colour}, **finalizers}}
        self.send("POST", CONFIG_MAPS.path(space), body)

    @rule(name=NAMES, space=st.sampled_from(["default", "kube-public"]), colour=COLOURS | st.none())
    def recolour(self, name: str, space: str, colour: str | None) -> None:
        patch = {"metadata": {"labels": {"colour": colour}}}
        self.send("PATCH", CONFIG_MAPS.path(space, name), patch, MERGE_PATCH)

    @rule(name=NAMES, space=st.sampled_from(["default", "kube-public"]))
    def release(self, name: str, space: str) -> None:
        patch = {"metadata": {"finalizers": None}}
        self.send("PATCH", CONFIG_MAPS.path(space, name), patch, MERGE_PATCH)

    @rule(name=NAMES, space=st.sampled_from(["default", "kube-public"]))
    def delete(self, name: str, space: str) -> None:
        self.send("DELETE", CONFIG_MAPS.path(space, name))

    @rule(space=st.sampled_from(["default", "kube-public"]), times=st.integers(1, 6))
    def churn(self, space: str, times: int) -> None:
        for number in range(times):
            self.send("POST", CONFIG_MAPS.path(space), {"metadata": {"name": f"n{number}"}})
            self.send("DELETE", CONFIG_MAPS.path(space, f"n{number}"))
            self.send("POST", CONFIG_MAPS.path(space), {"metadata": {"name": "n"}})
            self.send("DELETE", CONFIG_MAPS.path(space, "n" if number % 2 else "a"))

    @precondition(lambda self: len(self.readers) < 4)
    @rule(namespace=NAMESPACES, selector=SELECTORS)
    def come(self, namespace: str | None, selector: str) -> None:
        self.readers.append(Reader(self.server, namespace, selector))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def catch_up(self, data: st.DataObject) -> None:
        reader = data.draw(st.sampled_from(self.readers))

        reader.catch_up()

        assert reader.objects == reader.listed()[0]

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def lose_the_connection(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.readers)).resume()

    @invariant()
    def versions_are_unique_and_below_the_counter(self) -> None:
        items = self.server.handle(Request(method="GET", path=CONFIG_MAPS.path())).body["items"]
        versions = [int(item["metadata"]["resourceVersion"]) for item in items]
        assert len(set(versions)) == len(versions)
        assert all(version <= self.server.store.version for version in versions)


Watches.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestWatches = Watches.TestCase
