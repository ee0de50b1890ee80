"""How an API server brings an object into the form of its schema: unknown fields, defaults, nulls, numbers.

Every function returns the object itself when nothing changes, and else a new one that shares what stayed
the same. A schema is JSON as in a CustomResourceDefinition, or a component schema with references.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jobset.admission.schema_check import (
    field_schema,
    json_type,
    list_duplicates,
    validate,
    validate_values,
)
from jobset.admission.schemas import Schema, resolve
from jobset.admission.unknown_fields import UnknownField, nearest, unknown_fields
from jobset.api.quantity import canonical, quantity_problem

__all__ = [
    "UnknownField",
    "default",
    "json_type",
    "list_duplicates",
    "nearest",
    "normalise",
    "prune",
    "unknown_fields",
    "validate",
    "validate_values",
]


def normalise(obj: Mapping[str, Any], schema: Schema) -> Mapping[str, Any]:
    """A whole object as a CustomResourceDefinition would store it: defaulted, pruned, without stray nulls."""
    stored: Mapping[str, Any] = _drop_nulls(prune(default(obj, schema), schema), schema)
    return stored


def default(value: Any, schema: Schema) -> Any:
    """The value with the defaults of its schema; an explicit null counts as absent unless it is allowed."""
    schema = resolve(schema)
    if isinstance(value, Mapping):
        return _default_object(value, schema)
    if isinstance(value, list) and (items := schema.get("items")) is not None:
        return _same_or_new_list(value, [default(item, items) for item in value])
    return value


def prune(value: Any, schema: Schema) -> Any:
    """The value without the fields that its schema does not know; whole floats become integers."""
    schema = resolve(schema)
    if isinstance(value, Mapping):
        return _prune_object(value, schema)
    if isinstance(value, list) and (items := schema.get("items")) is not None:
        return _same_or_new_list(value, [prune(item, items) for item in value])
    return _number(value, schema) if isinstance(value, float) else value


def _number(value: float, schema: Schema) -> Any:
    """A float as what it stands for: Go tells 2.0 from 2 no more than JSON does."""
    is_quantity_or_port = schema.get("x-kubernetes-int-or-string", False)
    if value.is_integer() and (is_quantity_or_port or schema.get("type") == "integer"):
        return int(value)
    # compat: upstream's webhook writes every quantity as text before the schema sees it.
    if is_quantity_or_port and "pattern" in schema and quantity_problem(value) is None:
        return canonical(value)
    return value


def _default_object(value: Mapping[str, Any], schema: Schema) -> Mapping[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    changes = {
        name: _copy(field["default"])
        for name, field in properties.items()
        if "default" in field and (name not in value or _is_stray_null(value[name], field))
    }
    filled = {**value, **changes} if changes else value
    return _map_fields(filled, schema, default)


def _prune_object(value: Mapping[str, Any], schema: Schema) -> Mapping[str, Any]:
    if (properties := schema.get("properties")) is not None:
        known = {name: item for name, item in value.items() if name in properties}
        value = known if len(known) < len(value) else value
    return _map_fields(value, schema, prune)


def _drop_nulls(value: Any, schema: Schema) -> Any:
    """Without nulls of fields that may not be null and have no default."""
    if isinstance(value, Mapping):
        kept = {
            name: item
            for name, item in value.items()
            if item is not None or not _is_stray_null(item, field_schema(schema, name))
        }
        return _map_fields(kept if len(kept) < len(value) else value, schema, _drop_nulls)
    if isinstance(value, list) and (items := schema.get("items")) is not None:
        return _same_or_new_list(value, [_drop_nulls(item, items) for item in value])
    return value


def _is_stray_null(value: Any, schema: Schema | None) -> bool:
    return value is None and schema is not None and not schema.get("nullable")


def _map_fields(
    value: Mapping[str, Any], schema: Schema, change: Callable[[Any, Schema], Any]
) -> Mapping[str, Any]:
    """The object with `change` applied to each field that the schema describes."""
    properties, additional = schema.get("properties", {}), schema.get("additionalProperties")
    changes = {}
    for name, item in value.items():
        field = properties.get(name, additional)
        if isinstance(item, Mapping | list | float) and isinstance(field, Mapping):
            new = change(item, field)
            if new is not item:
                changes[name] = new
    return {**value, **changes} if changes else value


def _same_or_new_list(old: list[Any], new: list[Any]) -> list[Any]:
    return old if all(a is b for a, b in zip(old, new, strict=True)) else new


def _copy(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
