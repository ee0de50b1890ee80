"""What a status of a Job may say, and how it may change."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from jobset.admission.field_errors import OMITTED, FieldError, duplicate, invalid, required
from jobset.api.times import parse_time
from jobset.local.kinds.checks import Problems, non_negative
from jobset.local.kinds.jobs.policies import count_indexes, read_interval

Struct = Mapping[str, Any]
Interval = tuple[int, int]
"""First and last index, both included."""

_COUNTERS = ("active", "succeeded", "failed", "ready", "terminating")
_PLAIN = ("active", "completedIndexes")
_FINISHED = ("Complete", "Failed")
_UNCOUNTED = "uncountedTerminatedPods"


def validate_job_status_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed status of a Job, in an API server's order."""
    now = _Status(new, old)
    return [problem for check in _CHECKS for problem in check(now)]


class _Status:
    """A status beside the one before it."""

    def __init__(self, new: Struct, old: Struct) -> None:
        self.spec: Struct = new["spec"]
        self.fields: Struct = new.get("status") or {}
        self.before: Struct = old.get("status") or {}
        self.conditions = _true_conditions(self.fields)
        self.conditions_before = _true_conditions(self.before)

    @property
    def is_finished(self) -> bool:
        return not self.conditions.isdisjoint(_FINISHED)

    def get(self, field: str) -> Any:
        return self.fields.get(field)

    def count(self, field: str) -> int:
        return self.fields.get(field) or 0

    def changes(self, *fields: str, conditions: Sequence[str] = ()) -> bool:
        """Whether any of these is another now: what was stored once is not held against later writes."""
        return any(_told(self.fields, field) != _told(self.before, field) for field in fields) or any(
            (kind in self.conditions) is not (kind in self.conditions_before) for kind in conditions
        )

    def finishes_or_changes(self, *fields: str) -> bool:
        """Whether a finished Job has just come to it, or one of these fields is another now."""
        return self.is_finished and self.changes(*fields, conditions=_FINISHED)


def _counters(now: _Status) -> Problems:
    for field in _COUNTERS:
        yield from non_negative(f"status.{field}", now.get(field))


def _uncounted(now: _Status) -> Problems:
    seen: set[str] = set()
    for kind in ("succeeded", "failed"):
        for position, uid in enumerate((now.get(_UNCOUNTED) or {}).get(kind) or ()):
            path = f"status.{_UNCOUNTED}.{kind}[{position}]"
            if uid == "":
                yield invalid(path, uid, "must not be empty")
            elif uid in seen:
                yield duplicate(path, uid)
            seen.add(uid)


def _excluded(*pairs: tuple[str, str]) -> Callable[[_Status], Problems]:
    def check(now: _Status) -> Problems:
        for one, other in pairs:
            if {one, other} <= now.conditions and now.changes(conditions=(one, other)):
                words = f"cannot set {one}=True and {other}=true conditions"
                yield invalid("status.conditions", OMITTED, words)

    return check


def _completion_time(now: _Status) -> Problems:
    start, end = now.get("startTime"), now.get("completionTime")
    if now.changes("completionTime", conditions=("Complete",)):
        if end is not None and "Complete" not in now.conditions:
            words = "cannot set completionTime when there is no Complete=True condition"
            yield invalid("status.completionTime", end, words)
        if end is None and "Complete" in now.conditions:
            yield required("status.completionTime", "completionTime is required for Complete jobs")
    if start and end and now.changes("startTime", "completionTime") and parse_time(end) < parse_time(start):
        yield invalid("status.completionTime", end, "must be equal to or after `startTime`")


def _announced(now: _Status) -> Problems:
    # compat: of a failure the server compares the failed indexes, not its herald.
    for kind, herald, changes in (
        ("Failed", "FailureTarget", now.changes("failedIndexes", conditions=("Failed",))),
        ("Complete", "SuccessCriteriaMet", now.changes(conditions=("Complete", "SuccessCriteriaMet"))),
    ):
        if changes and kind in now.conditions and herald not in now.conditions:
            words = f"cannot set {kind}=True condition without the {herald}=true condition"
            yield invalid("status.conditions", OMITTED, words)


def _finished(now: _Status) -> Problems:
    active, uncounted = now.count("active"), now.get(_UNCOUNTED) or {}
    if active > 0 and now.finishes_or_changes("active"):
        yield invalid("status.active", active, "active>0 is invalid for finished job")
    if now.get("startTime") is None and now.finishes_or_changes("startTime") and not _never_starts(now.spec):
        yield required("status.startTime", "startTime is required for finished job")
    if any(uncounted.values()) and now.finishes_or_changes(_UNCOUNTED):
        told = {"Succeeded": uncounted.get("succeeded"), "Failed": uncounted.get("failed")}
        yield invalid(f"status.{_UNCOUNTED}", told, "must be empty for finished job")


def _indexes(now: _Status) -> Problems:
    completed, failed = now.get("completedIndexes") or "", now.get("failedIndexes")
    completions, has_own_limits = (
        now.spec.get("completions"),
        now.spec.get("backoffLimitPerIndex") is not None,
    )
    if now.changes("completedIndexes") and completions is not None:
        yield from _index_list("completedIndexes", completed, completions)
    if now.changes("failedIndexes") and completions is not None and has_own_limits:
        yield from _index_list("failedIndexes", failed or "", completions)
    if now.changes("completedIndexes") and completed and now.spec.get("completionMode") != "Indexed":
        words = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield invalid("status.completedIndexes", completed, words)
    if now.changes("failedIndexes") and failed is not None and not has_own_limits:
        words = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield invalid("status.failedIndexes", failed, words)
    if not now.changes("completedIndexes", "failedIndexes") or completions is None:
        return
    done, lost = _read_indexes(completed, completions), _read_indexes(failed or "", completions)
    if (both := _first_in_both(done, lost)) is not None:
        words = f"failedIndexes and completedIndexes overlap at index: {both}"
        yield invalid("status.failedIndexes", failed, words)


def _pods(now: _Status) -> Problems:
    terminating, ready = now.count("terminating"), now.count("ready")
    if terminating > 0 and now.finishes_or_changes("terminating"):
        yield invalid("status.terminating", terminating, "terminating>0 is invalid for finished job")
    if ready > now.count("active") and now.changes("ready", "active"):
        yield invalid("status.ready", ready, "cannot set more ready pods than active")


def _kept(kind: str, adjective: str) -> Callable[[_Status], Problems]:
    def check(now: _Status) -> Problems:
        if kind in now.conditions_before and kind not in now.conditions:
            words = f"cannot disable the {adjective}{kind}=True condition"
            yield invalid("status.conditions", OMITTED, words)

    return check


def _never_smaller(now: _Status) -> Problems:
    # An elastic Indexed Job that became smaller forgets the indexes it lost.
    is_elastic = now.spec.get("completionMode") == "Indexed" and (
        now.spec.get("completions") == now.spec.get("parallelism")
    )
    for field in ("failed",) if is_elastic else ("failed", "succeeded"):
        if now.count(field) < (now.before.get(field) or 0):
            yield invalid(f"status.{field}", now.count(field), f"cannot decrease the {field} counter")


def _times(now: _Status) -> Problems:
    end, end_before = now.get("completionTime"), now.before.get("completionTime")
    if None not in (end, end_before) and end != end_before:
        yield invalid("status.completionTime", end, "field is immutable")
    start, start_before = now.get("startTime"), now.before.get("startTime")
    if start_before is None or start == start_before or now.spec.get("suspend") or _resumes(now):
        return
    yield invalid("status.startTime", start, "field is immutable for unsuspended job once set")


_CHECKS: tuple[Callable[[_Status], Problems], ...] = (
    _counters,
    _uncounted,
    _excluded(("Complete", "Failed"), ("Complete", "FailureTarget")),
    _completion_time,
    _announced,
    _finished,
    _indexes,
    _pods,
    _excluded(("SuccessCriteriaMet", "Failed"), ("SuccessCriteriaMet", "FailureTarget")),
    _kept("Failed", "terminal "),
    _kept("Complete", "terminal "),
    _kept("FailureTarget", "terminal "),
    _never_smaller,
    _times,
    _kept("SuccessCriteriaMet", ""),
)


def _never_starts(spec: Struct) -> bool:
    return bool(spec.get("suspend")) and spec.get("completions") == 0


def _resumes(now: _Status) -> bool:
    was_suspended = "Suspended" in now.conditions_before
    return was_suspended and any(
        condition.get("type") == "Suspended" and condition.get("status") != "True"
        for condition in now.get("conditions") or ()
    )


def _index_list(field: str, text: str, completions: int) -> Problems:
    try:
        count_indexes(text, completions)
    except ValueError as error:
        yield invalid(f"status.{field}", text, f"error parsing {field}: {error}")


def _read_indexes(text: str, completions: int) -> list[Interval]:
    """Those intervals that can be read: of the others is told where they stand."""
    found: list[Interval] = []
    for interval in text.split(",") if text else ():
        with suppress(ValueError):
            found.append(read_interval(interval, completions))
    return found


def _first_in_both(one: Sequence[Interval], other: Sequence[Interval]) -> int | None:
    waiting = deque(other)
    for first, last in one:
        while waiting and waiting[0][1] < first:
            waiting.popleft()
        if waiting and waiting[0][0] <= last:
            return max(first, waiting[0][0])
    return None


def _told(status: Struct, field: str) -> Any:
    """A field as Go compares it: only a pointer tells nothing from zero."""
    return status.get(field) or None if field in _PLAIN else status.get(field)


def _true_conditions(status: Struct) -> set[Any]:
    conditions = status.get("conditions") or ()
    return {condition.get("type") for condition in conditions if condition.get("status") == "True"}
