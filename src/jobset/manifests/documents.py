"""The objects of manifests, each knowing where its parts stand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from yaml.nodes import CollectionNode, MappingNode, Node, SequenceNode

from jobset.manifests.problems import Problem, Severity


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file. `value` may be anything that JSON can hold."""

    file: str
    value: Any
    node: Callable[[], Node | None] = field(repr=False, compare=False)
    """The parsed YAML, for places; None when there is none."""

    @property
    def title(self) -> str:
        """Kind and name, such as `JobSet/train`."""
        if not isinstance(self.value, Mapping):
            return ""
        kind, metadata = self.value.get("kind"), self.value.get("metadata")
        names = metadata if isinstance(metadata, Mapping) else {}
        name = names.get("name") or names.get("generateName")
        return "/".join(str(part) for part in (kind, name) if part)

    def place(self, path: str = "", *, of_key: bool = False) -> tuple[int, int]:
        """Line and column of a field, or of the nearest part around it that is there."""
        root = self.node()
        if root is None:
            return 0, 0
        mark = _find(root, path, of_key).start_mark
        return mark.line + 1, mark.column + 1

    def problem(
        self,
        message: str,
        remedy: str,
        path: str = "",
        *,
        value: Any = None,
        of_key: bool = False,
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """A problem of this object, with its place."""
        line, column = self.place(path, of_key=of_key)
        return Problem(
            file=self.file,
            line=line,
            column=column,
            object=self.title,
            field=path,
            value=value,
            message=message,
            remedy=remedy,
            severity=severity,
        )


class Documents(msgspec.Struct, frozen=True):
    """What was read, and what could not be."""

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)

    @property
    def objects(self) -> list[Any]:
        """The objects alone, in order."""
        return [document.value for document in self.documents]


def _find(node: Node, path: str, of_key: bool) -> Node:
    """The node at `path`, or the deepest one on the way there."""
    found = node
    while path:
        step = _step(found, path)
        if step is None:
            break
        key, value, path = step
        # A block starts on the line below its key, and an empty value nowhere: the key is the better place.
        is_block = isinstance(value, CollectionNode) and not value.flow_style
        is_empty = value.start_mark.index == value.end_mark.index
        found = key if not path and (of_key or is_block or is_empty) else value
    return found


def _step(node: Node, path: str) -> tuple[Node, Node, str] | None:
    if isinstance(node, SequenceNode):
        index, bracket, rest = path.removeprefix("[").partition("]")
        if not (bracket and path.startswith("[") and index.isdecimal()) or int(index) >= len(node.value):
            return None
        item = node.value[int(index)]
        return item, item, rest.removeprefix(".")
    return _step_into_mapping(node, path) if isinstance(node, MappingNode) else None


def _step_into_mapping(node: MappingNode, path: str) -> tuple[Node, Node, str] | None:
    """The entry whose key `path` starts with; keys may have dots, so the longest wins."""
    best: tuple[Node, Node, str] | None = None
    longest = -1
    for key, value in node.value:
        text = key.value
        for start in (text, f"[{text}]"):
            rest = path.removeprefix(start)
            if path.startswith(start) and len(start) > longest and (not rest or rest[0] in ".["):
                best, longest = (key, value, rest.removeprefix(".")), len(start)
    return best
