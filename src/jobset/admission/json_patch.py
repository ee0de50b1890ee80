"""RFC 6902: the operations that make one JSON value out of another."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Operation: TypeAlias = dict[str, Any]


def build_patch(before: Any, after: Any) -> tuple[Operation, ...]:
    """Operations for what differs between two JSON values, and for nothing else; none when they are equal."""
    return tuple(_differences(before, after, ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[Operation]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _in_mapping(before, after, path)
    elif isinstance(before, list) and isinstance(after, list) and len(before) <= len(after):
        yield from _in_list(before, after, path)
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield {"op": "replace", "path": path, "value": after}


def _in_mapping(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Operation]:
    for key, value in after.items():
        if key not in before:
            yield {"op": "add", "path": _below(path, key), "value": value}
        elif value is not before[key]:
            yield from _differences(before[key], value, _below(path, key))
    for key in before:
        if key not in after:
            yield {"op": "remove", "path": _below(path, key)}


def _in_list(before: list[Any], after: list[Any], path: str) -> Iterator[Operation]:
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        if old is not new:
            yield from _differences(old, new, f"{path}/{index}")
    for value in after[len(before) :]:
        yield {"op": "add", "path": f"{path}/-", "value": value}


def _below(path: str, key: str) -> str:
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
