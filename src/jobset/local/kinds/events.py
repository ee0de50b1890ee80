"""Events: one stored object that two APIs show, in core form; both forms, defaults and validation."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, invalid, required
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems

Struct = Mapping[str, Any]

CORE = "v1"
EVENTS = "events.k8s.io/v1"
_LONGEST = 128
_LONGEST_NOTE = 1024
_CORE_TO_EVENTS = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_EVENTS_TO_CORE = {theirs: ours for ours, theirs in _CORE_TO_EVENTS.items()}
_CORE_DEFAULTS: Struct = {
    "eventTime": None,
    "firstTimestamp": None,
    "involvedObject": {},
    "lastTimestamp": None,
    "metadata": {},
    "reportingComponent": "",
    "reportingInstance": "",
    "source": {},
}
_EVENTS_DEFAULTS: Struct = {
    "deprecatedFirstTimestamp": None,
    "deprecatedLastTimestamp": None,
    "deprecatedSource": {},
    "eventTime": None,
    "metadata": {},
    "regarding": {},
}


def event_in_core_form(event: Struct) -> Struct:
    """The event as `v1` shows it, which is the form that is stored."""
    return _converted(event, CORE, _EVENTS_TO_CORE, _CORE_DEFAULTS)


def event_in_events_form(event: Struct) -> Struct:
    """The event as `events.k8s.io/v1` shows it."""
    shown = _converted(event, EVENTS, _CORE_TO_EVENTS, _EVENTS_DEFAULTS)
    empty = [key for key in ("reportingController", "reportingInstance") if shown.get(key) == ""]
    return {key: value for key, value in shown.items() if key not in empty}


def validate_core_event(event: Struct) -> list[FieldError]:
    """Every problem of an event that came in core form."""
    return list(_event(event_in_core_form(event), "reportingComponent"))


def validate_events_event(event: Struct) -> list[FieldError]:
    """Every problem of an event that came as `events.k8s.io/v1`; fields are named as they are stored."""
    core = event_in_core_form(event)
    return [*_event(core, "reportingController"), *_new_style(core)]


def validate_events_event_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed `events.k8s.io/v1` event: only series, labels and annotations may change."""
    core, before = event_in_core_form(new), event_in_core_form(old)
    return [*_event(core, "reportingController"), *_unchanged(core, before), *_series(core)]


def _converted(event: Struct, version: str, names: Mapping[str, str], defaults: Struct) -> Struct:
    if event.get("apiVersion") == version:
        renamed = dict(event)
    else:
        renamed = {names.get(key, key): value for key, value in event.items()}
    given = {key: value for key, value in renamed.items() if value is not None}
    return {**defaults, **given, "apiVersion": version, "kind": "Event"}


def _event(event: Struct, controller_field: str) -> Problems:
    namespace = event["metadata"].get("namespace") or ""
    about = event["involvedObject"].get("namespace") or ""
    if event["eventTime"] is None:
        if namespace != about and (about or namespace not in ("", "default")):
            yield invalid("involvedObject.namespace", about, "does not match event.namespace")
    else:
        if not about and namespace not in ("default", "kube-system"):
            yield invalid("involvedObject.namespace", about, "does not match event.namespace")
        yield from _reporter(event, controller_field)
        yield from _words(event)
    for problem in formats.dns1123_subdomain(namespace):
        yield invalid("namespace", namespace, problem)


def _reporter(event: Struct, controller_field: str) -> Problems:
    controller, instance = event["reportingComponent"], event["reportingInstance"]
    if not controller:
        yield required(controller_field)
    for problem in formats.qualified_name(controller):
        yield invalid(controller_field, controller, problem)
    if not instance:
        yield required("reportingInstance")
    yield from _at_most("reportingInstance", instance, _LONGEST)


def _words(event: Struct) -> Problems:
    for field in ("action", "reason"):
        if not event.get(field):
            yield required(field)
        yield from _at_most(field, event.get(field) or "", _LONGEST)
    yield from _at_most("message", event.get("message") or "", _LONGEST_NOTE)


def _at_most(field: str, text: str, limit: int) -> Problems:
    if len(text.encode()) > limit:
        yield invalid(field, "", f"can have at most {limit} characters")


def _new_style(event: Struct) -> Problems:
    yield from _series(event)
    if event["eventTime"] is None:
        yield required("eventTime")
    kind = event.get("type") or ""
    if kind not in ("Normal", "Warning"):
        yield invalid("type", "", f"has invalid value: {kind}")
    for field in ("firstTimestamp", "lastTimestamp"):
        if event[field] is not None:
            yield invalid(field, "", "needs to be unset")
    if event.get("count"):
        yield invalid("count", "", "needs to be unset")
    if event["source"].get("component") or event["source"].get("host"):
        yield invalid("source", "", "needs to be unset")


def _series(event: Struct) -> Problems:
    series = event.get("series")
    if series is None:
        return
    if (series.get("count") or 0) < 2:
        yield invalid("series.count", "", "should be at least 2")
    if series.get("lastObservedTime") is None:
        yield required("series.lastObservedTime")


def _unchanged(new: Struct, old: Struct) -> Problems:
    fields = ("involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count")
    more = ("related", "type", "eventTime", "action", "reportingComponent", "reportingInstance")
    for field in (*fields, *more):
        if new.get(field) != old.get(field):
            shown = "reportingController" if field == "reportingComponent" else field
            yield invalid(shown, new.get(field), "field is immutable")
