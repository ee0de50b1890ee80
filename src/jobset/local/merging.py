"""How the lists of a built-in kind merge with a strategic patch: a view on its component schema."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from jobset.admission import schemas


class MergeSchema(msgspec.Struct, frozen=True):
    """The fields of one component, as far as patches care."""

    fields: Mapping[str, Mapping[str, Any]]

    def field(self, key: str) -> "MergeSchema | None":
        """The component of a field's value, of its elements when it is a list; None when it has none."""
        field = self.fields.get(key)
        name = schemas.reference(field.get("items", field)) if field is not None else None
        return merge_schema(name) if name else None

    def merges(self, key: str) -> bool:
        """Whether a list merges with a patch instead of being replaced."""
        return "merge" in self._strategies(key)

    def replaces(self, key: str) -> bool:
        """Whether a map is replaced as a whole."""
        return "replace" in self._strategies(key)

    def merge_key(self, key: str) -> str | None:
        """The field that tells the elements of a list apart."""
        found: str | None = self.fields.get(key, {}).get("x-kubernetes-patch-merge-key")
        return found

    def _strategies(self, key: str) -> list[str]:
        text: str = self.fields.get(key, {}).get("x-kubernetes-patch-strategy", "")
        return text.split(",")


@cache
def merge_schema(name: str) -> MergeSchema | None:
    """A component by its full name; None when it has no fields."""
    fields = schemas.component(name).get("properties")
    return MergeSchema(fields) if fields else None
