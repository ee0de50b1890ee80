"""JSON patch, JSON merge patch and strategic merge patch. Nothing that is given in is changed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from jobset.local.merging import MergeSchema

Json: TypeAlias = Any


class PatchMisfit(Exception):
    """The patch is well formed and does not fit the object."""


class BadPatch(Exception):
    """The patch itself cannot be understood."""


class BadDirective(BadPatch):
    """A directive of a strategic merge patch has the wrong form."""


def merge_patch(original: Json, patch: Json) -> Json:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(original: Json, operations: Sequence[Any]) -> Json:
    """RFC 6902: the document after all operations.

    Raises:
        PatchMisfit: an operation does not fit, or a test fails; no operation counts then.
    """
    document = original
    for operation in operations:
        document = _operate(document, operation)
    return document


def _operate(document: Json, operation: Mapping[str, Any] | None) -> Json:
    operation = operation or {}
    path = _pointer(operation.get("path"))
    match operation.get("op"):
        case "add" if path:
            # compat: no value is the same as null; the whole document can be replaced, not added.
            return _add(document, path, operation.get("value"))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _replace(document, path, operation.get("value"))
        case "move":
            source = _pointer(operation.get("from"))
            if path[: len(source)] == source and path != source:
                raise PatchMisfit("a value cannot be moved into itself")
            value = _look_up(document, source)
            return document if path == source else _add(_remove(document, source), path, value)
        case "copy":
            return _add(document, path, _look_up(document, _pointer(operation.get("from"))))
        case "test":
            return _test(document, path, operation)
        case other:
            raise PatchMisfit(f"unexpected kind: {other}")


def _pointer(text: Any) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchMisfit(f"not a JSON pointer: {text}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _look_up(document: Json, path: Sequence[str]) -> Json:
    for part in path:
        document = _child(document, part)
    return document


def _child(parent: Json, part: str) -> Json:
    if isinstance(parent, dict) and part in parent:
        return parent[part]
    if isinstance(parent, list):
        return parent[_index(part, len(parent))]
    raise PatchMisfit(f"no such path: {part}")


def _index(part: str, length: int) -> int:
    # compat: negative indexes count from the end, as in the library that the API server uses.
    if not re.fullmatch("[+-]?[0-9]+", part):
        raise PatchMisfit(f"not an index: {part}")
    index = int(part)
    if not -length <= index < length:
        raise PatchMisfit(f"index out of range: {part}")
    return index % length


def _rebuild(parent: Json, part: str, child: Json) -> Json:
    """The parent with one child exchanged."""
    if isinstance(parent, list):
        index = _index(part, len(parent))
        return [*parent[:index], child, *parent[index + 1 :]]
    return {**parent, part: child}


def _add(document: Json, path: Sequence[str], value: Json) -> Json:
    if not path:
        return value
    part, rest = path[0], path[1:]
    if rest:
        return _rebuild(document, part, _add(_child(document, part), rest, value))
    if isinstance(document, dict):
        return {**document, part: value}
    if isinstance(document, list):
        index = len(document) if part in ("-", str(len(document))) else _index(part, len(document))
        return [*document[:index], value, *document[index:]]
    raise PatchMisfit(f"cannot add to a scalar: {part}")


def _remove(document: Json, path: Sequence[str]) -> Json:
    if not path:
        raise PatchMisfit("the whole document cannot be removed")
    part, rest = path[0], path[1:]
    child = _child(document, part)
    if rest:
        return _rebuild(document, part, _remove(child, rest))
    if isinstance(document, list):
        index = _index(part, len(document))
        return [*document[:index], *document[index + 1 :]]
    return {key: value for key, value in document.items() if key != part}


def _replace(document: Json, path: Sequence[str], value: Json) -> Json:
    if not path:
        return value
    child = _child(document, path[0])
    return _rebuild(document, path[0], _replace(child, path[1:], value))


def _test(document: Json, path: Sequence[str], operation: Mapping[str, Any]) -> Json:
    expected = operation.get("value")
    try:
        found = _look_up(document, path)
    except PatchMisfit:
        # compat: a missing member equals null.
        found = None
    if not _equal(found, expected):
        raise PatchMisfit(f"testing value {operation.get('path')} failed")
    return document


def _equal(one: Json, other: Json) -> bool:
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return bool(one == other)


_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def strategic_merge_patch(original: Json, patch: Json, schema: MergeSchema | None) -> Json:
    """Like a merge patch, but lists merge by the merge keys of the schema, and directives are obeyed.

    Raises:
        BadDirective: a directive has the wrong form.
        BadPatch: it is not known, or an element of a merging list has the wrong form.
    """
    if not isinstance(patch, dict):
        return patch
    match patch.get(_DIRECTIVE):
        case None | "merge":
            pass
        case "replace":
            return _without_directives(patch)
        case "delete":
            return {}
        case other:
            raise BadPatch(f"Unknown patch type found: {other}")
    merged = dict(original) if isinstance(original, dict) else {}
    if _RETAIN in patch:
        retained = _retained(patch)
        merged = {key: value for key, value in merged.items() if key in retained}
    for key, value in patch.items():
        _merge_field(merged, key, value, schema)
    for key, order in patch.items():
        if not key.startswith(_ORDER):
            continue
        if not isinstance(order, list):
            raise BadPatch("$setElementOrder: expected a []interface {}")
        if isinstance(merged.get(name := key.removeprefix(_ORDER)), list):
            merged[name] = _ordered(merged[name], order, schema.merge_key(name) if schema else None)
    return merged


def _retained(patch: Mapping[str, Any]) -> Sequence[Any]:
    """The keys that may stay; every key that the patch sets is among them."""
    retained = patch[_RETAIN]
    given = [key for key, value in patch.items() if value is not None and not key.startswith("$")]
    if not isinstance(retained, list) or any(key not in retained for key in given):
        raise BadDirective("invalid patch format of retainKeys")
    return retained


def _merge_field(merged: dict[str, Any], key: str, value: Json, schema: MergeSchema | None) -> None:
    if key.startswith(_DELETE_PRIMITIVES):
        name = key.removeprefix(_DELETE_PRIMITIVES)
        # compat: what is no list is passed over.
        if isinstance(merged.get(name), list) and isinstance(value, list):
            merged[name] = [item for item in merged[name] if item not in value]
    elif key in (_DIRECTIVE, _RETAIN) or key.startswith(_ORDER):
        return
    elif value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        inner = schema.field(key) if schema else None
        if schema and schema.replaces(key):
            merged[key] = value
        else:
            merged[key] = strategic_merge_patch(merged.get(key), value, inner)
    elif isinstance(value, list) and schema and schema.merges(key):
        merged[key] = _merge_list(merged.get(key), value, schema, key)
    else:
        merged[key] = value


def _merge_list(original: Json, patch: list[Any], schema: MergeSchema, key: str) -> list[Any]:
    present = list(original) if isinstance(original, list) else []
    merge_key = schema.merge_key(key)
    if merge_key is None:
        for item in patch:
            if item not in present:
                present.append(item)
        return present
    if not all(isinstance(item, dict) for item in (*patch, *present)):
        raise BadPatch(f"a list that merges by {merge_key} holds something else than objects")
    if any(item.get(_DIRECTIVE) == "replace" for item in patch):
        return [_without_directives(item) for item in patch if set(item) != {_DIRECTIVE}]
    inner = schema.field(key)
    for item in patch:
        if merge_key not in item:
            raise BadPatch(f"map: {item} does not contain declared merge key: {merge_key}")
        positions = [i for i, old in enumerate(present) if old.get(merge_key) == item[merge_key]]
        if item.get(_DIRECTIVE) == "delete":
            present = [old for i, old in enumerate(present) if i not in positions]
        elif positions:
            present[positions[0]] = strategic_merge_patch(present[positions[0]], item, inner)
        else:
            present.append(strategic_merge_patch({}, item, inner))
    return present


def _without_directives(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: _without_directives(v) for k, v in value.items() if not k.startswith("$")}
    if isinstance(value, list):
        return [_without_directives(item) for item in value]
    return value


def _ordered(items: list[Any], order: Iterable[Any], merge_key: str | None) -> list[Any]:
    """Items that the patch knows in its order; the others keep their place before their next known one."""
    wanted = [_identity(item, merge_key) for item in order]
    rank = {value: position for position, value in enumerate(wanted)}
    known = sorted(
        (item for item in items if _identity(item, merge_key) in rank),
        key=lambda item: rank[_identity(item, merge_key)],
    )
    waiting = iter(known)
    result: list[Any] = []
    for item in items:
        result.append(next(waiting) if _identity(item, merge_key) in rank else item)
    return result


def _identity(item: Json, merge_key: str | None) -> Any:
    return item.get(merge_key) if merge_key and isinstance(item, dict) else item
