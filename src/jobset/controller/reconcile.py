"""The JobSet controller: one turn is observe, decide, execute."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobset.controller.events import EventRecorder
from jobset.controller.execute import Executor
from jobset.controller.metrics import Metrics
from jobset.controller.observe import Observer
from jobset.controller.queue import WorkQueue
from jobset.controller.settings import Settings
from jobset.controller.turns import Turns
from jobset.core.decide import decide
from jobset.kube.cache import Key
from jobset.kube.client import Client

log = logging.getLogger(__name__)


_FEW_JOBS = 50
_SECONDS_PER_JOB = 2e-5
_LONGEST_SECONDS = 0.25


def gather_seconds(jobs: int) -> float:
    """How long changes of a JobSet are gathered before a turn: not at all for few Jobs.

    A turn looks at every Job, so a turn for each of a thousand Jobs that go would cost the square of them.
    """
    return min(jobs * _SECONDS_PER_JOB, _LONGEST_SECONDS) if jobs > _FEW_JOBS else 0.0


@dataclass(slots=True)
class JobSetController:
    """Brings every JobSet of an API server closer to what it says, for ever."""

    client: Client
    clock: Callable[[], datetime]
    settings: Settings = Settings()
    metrics: Metrics = field(default_factory=Metrics)
    observer: Observer = field(init=False)
    recorder: EventRecorder = field(init=False)
    queue: WorkQueue[Key] = field(default_factory=WorkQueue)
    _executor: Executor = field(init=False)

    def __post_init__(self) -> None:
        self.observer = Observer(self.client, self.settings.gates, self.clock)
        self.observer.watch(self._touch)
        self.recorder = EventRecorder(
            client=self.client,
            clock=self.clock,
            controller="jobset",
            instance=f"jobset-{self.settings.host}",
        )
        self._executor = Executor(
            client=self.client,
            observer=self.observer,
            recorder=self.recorder,
            metrics=self.metrics,
            writes_in_flight=self.settings.writes_in_flight,
        )

    def _touch(self, key: Key) -> None:
        self.queue.add_after(key, gather_seconds(self.observer.count_jobs(key)))

    async def run(self) -> None:
        """Fill the caches, then work until cancelled."""
        turns = Turns(
            name="jobset", queue=self.queue, reconcile=self.reconcile, workers=self.settings.workers
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self.observer.run())
            group.create_task(self.recorder.run())
            await self.observer.synced()
            group.create_task(turns.run())

    async def reconcile(self, key: Key) -> timedelta | None:
        """One turn for one JobSet; says when to look again.

        Raises:
            TurnFailed, Conflict, TransportError: the turn must be repeated.
        """
        reading = self.observer.read(key)
        if reading is None:
            return None
        plan = decide(reading.snapshot)
        await self._executor.execute(reading, plan)
        log.debug(
            "reconciled", extra={"jobset": "/".join(key), "actions": sum(len(step) for step in plan.steps)}
        )
        return plan.requeue_after
