"""Turns: keys are taken from a queue, several at a time, reconciled, and put back when that fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import Any, Generic, TypeVar

from jobset.controller.metrics import TurnMetrics, TurnResult
from jobset.controller.queue import Shut, WorkQueue
from jobset.kube.errors import ApiError, Conflict, TransportError
from jobset.kube.in_flight import FLOW

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
Reconcile = Callable[[K], Awaitable[timedelta | None]]
"""One turn for one key; says when to look again, or None."""


class Unfinished(Exception):
    """Part of a turn was refused and the user has been told: try again later, without a word in the log."""


class TurnFailed(Exception):
    """A turn could not be carried out to its end and must be repeated; the text says why."""


@dataclass(slots=True, kw_only=True)
class Turns(Generic[K]):
    """Up to `workers` turns at a time over one queue; a key that fails comes back later and stops none.

    `kind` is the field of log lines that tells the key: the kind of the objects that keys name.
    """

    name: str
    kind: str = "key"
    queue: WorkQueue[K]
    reconcile: Callable[[K], Awaitable[timedelta | None]]
    workers: int = 8
    metrics: TurnMetrics = field(default_factory=TurnMetrics)

    async def run(self) -> None:
        """Work until the queue is shut and the last turn has ended, or until cancelled."""
        free = asyncio.Semaphore(self.workers)
        async with asyncio.TaskGroup() as group:
            while True:
                await free.acquire()
                try:
                    key = await self.queue.take()
                except Shut:
                    return
                group.create_task(self._work(key, free))

    async def _work(self, key: K, free: asyncio.Semaphore) -> None:
        FLOW.set(str(key))
        try:
            await self._turn(key)
        finally:
            self.queue.done(key)
            free.release()

    async def _turn(self, key: K) -> None:
        started = perf_counter()
        self.metrics.active += 1
        try:
            result = await self._reconcile(key, started)
        finally:
            self.metrics.active -= 1
        self.metrics.ended(result, perf_counter() - started)

    async def _reconcile(self, key: K, started: float) -> TurnResult:
        try:
            look_again = await self.reconcile(key)
        except Unfinished:
            self.queue.back_off(key)
            return TurnResult.ERROR
        except Conflict as conflict:
            # Somebody wrote first: normal, observe again.
            log.debug("turn voided", extra=self._fields(key, started) | {"error": str(conflict)})
            self.queue.back_off(key)
            return TurnResult.REQUEUE
        except (TurnFailed, ApiError, TransportError) as error:
            log.warning("%s: turn failed: %s", self.name, error, extra=self._fields(key, started))
            self.queue.back_off(key)
            return TurnResult.ERROR
        except Exception:
            log.exception("%s: turn failed", self.name, extra=self._fields(key, started))
            self.queue.back_off(key)
            self.metrics.panics += 1
            return TurnResult.ERROR
        self.queue.forget(key)
        if look_again is None:
            return TurnResult.SUCCESS
        self.queue.repeat_after(key, look_again.total_seconds())
        return TurnResult.REQUEUE_AFTER

    def _fields(self, key: K, started: float) -> dict[str, Any]:
        return turn_fields(self.name, self.kind, key, started)


async def synced_or_shut(synced: Coroutine[Any, Any, None], queue: WorkQueue[Any]) -> None:
    """Returns when the caches are full, or when nobody shall have a turn any more."""
    waits = asyncio.create_task(synced), asyncio.create_task(queue.until_shut())
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def turn_fields(controller: str, kind: str, key: Hashable, started: float) -> dict[str, Any]:
    """What every line about a turn tells: the controller, the object, and the seconds since `started`."""
    match key:
        case (str() as namespace, str() as name):
            # compat: the form in which the existing manager names an object.
            told: object = {"name": name, "namespace": namespace}
        case _:
            told = str(key)
    return {"controller": controller, kind: told, "seconds": round(perf_counter() - started, 6)}
