"""Turns: workers that take keys from a queue, reconcile them, and put failures back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from jobset.controller.queue import WorkQueue
from jobset.kube.errors import Conflict, TransportError

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
    """Several workers over one queue; a key that fails comes back later and never stops another."""

    name: str
    queue: WorkQueue[K]
    reconcile: Callable[[K], Awaitable[timedelta | None]]
    workers: int = 8

    async def run(self) -> None:
        """Work for ever; ends by cancellation."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            try:
                await self._turn(key)
            finally:
                self.queue.done(key)

    async def _turn(self, key: K) -> None:
        try:
            look_again = await self.reconcile(key)
        except (Conflict, Unfinished):
            # Somebody wrote first, or it was told already: normal, observe again.
            self.queue.back_off(key)
        except (TurnFailed, TransportError) as error:
            log.warning("%s: turn failed: %s", self.name, error, extra={"key": str(key)})
            self.queue.back_off(key)
        except Exception:
            log.exception("%s: turn failed", self.name, extra={"key": str(key)})
            self.queue.back_off(key)
        else:
            self.queue.forget(key)
            if look_again is not None:
                self.queue.add_after(key, look_again.total_seconds())
