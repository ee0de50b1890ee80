"""The port for admission: what looks at a write between decoding and storing, and may change or refuse it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from jobset.kube.resources import Resource

Object: TypeAlias = Mapping[str, Any]
ResourceKey: TypeAlias = tuple[str, str]
"""Group and plural name."""

CREATE = "CREATE"
UPDATE = "UPDATE"
DELETE = "DELETE"


class World(Protocol):
    """What admission may read. Objects are shared: never changed in place."""

    def read(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        ...

    def read_all(self, resource: Resource, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a resource, of all namespaces when None."""
        ...


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One write under admission. `old` is None on create."""

    operation: str
    resource: Resource
    subresource: str
    object: Object
    old: Object | None
    world: World

    @property
    def namespace(self) -> str:
        """The object's namespace; empty for cluster-scoped objects."""
        namespace: str = self.object["metadata"].get("namespace", "")
        return namespace

    @property
    def name(self) -> str:
        """The object's name; empty while it is to be generated."""
        name: str = self.object["metadata"].get("name", "")
        return name


class Plugin(Protocol):
    """One admission plugin or in-process webhook. Pure but for reading the world."""

    @property
    def resources(self) -> frozenset[ResourceKey]:
        """Which resources it wants to see."""
        ...

    def mutate(self, review: Review) -> Object:
        """The object, changed or as it was.

        Raises:
            ApiError: the write is refused.
        """
        ...

    def validate(self, review: Review) -> None:
        """Look at the final object.

        Raises:
            ApiError: the write is refused.
        """
        ...
