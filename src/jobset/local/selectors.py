"""Label and field selectors: from their string form to a predicate on objects."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from jobset.kube.resources import Resource

Object: TypeAlias = Mapping[str, Any]
Predicate: TypeAlias = Callable[[Object], bool]
Labels: TypeAlias = Mapping[str, str]
Value: TypeAlias = Callable[[Object], str]
"""The text that a field selector compares."""


class BadSelector(Exception):
    """A selector that cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a label selector. `values` is empty for existence."""

    key: str
    operator: str
    """One of `in`, `notin`, `exists`, `!`, `gt`, `lt`."""
    values: frozenset[str] = frozenset()

    def matches(self, labels: Labels) -> bool:
        """Whether labels satisfy this term; a missing label satisfies `notin` and `!`."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        (bound,) = self.values
        try:
            return int(value) > int(bound) if self.operator == "gt" else int(value) < int(bound)
        except ValueError:
            return False


_TOKEN = re.compile(r"\s*(?:(==|!=|=|<|>|\(|\)|,|!)|([^\s=!<>(),]+))")
_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")


def parse_label_selector(text: str) -> tuple[Requirement, ...]:
    """The terms of `a=b,c in (d,e),!f`; no terms for an empty text.

    Raises:
        BadSelector: the text is not a label selector.
    """
    tokens = _tokens(text)
    terms: list[Requirement] = []
    while tokens:
        terms.append(_term(tokens, text))
        if tokens:
            _expect(tokens, ",", text)
            if not tokens:
                raise BadSelector("unable to parse requirement: found '', expected: identifier after ','")
    return tuple(terms)


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    stripped = text.rstrip()
    while position < len(stripped):
        found = _TOKEN.match(stripped, position)
        if found is None:
            raise BadSelector(f"unable to parse requirement: found '{stripped[position:]}'")
        tokens.append(found.group(1) or found.group(2))
        position = found.end()
    return tokens


def _term(tokens: list[str], text: str) -> Requirement:
    if tokens[0] == "!":
        tokens.pop(0)
        return Requirement(_key(tokens), "!")
    key = _key(tokens)
    if not tokens or tokens[0] == ",":
        return Requirement(key, "exists")
    operator = tokens.pop(0)
    match operator:
        case "=" | "==":
            return Requirement(key, "in", frozenset((_value(tokens),)))
        case "!=":
            return Requirement(key, "notin", frozenset((_value(tokens),)))
        case "in" | "notin":
            return Requirement(key, operator, _values(tokens, text))
        case ">" | "<":
            return Requirement(key, "gt" if operator == ">" else "lt", frozenset((_number(tokens),)))
        case _:
            raise BadSelector(
                f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt"
            )


def _key(tokens: list[str]) -> str:
    key = tokens.pop(0) if tokens else ""
    prefix, slash, name = key.rpartition("/")
    valid = _PART.match(name) and len(name) <= 63 and (not slash or _PREFIX.match(prefix))
    if not valid:
        raise BadSelector(f"unable to parse requirement: <nil>: Invalid value: {key!r}: not a label key")
    return key


def _value(tokens: list[str]) -> str:
    # compat: "a=" means the empty value.
    value = "" if not tokens or tokens[0] == "," else tokens.pop(0)
    if value and (not _PART.match(value) or len(value) > 63):
        raise BadSelector(f"unable to parse requirement: <nil>: Invalid value: {value!r}: not a label value")
    return value


def _number(tokens: list[str]) -> str:
    value = _value(tokens)
    if not re.fullmatch(r"-?[0-9]+", value):
        raise BadSelector("for 'Gt', 'Lt' operators, the value must be an integer")
    return value


def _values(tokens: list[str], text: str) -> frozenset[str]:
    _expect(tokens, "(", text)
    values: list[str] = []
    while True:
        values.append("" if tokens and tokens[0] in (",", ")") else _value(tokens))
        if not tokens:
            raise BadSelector(f"unable to parse requirement: found '', expected: ')' in {text!r}")
        if tokens[0] == ")":
            tokens.pop(0)
            return frozenset(values)
        _expect(tokens, ",", text)


def _expect(tokens: list[str], token: str, text: str) -> None:
    found = tokens.pop(0) if tokens else ""
    if found != token:
        raise BadSelector(f"unable to parse requirement: found '{found}', expected: '{token}' in {text!r}")


def label_predicate(text: str) -> Predicate | None:
    """Whether an object's labels match; None when every object does.

    Raises:
        BadSelector: the text is not a label selector.
    """
    terms = parse_label_selector(text)
    if not terms:
        return None
    nothing: Labels = {}

    def matches(obj: Object) -> bool:
        labels = obj["metadata"].get("labels") or nothing
        return all(term.matches(labels) for term in terms)

    return matches


def _at(*path: str) -> Value:
    def value(obj: Object) -> str:
        found: Any = obj
        for key in path:
            found = found.get(key)
            if found is None:
                return ""
        return _text(found)

    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _count(*path: str) -> Value:
    at = _at(*path)
    return lambda obj: at(obj) or "0"


def _event_source(obj: Object) -> str:
    source: str = (obj.get("source") or {}).get("component", "")
    return source or obj.get("reportingComponent", "")


_COMMON: Mapping[str, Value] = {
    "metadata.name": _at("metadata", "name"),
    "metadata.namespace": _at("metadata", "namespace"),
}
_FIELDS: Mapping[tuple[str, str], Mapping[str, Value]] = {
    ("", "pods"): {
        "spec.nodeName": _at("spec", "nodeName"),
        "spec.restartPolicy": _at("spec", "restartPolicy"),
        "spec.schedulerName": _at("spec", "schedulerName"),
        "spec.serviceAccountName": _at("spec", "serviceAccountName"),
        "spec.hostNetwork": lambda obj: _at("spec", "hostNetwork")(obj) or "false",
        "status.phase": _at("status", "phase"),
        "status.podIP": _at("status", "podIP"),
        "status.podIPs": _at("status", "podIP"),
        "status.nominatedNodeName": _at("status", "nominatedNodeName"),
    },
    ("", "events"): {
        **{
            f"involvedObject.{key}": _at("involvedObject", key)
            for key in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        },
        "reason": _at("reason"),
        "reportingComponent": _event_source,
        "source": _event_source,
        "type": _at("type"),
    },
    ("batch", "jobs"): {"status.successful": _count("status", "succeeded")},
    ("", "nodes"): {"spec.unschedulable": lambda obj: _at("spec", "unschedulable")(obj) or "false"},
    ("", "namespaces"): {"status.phase": _at("status", "phase"), "name": _at("metadata", "name")},
    ("", "secrets"): {"type": _at("type")},
    ("", "services"): {"spec.clusterIP": _at("spec", "clusterIP"), "spec.type": _at("spec", "type")},
}
# compat: fields.regarding.* of events.k8s.io are names of the same involvedObject fields.
_EVENT_ALIASES = {
    **{
        f"regarding.{key}": f"involvedObject.{key}"
        for key in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    },
    "reportingController": "reportingComponent",
}
_WITHOUT_KIND_IN_MESSAGE = {("", "pods"), ("", "events"), ("", "nodes"), ("", "namespaces"), ("", "secrets")}


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One term of a field selector."""

    field: str
    value: str
    equal: bool


def parse_field_selector(text: str) -> tuple[FieldTerm, ...]:
    """The terms of `metadata.name=a,status.phase!=Running`; a backslash escapes `,`, `=` and itself.

    Raises:
        BadSelector: a part has no operator.
    """
    return tuple(_field_term(part, text) for part in _split_fields(text) if part)


def _split_fields(text: str) -> list[str]:
    return re.findall(r"((?:[^,\\]|\\.)+)(?:,|$)", text, re.DOTALL)


def _field_term(part: str, text: str) -> FieldTerm:
    found = re.match(r"((?:[^=!\\]|\\.)*)(!=|==|=)(.*)", part, re.DOTALL)
    if found is None:
        raise BadSelector(f"invalid selector: '{text}'; can't understand '{part}'")
    field, operator, value = found.groups()
    return FieldTerm(field.strip(), re.sub(r"\\(.)", r"\1", value), operator != "!=")


def field_predicate(text: str, resource: Resource) -> Predicate | None:
    """Whether an object's fields match; None when every object does.

    Raises:
        BadSelector: a part cannot be understood, or the field cannot be selected for this resource.
    """
    checks = [(_value_of(term.field, resource), term) for term in parse_field_selector(text)]
    if not checks:
        return None
    return lambda obj: all((value(obj) == term.value) is term.equal for value, term in checks)


def _value_of(label: str, resource: Resource) -> Value:
    kind = ("", "events") if resource.plural == "events" else (resource.group, resource.plural)
    fields = _FIELDS.get(kind, {})
    value = fields.get(_EVENT_ALIASES.get(label, label)) or _COMMON.get(label)
    if value is not None:
        return value
    if kind in _WITHOUT_KIND_IN_MESSAGE:
        raise BadSelector(f"field label not supported: {label}")
    if kind == ("batch", "jobs"):
        raise BadSelector(f'field label "{label}" not supported for Job')
    if resource.group.count(".") and resource.group == "jobset.x-k8s.io":
        raise BadSelector(f"field label not supported: {label}")
    raise BadSelector(f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """A predicate for objects that match both; None matches everything."""
    if first is None or second is None:
        return first or second
    return lambda obj: first(obj) and second(obj)
