"""Events about objects, sent in the background; repeats become a series."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from jobset.api.times import format_micro_time
from jobset.kube.client import Client, Object
from jobset.kube.errors import AlreadyExists, ApiError, NotFound, TransportError, outcome_is_unknown
from jobset.kube.resources import EVENTS, Resource

log = logging.getLogger(__name__)

_LONGEST_NOTE = 1024
_REMEMBERED = 4096
_FLUSH_SECONDS = 360.0
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0)
"""Pauses between attempts, about a minute together: as long as an API server needs to start again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Something that happened to `regarding`, an object reference."""

    regarding: Mapping[str, str]
    type: str
    reason: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """An Event that exists on the server, and how often it happened."""

    namespace: str
    name: str
    count: int
    told: int
    """How often the server thinks that it happened."""
    last_at: datetime
    note: str
    """What was said the last time."""


class EventForm(Protocol):
    """How one of the two event APIs says what happened, and that it happened again."""

    @property
    def resource(self) -> Resource:
        """Where the events are written."""
        ...

    def identity(self, occurrence: Occurrence) -> Hashable:
        """What two occurrences must share to be one Event."""
        ...

    def first(self, occurrence: Occurrence) -> dict[str, Any]:
        """The body of a new Event, but for its metadata."""
        ...

    def growth(self, series: Series) -> dict[str, Any]:
        """The patch that tells how often it happened."""
        ...

    def is_told_at_once(self, series: Series) -> bool:
        """Whether one more repeat of this series is told when it happens, not only now and then."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesEvents:
    """Events of `events.k8s.io/v1`: a second occurrence makes a series; its length is told now and then."""

    controller: str
    instance: str
    action: str = "Reconciling"
    resource: Resource = EVENTS

    def identity(self, occurrence: Occurrence) -> Hashable:
        """Type, reason and object; the note is left out."""
        # compat: as in client-go, where the reference has the version of the object too.
        return (occurrence.type, occurrence.reason, *occurrence.regarding.values())

    def first(self, occurrence: Occurrence) -> dict[str, Any]:
        """The body of a new Event, but for its metadata."""
        return {
            "eventTime": format_micro_time(occurrence.at),
            "reportingController": self.controller,
            "reportingInstance": self.instance,
            "action": self.action,
            "reason": occurrence.reason,
            "regarding": dict(occurrence.regarding),
            "note": occurrence.note,
            "type": occurrence.type,
        }

    def growth(self, series: Series) -> dict[str, Any]:
        """The length of the series and when it was last seen."""
        return {"series": {"count": series.count, "lastObservedTime": format_micro_time(series.last_at)}}

    def is_told_at_once(self, series: Series) -> bool:
        """Only that it is a series."""
        return series.told == 1


def reference(obj: Object) -> dict[str, str]:
    """An object reference with resourceVersion, as events carry it."""
    metadata = obj["metadata"]
    fields = {
        "apiVersion": obj.get("apiVersion", ""),
        "kind": obj.get("kind", ""),
        "namespace": metadata.get("namespace", ""),
        "name": metadata.get("name", ""),
        "uid": metadata.get("uid", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
    }
    return {key: value for key, value in fields.items() if value}


@dataclass(slots=True, kw_only=True)
class EventRecorder:
    """Records events for one component; a refused event is logged and lost, never an error of the caller.

    Events are counted as `sent` when the server has them, alone or as one more of a series.
    """

    client: Client
    clock: Callable[[], datetime]
    form: EventForm
    sent: int = 0
    lost: int = 0
    _waiting: asyncio.Queue[Occurrence] = field(default_factory=asyncio.Queue)
    _known: OrderedDict[Hashable, Series] = field(default_factory=OrderedDict)
    _last_nanos: int = 0

    def event(self, regarding: Object, type: str, reason: str, note: str, *, field_path: str = "") -> None:
        """Queue one event about an object, or about a part of it (`spec.containers{main}`)."""
        part = {"fieldPath": field_path} if field_path else {}
        self._waiting.put_nowait(
            Occurrence(
                regarding=reference(regarding) | part,
                type=type,
                reason=reason,
                note=_shortened(note),
                at=self.clock(),
            )
        )

    @property
    def waiting(self) -> int:
        """Events that are still to be sent."""
        return self._waiting.qsize()

    async def run(self) -> None:
        """Send what is queued, for ever; now and then tell the server how long each series has become."""
        now = asyncio.get_running_loop().time
        flush_at = now() + _FLUSH_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(flush_at):
                    occurrence = await self._waiting.get()
            except TimeoutError:
                await self._tell_counts()
                flush_at = now() + _FLUSH_SECONDS
                continue
            await self._send(occurrence)
            self._waiting.task_done()

    async def drain(self) -> None:
        """Returns when everything queued so far has been sent."""
        await self._waiting.join()

    async def _send(self, occurrence: Occurrence) -> None:
        identity = self.form.identity(occurrence)
        known = self._known.get(identity)
        try:
            if known is None or not await self._repeat(identity, known, occurrence):
                self._remember(identity, await self._create(occurrence))
            self.sent += 1
        except (ApiError, TransportError) as error:
            self.lost += 1
            log.warning("event %s lost: %s", occurrence.reason, error)

    async def _create(self, occurrence: Occurrence) -> Series:
        namespace = occurrence.regarding.get("namespace") or "default"
        name = f"{occurrence.regarding.get('name', '')}.{self._nanos(occurrence.at):x}"
        resource = self.form.resource
        body: dict[str, Any] = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": namespace},
            **self.form.first(occurrence),
        }
        await self._insist(body)
        return Series(
            namespace=namespace, name=name, count=1, told=1, last_at=occurrence.at, note=occurrence.note
        )

    async def _insist(self, body: Object) -> None:
        """Create an event, again while nobody knows whether that worked: under one name it is there once.

        Raises:
            ApiError, TransportError: it was refused, or the server stayed away for too long.
        """
        for number, seconds in enumerate((*_RETRY_SECONDS, None)):
            try:
                await self.client.create(self.form.resource, body)
            except AlreadyExists:
                if number == 0:
                    raise
            except (ApiError, TransportError) as error:
                if seconds is None or not outcome_is_unknown(error):
                    raise
                await asyncio.sleep(seconds)
                continue
            return

    async def _repeat(self, identity: Hashable, known: Series, again: Occurrence) -> bool:
        """Count one more; whether the server still has the event."""
        grown = replace(known, count=known.count + 1, last_at=again.at, note=again.note)
        try:
            self._known[identity] = await self._tell(grown) if self.form.is_told_at_once(known) else grown
        except NotFound:
            return False
        return True

    async def _tell(self, series: Series) -> Series:
        await self.client.patch(self.form.resource, series.namespace, series.name, self.form.growth(series))
        return replace(series, told=series.count)

    async def _tell_counts(self) -> None:
        for identity, series in list(self._known.items()):
            if series.count == series.told:
                continue
            try:
                self._known[identity] = await self._tell(series)
            except (ApiError, TransportError):
                self._known.pop(identity, None)

    def _remember(self, identity: Hashable, series: Series) -> None:
        self._known[identity] = series
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _nanos(self, now: datetime) -> int:
        # Names must differ even when two events share one tick of the clock.
        self._last_nanos = max(self._last_nanos + 1, int(now.timestamp() * 1_000_000) * 1000)
        return self._last_nanos


def _shortened(note: str) -> str:
    """The server refuses notes above 1,024 bytes; the beginning says most."""
    encoded = note.encode()
    if len(encoded) <= _LONGEST_NOTE:
        return note
    return encoded[: _LONGEST_NOTE - 4].decode(errors="ignore") + " …"
