"""Values as the Go types of Kubernetes hold them: rendering, and equality that ignores spelling.

Messages print whole values the way Go marshals them, and immutable fields are compared the way Go compares
them: an empty list is no list, and `1Gi` is `1024Mi`. Both need what a schema does not tell: the order of
fields, and which of them are pointers.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from jobset.admission import schemas
from jobset.admission.go_fields import FIELDS, OWN_TYPES
from jobset.api.quantity import canonical, parse_quantity, quantity_problem

_PACKAGES = ("io.k8s.api.core.v1.", "io.k8s.api.batch.v1.", "io.k8s.apimachinery.pkg.apis.meta.v1.")
_QUANTITY = "Quantity"
_ZERO: dict[str, Any] = {"string": "", "integer": 0, "boolean": False}


class _Field(NamedTuple):
    name: str
    is_pointer: bool
    is_always_written: bool
    type: str | None
    """The Go type of the field or of its items; None for plain JSON."""
    is_list: bool
    is_map: bool
    zero: Any


def go_json(value: Any, type_name: str) -> Any:
    """`value`, of the Go type `type_name`, as Go would marshal it."""
    return _write(value, type_name, _canonical_quantity)


def go_equal(one: Any, other: Any, type_name: str) -> bool:
    """Whether two values of the Go type are semantically equal."""
    return _same(_write(one, type_name, _number), _write(other, type_name, _number))


def _write(value: Any, type_name: str, quantity: Callable[[Any], Any]) -> Any:
    if type_name == _QUANTITY:
        return quantity(value)
    if not isinstance(value, Mapping):
        return value
    written = {}
    for field in _fields(type_name):
        given = value.get(field.name)
        if given is None:
            if field.is_pointer or (not field.is_always_written and not _is_struct(field)):
                continue
            written[field.name] = _empty(field, quantity)
        elif field.is_pointer or field.is_always_written or _is_struct(field) or given not in ("", 0, [], {}):
            written[field.name] = _write_field(given, field, quantity)
    return written


def _write_field(value: Any, field: _Field, quantity: Callable[[Any], Any]) -> Any:
    if field.is_list and isinstance(value, list):
        return [_write(item, field.type, quantity) for item in value] if field.type else value
    if field.is_map and isinstance(value, Mapping):
        written = {
            key: _write(value[key], field.type, quantity) if field.type else value[key] for key in value
        }
        return dict(sorted(written.items()))
    return _write(value, field.type, quantity) if field.type else value


def _empty(field: _Field, quantity: Callable[[Any], Any]) -> Any:
    if _is_struct(field):
        return quantity("0") if field.type == _QUANTITY else _write({}, str(field.type), quantity)
    return field.zero


def _is_struct(field: _Field) -> bool:
    return field.type is not None and not (field.is_list or field.is_map or field.is_pointer)


def _canonical_quantity(value: Any) -> Any:
    return canonical(value) if quantity_problem(value) is None else value


def _number(value: Any) -> Any:
    return parse_quantity(value).nano if quantity_problem(value) is None else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(item, other[key]) for key, item in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or (one in (None, []) and other in (None, []))


@cache
def _fields(type_name: str) -> tuple[_Field, ...]:
    if (own := OWN_TYPES.get(type_name)) is not None:
        return tuple(_own_field(word) for word in own.split())
    properties = _component(type_name)["properties"]
    words = FIELDS[type_name].split()
    return tuple(_schema_field(word, properties[word.rstrip("*!")]) for word in words)


def _own_field(word: str) -> _Field:
    name, _, type_name = word.partition(":")
    is_list = name.endswith("[]")
    name = name.removesuffix("[]")
    return _Field(name.rstrip("!"), False, name.endswith("!"), type_name or None, is_list, False, "")


def _schema_field(word: str, schema: schemas.Schema) -> _Field:
    is_list, is_map = schema.get("type") == "array", "additionalProperties" in schema
    item = schema["items"] if is_list else schema["additionalProperties"] if is_map else schema
    target = schemas.reference(item)
    short = target.rpartition(".")[2] if target else None
    known = short if short in FIELDS or short == _QUANTITY else None
    # compat: an IntOrString is the number 0 until somebody sets it.
    zero = 0 if target == schemas.INT_OR_STRING else _ZERO.get(schema.get("type", ""))
    return _Field(word.rstrip("*!"), word.endswith("*"), word.endswith("!"), known, is_list, is_map, zero)


def _component(type_name: str) -> schemas.Schema:
    for package in _PACKAGES[:-1]:
        try:
            return schemas.component(package + type_name)
        except KeyError:
            continue
    return schemas.component(_PACKAGES[-1] + type_name)
