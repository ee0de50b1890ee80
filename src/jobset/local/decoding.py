"""From JSON to an object of a built-in kind as the API server's Go types hold it.

Wrong types are refused in the words of Go's decoder, unknown fields are dropped, and what Go would not
write out again (nulls, empty lists, zero values) is dropped too. What stays the same is shared with the
input, so that decoding an object that is in order costs one walk and no copy.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

import msgspec

from jobset.admission import schemas
from jobset.admission.unknown_fields import UnknownField, unknown_fields
from jobset.api.quantity import canonical as canonical_quantity
from jobset.api.times import format_micro_time, format_time, parse_time
from jobset.local import go_names
from jobset.local.bodies import json_word, kind_problem
from jobset.local.kinds.rules import KindRules
from jobset.local.metadata import is_custom
from jobset.local.patch import go_text
from jobset.local.statuses import bad_request, invalid_patch

Object: TypeAlias = Mapping[str, Any]
Unknown: TypeAlias = list[bool]
"""Grows by one for each unknown field; where they are is only looked up when there are any."""
Decoder: TypeAlias = Callable[[Any, Unknown], Any]


class Mismatch(Exception):
    """A value of the wrong type. The path grows while the error leaves the object."""

    def __init__(self, value: Any, go_type: str, kind: str = "") -> None:
        super().__init__()
        self.value = value
        self.go_type = go_type
        self.kind = kind
        """`struct`, `map` or `slice`, or `own` for a type that decodes itself; empty for plain values."""
        self.struct = ""
        self.path: list[str] = []

    def __str__(self) -> str:
        if not self.path:
            return f"json: cannot unmarshal {self._word()} into Go value of type {self.go_type}"
        place = ".".join((self.struct, *reversed(self.path)))
        return f"json: cannot unmarshal {self._word()} into Go struct field {place} of type {self.go_type}"

    def _word(self) -> str:
        is_number = self.go_type in _RANGES and type(self.value) in (int, float)
        return f"number {self.value}" if is_number else json_word(self.value)

    def in_conversion(self) -> str:
        """The words of Go's converter, which reads from maps where the decoder reads from a text."""
        given = _GO_KINDS[type(self.value)]
        if self.kind == "own":
            return f"json: cannot unmarshal {self._word()} into Go value of type {self.go_type}"
        if self.kind == "struct":
            return f"cannot restore struct from: {given}"
        if self.kind:
            return f"cannot restore {self.kind} from {given}"
        wanted = self.go_type if self.go_type in _SCALARS else "string"
        if (given, wanted) in (("int64", "string"), ("float64", "int32"), ("float64", "int64")):
            return f"cannot convert {given} to {self.go_type}"
        return f"unrecognized type: {wanted}"


_RANGES = {"int32": 2**31, "int64": 2**63}
_SCALARS = (*_RANGES, "bool", "float64")
_GO_KINDS = {dict: "map", list: "slice", str: "string", int: "int64", float: "float64", bool: "bool"}


class BadValue(Exception):
    """A text that a type with its own decoder does not take; Go tells no path for these."""

    def in_conversion(self) -> str:
        """The words of Go's converter from maps."""
        return f"error decoding from json: {self}" if "base64" in str(self) else str(self)


class Undecodable(Exception):
    """An object that is none of its kind; says why, also in the words of Go's converter from maps."""

    def __init__(self, words: str, in_conversion: str = "") -> None:
        super().__init__(words)
        self.in_conversion = in_conversion or words


class Decoded(msgspec.Struct, frozen=True):
    """An object in its normal form, and what the client should be told about it."""

    object: Object
    warnings: tuple[str, ...] = ()


def decode(body: Object, rules: KindRules, field_validation: str, old: Object | None = None) -> Decoded:
    """The object in the form that the server stores; what it shares with the old one is known to be in order.

    Raises:
        ApiError: a value has the wrong type, or (validation `Strict`) a field is unknown.
    """
    try:
        return _decode(body, rules, field_validation, old)
    except Undecodable as error:
        kind, version = rules.resource.kind, rules.resource.version
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {error}') from None


def decode_patched(
    obj: Object, old: Object, rules: KindRules, field_validation: str, strategic: Object | None = None
) -> Decoded:
    """What a patch has made of an old object, in the form that the server stores.

    A patch that was a strategic one is told in a refusal, in place of what it has made of the object.

    Raises:
        Invalid: it is no object of its kind any more, or (validation `Strict`) a field is unknown.
    """
    if (problem := kind_problem(obj, rules.resource)) is not None:
        raise invalid_patch(_compact(obj), problem)
    try:
        return _decode({**obj, "kind": rules.resource.kind}, rules, field_validation, old)
    except Undecodable as error:
        if strategic is not None:
            raise invalid_patch(go_text(strategic), error.in_conversion) from None
        raise invalid_patch(_compact(obj), str(error)) from None


def _compact(obj: Object) -> str:
    return json.dumps(obj, separators=(",", ":"), ensure_ascii=False)


def _decode(body: Object, rules: KindRules, field_validation: str, old: Object | None) -> Decoded:
    if is_custom(rules):
        return _decode_custom(body, rules, field_validation, old or {})
    unknown: Unknown = []
    try:
        decoded = component_decoder(rules.schema)(body, unknown)
    except (Mismatch, BadValue) as error:
        raise Undecodable(str(error), error.in_conversion()) from None
    if not unknown or field_validation == "Ignore":
        return Decoded(decoded)
    return _judged(decoded, unknown_fields(body, schemas.component(rules.schema)), field_validation)


def _judged(decoded: Object, unknown: Iterable[UnknownField], field_validation: str) -> Decoded:
    texts = tuple(f'unknown field "{found.field}"' for found in unknown)
    if field_validation == "Strict" and texts:
        raise Undecodable(f"strict decoding error: {', '.join(texts)}")
    return Decoded(decoded, texts)


DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"


def decode_component(name: str, value: Object) -> Object:
    """A part of a request that is no stored object, in its normal form.

    Raises:
        ApiError: a value has the wrong type.
    """
    try:
        decoded: Object = component_decoder(name)(value, [])
    except (Mismatch, BadValue) as error:
        raise bad_request(str(error)) from None
    return decoded


def _decode_custom(body: Object, rules: KindRules, field_validation: str, old: Object) -> Decoded:
    """A custom resource: only its metadata is typed here, the rest is its schema's affair."""
    found = body.get("metadata")
    if found is None:
        body = {**body, "metadata": (found := {})}
    try:
        typed = component_decoder(schemas.OBJECT_META)(found, [])
    except (Mismatch, BadValue) as error:
        if isinstance(error, Mismatch) and not error.path:
            error.path.append("metadata")
            error.struct = "ObjectMeta"
        raise Undecodable(str(error)) from None
    decoded = body if typed is found else {**body, "metadata": typed}
    if field_validation == "Ignore" or rules.custom_schema is None:
        return Decoded(decoded)
    new = {key: value for key, value in body.items() if value is not old.get(key)}
    unknown = (
        *unknown_fields(new, rules.custom_schema()),
        *unknown_fields(found, schemas.component(schemas.OBJECT_META), "metadata"),
    )
    return _judged(decoded, unknown, field_validation)


@cache
def component_decoder(name: str) -> Decoder:
    """The decoder of a component, compiled when it is first asked for."""
    special = _SPECIAL.get(name)
    if special is not None:
        return special
    raw = schemas.component(name)
    if "properties" not in raw:
        return _anything
    return _struct(name, raw)


class _Field(msgspec.Struct, frozen=True):
    """How one field is decoded. A truthy value of `quick` needs no look at all, unless `inner` is set."""

    quick: type
    inner: Decoder | None
    go_type: str
    keeps_zero: bool
    zero: Any


def _struct(name: str, raw: Mapping[str, Any]) -> Decoder:
    short, required = go_names.short_name(name), frozenset(raw.get("required", ()))
    properties = raw["properties"]
    fields: dict[str, _Field] = {}
    always: list[tuple[str, Any]] = []
    compiled = False

    def compile_fields() -> None:
        # Components refer to themselves and each other: fields are compiled at the first use.
        nonlocal compiled
        for key, field in properties.items():
            fields[key] = _field(short, key, field, key in required)
        always.extend(_always_present(name, properties))
        compiled = True

    def decode_struct(value: Any, unknown: Unknown) -> Any:
        if not compiled:
            compile_fields()
        if type(value) is not dict:
            raise Mismatch(value, f"v1.{short}", "struct")
        changed: dict[str, Any] | None = None
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                unknown.append(True)
            else:
                if type(item) is field.quick and item and field.inner is None:
                    continue
                try:
                    decoded = _decode_field(field, item, unknown)
                except Mismatch as error:
                    error.struct = error.struct or short
                    error.path.append(key)
                    if (part := go_names.embedded(short, key)) is not None:
                        error.path.append(part)
                    raise
                if decoded is item and item is not None:
                    continue
                if decoded is not None:
                    if changed is None:
                        changed = dict(value)
                    changed[key] = decoded
                    continue
            if changed is None:
                changed = dict(value)
            del changed[key]
        for key, default in always:
            if key not in value or value[key] is None or value[key] == []:
                if changed is None:
                    changed = dict(value)
                changed[key] = default
        return value if changed is None else changed

    return decode_struct


def _decode_field(field: _Field, item: Any, unknown: Unknown) -> Any:
    """The value of one field; None when Go would leave it out."""
    if item is None:
        return None
    if field.inner is not None:
        item = field.inner(item, unknown)
    elif type(item) is not field.quick and not (field.quick is float and type(item) is int):
        raise Mismatch(item, field.go_type)
    if not item and not field.keeps_zero and item == field.zero:
        return None
    return item


def _field(struct: str, key: str, field: Mapping[str, Any], required: bool) -> _Field:
    keeps = (
        required or go_names.is_written_empty(struct, key, field) or go_names.is_pointer(struct, key, field)
    )
    go_type = go_names.type_of(struct, key, field)
    target = schemas.reference(field)
    if target is not None:
        inner = component_decoder(target)
        return _Field(dict, inner, go_type, True, None)
    match field.get("type"):
        case "string" if field.get("format") == "byte":
            return _Field(str, _bytes, go_type, keeps, "")
        case "string":
            return _Field(str, None, go_type, keeps, "")
        case "integer":
            return _Field(int, _integer(field.get("format", "int64"), go_type), go_type, keeps, 0)
        case "number":
            return _Field(float, None, go_type, keeps, 0)
        case "boolean":
            return _Field(bool, None, go_type, keeps, False)
        case "array":
            return _Field(list, _list(_value(struct, key, field["items"]), go_type), go_type, required, [])
        case "object" if "additionalProperties" in field:
            values = _value(struct, key, field["additionalProperties"])
            return _Field(dict, _map(values, go_type), go_type, required, {})
        case _:
            return _Field(object, _anything, go_type, True, None)


def _value(struct: str, key: str, field: Mapping[str, Any]) -> Decoder:
    """The decoder of an element of a list or map, which is never left out."""
    target = schemas.reference(field)
    if target is not None:
        return component_decoder(target)
    element = _field(struct, key, field, True)
    if element.inner is not None:
        return element.inner
    quick, zero, go_type = element.quick, element.zero, element.go_type

    def decode_scalar(value: Any, _: Unknown) -> Any:
        if type(value) is quick:
            return value
        if value is None:
            return zero
        raise Mismatch(value, go_type)

    decode_scalar.quick = quick  # type: ignore[attr-defined]
    return decode_scalar


def _list(element: Decoder, go_type: str) -> Decoder:
    quick = getattr(element, "quick", None)

    def decode_list(value: Any, unknown: Unknown) -> Any:
        if type(value) is not list:
            raise Mismatch(value, go_type, "slice")
        if quick is not None and all(type(item) is quick for item in value):
            return value
        decoded = [element(item if item is not None else {}, unknown) for item in value]
        same = all(new is old for new, old in zip(decoded, value, strict=True))
        return value if same else decoded

    return decode_list


def _map(element: Decoder, go_type: str) -> Decoder:
    quick = getattr(element, "quick", None)

    def decode_map(value: Any, unknown: Unknown) -> Any:
        if type(value) is not dict:
            raise Mismatch(value, go_type, "map")
        if quick is not None:
            for item in value.values():
                if type(item) is not quick:
                    break
            else:
                return value
        decoded = {key: element(item, unknown) for key, item in value.items()}
        same = all(decoded[key] is item for key, item in value.items())
        return value if same else decoded

    return decode_map


def _integer(width: str, go_type: str) -> Decoder:
    limit = _RANGES.get(width, 2**63)

    def decode_integer(value: Any, _: Unknown) -> Any:
        if type(value) is int and -limit <= value < limit:
            return value
        if type(value) is float and value.is_integer() and abs(value) < limit:
            return int(value)
        raise Mismatch(value, go_type)

    return decode_integer


def _anything(value: Any, _: Unknown) -> Any:
    return value


def _bytes(value: Any, _: Unknown) -> Any:
    if value is None:
        return ""
    if type(value) is not str:
        raise Mismatch(value, "[]uint8", "slice")
    # compat: Go passes over the ends of lines, and writes what it has read anew.
    text = value.replace("\n", "").replace("\r", "")
    try:
        encoded = base64.b64encode(base64.b64decode(text, validate=True)).decode()
    except ValueError:
        raise BadValue(f"illegal base64 data at input byte {_bad_base64(value)}") from None
    return value if encoded == value else encoded


def _bad_base64(text: str) -> int:
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\r\n")
    for position, character in enumerate(text.rstrip("=")):
        if character not in alphabet:
            return position
    return len(text) - len(text) % 4


def _quantity(value: Any, _: Unknown) -> Any:
    if value is None:
        return "0"
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
    try:
        return _canonical(text)
    except ValueError as error:
        raise BadValue(str(error)) from None


@cache
def _canonical(text: str) -> str:
    return canonical_quantity(text)


def _int_or_string(value: Any, _: Unknown) -> Any:
    if type(value) is int or type(value) is str:
        return value
    raise Mismatch(value, "int32", "own")


def _moment(value: Any, layout: str) -> datetime:
    if type(value) is not str:
        raise Mismatch(value, "string", "own")
    try:
        return parse_time(value)
    except ValueError:
        rest = value if not value[:4].isdigit() else value[4:]
        expected = layout[:4] if rest is value else layout[4:5]
        raise BadValue(
            f'parsing time "{value}" as "{layout}": cannot parse "{rest}" as "{expected}"'
        ) from None


def _time(value: Any, _: Unknown) -> Any:
    if type(value) is str and len(value) == 20 and value[19] == "Z" and value[10] == "T":
        _moment(value, "2006-01-02T15:04:05Z07:00")
        return value
    return format_time(_moment(value, "2006-01-02T15:04:05Z07:00"))


def _micro_time(value: Any, _: Unknown) -> Any:
    layout = "2006-01-02T15:04:05.000000Z07:00"
    moment = _moment(value, layout)
    if not _MICROSECONDS.match(value, 19):
        raise BadValue(f'parsing time "{value}" as "{layout}": cannot parse "{value[19:]}" as ".000000"')
    return format_micro_time(moment)


_MICROSECONDS = re.compile(r"\.[0-9]{6}[Z+-]")
_SPECIAL: Mapping[str, Decoder] = {
    schemas.QUANTITY: _quantity,
    schemas.INT_OR_STRING: _int_or_string,
    schemas.TIME: _time,
    schemas.MICRO_TIME: _micro_time,
}


def _always_present(name: str, properties: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Fields that Go writes even when nobody set them, with their zero values."""
    found: list[tuple[str, Any]] = [(key, None) for key in go_names.written_as_null(name)]
    for key, field in properties.items():
        if not go_names.is_written_empty(go_names.short_name(name), key, field):
            continue
        target = schemas.reference(field)
        if target is None and not field["default"]:
            found.append((key, field["default"]))
        elif target is not None and field["default"] == {} and target not in _SPECIAL:
            found.append((key, component_decoder(target)({}, [])))
    return [(key, value) for key, value in found if key not in ("apiVersion", "kind")]
