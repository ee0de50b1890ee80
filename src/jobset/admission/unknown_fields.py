"""Fields that a schema does not know, each with the known names that look most like it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobset.admission.schema_check import field_schema, join
from jobset.admission.schemas import Schema, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownField:
    """`field` is the full path of the unknown key; `nearest` of the `known` names beside it may be empty."""

    field: str
    name: str
    nearest: tuple[str, ...]
    known: tuple[str, ...]


def unknown_fields(obj: Any, schema: Schema, path: str = "") -> Iterator[UnknownField]:
    """Every field that would be dropped silently, in the order of the object."""
    schema = resolve(schema)
    if isinstance(obj, list) and (items := schema.get("items")) is not None:
        for index, item in enumerate(obj):
            yield from unknown_fields(item, items, f"{path}[{index}]")
    if not isinstance(obj, Mapping) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    known = schema.get("properties")
    for name, item in obj.items():
        if (field := field_schema(schema, str(name))) is not None:
            yield from unknown_fields(item, field, join(path, str(name)))
        elif known is not None:
            yield UnknownField(
                field=join(path, str(name)),
                name=str(name),
                nearest=nearest(str(name), known),
                known=tuple(known),
            )


def nearest(name: str, known: Collection[str]) -> tuple[str, ...]:
    """Up to three known names that `name` may have been meant to be, best first."""
    from difflib import get_close_matches  # only needed when something is wrong

    by_folded = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name.lower(), by_folded, n=3, cutoff=0.7)
    return tuple(by_folded[folded] for folded in found)
