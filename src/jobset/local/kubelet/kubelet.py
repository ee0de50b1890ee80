"""The kubelet of one node: watches its pods, asks `decide_pod`, carries out plans, writes statuses."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobset.controller.queue import WorkQueue
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, DeleteOptions, Object, Selection
from jobset.kube.errors import ApiError, Conflict, NotFound, TransportError
from jobset.kube.resources import PODS
from jobset.local.clock import Clock, wall_clock
from jobset.local.kubelet.decide import decide_pod
from jobset.local.kubelet.devices import Devices
from jobset.local.kubelet.directories import Paths
from jobset.local.kubelet.mounts import Links
from jobset.local.kubelet.objects import Objects
from jobset.local.kubelet.plan import PodPlan, RemovePod
from jobset.local.kubelet.pod_worker import PodWorker
from jobset.local.kubelet.ports import (
    Accounts,
    Addresses,
    LogListener,
    Names,
    NoAccounts,
    NoNames,
    NoRecorder,
    Recorder,
    Tell,
)
from jobset.local.kubelet.services import NodeSettings, Services
from jobset.local.kubelet.stopwatch import ForgivingTime
from jobset.local.processes.starter import Starter

log = logging.getLogger(__name__)

_MOST_DECISIONS = 10
"""In one turn; a pod that still wants more gets another turn."""
_LAST_SECONDS = 5.0
_POLL_SECONDS = 0.01


def _log_it(sentence: str) -> None:
    log.warning(sentence)


@dataclass(slots=True, kw_only=True)
class Kubelet:
    """Runs the pods that are bound to its node."""

    client: Client
    starter: Starter
    settings: NodeSettings
    paths: Paths
    addresses: Addresses
    clock: Clock = wall_clock
    names: Names = field(default_factory=NoNames)
    accounts: Accounts = field(default_factory=NoAccounts)
    recorder: Recorder = field(default_factory=NoRecorder)
    devices: Devices = field(default_factory=Devices)
    log_listeners: Sequence[LogListener] = ()
    tell: Tell = _log_it
    _workers: dict[str, PodWorker] = field(default_factory=dict)
    _queue: WorkQueue[str] = field(default_factory=WorkQueue)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _cache: WatchCache = field(init=False)
    _services: Services = field(init=False)

    def __post_init__(self) -> None:
        own = Selection(field_selector=f"spec.nodeName={self.settings.node_name}")
        self._cache = WatchCache(client=self.client, resource=PODS, selection=own)
        self._services = Services(
            settings=self.settings,
            paths=self.paths,
            starter=self.starter,
            clock=self.clock,
            nanos=_nanos_of(self.clock),
            time=ForgivingTime(),
            addresses=self.addresses,
            names=self.names,
            accounts=self.accounts,
            recorder=self.recorder,
            tell=self.tell,
            log_listeners=tuple(self.log_listeners),
            devices=self.devices,
            links=Links(record=self.paths.links),
            objects=Objects(client=self.client, spawn=self._spawn, changed=self._touch),
            spawn=self._spawn,
            wake=self._queue.add,
        )

    async def run(self) -> None:
        """Run pods for ever; when cancelled, every container is killed and nothing of a pod is left."""
        self._spawn(self._services.time.tick())
        self._cache.listen(self._on_pod)
        self._spawn(self._cache.run())
        try:
            while True:
                uid = await self._queue.take()
                self._spawn(self._turn(uid))
        finally:
            await self._end()

    async def killed(self) -> None:
        """Kill every container; returns when all are gone, or after some seconds in any case."""
        for worker in self._workers.values():
            worker.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                while not all(worker.is_idle for worker in self._workers.values()):
                    await asyncio.sleep(_POLL_SECONDS)

    async def _end(self) -> None:
        await self.killed()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers.values():
            worker.home.release()
            worker.home.remove_directories()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("kubelet: a task failed")

    # Pods come, change and go.

    def _on_pod(self, before: Object | None, after: Object | None) -> None:
        if before is not None and (after is None or _uid(after) != _uid(before)):
            self._on_gone(before)
        if after is None:
            return
        worker = self._workers.get(_uid(after))
        if worker is None:
            self._workers[_uid(after)] = PodWorker(services=self._services, pod=after)
        else:
            worker.take(after)
        self._queue.add(_uid(after))

    def _on_gone(self, pod: Object) -> None:
        """An object that vanishes before its containers ended: they get a second to end."""
        worker = self._workers.get(_uid(pod))
        if worker is None:
            return
        worker.is_gone = True
        asked = {"deletionTimestamp": pod["metadata"].get("creationTimestamp") or "now"}
        worker.take({**pod, "metadata": {**pod["metadata"], **asked, "deletionGracePeriodSeconds": 1}})
        self._queue.add(_uid(pod))

    def _touch(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is not None:
            worker.touch()

    # Turns.

    async def _turn(self, uid: str) -> None:
        try:
            await self._reconcile(uid)
        except (Conflict, TransportError):
            self._queue.back_off(uid)  # somebody wrote first, or no answer: look again
        except Exception:
            log.exception("kubelet: turn failed", extra={"pod": uid})
            self._queue.back_off(uid)
        else:
            self._queue.forget(uid)
        finally:
            self._queue.done(uid)

    async def _reconcile(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is None:
            return
        await worker.prepare()
        plan = await self._carry_out(worker)
        if worker.is_gone:
            if worker.home.is_released:
                del self._workers[uid]
            return
        if plan.status is not None:
            await self._write_status(worker, plan)
        for event in plan.events:
            worker.event(event.type, event.reason, event.note, event.container)
        if any(isinstance(action, RemovePod) for action in plan.actions):
            await self._remove(worker)
        if plan.look_again is not None:
            self._queue.add_after(uid, plan.look_again.total_seconds())

    async def _carry_out(self, worker: PodWorker) -> PodPlan:
        """Decide and act until there is nothing to do at once; the last plan."""
        for _ in range(_MOST_DECISIONS):
            plan = decide_pod(worker.snapshot())
            if not await worker.execute(plan.actions):
                return plan
        self._queue.add(worker.uid)
        return decide_pod(worker.snapshot())

    async def _write_status(self, worker: PodWorker, plan: PodPlan) -> None:
        try:
            written = await self.client.update_status(PODS, {**worker.pod, "status": plan.status})
        except NotFound:
            self._cache.note_gone(worker.pod)
            return
        except Conflict:
            await self._read_again(worker)
            raise
        self._cache.note(written)

    async def _read_again(self, worker: PodWorker) -> None:
        metadata = worker.pod["metadata"]
        try:
            self._cache.note(await self.client.get(PODS, metadata.get("namespace"), metadata["name"]))
        except NotFound:
            self._cache.note_gone(worker.pod)

    async def _remove(self, worker: PodWorker) -> None:
        metadata = worker.pod["metadata"]
        options = DeleteOptions(grace_period_seconds=0, uid=worker.uid)
        try:
            await self.client.delete(PODS, metadata.get("namespace"), metadata["name"], options)
        except (NotFound, Conflict):
            pass  # gone, or replaced by another of its name
        except ApiError as error:
            log.warning("kubelet: pod not removed", extra={"pod": metadata["name"], "error": str(error)})
            self._queue.back_off(worker.uid)
            return
        worker.removal_asked = True


def _uid(pod: Object) -> str:
    return str(pod["metadata"]["uid"])


def _nanos_of(clock: Clock) -> Callable[[], int]:
    if clock is wall_clock:
        return time.time_ns
    return lambda: int(clock().timestamp() * 1_000_000) * 1000
