"""Label and field selectors: from their string form to a predicate on objects."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from jobset.admission.field_errors import render_value
from jobset.kube.resources import EVENTS, JOBSETS, Resource
from jobset.local.kinds.formats import label_value, qualified_name

Object: TypeAlias = Mapping[str, Any]
Predicate: TypeAlias = Callable[[Object], bool]
Labels: TypeAlias = Mapping[str, str]
Value: TypeAlias = Callable[[Object], str]
"""The text that a field selector compares."""


class BadSelector(Exception):
    """A selector that cannot be understood; the text says why."""


class Requirement(msgspec.Struct, frozen=True):
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
_OPERATORS = {"in": "in", "notin": "notin", "=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}
_END = ""
"""What a text ends with, as its last token."""


def parse_label_selector(text: str) -> tuple[Requirement, ...]:
    """The terms of `a=b,c in (d,e),!f`; no terms for an empty text.

    Raises:
        BadSelector: the text is not a label selector; in the words of the API server.
    """
    tokens = _Tokens(text)
    terms: list[Requirement] = []
    while not tokens.is_at(_END):
        if not tokens.is_word() and not tokens.is_at("!"):
            raise BadSelector(f"found '{tokens.next}', expected: !, identifier, or 'end of string'")
        try:
            terms.append(_term(tokens))
        except BadSelector as error:
            raise BadSelector(f"unable to parse requirement: {error}") from None
        if tokens.is_at(_END):
            break
        if tokens.take() != ",":
            raise BadSelector(f"found '{tokens.last}', expected: ',' or 'end of string'")
        if not tokens.is_word() and not tokens.is_at("!"):
            raise BadSelector(f"found '{tokens.next}', expected: identifier after ','")
    return tuple(terms)


class _Tokens:
    """The words and signs of a selector, one after the other."""

    def __init__(self, text: str) -> None:
        self._found = [found[0] or found[1] for found in _TOKEN.findall(text)]
        self.last = ""

    @property
    def next(self) -> str:
        return self._found[0] if self._found else _END

    def is_at(self, *signs: str) -> bool:
        return self.next in signs

    def is_word(self) -> bool:
        return self.next != _END and self.next[0] not in "=!<>(),"

    def take(self) -> str:
        self.last = self._found.pop(0) if self._found else _END
        return self.last


def _term(tokens: _Tokens) -> Requirement:
    negated = tokens.is_at("!") and bool(tokens.take())
    if not tokens.is_word():
        raise BadSelector(f"found '{tokens.next}', expected: identifier")
    key = tokens.take()
    if problems := qualified_name(key):
        raise BadSelector(f"<nil>: Invalid value: {render_value(key)}: {'; '.join(problems)}")
    if negated:
        return Requirement(key, "!")
    if tokens.is_at(_END, ","):
        return Requirement(key, "exists")
    sign = tokens.take()
    operator = _OPERATORS.get(sign)
    if operator is None:
        raise BadSelector(f"found '{sign}', expected: in, notin, =, ==, !=, gt, lt")
    values = _values(tokens) if sign in ("in", "notin") else {_value(tokens)}
    _check_values(key, operator, sorted(values))
    return Requirement(key, operator, frozenset(values))


def _value(tokens: _Tokens) -> str:
    # compat: "a=" means the empty value.
    if tokens.is_at(_END, ","):
        return ""
    if not tokens.is_word():
        raise BadSelector(f"found '{tokens.next}', expected: identifier")
    return tokens.take()


def _values(tokens: _Tokens) -> set[str]:
    if tokens.take() != "(":
        raise BadSelector(f"found '{tokens.last}' expected: '('")
    values: set[str] = set()
    while True:
        # compat: nothing between commas or parentheses is the empty value.
        values.add("" if tokens.is_at(",", ")") else _word_of_list(tokens))
        match tokens.take():
            case ")":
                return values
            case ",":
                continue
            case other:
                raise BadSelector(f"found '{other}', expected: ',' or ')'")


def _word_of_list(tokens: _Tokens) -> str:
    if not tokens.is_word():
        raise BadSelector(f"found '{tokens.next}', expected: ',', ')' or identifier")
    return tokens.take()


def _check_values(key: str, operator: str, values: list[str]) -> None:
    for index, value in enumerate(values):
        if operator in ("gt", "lt") and not re.fullmatch(r"[-+]?[0-9]+", value):
            words = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise BadSelector(f"values[{index}]: Invalid value: {render_value(value)}: {words}")
        if problems := label_value(value):
            shown = render_value(value)
            raise BadSelector(f"values[{index}][{key}]: Invalid value: {shown}: {'; '.join(problems)}")


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
# compat: events.k8s.io has its own names for the same fields, and only those.
_EVENT_ALIASES = {
    **{
        f"regarding.{key}": f"involvedObject.{key}"
        for key in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    },
    "reportingController": "reportingComponent",
    "reason": "reason",
    "type": "type",
}
_WITHOUT_KIND_IN_MESSAGE = {
    ("", "pods"),
    ("", "events"),
    ("", "nodes"),
    ("", "namespaces"),
    ("", "secrets"),
    ("", "services"),
}


class FieldTerm(msgspec.Struct, frozen=True):
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
    return re.findall(r"((?:[^,\\]|\\.|\\$)+)(?:,|$)", text, re.DOTALL)


def _field_term(part: str, text: str) -> FieldTerm:
    found = re.match(r"((?:[^=!\\]|\\.)*)(!=|==|=)(.*)", part, re.DOTALL)
    if found is None:
        raise BadSelector(f"invalid selector: '{text}'; can't understand '{part}'")
    field, operator, value = found.groups()
    return FieldTerm(field.strip(), _unescaped(value), operator != "!=")


def _unescaped(value: str) -> str:
    for escape, letter in re.findall(r"(\\.?)|([,=])", value, re.DOTALL):
        if letter:
            raise BadSelector(f"invalid field selector: unescaped character in value: {ord(letter)}")
        if escape not in (r"\,", r"\=", r"\\"):
            raise BadSelector(f"invalid field selector: invalid escape sequence: {escape}")
    return re.sub(r"\\(.)", r"\1", value)


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
    name = _EVENT_ALIASES.get(label, "") if resource.group == EVENTS.group else label
    value = fields.get(name) or _COMMON.get(label)
    if value is not None:
        return value
    if kind in _WITHOUT_KIND_IN_MESSAGE:
        raise BadSelector(f"field label not supported: {label}")
    if kind == ("batch", "jobs"):
        raise BadSelector(f'field label "{label}" not supported for Job')
    if resource.group == JOBSETS.group:
        raise BadSelector(f"field label not supported: {label}")
    raise BadSelector(f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """A predicate for objects that match both; None matches everything."""
    if first is None or second is None:
        return first or second
    return lambda obj: first(obj) and second(obj)
