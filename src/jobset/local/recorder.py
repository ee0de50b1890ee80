"""Events as the controllers of a cluster write them: of the core API, where a repeated one counts up."""

from collections.abc import Hashable
from typing import Any

import msgspec

from jobset.api.times import format_time
from jobset.controller.events import Occurrence, Series
from jobset.kube.resources import CORE_EVENTS, Resource

COMBINED = "(combined from similar events): "
"""What the message of an event begins with that stands for others of its type and reason too."""


class CoreEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Events of `v1` for one component: each repeat is told when it happens."""

    component: str
    host: str = ""
    resource: Resource = CORE_EVENTS

    def identity(self, occurrence: Occurrence) -> Hashable:
        """Type, reason, message and object, whatever its version; those that are told together are one."""
        regarding = (value for key, value in occurrence.regarding.items() if key != "resourceVersion")
        note = COMBINED if occurrence.note.startswith(COMBINED) else occurrence.note
        return (*regarding, occurrence.type, occurrence.reason, note)

    def first(self, occurrence: Occurrence) -> dict[str, Any]:
        """The body of a new Event, but for its metadata."""
        moment = format_time(occurrence.at)
        return {
            "involvedObject": dict(occurrence.regarding),
            "reason": occurrence.reason,
            "message": occurrence.note,
            "source": {"component": self.component} | ({"host": self.host} if self.host else {}),
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
            "type": occurrence.type,
            "reportingComponent": self.component,
            "reportingInstance": self.host,
        }

    def growth(self, series: Series) -> dict[str, Any]:
        """The count, and when and in which words it was last told."""
        return {
            "count": series.count,
            "lastTimestamp": format_time(series.last_at),
            "message": series.note,
        }

    def is_told_at_once(self, series: Series) -> bool:  # noqa: ARG002
        """Always."""
        return True
