"""Does a value fit its schema: types, enums, limits and list keys, in the words of an API server."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from jobset.admission.field_errors import (
    NO_FIELD,
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from jobset.admission.schemas import Schema, resolve

_NO_OBJECT = "must be an object for an array of list-type map"
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def validate(obj: Any, schema: Schema, path: str = "") -> list[FieldError]:
    """What the schema of a custom resource refuses: values first, then duplicates in lists of map or set."""
    return [*validate_values(obj, schema, path), *list_duplicates(obj, schema, path)]


def validate_values(obj: Any, schema: Schema, path: str = "") -> list[FieldError]:
    """What the schema refuses of values; that a list has something twice is another question."""
    return list(_check(obj, schema, path))


def json_type(value: Any) -> str:
    """The JSON type of a value: `string`, `integer`, `number`, `boolean`, `array`, `object` or `null`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


def list_duplicates(value: Any, schema: Schema, path: str = "") -> Iterator[FieldError]:
    """Items of a map list with equal keys, and equal items of a set."""
    schema = resolve(schema)
    if isinstance(value, list) and schema.get("type") == "array":
        yield from _own_duplicates(value, schema, path)
        for index, item in enumerate(value):
            yield from list_duplicates(item, schema.get("items", {}), f"{path}[{index}]")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, Mapping | list) and (field := field_schema(schema, name)) is not None:
                yield from list_duplicates(item, field, join(path, name))


def field_schema(schema: Schema, name: str) -> Schema | None:
    """The schema of one field of an object schema; None when it knows no such field."""
    found = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
    return found if isinstance(found, Mapping) else None


def join(path: str, name: str) -> str:
    """The path of a field of the object at `path`."""
    return f"{path}.{name}" if path else name


def _check(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    schema = resolve(schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices and value is not None:
        yield from _check_choices(value, schema, path, choices)
        return
    if "type" in schema and (error := _type_error(value, schema, path)) is not None:
        yield error
    match value:
        case str():
            yield from _check_string(value, schema, path)
        case int() | float() if not isinstance(value, bool):
            yield from _check_number(value, schema, path)
        case list():
            yield from _check_list(value, schema, path)
    if "enum" in schema and value not in schema["enum"]:
        yield not_supported(path, value, schema["enum"])
    if isinstance(value, Mapping):
        yield from _check_object(value, schema, path)


def _type_error(value: Any, schema: Schema, path: str) -> FieldError | None:
    expected, actual, shown = schema["type"], json_type(value), json_type(value)
    if value is None:
        fits = bool(schema.get("nullable"))
    else:
        fits = actual == expected or (expected == "number" and actual == "integer")
        fits = fits or (expected == "integer" and isinstance(value, float) and value.is_integer())
    if fits:
        return None
    if "format" in schema and value is not None and actual not in ("string", "array"):
        # compat: the validator of kube-openapi then compares formats, and only floats have one.
        expected, shown = schema["format"], "float64" if isinstance(value, float) else ""
    return type_invalid(path, shown, f'{path} in body must be of type {expected}: "{shown}"')


def _check_string(value: str, schema: Schema, path: str) -> Iterator[FieldError]:
    length = len(value)
    # compat: of length and pattern only the first that is wrong is told.
    if length > schema.get("maxLength", length):
        yield too_long(path, schema["maxLength"])
    elif length < schema.get("minLength", 0):
        yield invalid(path, value, f"{path} in body should be at least {schema['minLength']} chars long")
    elif (pattern := schema.get("pattern")) is not None and not _compile(pattern).search(value):
        yield invalid(path, value, f"{path} in body should match '{pattern}'")
    if schema.get("format") == "date-time" and not _is_time(value):
        yield invalid(path, value, f'{path} in body must be of type date-time: "{value}"')


def _check_number(value: int | float, schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.get("type") == "integer" and not _has_format(value, schema.get("format", "")):
        named = f"with format {schema['format']}" if "format" in schema else "(default format)"
        # compat: an error without a field, of a value that is not told.
        yield invalid(NO_FIELD, "", f"Checked value must be of type integer {named} in {path}", at=path)
    if (minimum := schema.get("minimum")) is not None and value < minimum:
        yield invalid(path, value, f"{path} in body should be greater than or equal to {minimum}")


def _has_format(value: int | float, kind: str) -> bool:
    lowest, highest = _RANGES.get(kind, _RANGES["int64"])
    return lowest <= value <= highest and float(value).is_integer()


def _check_list(value: list[Any], schema: Schema, path: str) -> Iterator[FieldError]:
    if len(value) > schema.get("maxItems", len(value)):
        yield too_many(path, len(value), schema["maxItems"])
    if (items := schema.get("items")) is not None:
        yield from chain.from_iterable(_check(item, items, f"{path}[{i}]") for i, item in enumerate(value))


def _check_object(value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[FieldError]:
    for name, item in value.items():
        if (field := field_schema(schema, name)) is not None:
            yield from _check(item, field, join(path, name))
    yield from (required(join(path, name)) for name in schema.get("required", ()) if name not in value)


def _check_choices(value: Any, schema: Schema, path: str, choices: list[Schema]) -> Iterator[FieldError]:
    """A value that may be of several types, such as a port or a quantity."""
    if all(_type_error(value, choice, path) is not None for choice in choices):
        types = ",".join(str(choice["type"]) for choice in choices)
        detail = f'{path} in body must be of type {types}: "{json_type(value)}"'
        yield type_invalid(path, json_type(value), detail)
        # compat: the API server tells the same again in its way, and then what the first choice says.
        yield invalid(NO_FIELD, "", f'"{path}" must validate at least one schema (anyOf)', at=path)
        yield from _check(value, choices[0], path)
    elif isinstance(value, str):
        yield from _check_string(value, schema, path)


def _own_duplicates(items: list[Any], schema: Schema, path: str) -> Iterator[FieldError]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", ())
    if kind not in ("map", "set"):
        return
    if kind == "map" and (strange := _first_that_is_no_object(items)) is not None:
        # compat: then nobody looks for keys that are there twice.
        yield invalid(f"{path}[{strange}]", items[strange], _NO_OBJECT)
        return
    seen = set()
    for index, item in enumerate(items):
        identity = {key: item[key] for key in keys if key in item} if kind == "map" else item
        text = repr(identity)  # unhashable values, and 1 is not True here
        if text in seen:
            yield duplicate(f"{path}[{index}]", identity)
        seen.add(text)


def _first_that_is_no_object(items: list[Any]) -> int | None:
    return next((index for index, item in enumerate(items) if not isinstance(item, Mapping)), None)


def _is_time(text: str) -> bool:
    try:
        return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@lru_cache(maxsize=64)
def _compile(pattern: str) -> re.Pattern[str]:
    # compat: Go's `$` matches at the very end only.
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))
