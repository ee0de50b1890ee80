"""Every numbered item of the contract is shown by tests that exist, or waits for a part by name."""

import importlib
import os
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests import spec
from tests.spec import PARTS
from tests.spec.collecting import (
    ROOT,
    argument_names,
    exists,
    is_on_a_real_control_plane,
    parametrizations,
    rows_of,
)

CONTRACT = ROOT.parent / "shared" / "spec"


def pages() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(spec.__path__, "tests.spec."):
        # A test module is pytest's to import.
        module = importlib.import_module(found.name) if ".test_" not in found.name else None
        if module is not None and hasattr(module, "PAGE"):
            yield module


PAGES = {page.PAGE: page for page in pages()}
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


@every_page
def test_the_tests_that_show_an_item_exist(page: ModuleType) -> None:
    named = [(item, pattern) for item, patterns in page.ITEMS.items() for pattern in patterns]

    assert [(item, pattern) for item, pattern in named if not exists(pattern)] == []


@every_page
def test_every_item_names_a_test_or_the_part_it_waits_for(page: ModuleType) -> None:
    assert [item for item, patterns in page.ITEMS.items() if not patterns or isinstance(patterns, str)] == []
    assert [item for item, part in page.NOT_YET.items() if part not in PARTS] == []


every_page_with_exceptions = pytest.mark.parametrize(
    "page", [page for page in PAGES.values() if hasattr(page, "IN_PROCESS")], ids=lambda page: page.PAGE
)


@every_page_with_exceptions
def test_an_item_is_shown_on_a_real_control_plane_or_says_why_not(page: ModuleType) -> None:
    in_process = [
        item for item, patterns in page.ITEMS.items() if not any(map(is_on_a_real_control_plane, patterns))
    ]

    assert in_process == list(page.IN_PROCESS)


@every_page
def test_the_table_has_every_item_of_its_page_and_no_other(page: ModuleType) -> None:
    contract = CONTRACT / page.PAGE
    if not contract.exists():
        assert not os.environ.get("CI"), f"{contract} is missing"
        pytest.skip(f"{contract} is missing: nobody knows whether an item was forgotten")

    listed, numbered = {*page.ITEMS, *page.NOT_YET}, numbered_items(contract.read_text())
    assert (sorted(numbered - listed), sorted(listed - numbered)) == ([], [])


def numbered_items(page: str) -> set[str]:
    return set(re.findall(r"^- ([A-Z]+-\d+) ", page, re.MULTILINE))


A_ROW = "tests/spec/test_spec_items.py::test_a_name_that_nothing_bears_is_noticed"

NOTHING_BEARS = {
    "no such file": "tests/spec/test_nothing.py::test_a_name_that_nothing_bears_is_noticed",
    "no such test": "tests/spec/test_spec_items.py::test_nothing",
    "the beginning of a test's name": A_ROW.removesuffix("_noticed"),
    "no such row": f"{A_ROW}[no such thing]",
    "the beginning of a row, as a whole row": f"{A_ROW}[no such]",
}


@pytest.mark.parametrize("pattern", NOTHING_BEARS.values(), ids=NOTHING_BEARS)
def test_a_name_that_nothing_bears_is_noticed(pattern: str) -> None:
    assert not exists(pattern)


@pytest.mark.parametrize("pattern", [A_ROW, f"{A_ROW}[no such file]", f"{A_ROW}[no such"])
def test_a_test_a_row_and_the_beginning_of_a_row_are_found(pattern: str) -> None:
    assert exists(pattern)


def test_rows_have_the_names_that_pytest_gives_them(request: pytest.FixtureRequest) -> None:
    collected = [
        item for item in request.session.items if isinstance(item, pytest.Function) if rows_are_its_own(item)
    ]

    assert [item.nodeid for item in collected if own_row(item) not in escaped_rows(item)] == []


def rows_are_its_own(item: pytest.Function) -> bool:
    """Whether a test's rows come from its own parametrization alone, not from its fixtures'."""
    names = {name for mark in parametrizations(item.function) for name in argument_names(mark.args[0])}
    return hasattr(item, "callspec") and set(item.callspec.params) <= names


def own_row(item: pytest.Function) -> str:
    return item.callspec.id


def escaped_rows(item: pytest.Function) -> set[str]:
    rows = rows_of(item.nodeid.partition("::")[0])[item.originalname]
    return {row.encode("unicode_escape").decode("ascii") for row in rows}
