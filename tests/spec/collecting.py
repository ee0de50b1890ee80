"""The rows of a test module, read from the module without running pytest's collection."""

import importlib
import inspect
import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


TWO_SERVERS = {
    "tests.scenarios.": {"play"},
    "tests.contract.test_agent": {"world"},
    "tests.contract.test_jobset": {"client", "transport"},
}
"""Modules, and the fixtures each of which runs their tests on both API servers."""


def exists(pattern: str) -> bool:
    """Whether there is the test, the row, or any row with the beginning, that `pattern` names."""
    file, _, test = pattern.partition("::")
    if not (ROOT / file).is_file():
        return False
    name, bracket, beginning = test.partition("[")
    rows = rows_of(file).get(name)
    if rows is None or not bracket:
        return rows is not None
    return any(f"{row}]".startswith(beginning) for row in rows)


def is_on_a_real_control_plane(pattern: str) -> bool:
    """Whether a test runs against a real API server, alone or besides the one of this process."""
    file, _, test = pattern.partition("::")
    module = imported(file)
    function = getattr(module, test.partition("[")[0])
    marks = [*as_list(getattr(module, "pytestmark", [])), *getattr(function, "pytestmark", [])]
    fixtures = inspect.signature(function).parameters
    return any(mark.name == "control_plane" for mark in marks) or any(
        module.__name__.startswith(start) and names & set(fixtures) for start, names in TWO_SERVERS.items()
    )


def as_list(marks: Any) -> list[Any]:
    return marks if isinstance(marks, list) else [marks]


def imported(file: str) -> ModuleType:
    return importlib.import_module(file.removesuffix(".py").replace("/", "."))


@cache
def rows_of(file: str) -> dict[str, frozenset[str]]:
    """Every test function of a file, with the ids that its own parametrization gives its rows."""
    return {
        name: frozenset(row_ids(value))
        for name, value in vars(imported(file)).items()
        if name.startswith("test_") and callable(value)
    }


def row_ids(test: Any) -> Iterator[str]:
    # The decorator nearest to the function comes first, in the marks as in the ids.
    columns = [mark_ids(*mark.args, **mark.kwargs) for mark in parametrizations(test)]
    yield from map("-".join, itertools.product(*columns))


def parametrizations(test: Any) -> list[pytest.Mark]:
    return [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]


def mark_ids(argnames: str | Sequence[str], argvalues: Any, ids: Any = None) -> list[str]:
    """The ids that one parametrization gives its rows, in order."""
    names = argument_names(argnames)
    rows = [row if isinstance(row, A_PARAM) else pytest.param(*cells(names, row)) for row in argvalues]
    given = itertools.repeat(None, len(rows)) if ids is None or callable(ids) else list(ids)
    return [
        next(str(name) for name in (row.id, id_, made_id(ids, names, row.values, index)) if name is not None)
        for index, (row, id_) in enumerate(zip(rows, given, strict=True))
    ] or ["NOTSET"]


A_PARAM = type(pytest.param())


def argument_names(argnames: str | Sequence[str]) -> list[str]:
    return [name.strip() for name in argnames.split(",")] if isinstance(argnames, str) else list(argnames)


def cells(names: Sequence[str], row: Any) -> Sequence[Any]:
    return row if len(names) > 1 else [row]


def made_id(ids: Any, names: Sequence[str], values: Sequence[Any], index: int) -> str:
    made = map(ids, values) if callable(ids) else values
    return "-".join(value_id(name, value, index) for name, value in zip(names, made, strict=True))


LONGEST_TEXT = 100


def value_id(name: str, value: object, index: int) -> str:
    if isinstance(value, str) and len(value) <= LONGEST_TEXT:
        return value
    if isinstance(value, int | float | None):
        return str(value)
    return getattr(value, "__name__", f"{name}{index}")
