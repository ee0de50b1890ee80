"""The local control plane, put together: API server and controllers as tasks of one event loop."""

import asyncio
import random as randomness
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import msgspec

from jobset.api.gates import FeatureGates
from jobset.controller.events import EventRecorder
from jobset.controller.placement import PlacementController
from jobset.controller.reconcile import JobSetController
from jobset.controller.settings import Settings
from jobset.kube.client import Client, Object
from jobset.kube.resources import NODES
from jobset.kube.transport import Transport
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import Clock, wall_clock
from jobset.local.garbage import GarbageCollector
from jobset.local.jobs.controller import JobController, gather_seconds
from jobset.local.namespaces import NamespaceController
from jobset.local.pod_garbage import PodCollector
from jobset.local.recorder import CoreEvents
from jobset.local.scheduling.scheduler import Scheduler
from jobset.local.sparing_recorder import SparingRecorder

Worker: TypeAlias = Coroutine[Any, Any, None]
"""Something that works until it is cancelled."""


class PlaneOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a plane is made of.

    `random` decides uids and name suffixes; `nodes` are Node objects. `gather_seconds` says how long changes
    of that many pods of a Job are gathered. `waits_for_claims`: pods wait until somebody binds their claims.
    `wait_scale` multiplies the back-off of Jobs. `transport` is the way to the server, for worlds in which it
    has a length.
    """

    clock: Clock = wall_clock
    random: randomness.Random = msgspec.field(default_factory=randomness.Random)
    gates: FeatureGates = FeatureGates()
    nodes: Sequence[Object] = ()
    host: str = "localhost"
    gather_seconds: Callable[[int], float] = gather_seconds
    waits_for_claims: bool = False
    wait_scale: float = 1.0
    transport: Callable[[ApiServer], Transport] = LocalTransport


@dataclass(slots=True)
class Plane:
    """A Kubernetes API with what a JobSet needs around it, but for the kubelet: `run_beside` adds that.

    Used as an async context manager: inside it the controllers work; leaving it ends them.
    """

    options: PlaneOptions = PlaneOptions()
    server: ApiServer = field(init=False)
    client: Client = field(init=False)
    controller: JobSetController = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        options = self.options
        self.server = ApiServer(
            clock=options.clock,
            random=options.random,
            gates=options.gates,
        )
        self.client = Client(options.transport(self.server))
        self.controller = JobSetController(
            self.client, options.clock, Settings(gates=options.gates, host=options.host)
        )

    async def __aenter__(self) -> Self:
        for node in self.options.nodes:
            await self.client.create(NODES, node)
        for worker in self._workers():
            self.run_beside(worker)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def run_beside(self, worker: Worker) -> asyncio.Task[None]:
        """Run something more until the plane ends."""
        task = asyncio.create_task(worker)
        self._tasks.append(task)
        return task

    def recorder(self, component: str) -> EventRecorder:
        """A recorder of core events for one component, at work until the plane ends."""
        form = CoreEvents(component=component, host=self.options.host)
        recorder = EventRecorder(client=self.client, clock=self.options.clock, form=form)
        self.run_beside(recorder.run())
        return recorder

    def _workers(self) -> Sequence[Worker]:
        client, clock = self.client, self.options.clock
        return (
            self.controller.run(),
            PlacementController(client, clock).run(),
            JobController(
                client=client,
                clock=clock,
                recorder=SparingRecorder(inner=self.recorder("job-controller"), clock=clock),
                gather_seconds=self.options.gather_seconds,
                wait_scale=self.options.wait_scale,
            ).run(),
            Scheduler(
                client=client,
                clock=clock,
                recorder=self.recorder("default-scheduler"),
                waits_for_claims=self.options.waits_for_claims,
            ).run(),
            GarbageCollector(client).run(),
            PodCollector(client).run(),
            NamespaceController(client).run(),
        )
