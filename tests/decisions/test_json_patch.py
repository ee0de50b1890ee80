"""Operations that make one JSON value out of another."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobset.admission.json_patch import build_patch
from jobset.local.patch import json_patch

PATCHES: dict[str, tuple[Any, Any, list[dict[str, Any]]]] = {
    "nothing": ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, []),
    "an equal number": ({"a": 10.5}, {"a": float("10.5")}, []),
    "a field that is new": ({}, {"a": {"b": 1}}, [{"op": "add", "path": "/a", "value": {"b": 1}}]),
    "a null that is filled": ({"a": None}, {"a": {}}, [{"op": "replace", "path": "/a", "value": {}}]),
    "a field that is gone": ({"a": 1, "b": 2}, {"b": 2}, [{"op": "remove", "path": "/a"}]),
    "a letter with a meaning": ({}, {"a/b~c": 1}, [{"op": "add", "path": "/a~1b~0c", "value": 1}]),
    "deep in a list": ({"a": [{}, {}]}, {"a": [{}, {"b": 1}]}, [{"op": "add", "path": "/a/1/b", "value": 1}]),
    "more in a list": ({"a": [1]}, {"a": [1, 2]}, [{"op": "add", "path": "/a/-", "value": 2}]),
    "less in a list": ({"a": [1, 2]}, {"a": [1]}, [{"op": "replace", "path": "/a", "value": [1]}]),
    "another type": ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
}


@pytest.mark.parametrize(("before", "after", "patch"), PATCHES.values(), ids=PATCHES)
def test_a_patch(before: Any, after: Any, patch: list[dict[str, Any]]) -> None:
    assert list(build_patch(before, after)) == patch


values = st.recursive(
    st.none() | st.booleans() | st.integers(2, 5) | st.text("ab/~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text("ab/~", max_size=2), values, max_size=3)


@given(objects, objects)
def test_a_patch_makes_the_one_out_of_the_other(before: Any, after: Any) -> None:
    assert json_patch(before, list(build_patch(before, after))) == after
