"""The controllers of JobSet alone, and what they send, on the API server of this process or on a real one.

A story is told once for both where it needs neither hours nor a wire that lies: see the fixture `play` of the
stories. It plays the Job controller itself, with writes of the status of Jobs.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.api.times import format_time
from jobset.controller.placement import PlacementController
from jobset.controller.queue import WorkQueue
from jobset.controller.reconcile import JobSetController
from jobset.controller.settings import Settings
from jobset.kube.cache import WatchCache, key_of, version_of
from jobset.kube.client import Client, DeleteOptions, Object, Selection
from jobset.kube.errors import NotFound
from jobset.kube.resources import (
    EVENTS,
    JOBS,
    JOBSETS,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    SERVICES,
    Resource,
)
from jobset.kube.transport import Request, Response, Transport, WatchEvent
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import run_virtual, wall_clock
from jobset.local.garbage import GarbageCollector
from tests.agents import end_of_job
from tests.control_plane.processes import ControlPlane

REFUSAL = Response(code=500, body={"kind": "Status", "code": 500, "message": "not today"})
KINDS = {found.kind: found for found in (JOBSETS, JOBS, PODS, SERVICES, NODES, PERSISTENT_VOLUME_CLAIMS)}
Hook = Callable[[Request], Awaitable[Response | None]]

PATIENCE = 60.0
POLL = 0.02
SOON = 0.05
"""A key that is tried again later than that can wait until something else has happened."""
LITTLE_WHILE = 0.3


class Wire:
    """The way of the controllers to the server: notes requests, can be slow, and breaks where it is told to.

    `hooks` see each request before the server does; the first answer that one of them gives is the answer.
    """

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.seconds = 0.0
        self.hooks: list[Hook] = []
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.watched: list[Request] = []
        self.busiest: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        self._in_flight[request.method] += 1
        self.busiest[request.method] = max(self.busiest[request.method], self._in_flight[request.method])
        await asyncio.sleep(self.seconds)
        self._in_flight[request.method] -= 1
        for hook in self.hooks:
            if (answer := await hook(request)) is not None:
                return answer
        return await self.inner.send(request)

    def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        self.watched.append(request)
        return self.inner.watch(request)

    async def close(self) -> None:
        await self.inner.close()

    def refuse(self, method: str, end: str, times: int = 1000) -> None:
        """Answer the next requests to paths with that end (and bodies with that name) with an error."""
        left = [times]

        async def hook(request: Request) -> Response | None:
            if not is_a(request, method, end) or not left[0]:
                return None
            left[0] -= 1
            return REFUSAL

        self.hooks.append(hook)

    def sent(self, method: str, end: str) -> list[Request]:
        return [request for request in self.requests if is_a(request, method, end)]

    def sent_at(self, method: str, end: str) -> list[float]:
        pairs = zip(self.requests, self.times, strict=True)
        return [round(time, 4) for request, time in pairs if is_a(request, method, end)]


def is_a(request: Request, method: str, end: str) -> bool:
    """Whether a request has the method, and a path (of a new object: with its name) that ends so."""
    if request.method != method:
        return False
    path = f"{request.path}/{request.body['metadata'].get('name')}" if method == "POST" else request.path
    return path.endswith(end)


class World:
    """What a story can see and do; its own requests take another way than those of the controllers."""

    namespace = "default"

    def __init__(self, client: Client, wire: Wire, clock, gates: FeatureGates) -> None:
        self.client, self.wire, self.clock, self.gates = client, wire, clock, gates
        self._tasks: list[asyncio.Task[None]] = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """Controllers that know nothing yet."""
        client = Client(self.wire, streams_lists=self.client.streams_lists)
        self.controller = JobSetController(client, self.clock, Settings(gates=self.gates, host="here"))
        self.placement = PlacementController(client, self.clock)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The controllers work for as long as the block lasts."""
        self._tasks = self._start()
        try:
            yield
            for task in self._tasks:
                assert not task.done() or task.result()
        finally:
            await self._stop()

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """Whatever happens in the block, controllers that begin anew after it meet all of it at once."""
        await self._stop()
        yield
        self.begin_anew()
        self._tasks = self._start()
        await self.settle()

    def _start(self) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(worker.run()) for worker in (self.controller, self.placement)]

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def settle(self) -> None:
        """Returns when the controllers, if they work, have seen everything and have nothing more to do."""
        if self._tasks:
            await self._settle()

    async def _settle(self) -> None:
        raise NotImplementedError

    async def linger(self, seconds: float) -> None:
        """Let so much time pass, where nobody has to wait for it."""
        raise NotImplementedError

    async def recover(self) -> None:
        """Refuse nothing more, and return when all that was refused has been tried again."""
        self.wire.hooks.clear()

        async def is_done() -> bool:
            return not any(queue.delayed for queue in self.queues())

        await self.until(is_done)
        await self.settle()

    def queues(self) -> Iterable[WorkQueue[Any]]:
        return self.controller.queue, self.placement.queue

    async def until(self, holds: Callable[[], Awaitable[Any]]) -> None:
        """Returns when something holds: others need a moment to act."""
        async with asyncio.timeout(PATIENCE):
            while not await holds():
                await asyncio.sleep(POLL)

    async def create(self, *rjobs: Any, metadata: Any = None, **spec: Any) -> Any:
        """Create the JobSet `js`, and let the controller see to it."""
        body = {
            "apiVersion": keys.API_VERSION,
            "kind": "JobSet",
            "metadata": {"namespace": self.namespace, **(metadata or {"name": "js"})},
            "spec": {"replicatedJobs": list(rjobs), **spec},
        }
        made = await self.client.create(JOBSETS, body)
        await self.settle()
        return made

    async def change(self, **spec: Any) -> None:
        """Change fields of the spec."""
        await self.patch(JOBSETS, "js", {"spec": spec})
        await self.settle()

    async def run_job(self, name: str, pods: int = 1) -> None:
        """Let the pods of a Job run and be ready."""
        await self._start_job(name)
        await self.write_status(JOBS, name, {"active": pods, "ready": pods})
        await self.settle()

    async def end_job(self, name: str, outcome: str = "succeed", seconds_ago: int = 0) -> None:
        """Let a Job succeed, or fail for a reason."""
        await self._start_job(name, seconds_ago)
        then = self.clock() - timedelta(seconds=seconds_ago)
        await self.write_status(JOBS, name, end_of_job(outcome, lambda: then)["status"])
        await self.settle()

    async def _start_job(self, name: str, seconds_ago: int = 0) -> None:
        if not (await self.get(JOBS, name)).get("status", {}).get("startTime"):
            then = self.clock() - timedelta(seconds=seconds_ago)
            await self.write_status(JOBS, name, {"startTime": format_time(then)})

    async def put(self, obj: Any) -> Any:
        """Create an object with its status; owners are found by their names."""
        resource = KINDS[obj["kind"]]
        metadata = {**obj["metadata"], **({"namespace": self.namespace} if resource.namespaced else {})}
        owners = [await self._with_uid(owner) for owner in metadata.get("ownerReferences", ())]
        body = {**obj, "metadata": metadata | ({"ownerReferences": owners} if owners else {})}
        made = await self.client.create(resource, body)
        if obj.get("status"):
            made = await self.write_status(resource, made["metadata"]["name"], obj["status"])
        return made

    async def _with_uid(self, owner: Any) -> Any:
        if "uid" in owner:
            return owner
        return owner | {"uid": (await self.get(KINDS[owner["kind"]], owner["name"]))["metadata"]["uid"]}

    async def get(self, resource: Resource, name: str) -> Any:
        return await self.client.get(resource, self._namespace_of(resource), name)

    async def items(self, resource: Resource) -> Collection[Any]:
        selection = Selection(namespace=self._namespace_of(resource))
        return (await self.client.list(resource, selection)).items

    async def patch(self, resource: Resource, name: str, patch: Any) -> Any:
        return await self.client.patch(resource, self._namespace_of(resource), name, patch)

    async def write_status(self, resource: Resource, name: str, status: Any) -> Any:
        """Patch the status; what it does not name stays."""
        namespace = self._namespace_of(resource)
        return await self.client.patch(resource, namespace, name, {"status": status}, subresource="status")

    async def delete(self, resource: Resource, name: str, propagation: str = "Background") -> None:
        options = DeleteOptions(propagation_policy=propagation)
        await self.client.delete(resource, self._namespace_of(resource), name, options)

    async def exists(self, resource: Resource, name: str) -> bool:
        try:
            await self.get(resource, name)
        except NotFound:
            return False
        return True

    def _namespace_of(self, resource: Resource) -> str | None:
        return self.namespace if resource.namespaced else None

    async def status(self) -> Any:
        return (await self.get(JOBSETS, "js")).get("status") or {}

    async def condition(self, type_: str) -> Any:
        found = (await self.status()).get("conditions") or ()
        return next((condition for condition in found if condition["type"] == type_), None)

    async def job_names(self) -> list[str]:
        return [job["metadata"]["name"] for job in await self.items(JOBS)]

    async def events(self, reason: str | None = None) -> list[Any]:
        """The Events about the JobSet, in the order in which they were told."""
        await self.controller.recorder.drain()
        listed = sorted(await self.items(EVENTS), key=lambda event: str(event["eventTime"]))
        return [event for event in listed if reason in (None, event["reason"])]


class LocalWorld(World):
    """An API server in this process, and time that passes when nobody has anything to do."""

    def __init__(self, clock, gates: FeatureGates, webhooks: bool) -> None:
        admission = None if webhooks else ()
        self.server = ApiServer(clock=clock, random=random.Random(1), gates=gates, admission=admission)
        super().__init__(Client(LocalTransport(self.server)), Wire(LocalTransport(self.server)), clock, gates)

    async def _settle(self) -> None:
        await asyncio.sleep(1)

    async def linger(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RealWorld(World):
    """A namespace of a real API server, where the garbage collector is the only other controller."""

    def __init__(self, plane: ControlPlane, namespace: str, gates: FeatureGates) -> None:
        self.namespace = namespace
        wire = Wire(Confined(plane.transport(), namespace))
        super().__init__(Client(plane.transport(), streams_lists=True), wire, wall_clock, gates)

    async def _settle(self) -> None:
        for part in (self.controller.observer, self.placement):
            await part.synced()
        await self.until(self._is_settled)

    async def linger(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, LITTLE_WHILE))
        await self.settle()

    async def _is_settled(self) -> bool:
        """Whether the caches hold what the server holds, before and after which nothing was to be done."""
        before = len(self.wire.requests)
        if not self._is_idle():
            return False
        for cache in self._caches():
            found = await self._stored(cache)
            known = {key_of(obj): version_of(obj) for obj in cache.all()}
            if known != {key_of(obj): version_of(obj) for obj in found} or any(map(_goes, found)):
                return False
        return self._is_idle() and before == len(self.wire.requests)

    def _is_idle(self) -> bool:
        return not any(
            queue.waiting or queue.taken or any(due < SOON for due in queue.delayed.values())
            for queue in self.queues()
        )

    def _caches(self) -> Iterable[WatchCache]:
        return (*self.controller.observer.caches(), self.placement.pods)

    async def _stored(self, cache: WatchCache) -> list[Object]:
        selection = replace(cache.selection, namespace=self.namespace)
        listed = (await self.client.list(cache.resource, selection)).items
        return [obj for obj in listed if cache.part.trim is None or cache.part.trim(obj) is not None]


def _goes(obj: Object) -> bool:
    """Whether the garbage collector is about to let an object go."""
    return "foregroundDeletion" in obj["metadata"].get("finalizers", ())


class Confined:
    """Sees one namespace where all are asked for: stories that share an API server do not meet."""

    def __init__(self, inner: Transport, namespace: str) -> None:
        self._inner = inner
        resources = [resource for resource in KINDS.values() if resource.namespaced]
        self._paths: Mapping[str, str] = {resource.path(): resource.path(namespace) for resource in resources}

    async def send(self, request: Request) -> Response:
        return await self._inner.send(self._confine(request))

    def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        return self._inner.watch(self._confine(request))

    async def close(self) -> None:
        await self._inner.close()

    def _confine(self, request: Request) -> Request:
        return replace(request, path=self._paths.get(request.path, request.path))


def play_locally(story, *, gates: FeatureGates = FeatureGates(), webhooks: bool = True):
    """The result of `story(world)` on the API server of this process, in virtual time.

    It admits JobSets as our webhooks do, or takes them as they come.
    """

    async def main(clock):
        world = LocalWorld(clock, gates, webhooks)
        collector = asyncio.create_task(GarbageCollector(world.client).run())
        try:
            async with world.working():
                return await story(world)
        finally:
            collector.cancel()
            await asyncio.gather(collector, return_exceptions=True)

    return run_virtual(main)


def play_really(plane: ControlPlane, story, *, gates: FeatureGates = FeatureGates(), webhooks: bool = False):
    """The result of `story(world)` on a real API server without webhooks, in a namespace of its own."""

    async def main():
        world = RealWorld(plane, f"story-{uuid4()}", gates)
        try:
            await world.client.create(NAMESPACES, {"metadata": {"name": world.namespace}})
            async with world.working():
                return await story(world)
        finally:
            await world.wire.close()
            await world.client.close()
            await _connections_ended()

    return asyncio.run(main())


async def _connections_ended() -> None:
    """Returns when the loop has no socket but its own: connections over TLS take leave of the other side."""
    sockets = asyncio.get_running_loop()._selector.get_map()
    async with asyncio.timeout(PATIENCE):
        while len(sockets) > 1:
            await asyncio.sleep(0.005)
