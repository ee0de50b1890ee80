"""From a URL path to the resource it names."""

from collections.abc import Mapping

import msgspec

from jobset.kube.resources import Resource
from jobset.local.kinds.rules import KindRules
from jobset.local.statuses import no_such_path


class Route(msgspec.Struct, frozen=True):
    """One resource, in a namespace or in all of them (None), perhaps one object and a part of it."""

    rules: KindRules
    namespace: str | None
    name: str | None
    subresource: str | None

    @property
    def resource(self) -> Resource:
        """The resource that is meant."""
        return self.rules.resource


class Router:
    """Finds routes among the served kinds."""

    def __init__(self, kinds: Mapping[tuple[str, str], KindRules]) -> None:
        self._by_plural = {
            (r.resource.group, r.resource.version, r.resource.plural): r for r in kinds.values()
        }

    def find(self, path: str) -> Route:
        """The route of a path.

        Raises:
            NotFound: nothing is served there.
        """
        match path.strip("/").split("/"):
            case ["api", version, *rest]:
                return self._resolve("", version, rest)
            case ["apis", group, version, *rest]:
                return self._resolve(group, version, rest)
        raise no_such_path()

    def _resolve(self, group: str, version: str, rest: list[str]) -> Route:
        namespace: str | None = None
        if len(rest) >= 3 and rest[0] == "namespaces":
            rules = self._by_plural.get((group, version, rest[2]))
            if rules is not None and rules.resource.namespaced:
                namespace, rest = rest[1], rest[2:]
        rules = self._by_plural.get((group, version, rest[0])) if rest else None
        if rules is None or len(rest) > 3:
            raise no_such_path()
        name = rest[1] if len(rest) > 1 else None
        subresource = rest[2] if len(rest) > 2 else None
        if rules.resource.namespaced and namespace is None and name is not None:
            raise no_such_path()
        return Route(rules, namespace, name, subresource)
