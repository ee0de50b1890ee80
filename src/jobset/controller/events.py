"""Events about objects, sent in the background; repeats become a series."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from jobset.api.times import format_micro_time
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError, NotFound, TransportError
from jobset.kube.resources import EVENTS

log = logging.getLogger(__name__)

_LONGEST_NOTE = 1024
_REMEMBERED = 4096
_FLUSH_SECONDS = 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Something that happened to `regarding`, an object reference."""

    regarding: Mapping[str, str]
    type: str
    reason: str
    note: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """An Event that exists on the server, and how often it happened."""

    namespace: str
    name: str
    count: int
    told: int
    last_at: datetime


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
    """Records events for one component; a refused event is logged and lost, never an error of the caller."""

    client: Client
    clock: Callable[[], datetime]
    controller: str
    instance: str
    action: str = "Reconciling"
    _waiting: asyncio.Queue[Occurrence] = field(default_factory=asyncio.Queue)
    _known: OrderedDict[tuple[str, ...], _Series] = field(default_factory=OrderedDict)
    _last_nanos: int = 0

    def event(self, regarding: Object, type: str, reason: str, note: str, *, field_path: str = "") -> None:
        """Queue one event about an object, or about a part of it (`spec.containers{main}`)."""
        part = {"fieldPath": field_path} if field_path else {}
        self._waiting.put_nowait(
            Occurrence(
                regarding=reference(regarding) | part,
                type=type,
                reason=reason,
                note=note,
                action=self.action,
            )
        )

    async def run(self) -> None:
        """Send what is queued, for ever; now and then tell the server how long each series has become."""
        while True:
            try:
                async with asyncio.timeout(_FLUSH_SECONDS):
                    occurrence = await self._waiting.get()
            except TimeoutError:
                await self._tell_counts()
                continue
            await self._send(occurrence)
            self._waiting.task_done()

    async def drain(self) -> None:
        """Returns when everything queued so far has been sent."""
        await self._waiting.join()

    async def _send(self, occurrence: Occurrence) -> None:
        # compat: the series key of client-go's recorder leaves the note out.
        key = (occurrence.type, occurrence.reason, occurrence.action, *occurrence.regarding.values())
        known = self._known.get(key)
        try:
            if known is None:
                self._remember(key, await self._create(occurrence))
            else:
                self._known[key] = await self._repeat(known)
        except NotFound:
            self._known.pop(key, None)
        except (ApiError, TransportError) as error:
            log.warning("event %s lost: %s", occurrence.reason, error)

    async def _create(self, occurrence: Occurrence) -> _Series:
        now = self.clock()
        regarding = occurrence.regarding
        namespace = regarding.get("namespace") or "default"
        name = f"{regarding.get('name', '')}.{self._nanos(now):x}"
        body: dict[str, Any] = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": format_micro_time(now),
            "reportingController": self.controller,
            "reportingInstance": self.instance,
            "action": occurrence.action,
            "reason": occurrence.reason,
            "regarding": dict(regarding),
            "note": _shortened(occurrence.note),
            "type": occurrence.type,
        }
        await self.client.create(EVENTS, body)
        return _Series(namespace=namespace, name=name, count=1, told=1, last_at=now)

    async def _repeat(self, known: _Series) -> _Series:
        grown = replace(known, count=known.count + 1, last_at=self.clock())
        if known.told > 1:
            return grown
        return await self._tell(grown)

    async def _tell(self, series: _Series) -> _Series:
        patch = {"series": {"count": series.count, "lastObservedTime": format_micro_time(series.last_at)}}
        await self.client.patch(EVENTS, series.namespace, series.name, patch)
        return replace(series, told=series.count)

    async def _tell_counts(self) -> None:
        for key, series in list(self._known.items()):
            if series.count == series.told:
                continue
            try:
                self._known[key] = await self._tell(series)
            except (ApiError, TransportError):
                self._known.pop(key, None)

    def _remember(self, key: tuple[str, ...], series: _Series) -> None:
        self._known[key] = series
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
