"""Changes deep in an object whose parts may still be of any type: what does not fit stays as it is."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Object: TypeAlias = Mapping[str, Any]
Change: TypeAlias = Callable[[Object], Object]


def at(obj: Object, key: str, change: Change) -> Object:
    """The object with its member `key` changed; the same value where nothing is, or it is no object."""
    inner = obj.get(key)
    if not isinstance(inner, Mapping):
        return obj
    changed = change(inner)
    return {**obj, key: changed} if changed is not inner else obj


def each(obj: Object, key: str, change: Change) -> Object:
    """The object with each object in its list `key` changed; the same value where none is."""
    items = obj.get(key)
    if not isinstance(items, list):
        return obj
    changed = [change(item) if isinstance(item, Mapping) else item for item in items]
    is_same = all(new is old for new, old in zip(changed, items, strict=True))
    return obj if is_same else {**obj, key: changed}
