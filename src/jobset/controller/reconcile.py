"""The JobSet controller: one turn is observe, decide, execute."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from jobset.controller.configuring.durations import render_go_duration
from jobset.controller.events import EventRecorder, SeriesEvents
from jobset.controller.execute import Executor
from jobset.controller.metrics import Metrics, TurnMetrics
from jobset.controller.observe import Observer
from jobset.controller.plan_history import PlanHistory
from jobset.controller.queue import WorkQueue
from jobset.controller.settings import Settings
from jobset.controller.turns import Turns, synced_or_shut, turn_fields
from jobset.core.decide import decide
from jobset.core.plan import (
    Action,
    CreateClaims,
    CreateJob,
    CreateService,
    DeleteJob,
    DeleteJobSet,
    PatchJob,
    Plan,
)
from jobset.kube.cache import Key
from jobset.kube.client import Client
from jobset.kube.resources import JOBSETS

log = logging.getLogger(__name__)

_NAME = "jobset"
_VERBS: Mapping[type[Action], str] = {
    CreateJob: "creates",
    CreateService: "creates",
    CreateClaims: "creates",
    PatchJob: "patches",
    DeleteJob: "deletes",
    DeleteJobSet: "deletes",
}

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
    history: PlanHistory | None = None
    observer: Observer = field(init=False)
    recorder: EventRecorder = field(init=False)
    queue: WorkQueue[Key] = field(default_factory=WorkQueue)
    turns: TurnMetrics = field(init=False)
    _executor: Executor = field(init=False)

    def __post_init__(self) -> None:
        self.turns = TurnMetrics(workers=self.settings.workers)
        self.observer = Observer(self.client, self.settings.gates, self.clock)
        self.observer.watch(self._touch)
        form = SeriesEvents(controller="jobset", instance=f"jobset-{self.settings.host}")
        self.recorder = EventRecorder(client=self.client, clock=self.clock, form=form)
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
        """Watch and work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watch())
            group.create_task(self.recorder.run())
            group.create_task(self.work())

    async def watch(self) -> None:
        """Keep the caches current until cancelled."""
        await self.observer.run()

    async def work(self) -> None:
        """Take turns, once the caches are full, until the queue is shut."""
        await synced_or_shut(self.observer.synced(), self.queue)
        await Turns(
            name=_NAME,
            kind=JOBSETS.kind,
            queue=self.queue,
            reconcile=self.reconcile,
            workers=self.turns.workers,
            metrics=self.turns,
        ).run()

    async def reconcile(self, key: Key) -> timedelta | None:
        """One turn for one JobSet; says when to look again.

        Raises:
            TurnFailed, Conflict, TransportError: the turn must be repeated.
        """
        started = perf_counter()
        reading = self.observer.read(key)
        if reading is None:
            self.metrics.recoveries.forget(key)
            return None
        plan = decide(reading.snapshot)
        with nullcontext() if self.history is None else self.history.turn(key, plan):
            await self._executor.execute(reading, plan)
        did_something = bool(plan.steps or plan.events or plan.status is not None)
        level = logging.INFO if did_something else logging.DEBUG
        if log.isEnabledFor(level):
            fields = turn_fields(_NAME, JOBSETS.kind, key, started) | plan_fields(plan)
            log.log(level, "reconciled", extra=fields)
        return plan.requeue_after


def plan_fields(plan: Plan) -> dict[str, Any]:
    """What a log line tells of a plan."""
    counts = Counter(_VERBS[type(action)] for action in plan.actions)
    fields: dict[str, Any] = {verb: counts[verb] for verb in ("creates", "patches", "deletes")}
    fields |= {"status": plan.status is not None, "events": len(plan.events)}
    if plan.requeue_after is not None:
        fields["requeueAfter"] = render_go_duration(plan.requeue_after)
    return fields
