"""JSON patch, JSON merge patch and strategic merge patch. Nothing that is given in is changed."""

import re
from collections.abc import Hashable, Mapping, Sequence
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
            return _add(document, path, _member(document, _pointer(operation.get("from"))))
        case "test":
            return _test(document, path, operation)
        case other:
            raise PatchMisfit(f"unexpected kind: {other}")


def _pointer(text: Any) -> list[str]:
    # compat: what stands before the first slash counts for nothing.
    if not isinstance(text, str) or (text and "/" not in text):
        raise PatchMisfit(f"not a JSON pointer: {text}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _look_up(document: Json, path: Sequence[str]) -> Json:
    for part in path:
        document = _child(document, part)
    return document


def _member(document: Json, path: Sequence[str]) -> Json:
    """What is at a path; a member that its object does not have is null."""
    parent = _look_up(document, path[:-1])
    if path and isinstance(parent, dict):
        return parent.get(path[-1])
    return _look_up(parent, path[-1:])


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
    part, rest = path[0], path[1:]
    if isinstance(document, dict) and not rest:
        # compat: a member that is not there is added.
        return {**document, part: value}
    return _rebuild(document, part, _replace(_child(document, part), rest, value))


def _test(document: Json, path: Sequence[str], operation: Mapping[str, Any]) -> Json:
    if not _equal(_member(document, path), operation.get("value")):
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
            return {key: value for key, value in patch.items() if key != _DIRECTIVE}
        case "delete":
            return {}
        case other:
            raise BadPatch(f"unknown patch type: {go_text(other)} in map: {go_text(patch)}")
    merged = dict(original) if isinstance(original, dict) else {}
    if _RETAIN in patch:
        retained = _retained(patch)
        merged = {key: value for key, value in merged.items() if key in retained}
    orders = {key.removeprefix(_ORDER): order for key, order in patch.items() if key.startswith(_ORDER)}
    for key, value in patch.items():
        if key.startswith(_DELETE_PRIMITIVES):
            _delete_primitives(merged, key.removeprefix(_DELETE_PRIMITIVES), value)
        elif key not in (_DIRECTIVE, _RETAIN) and not key.startswith(_ORDER):
            _merge_field(merged, key, value, schema)
    for key, order in orders.items():
        merge_key = schema.merge_key(key) if schema else None
        _check_order(order, patch.get(key), merge_key)
        if isinstance(merged.get(key), list):
            before = original.get(key) if isinstance(original, dict) else None
            merged[key] = _ordered(merged[key], order, before, merge_key)
    return merged


def _retained(patch: Mapping[str, Any]) -> Sequence[Any]:
    """The keys that may stay; every key that the patch sets is among them."""
    retained = patch[_RETAIN]
    given = [key for key, value in patch.items() if value is not None and not key.startswith("$")]
    if not isinstance(retained, list) or any(key not in retained for key in given):
        raise BadDirective("invalid patch format of retainKeys")
    return retained


def _delete_primitives(merged: dict[str, Any], key: str, value: Json) -> None:
    # compat: what is no list is passed over.
    if isinstance(merged.get(key), list) and isinstance(value, list):
        merged[key] = [item for item in merged[key] if item not in value]


def _merge_field(merged: dict[str, Any], key: str, value: Json, schema: MergeSchema | None) -> None:
    if value is None:
        merged.pop(key, None)
    elif merged.get(key) is None:
        merged[key] = _new_value(value)
    elif isinstance(value, dict) and isinstance(merged[key], dict):
        inner = schema.field(key) if schema else None
        if schema and schema.replaces(key):
            merged[key] = value
        else:
            merged[key] = strategic_merge_patch(merged[key], value, inner)
    elif isinstance(value, list) and isinstance(merged[key], list) and schema and schema.merges(key):
        merged[key] = _merge_list(merged[key], value, schema, key)
    else:
        merged[key] = value


def _new_value(value: Json) -> Json:
    """The value of a field that was not there: without nulls, and without the parts with a directive."""
    # compat: such a part is left out whatever it says.
    if isinstance(value, dict):
        if _DIRECTIVE in value:
            return {}
        return {key: _new_value(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_new_value(item) for item in value if not (isinstance(item, dict) and _DIRECTIVE in item)]
    return value


def _merge_list(original: list[Any], patch: list[Any], schema: MergeSchema, key: str) -> list[Any]:
    merge_key = schema.merge_key(key)
    if merge_key is None:
        merged = list({_identity(item, None): item for item in (*original, *patch)}.values())
        return _ordered(merged, patch, original, None)
    if not all(isinstance(item, dict) for item in (*patch, *original)):
        listed = go_text([original, patch])
        raise BadPatch(f"list element types are not identical: {listed}")
    if any(item.get(_DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if _DIRECTIVE not in item]
    present, inner = list(original), schema.field(key)
    for item in patch:
        if merge_key not in item:
            raise BadPatch(f"map: {go_text(item)} does not contain declared merge key: {merge_key}")
        positions = [i for i, old in enumerate(present) if old.get(merge_key) == item[merge_key]]
        if item.get(_DIRECTIVE) == "delete":
            present = [old for i, old in enumerate(present) if i not in positions]
        elif positions:
            present[positions[0]] = strategic_merge_patch(present[positions[0]], item, inner)
        else:
            present.append(strategic_merge_patch({}, item, inner))
    kept = [item for item in patch if _DIRECTIVE not in item]
    return _ordered(present, kept, original, merge_key)


def _check_order(order: Json, items: Json, merge_key: str | None) -> None:
    """Whether the items of a patch stand in the order that it asks for."""
    if not isinstance(order, list):
        raise BadPatch("$setElementOrder: expected a []interface {}")
    if merge_key is not None:
        for index, item in enumerate(order):
            if not isinstance(item, dict):
                raise BadPatch(f"value for key {index} is not a map")
    if not isinstance(items, list):
        return
    wanted = iter(_identity(item, merge_key) for item in order)
    kept = [item for item in items if not (isinstance(item, dict) and _DIRECTIVE in item)]
    if not all(_identity(item, merge_key) in wanted for item in kept):
        words = "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n"
        raise BadPatch(words.format(go_text(items), go_text(order)))


def _ordered(items: list[Any], order: list[Any], before: Json, merge_key: str | None) -> list[Any]:
    """The items that are named in their new order, between them the others in the order they had before."""
    # compat: one that is not named comes before a named one only if it did before.
    rank = {_identity(item, merge_key): place for place, item in reversed(list(enumerate(order)))}
    old = before if isinstance(before, list) else []
    place = {_identity(item, merge_key): index for index, item in reversed(list(enumerate(old)))}
    named = [item for item in items if _identity(item, merge_key) in rank]
    named.sort(key=lambda item: rank[_identity(item, merge_key)])
    others = [item for item in items if _identity(item, merge_key) not in rank]
    result: list[Any] = []
    for item in named:
        limit = place.get(_identity(item, merge_key), -1)
        while others and place.get(_identity(others[0], merge_key), limit) < limit:
            result.append(others.pop(0))
        result.append(item)
    return result + others


def _identity(item: Json, merge_key: str | None) -> Hashable:
    """What tells an item from the others of its list; also one that a server will not take there."""
    value = item.get(merge_key) if merge_key and isinstance(item, dict) else item
    return (go_text(value),) if isinstance(value, dict | list) else value


def go_text(value: Json) -> str:
    """A JSON value as Go prints it with `%v`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
        case dict():
            return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(map(go_text, value))}]"
        case _:
            return str(value)
