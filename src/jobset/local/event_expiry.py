"""Forgets events after an hour, as an API server does, so that a run of weeks stays small."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from jobset.api.times import parse_time
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError
from jobset.kube.resources import CORE_EVENTS
from jobset.local.clock import Clock

TTL = timedelta(hours=1)
_PACE = timedelta(minutes=5)
_PER_STEP = 200


class EventExpiry(msgspec.Struct, frozen=True, kw_only=True):
    """Deletes old events of one API server; `run` lasts until it is cancelled."""

    client: Client
    clock: Clock

    async def run(self) -> None:
        """Look every few minutes, for ever."""
        while True:
            await asyncio.sleep(_PACE.total_seconds())
            with suppress(ApiError):
                await self._expire()

    async def _expire(self) -> None:
        listed = await self.client.list(CORE_EVENTS)
        now = self.clock()
        old = [event["metadata"] for event in listed.items if is_expired(event, now)]
        for number, metadata in enumerate(old):
            with suppress(ApiError):
                await self.client.delete(CORE_EVENTS, metadata["namespace"], metadata["name"])
            if number % _PER_STEP == 0:
                await asyncio.sleep(0)  # others want a turn


def is_expired(event: Object, now: datetime) -> bool:
    """Whether the event, or its last repetition, is more than an hour old."""
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    known = [parse_time(time) for time in times if time]
    return bool(known) and now - max(known) > TTL
