"""New values out of old ones that share what stayed the same; what does not change comes back itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Struct = Mapping[str, Any]
Change = Callable[[Any], Any]


def filled(struct: Struct, defaults: Struct) -> Struct:
    """`struct` with a default for each field that is absent, null or an empty text."""
    missing = {key: value for key, value in defaults.items() if struct.get(key) in (None, "")}
    return {**struct, **missing} if missing else struct


def changed(struct: Struct, changes: Mapping[str, Change]) -> Struct:
    """`struct` with the fields that it has passed through their functions."""
    result: dict[str, Any] | None = None
    for key, change in changes.items():
        if (value := struct.get(key)) is not None and (new := change(value)) is not value:
            result = dict(struct) if result is None else result
            result[key] = new
    return struct if result is None else result


def each(change: Change) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """A function of lists that changes each of their items."""

    def change_all(items: Sequence[Any]) -> Sequence[Any]:
        new = [change(item) for item in items]
        return items if all(a is b for a, b in zip(items, new, strict=True)) else new

    return change_all


def without(struct: Struct, *keys: str) -> Struct:
    """`struct` without some fields."""
    if not any(key in struct for key in keys):
        return struct
    return {key: value for key, value in struct.items() if key not in keys}


def with_spec(obj: Struct, change: Change) -> Struct:
    """An object whose spec went through a function; an absent spec counts as empty."""
    spec = obj.get("spec")
    new = change(spec or {})
    return obj if new is spec else {**obj, "spec": new}


def keep_status(new: Struct, old: Struct) -> Struct:
    """A write of the main resource: the old status stays."""
    if "status" in old:
        return new if new.get("status") == old["status"] else {**new, "status": old["status"]}
    return without(new, "status")


def keep_all_but_status(new: Struct, old: Struct) -> Struct:
    """A write of the status subresource: the old spec stays, and so does everything else but metadata."""
    kept = {key: value for key, value in old.items() if key not in ("metadata", "status")}
    taken = {key: new[key] for key in ("metadata", "status") if key in new}
    return {**kept, **taken}
