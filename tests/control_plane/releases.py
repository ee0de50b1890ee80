"""Which release the real API server is of, and what other releases than the usual one answer otherwise."""

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from jobset.kube.errors import ApiError
from tests.control_plane import build

_VERSION = re.compile(r"v1\.(\d+)\.")
_TYPE_OF_REFUSED = re.compile(r'(?<=Invalid value: )"(?:object|array)": ')
_NEWEST = 999


def on_releases(since: int = 0, until: int = _NEWEST) -> pytest.MarkDecorator:
    """A test, or a row of one, that holds for real API servers of minor versions from `since` to `until`."""
    return pytest.mark.releases(since=since, until=until)


def rows(table: Mapping[str, Any], limited: pytest.MarkDecorator, *names: str) -> Sequence[Any]:
    """The rows of a table for `parametrize`, those with these names limited to some releases."""
    assert set(names) <= table.keys(), "a row that is not there"
    return [
        pytest.param(
            *(row if isinstance(row, tuple) else (row,)), id=name, marks=limited if name in names else ()
        )
        for name, row in table.items()
    ]


def words(refusal: ApiError | str) -> str:
    """What is compared of a refusal: servers before 1.35 always name the type of what a rule refuses."""
    return str(refusal) if at_hand() >= 35 else _TYPE_OF_REFUSED.sub("", str(refusal))


@cache
def at_hand() -> int:
    """The minor version of the real API server that the tests use; of the usual one where there is none."""
    folder = build.find_programs()
    if folder is None:
        told = f"v{build.KUBERNETES}"
    else:
        program = [str(folder / "kube-apiserver"), "--version"]
        told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    found = _VERSION.search(told)
    assert found is not None, told
    return int(found[1])


def limit(items: Iterable[pytest.Item]) -> None:
    """Skip tests on the real API server that hold for other releases than the one at hand."""
    for item in items:
        mark = item.get_closest_marker("releases")
        if mark is None or item.get_closest_marker("control_plane") is None:
            continue
        since, until = mark.kwargs["since"], mark.kwargs["until"]
        if not since <= at_hand() <= until:
            bound = f"since 1.{since}" if at_hand() < since else f"until 1.{until}"
            item.add_marker(pytest.mark.skip(reason=f"holds {bound}; Kubernetes 1.{at_hand()} is at hand"))
