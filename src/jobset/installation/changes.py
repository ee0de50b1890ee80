"""What an application of objects changes: field by field, from what is stored and what would be."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from jobset.kube.client import Object

_BY_THE_SERVER = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"})


class Action(StrEnum):
    """What becomes of an object."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"
    DELETE = "delete"


class FieldChange(msgspec.Struct, frozen=True):
    """One field, its path as in an error message; None where there is no value."""

    path: str
    before: Any
    after: Any


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one object, named by its `title`."""

    title: str
    action: Action
    fields: tuple[FieldChange, ...] = ()


def field_changes(before: Object, after: Object) -> tuple[FieldChange, ...]:
    """The fields that differ, without those that the server alone writes."""
    return tuple(_differences("", _written(before), _written(after)))


def _written(stored: Object) -> Object:
    metadata = {key: it for key, it in stored["metadata"].items() if key not in _BY_THE_SERVER}
    return {**{key: it for key, it in stored.items() if key != "status"}, "metadata": metadata}


def _differences(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if before == after:
        return
    one, other = _members(before), _members(after)
    if one is None or other is None:
        yield FieldChange(path.removeprefix("."), before, after)
        return
    for key in {**one, **other}:
        yield from _differences(path + key, one.get(key), other.get(key))


def _members(value: Any) -> Mapping[str, Any] | None:
    """What is in an object, or in a list of named objects, by the next step of the path."""
    if isinstance(value, Mapping):
        return {f".{key}": member for key, member in value.items()}
    if isinstance(value, list) and all(isinstance(it, Mapping) and "name" in it for it in value):
        return {f"[{it['name']}]": it for it in value}
    return None
