"""No manifest, however broken, gives a traceback."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobset.manifests.check import check
from jobset.manifests.problems import Problem
from jobset.manifests.sources import decode
from jobset.manifests.yaml import load_text
from tests.damage import damaged_bytes
from tests.manifests.wrong import GOOD, with_spec

FULL = with_spec(
    """\
  network: {subdomain: a, enableDNSHostnames: true}
  successPolicy: {operator: All, targetReplicatedJobs: [leader]}
  failurePolicy: {maxRestarts: 1, rules: [{name: a, action: FailJobSet, onJobFailureMessagePatterns: [x]}]}
  startupPolicy: {startupPolicyOrder: AnyOrder}
  coordinator: {replicatedJob: leader, jobIndex: 0}
  managedBy: example.com/me
  volumeClaimPolicies: [{templates: [{metadata: {name: data}, spec: {}}]}]"""
)
OBJECTS = [
    load_text(FULL, "f").objects[0],
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": {"a": "b"}},
        "data": {"a": "b"},
    },
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-train", "annotations": {"a": "b"}, "ownerReferences": [{"uid": "a"}]},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    },
]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "spec", "metadata", "a"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, item in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from paths(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {key: replaced(item, path[1:], new) if key == path[0] else item for key, item in value.items()}
    return [replaced(item, path[1:], new) if index == path[0] else item for index, item in enumerate(value)]


SPOTS = [(index, path) for index, value in enumerate(OBJECTS) for path in paths(value)]


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SPOTS), ANYTHING)
def test_anything_may_stand_anywhere(spot: tuple[int, tuple[Any, ...]], new: Any) -> None:
    index, path = spot
    objects = [*OBJECTS[:index], replaced(OBJECTS[index], path, new), *OBJECTS[index + 1 :]]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})

    problems = check(load_text(text, "f"))

    assert all(problem.message and problem.remedy for problem in problems)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.text(max_size=4))
def test_any_edit_of_the_text_may_happen(start: int, length: int, new: str) -> None:
    problems = check(load_text(GOOD[:start] + new + GOOD[start + length :], "f"))

    assert all(problem.message and problem.remedy for problem in problems)


FILES = st.sampled_from([FULL.encode(), GOOD.encode(), json.dumps(OBJECTS[0]).encode()])


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(damaged_bytes(FILES))
def test_any_bytes_may_come(data: bytes) -> None:
    source = decode(data, "f")
    problems = [source] if isinstance(source, Problem) else check(load_text(source.text, "f"))

    assert all(problem.message and problem.remedy for problem in problems)
