"""Values as Go prints and compares them."""

from typing import Any

import pytest

from jobset.admission.field_errors import render_value
from jobset.admission.go_types import go_equal, go_json

PRINTED: dict[str, tuple[str, Any, str]] = {
    "fields in Go's order, structs always, empty ones left out": (
        "ReplicatedJob",
        {"replicas": 0, "template": {}, "name": "a", "groupName": ""},
        '{"name":"a","template":{"metadata":{},"spec":{"template":{"metadata":{},"spec":{"containers":null}}}}}',
    ),
    "a list of own types": (
        "ReplicatedJob",
        {"name": "a", "dependsOn": [{"status": "Ready", "name": "b"}]},
        '{"name":"a","template":{"metadata":{},"spec":{"template":{"metadata":{},"spec":{"containers":null}}}},'
        '"dependsOn":[{"name":"b","status":"Ready"}]}',
    ),
    "a pointer is written even when zero": (
        "SuccessPolicyRule",
        {"succeededCount": 0},
        '{"succeededCount":0}',
    ),
    "quantities in canonical form": (
        "ResourceRequirements",
        {"limits": {"memory": "1024Mi", "cpu": "0.5"}},
        '{"limits":{"cpu":"500m","memory":"1Gi"}}',
    ),
    "a wrong quantity as it is": ("ResourceRequirements", {"limits": {"cpu": "x"}}, '{"limits":{"cpu":"x"}}'),
    "a port that nobody set": ("TCPSocketAction", {}, '{"port":0}'),
    "a divisor that nobody set": (
        "ResourceFieldSelector",
        {"resource": "a"},
        '{"resource":"a","divisor":"0"}',
    ),
    "a value of another type": ("EnvVar", "text", '"text"'),
    "a list of plain values": ("ExecAction", {"command": ["a"]}, '{"command":["a"]}'),
    "a map of plain values, sorted": (
        "LabelSelector",
        {"matchLabels": {"b": "1", "a": "2"}},
        '{"matchLabels":{"a":"2","b":"1"}}',
    ),
}


@pytest.mark.parametrize(("type_name", "value", "text"), PRINTED.values(), ids=PRINTED)
def test_a_value_is_printed_as_go_marshals_it(type_name: str, value: Any, text: str) -> None:
    assert render_value(go_json(value, type_name)) == text


COMPARED: dict[str, tuple[str, Any, Any, bool]] = {
    "quantities by value": (
        "ResourceRequirements",
        {"limits": {"memory": "1Gi"}},
        {"limits": {"memory": "1024Mi"}},
        True,
    ),
    "other quantities": ("ResourceRequirements", {"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, False),
    "no list is an empty list": ("PodSpec", {"containers": []}, {}, True),
    "no text is an empty text": ("EnvVar", {"name": "a", "value": ""}, {"name": "a"}, True),
    "no struct is an empty struct": ("Container", {"name": "a", "resources": {}}, {"name": "a"}, True),
    "a pointer to nothing is something": ("Volume", {"name": "a", "emptyDir": {}}, {"name": "a"}, False),
    "items by position": ("ExecAction", {"command": ["a", "b"]}, {"command": ["b", "a"]}, False),
    "more items": ("ExecAction", {"command": ["a"]}, {"command": ["a", "b"]}, False),
    "a wrong quantity is its text": (
        "ResourceRequirements",
        {"limits": {"cpu": "x"}},
        {"limits": {"cpu": "x"}},
        True,
    ),
}


@pytest.mark.parametrize(("type_name", "one", "other", "equal"), COMPARED.values(), ids=COMPARED)
def test_values_are_compared_as_go_holds_them(type_name: str, one: Any, other: Any, equal: bool) -> None:
    assert go_equal(one, other, type_name) is equal
    assert go_equal(other, one, type_name) is equal
