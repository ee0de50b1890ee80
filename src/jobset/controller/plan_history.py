"""The last plans of each JobSet, for people who ask why. Kept only when somebody wants to ask."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobset.api.status import JobSetStatus
from jobset.api.times import format_micro_time
from jobset.core.plan import CreateClaims, CreateService, Plan, Step
from jobset.kube.cache import Key

_PLANS, _JOBSETS = 8, 1024
_NAMES = 10


@dataclass(slots=True)
class _Record:
    """One plan, and how often in a row it was made; `failure` is why it was not carried out to its end."""

    plan: Mapping[str, Any]
    failure: str | None
    since: datetime
    last: datetime
    times: int = 1

    def render(self) -> dict[str, Any]:
        told = {"failure": self.failure} if self.failure is not None else {}
        return {
            "since": format_micro_time(self.since),
            "last": format_micro_time(self.last),
            "times": self.times,
            **self.plan,
            **told,
        }


@dataclass(slots=True)
class PlanHistory:
    """What was planned for the JobSets that had a turn last, and what came of it."""

    clock: Callable[[], datetime]
    _records: OrderedDict[Key, deque[_Record]] = field(default_factory=OrderedDict)

    @contextmanager
    def turn(self, key: Key, plan: Plan) -> Iterator[None]:
        """Remembers a plan that is carried out meanwhile."""
        try:
            yield
        except Exception as error:
            self._remember(key, plan, str(error))
            raise
        self._remember(key, plan, None)

    def of(self, key: Key) -> Sequence[Mapping[str, Any]]:
        """The plans for one JobSet, the last one first; a plan that was made again stands there once."""
        return [record.render() for record in reversed(self._records.get(key, ()))]

    def __len__(self) -> int:
        return len(self._records)

    def _remember(self, key: Key, plan: Plan, failure: str | None) -> None:
        records = self._records.setdefault(key, deque(maxlen=_PLANS))
        self._records.move_to_end(key)
        now, rendered = self.clock(), render_plan(plan)
        if records and (records[-1].plan, records[-1].failure) == (rendered, failure):
            records[-1].last = now
            records[-1].times += 1
        else:
            records.append(_Record(rendered, failure, now, now))
        while len(self._records) > _JOBSETS:
            self._records.popitem(last=False)


def render_plan(plan: Plan) -> dict[str, Any]:
    """A plan as plain data; of many actions the first ones by name, and how many there are."""
    parts = {
        "actions": [_render_step(step) for step in plan.steps],
        "error": plan.error,
        "status": None if plan.status is None else _render_status(plan.status),
        "events": [
            {"type": str(event.type), "reason": event.reason, "note": event.note} for event in plan.events
        ],
        "waits": [wait.text for wait in plan.waits],
        "outcome": plan.outcome,
        "requeueAfterSeconds": None if plan.requeue_after is None else plan.requeue_after.total_seconds(),
    }
    return {name: part for name, part in parts.items() if part not in (None, [])}


def _render_step(step: Step) -> dict[str, Any]:
    names = [name for action in step[:_NAMES] for name in _names(action)]
    return {"action": type(step[0]).__name__, "count": len(step), "names": names[:_NAMES]}


def _names(action: Any) -> list[str]:
    match action:
        case CreateService(body=body):
            return [body["metadata"]["name"]]
        case CreateClaims(bodies=bodies):
            return [body["metadata"]["name"] for body in bodies]
        case _:
            return [action.name]


def _render_status(status: JobSetStatus) -> dict[str, Any]:
    conditions = [
        {"type": it.type, "status": it.status, "reason": it.reason, "message": it.message}
        for it in status.conditions or ()
    ]
    return {"restarts": status.restarts, "conditions": conditions}
