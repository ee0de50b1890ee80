"""Managers that see and write as late as they are told, and a judge of what they write."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Protocol

from jobset.api import keys
from jobset.controller.placement import PlacementController
from jobset.kube.cache import version_of
from jobset.kube.client import Client
from jobset.kube.resources import NODES, PODS
from jobset.kube.transport import Request
from jobset.local.apiserver import ApiServer, LocalTransport
from tests.placement_pods import (
    NAMESPACE,
    annotations_of,
    domain_of,
    is_leader,
    is_marked,
    leads_others,
    name_of,
    node_of,
    owner_of,
    selected,
    uid_of,
)


class Gate:
    """Lets through so many as are allowed, or all while it is open."""

    def __init__(self) -> None:
        self._is_open, self._allowed, self._changed = False, 0, asyncio.Event()

    def allow(self, count: int) -> None:
        self._allowed = count
        self._changed.set()

    def set_open(self, is_open: bool) -> None:
        self._is_open, self._allowed = is_open, 0
        self._changed.set()

    async def passed(self) -> None:
        while not self._is_open and not self._allowed:
            self._changed.clear()
            await self._changed.wait()
        self._allowed = max(0, self._allowed - 1)


class Judge(Protocol):
    """Told of each write when it is decided on, and when it is there."""

    def decided(self, request: Request) -> None: ...
    def written(self, request: Request, before: Any, after: Any) -> None: ...


class LateWire:
    """The way of one party to the API server: what it watches and what it writes waits at gates."""

    def __init__(self, server: ApiServer, judge: Judge | None = None) -> None:
        self.server, self.judge = server, judge
        self.events: defaultdict[str, Gate] = defaultdict(Gate)
        self.writes = Gate()
        self._inner = LocalTransport(server)

    async def send(self, request):
        if request.method == "GET" or self.judge is None:
            return await self._inner.send(request)
        self.judge.decided(request)
        await self.writes.passed()
        before = stored_pod(self.server, pod_in(request))
        answer = self.server.handle(request)
        self.judge.written(request, before, stored_pod(self.server, pod_in(request)))
        return answer

    async def watch(self, request):
        async for event in self._inner.watch(request):
            await self.events[request.path].passed()
            yield event

    async def close(self):
        pass


class Replica:
    """A manager: its webhooks always answer, its pod controller works while it leads."""

    def __init__(self, server: ApiServer, clock) -> None:
        self.leads = False
        self.faults: list[str] = []
        self.condemned: set[str] = set()
        """All followers of a Job at the moment when it was decided to evict them, by uid."""
        self._server, self._clock = server, clock
        self._with_cause: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self.wire = LateWire(self._server, self)
        self.placement = PlacementController(Client(self.wire), self._clock)
        self._tasks = [asyncio.create_task(self.placement.watch())]

    def lead(self) -> None:
        self.leads = True
        self._tasks.append(asyncio.create_task(self.placement.work()))

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def begin_anew(self, *, leads: bool) -> None:
        """The process ends, with all that it was about to write, and another one knows nothing."""
        await self.end()
        self.leads, self.condemned, self._with_cause = False, set(), set()
        self._begin()
        if leads:
            self.lead()

    def gates(self) -> Mapping[str, Gate]:
        """What may come late."""
        events = {resource.plural: self.wire.events[resource.path()] for resource in (PODS, NODES)}
        return events | {"writes": self.wire.writes}

    def sees(self, pods: list[Any], nodes: list[Any]) -> bool:
        """Whether that is what it knows of exclusive placement."""
        exclusive = [pod for pod in pods if keys.EXCLUSIVE_TOPOLOGY in annotations_of(pod)]
        return _versions(self.placement.pods.all()) == _versions(exclusive) and _versions(
            self.placement.nodes.all()
        ) == _versions(nodes)

    def decided(self, request: Request) -> None:
        """A mark comes right out of a decision, a deletion perhaps some time after its mark."""
        target = self.placement.pods.get(NAMESPACE, pod_in(request))
        pods = [pod for pod in self.placement.pods.all() if target and owner_of(pod) == owner_of(target)]
        followers = [pod for pod in pods if not is_leader(pod)]
        domains = {domain for pod in pods if leads_others(pod) and (domain := self._domain_of(pod))}
        if any(selected(follower) != domain for follower in followers for domain in domains):
            self._with_cause |= set(map(uid_of, followers))
            if request.method == "PATCH":
                self.condemned |= set(map(uid_of, followers))

    def written(self, request: Request, before: Any, after: Any) -> None:
        if before is None or (after is not None and version_of(after) == version_of(before)):
            return
        annotations = annotations_of(before)
        is_ours = keys.EXCLUSIVE_TOPOLOGY in annotations and keys.NODE_SELECTOR not in annotations
        if not is_ours or is_leader(before) or uid_of(before) not in self._with_cause:
            self.faults.append(f"{request.method} of {name_of(before)} without a cause")
        if request.method == "DELETE" and not is_marked(before):
            self.faults.append(f"{name_of(before)} was deleted without a mark")

    def _domain_of(self, pod: Any) -> str | None:
        node = self.placement.nodes.get("", node_of(pod))
        return None if node is None else domain_of(node)


def pod_in(request: Request) -> str:
    """The name of the pod that a request is about."""
    return request.path.removesuffix("/status").rpartition("/")[2]


def stored_pod(server: ApiServer, name: str) -> Any:
    """The pod as the server has it now."""
    return server.store.collection(("", "pods")).get(NAMESPACE, name)


def _versions(objects: Any) -> dict[str, int]:
    return {uid_of(obj): version_of(obj) for obj in objects}
