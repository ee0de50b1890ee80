"""From YAML nodes to JSON values, refusing what JSON has no form for and what was made to harm."""

import json
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from jobset.manifests.scalars import MERGE, NULL, SCALAR_TAGS, STR, NotJson, read_scalar

MAX_DEPTH = 100
MAX_ALIASED_NODES = 100_000

_COLLECTION_TAGS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"}


class Refused(Exception):
    """A manifest that cannot be read: the place (line and column from 1), what is wrong, what to do."""

    def __init__(self, place: tuple[int, int], message: str, remedy: str) -> None:
        super().__init__(message)
        self.place, self.message, self.remedy = place, message, remedy


def place_of(node: Node) -> tuple[int, int]:
    """Where a node starts."""
    mark = node.start_mark
    return mark.line + 1, mark.column + 1


def too_deep(place: tuple[int, int]) -> Refused:
    """More levels than any manifest needs."""
    message = f"nested more than {MAX_DEPTH} levels deep"
    return Refused(place, message, "check the indentation and the brackets; flatten the object")


def refuse_deep_value(value: Any, depth: int = 0) -> None:
    """Refuse JSON with too many levels, as YAML is.

    Raises:
        Refused: it has.
    """
    if depth > MAX_DEPTH:
        raise too_deep((1, 1))
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            refuse_deep_value(item, depth + 1)


class Constructor:
    """JSON from YAML nodes. An alias shares the value of its anchor, and is counted in full."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._done: dict[int, tuple[Any, int]] = {}
        self._size = 0
        self._aliased = 0

    def construct(self, node: Node, depth: int = 0) -> Any:
        """The value of a node.

        Raises:
            Refused: it holds something that JSON or we do not take.
        """
        if isinstance(node, ScalarNode):
            self._size += 1
            return _scalar(node)
        if (done := self._done.get(id(node))) is not None:
            return self._again(node, *done)
        self._enter(node, depth)
        before = self._size
        self._size += 1
        value = self._mapping(node, depth) if isinstance(node, MappingNode) else self._sequence(node, depth)
        self._open.discard(id(node))
        self._done[id(node)] = (value, self._size - before)
        return value

    def _enter(self, node: Node, depth: int) -> None:
        if node.tag not in _COLLECTION_TAGS:
            raise _unknown_tag(node)
        if id(node) in self._open:
            raise Refused(
                place_of(node), "an anchor contains itself", "remove the alias inside its own anchor"
            )
        if depth > MAX_DEPTH:
            raise too_deep(place_of(node))
        self._open.add(id(node))

    def _again(self, node: Node, value: Any, size: int) -> Any:
        self._size += size
        self._aliased += size
        if self._aliased > MAX_ALIASED_NODES:
            message = f"aliases make the document grow by more than {MAX_ALIASED_NODES} values"
            raise Refused(place_of(node), message, "write the repeated parts out, or use fewer aliases")
        return value

    def _sequence(self, node: Node, depth: int) -> list[Any]:
        return [self.construct(item, depth + 1) for item in node.value]

    def _mapping(self, node: Node, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                merged = self._merge(value_node, depth) | merged
                continue
            key = _key(key_node)
            if key in value:
                first = next(k for k, _ in node.value if k.tag != MERGE and _key(k) == key)
                raise _duplicate_key(key_node, key, first)
            value[key] = self.construct(value_node, depth + 1)
        return merged | value if merged else value

    def _merge(self, node: Node, depth: int) -> dict[str, Any]:
        """What `<<` brings in; of several mappings the first wins."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for source in sources:
            if not isinstance(source, MappingNode):
                raise Refused(place_of(source), "<< needs a mapping", "merge an anchored mapping: <<: *name")
            merged = self.construct(source, depth + 1) | merged
        return merged


def _scalar(node: ScalarNode) -> Any:
    tag = STR if node.tag == "!" else node.tag
    if tag not in SCALAR_TAGS:
        raise _unknown_tag(node)
    try:
        return read_scalar(tag, node.value)
    except NotJson as error:
        raise Refused(
            place_of(node), str(error), "write another value, or put it in quotes to make it a string"
        ) from None


def _key(node: Node) -> str:
    """A key as JSON has it: a string, whatever it looks like in YAML."""
    if not isinstance(node, ScalarNode) or node.tag == NULL:
        remedy = 'put keys that contain { } or [ ] in quotes, such as "{{ name }}"'
        raise Refused(place_of(node), "a key must be a string", remedy)
    value = _scalar(node)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def _unknown_tag(node: Node) -> Refused:
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")
    return Refused(
        place_of(node),
        f"the YAML tag {tag} has no meaning here",
        "remove the tag, or put the value in quotes",
    )


def _duplicate_key(node: Node, key: str, first: Node) -> Refused:
    line = first.start_mark.line + 1
    return Refused(
        place_of(node), f'key "{key}" is there twice; first on line {line}', "remove or rename one of the two"
    )
