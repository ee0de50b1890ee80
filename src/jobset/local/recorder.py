"""Events of the local controllers, sent in the background; a repeated one counts up."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobset.api.times import format_time
from jobset.controller.events import reference
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError, NotFound, TransportError
from jobset.kube.resources import CORE_EVENTS

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 1024
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Occurrence:
    regarding: Mapping[str, str]
    type: str
    reason: str
    message: str
    at: datetime

    @property
    def series(self) -> tuple[str, ...]:
        """What two occurrences must share to be one Event with a count."""
        regarding = [value for key, value in self.regarding.items() if key != "resourceVersion"]
        return (*regarding, self.type, self.reason, self.message)


@dataclass(slots=True)
class _Recorded:
    name: str
    count: int


@dataclass(slots=True, kw_only=True)
class CoreRecorder:
    """Writes core/v1 Events for one component; a refused event is logged and lost, never an error."""

    client: Client
    clock: Callable[[], datetime]
    component: str
    host: str = ""
    _waiting: asyncio.Queue[_Occurrence] = field(default_factory=asyncio.Queue)
    _known: OrderedDict[tuple[str, ...], _Recorded] = field(default_factory=OrderedDict)
    _last_nanos: int = 0

    def event(self, regarding: Object, type: str, reason: str, note: str, *, field_path: str = "") -> None:
        """Queue one event about an object; `field_path` names a part of it, as `spec.containers{main}`."""
        about = reference(regarding) | ({"fieldPath": field_path} if field_path else {})
        message = note.encode()[:_LONGEST_MESSAGE].decode(errors="ignore")
        self._waiting.put_nowait(
            _Occurrence(regarding=about, type=type, reason=reason, message=message, at=self.clock())
        )

    async def run(self) -> None:
        """Send what is queued, for ever."""
        while True:
            occurrence = await self._waiting.get()
            try:
                await self._send(occurrence)
            except (ApiError, TransportError) as error:
                log.warning("event %s lost: %s", occurrence.reason, error)
            finally:
                self._waiting.task_done()

    async def drain(self) -> None:
        """Returns when everything queued so far has been sent."""
        await self._waiting.join()

    async def _send(self, occurrence: _Occurrence) -> None:
        known = self._known.get(occurrence.series)
        if known is None or not await self._repeat(known, occurrence):
            self._remember(occurrence.series, await self._create(occurrence))

    async def _repeat(self, known: _Recorded, occurrence: _Occurrence) -> bool:
        patch = {"count": known.count + 1, "lastTimestamp": format_time(occurrence.at)}
        namespace = occurrence.regarding.get("namespace") or "default"
        try:
            await self.client.patch(CORE_EVENTS, namespace, known.name, patch)
        except NotFound:
            return False
        known.count += 1
        return True

    async def _create(self, occurrence: _Occurrence) -> _Recorded:
        regarding, moment = occurrence.regarding, format_time(occurrence.at)
        name = f"{regarding.get('name', '')}.{self._nanos(occurrence.at):x}"
        source = {"component": self.component} | ({"host": self.host} if self.host else {})
        body: dict[str, Any] = {
            "apiVersion": CORE_EVENTS.api_version,
            "kind": CORE_EVENTS.kind,
            "metadata": {"name": name, "namespace": regarding.get("namespace") or "default"},
            "involvedObject": dict(regarding),
            "reason": occurrence.reason,
            "message": occurrence.message,
            "source": source,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
            "type": occurrence.type,
        }
        await self.client.create(CORE_EVENTS, body)
        return _Recorded(name, 1)

    def _remember(self, series: tuple[str, ...], recorded: _Recorded) -> None:
        self._known[series] = recorded
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _nanos(self, now: datetime) -> int:
        # Names must differ even when two events share one tick of the clock.
        self._last_nanos = max(self._last_nanos + 1, int(now.timestamp() * 1_000_000) * 1000)
        return self._last_nanos
