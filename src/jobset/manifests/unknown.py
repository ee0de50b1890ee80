"""Unknown fields of a manifest, with where they probably belong."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from jobset.admission.schema_check import field_schema, join
from jobset.admission.schemas import Schema, resolve
from jobset.admission.unknown_fields import UnknownField, unknown_fields
from jobset.manifests.documents import Document
from jobset.manifests.problems import Problem, Severity

_DEPTH = 5
_SHOWN = 12
# A client that prints objects leaves these in templates; they are dropped and do no harm.
_HARMLESS = {"creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink"}


def check_unknown(document: Document, part: Any, schema: Schema, path: str = "") -> Iterator[Problem]:
    """Every field of `part`, which is at `path`, that would be dropped silently."""
    for found in unknown_fields(part, schema, path):
        if found.name in _HARMLESS and ".metadata." in found.field:
            continue
        yield document.problem(
            f"unknown field {found.name!r}",
            _remedy(found, schema, path),
            found.field,
            of_key=True,
            severity=Severity.ERROR,
        )


def _remedy(found: UnknownField, schema: Schema, root: str) -> str:
    if found.nearest and found.nearest[0].lower() == found.name.lower():
        return f"did you mean {_sibling(found.field, found.nearest[0])}?"
    parents = list(_parents(found.field, schema, root))
    for path, parent in reversed(parents[:-1]):
        if found.name in parent.get("properties", {}):
            return f"did you mean {join(path, found.name)}? Check the indentation"
    if found.nearest:
        return f"did you mean {_sibling(found.field, found.nearest[0])}?"
    if parents and (deeper := _below(found.name, *parents[-1])):
        return f"did you mean {deeper}?"
    known = ", ".join(sorted(found.known)[:_SHOWN])
    more = ", …" if len(found.known) > _SHOWN else ""
    return f"remove it; known here: {known}{more}" if known else "remove it"


def _parents(field: str, schema: Schema, root: str) -> Iterator[tuple[str, Schema]]:
    """The objects around a field, outermost first."""
    at: Schema | None = schema
    path = root
    yield path, resolve(schema)
    rest = field.removeprefix(root).lstrip(".")
    for name in rest.split(".")[:-1]:
        plain, bracket, _ = name.partition("[")
        at = field_schema(resolve(at), plain) if at is not None else None
        if at is not None and bracket:
            at = resolve(at).get("items")
        if at is None:
            return
        path = join(path, name)
        yield path, resolve(at)


def _below(name: str, path: str, schema: Schema) -> str | None:
    """The nearest place below `path` that knows `name`."""
    waiting: deque[tuple[str, Schema, int]] = deque([(path, schema, 0)])
    while waiting:
        at, current, depth = waiting.popleft()
        fields: Mapping[str, Schema] = current.get("properties", {})
        if name in fields:
            return join(at, name)
        if depth < _DEPTH:
            for key, field in fields.items():
                below = resolve(field)
                if below.get("type") == "object" and key not in ("metadata", "status"):
                    waiting.append((join(at, key), below, depth + 1))
    return None


def _sibling(field: str, name: str) -> str:
    parent, _, _ = field.rpartition(".")
    return join(parent, name)
