"""Read manifests: YAML or JSON, with several documents, from files, directories and standard input."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from math import isfinite
from typing import Any, cast

import yaml
from yaml._yaml import CParser  # the parser alone; yaml.cyaml would add its own resolver
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from jobset.manifests import remedies
from jobset.manifests.construct import MAX_DEPTH, Constructor, Refused, refuse_deep_value, too_deep
from jobset.manifests.documents import Document, Documents
from jobset.manifests.problems import Problem
from jobset.manifests.scalars import STR, plain_tag, read_int
from jobset.manifests.sources import MAX_FILE_BYTES, Source, read_sources

_MANY = 2_000
_DEEP_INDENT = re.compile(rf"^ {{{_MANY}}}", re.MULTILINE)


def load(paths: Iterable[str], stdin: Callable[[], bytes] | None = None) -> Documents:
    """Every object in the files, in order; `-` stands for standard input, a directory for its manifests.

    What cannot be read becomes a problem and does not keep the rest from being read.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for source in read_sources(paths, stdin or (lambda: sys.stdin.buffer.read(MAX_FILE_BYTES + 1))):
        if isinstance(source, Problem):
            problems.append(source)
            continue
        read = load_text(source.text, source.file)
        documents += read.documents
        problems += read.problems
    return Documents(tuple(documents), tuple(problems))


def load_text(text: str, file: str) -> Documents:
    """Every object in one text."""
    source = Source(file, text)
    documents: list[Document] = []
    try:
        for document in _read(source):
            documents += _flatten(document)
    except Refused as refused:
        return Documents(tuple(documents), (_refusal(source, refused),))
    except yaml.YAMLError as error:
        return Documents(tuple(documents), (remedies.syntax_problem(file, text, error),))
    if not documents:
        remedy = "write at least one object with apiVersion, kind and metadata"
        return Documents((), (Problem(file=file, line=1, message="there is nothing in it", remedy=remedy),))
    return Documents(tuple(documents))


def _read(source: Source) -> Iterator[Document]:
    if source.text.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(
                source.text,
                object_pairs_hook=_unique,
                parse_constant=_no_constant,
                parse_int=_int,
                parse_float=_float,
            )
            refuse_deep_value(value)
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError):
            if source.file.endswith(".json"):
                _explain_json(source)
            # else: YAML in flow style, or an error that YAML can tell the place of
        else:
            yield Document(source.file, value, cache(lambda: _first_node(source.text)))
            return
    _refuse_great_depth(source.text)
    composer = _Composer(source.text)
    try:
        while composer.check_node():
            node: Any = composer.get_node()
            value = Constructor().construct(node)
            if value is not None:
                yield Document(source.file, value, partial(_given, node))
    finally:
        composer.dispose()


def _flatten(document: Document) -> Iterator[Document]:
    """The document, or the objects in it when it is a `List`."""
    value = document.value
    is_list = isinstance(value, Mapping) and value.get("kind") == "List" and value.get("apiVersion") == "v1"
    items = (value.get("items") or []) if is_list else None
    if not isinstance(items, list):
        yield document
        return
    for index, item in enumerate(items):
        yield from _flatten(Document(document.file, item, partial(_item_node, document, index)))


def _given(node: Node) -> Node:
    return node


def _item_node(document: Document, index: int) -> Node | None:
    root = document.node()
    if isinstance(root, MappingNode):
        for key, value in root.value:
            if key.value == "items" and isinstance(value, SequenceNode) and index < len(value.value):
                item: Node = value.value[index]
                return item
    return root


class _Composer(CParser):
    """libyaml's composer with our own meaning of plain words."""

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """Tags do not depend on the place in the document."""

    def ascend_resolver(self) -> None:
        """Nothing to leave."""

    def resolve(self, kind: type[Node], value: str, implicit: Any) -> str:
        """The tag of a node that has none."""
        if kind is ScalarNode:
            return plain_tag(value) if implicit[0] else STR
        return "tag:yaml.org,2002:map" if kind is MappingNode else "tag:yaml.org,2002:seq"


def _refuse_great_depth(text: str) -> None:
    """Keep from libyaml what would overflow its stack; only a text that could be so deep is looked at."""
    openings = sum(text.count(mark) for mark in ("[", "{", "- ", "? ", "-\t"))
    if openings < _MANY and not _DEEP_INDENT.search(text):
        return
    depth = 0
    parser = CParser(text)
    try:
        while (event := cast("Any", parser.get_event())) is not None:
            depth += isinstance(event, yaml.events.CollectionStartEvent)
            depth -= isinstance(event, yaml.events.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise too_deep((event.start_mark.line + 1, event.start_mark.column + 1))
    finally:
        parser.dispose()


def _first_node(text: str) -> Node | None:
    """The nodes of a JSON text; tabs are blanks there."""
    composer = _Composer(text.replace("\t", " "))
    try:
        node: Node | None = composer.get_node() if composer.check_node() else None
    except yaml.YAMLError:
        return None
    finally:
        composer.dispose()
    return node


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("duplicate key")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _int(text: str) -> int:
    if (number := read_int(text)) is None:
        raise ValueError("too big")
    return number


def _float(text: str) -> float:
    if not isfinite(number := float(text)):
        raise ValueError("too big")
    return number


def _explain_json(source: Source) -> None:
    """Raise what is wrong with a JSON file, if JSON itself is the matter."""
    try:
        json.loads(source.text)
    except json.JSONDecodeError as error:
        remedy = "correct the JSON at this place"
        if error.msg == "Extra data":
            remedy = "write one value in a file; several objects make a list: kind: List of apiVersion v1"
        raise Refused((error.lineno, error.colno), f"not JSON: {error.msg}", remedy) from None
    except RecursionError:
        raise too_deep((1, 1)) from None
    except ValueError:
        return  # a number that YAML refuses too, and can tell the place of


def _refusal(source: Source, refused: Refused) -> Problem:
    line, column = refused.place
    return Problem(file=source.file, line=line, column=column, message=refused.message, remedy=refused.remedy)
