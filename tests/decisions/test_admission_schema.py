"""Schemas: what is pruned, defaulted and refused."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobset.admission import schemas, structural
from jobset.admission.crd_types import spelled_out
from jobset.admission.jobset_schema import jobset_schema
from tests.decisions.admission_builders import a_jobset, a_role

POD_SPEC = spelled_out("io.k8s.api.core.v1.PodSpec")
CONTAINER = spelled_out("io.k8s.api.core.v1.Container")
TOLERATION = "io.k8s.api.core.v1.Toleration"

NORMALISED: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "an unknown field goes": (CONTAINER, {"name": "a", "x": 1}, {"name": "a"}),
    "a null goes": (CONTAINER, {"name": "a", "image": None}, {"name": "a"}),
    "a null in a map goes": (POD_SPEC, {"nodeSelector": {"a": None, "b": "c"}}, {"nodeSelector": {"b": "c"}}),
    "a null that has a default gets it": (
        CONTAINER,
        {"ports": [{"containerPort": 1, "protocol": None}]},
        {"ports": [{"containerPort": 1, "protocol": "TCP"}]},
    ),
    "a null in a list stays": (CONTAINER, {"args": ["a", None]}, {"args": ["a", None]}),
    "a list of objects is searched for nulls": (
        CONTAINER,
        {"env": [{"name": "a", "value": None}]},
        {"env": [{"name": "a"}]},
    ),
    "a default deep inside": (
        POD_SPEC,
        {"volumes": [{"name": "a", "configMap": {}}]},
        {"volumes": [{"name": "a", "configMap": {"name": ""}}]},
    ),
    "a whole float is an integer": (POD_SPEC, {"priority": 2.0}, {"priority": 2}),
    "a fraction stays what it is": (POD_SPEC, {"priority": 2.5}, {"priority": 2.5}),
    "a quantity may be a fraction": (
        CONTAINER,
        {"resources": {"limits": {"cpu": 0.5, "memory": 1000.0}}},
        {"resources": {"limits": {"cpu": "500m", "memory": 1000}}},
    ),
    "an infinite quantity stays what it is": (
        CONTAINER,
        {"resources": {"limits": {"cpu": float("inf")}}},
        {"resources": {"limits": {"cpu": float("inf")}}},
    ),
    "a value of another type stays": (CONTAINER, {"args": "a", "env": [5]}, {"args": "a", "env": [5]}),
}


@pytest.mark.parametrize(("schema", "given_value", "stored"), NORMALISED.values(), ids=NORMALISED)
def test_an_object_is_brought_into_the_form_of_its_schema(
    schema: Any, given_value: dict[str, Any], stored: dict[str, Any]
) -> None:
    assert structural.normalise(given_value, schema) == stored


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "args", "env", "resources", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*CONTAINER["properties"], "x"]), JSON, max_size=5))
def test_normalising_twice_changes_nothing_more(value: dict[str, Any]) -> None:
    once = structural.normalise(value, CONTAINER)

    assert structural.normalise(once, CONTAINER) is once


MATCH = "f in body should match"
CHECKED: dict[str, tuple[Any, Any, list[str]]] = {
    "a string": ({"type": "string"}, "a", []),
    "a number for a string": (
        {"type": "string"},
        5,
        ['f: Invalid value: "integer": f in body must be of type string: "integer"'],
    ),
    "a string for a number": (
        {"type": "integer", "format": "int32"},
        "5",
        ['f: Invalid value: "string": f in body must be of type integer: "string"'],
    ),
    "a truth value for a number": (
        {"type": "integer", "format": "int32"},
        True,
        ['f: Invalid value: "": f in body must be of type int32: ""'],
    ),
    "a fraction for a whole number": (
        {"type": "integer", "format": "int32"},
        1.5,
        [
            'f: Invalid value: "float64": f in body must be of type int32: "float64"',
            '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in f',
        ],
    ),
    "a whole float": ({"type": "integer"}, 2.0, []),
    "a whole number for a number": ({"type": "number"}, 2, []),
    "null": (
        {"type": "string"},
        None,
        ['f: Invalid value: "null": f in body must be of type string: "null"'],
    ),
    "null where it may be": ({"type": "string", "nullable": True}, None, []),
    "a list for an object": (
        {"type": "object"},
        [],
        ['f: Invalid value: "array": f in body must be of type object: "array"'],
    ),
    "below the minimum": (
        {"type": "integer", "minimum": 0},
        -1,
        ["f: Invalid value: -1: f in body should be greater than or equal to 0"],
    ),
    "beyond 32 bits": (
        {"type": "integer", "format": "int32"},
        2**31,
        ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in f'],
    ),
    "a long text": (
        {"type": "string", "maxLength": 2},
        "abc",
        ["f: Too long: may not be more than 2 bytes"],
    ),
    "a short text": (
        {"type": "string", "minLength": 1},
        "",
        ['f: Invalid value: "": f in body should be at least 1 chars long'],
    ),
    "a text without its pattern": (
        {"type": "string", "pattern": "^a+$"},
        "a\n",
        [rf'f: Invalid value: "a\n": {MATCH} ' + "'^a+$'"],
    ),
    "a time": ({"type": "string", "format": "date-time"}, "2030-01-02T03:04:05Z", []),
    "no time": (
        {"type": "string", "format": "date-time"},
        "Tuesday",
        ['f: Invalid value: "Tuesday": f in body must be of type date-time: "Tuesday"'],
    ),
    "a day is no time": (
        {"type": "string", "format": "date-time"},
        "2030-01-02",
        ['f: Invalid value: "2030-01-02": f in body must be of type date-time: "2030-01-02"'],
    ),
    "too many items": (
        {"type": "array", "maxItems": 1, "items": {"type": "string"}},
        ["a", "b"],
        ["f: Too many: 2: must have at most 1 items"],
    ),
    "a list of anything": ({"type": "array"}, [1, "a"], []),
    "a choice": (
        {"type": "string", "enum": ["b", "a"]},
        "c",
        ['f: Unsupported value: "c": supported values: "b", "a"'],
    ),
    "a missing field": ({"type": "object", "required": ["a"]}, {}, ["f.a: Required value"]),
    "a wrong value in a map": (
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"a.b/c": 1},
        ['f.a.b/c: Invalid value: "integer": f.a.b/c in body must be of type string: "integer"'],
    ),
    "a port is a number": (spelled_out(schemas.INT_OR_STRING), 80, []),
    "a port is a name": (spelled_out(schemas.INT_OR_STRING), "http", []),
    "a port is no list": (
        spelled_out(schemas.INT_OR_STRING),
        [],
        [
            'f: Invalid value: "array": f in body must be of type integer,string: "array"',
            '<nil>: Invalid value: "": "f" must validate at least one schema (anyOf)',
            'f: Invalid value: "array": f in body must be of type integer: "array"',
        ],
    ),
    "a port may be null": (spelled_out(schemas.INT_OR_STRING), None, []),
    "a map list with a key twice": (
        {
            "type": "array",
            "items": {"type": "object"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["a", "b"],
        },
        [{"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2}, {"a": True, "b": 2}],
        ['f[1]: Duplicate value: {"a":1,"b":2}'],
    ),
    "a map list with a number": (
        {
            "type": "array",
            "items": {"type": "object"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["a"],
        },
        [{"a": 1}, {"a": 1}, 5, 6],
        [
            'f[2]: Invalid value: "integer": f[2] in body must be of type object: "integer"',
            'f[3]: Invalid value: "integer": f[3] in body must be of type object: "integer"',
            "f[2]: Invalid value: 5: must be an object for an array of list-type map",
        ],
    ),
    "a set with an item twice": (
        {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        ["a", "b", "a"],
        ['f[2]: Duplicate value: "a"'],
    ),
    "a reference is followed": (
        schemas.component(TOLERATION),
        {"effect": "Nothing"},
        [
            'f.effect: Unsupported value: "Nothing": supported values: "NoExecute", "NoSchedule", '
            '"PreferNoSchedule"'
        ],
    ),
}


@pytest.mark.parametrize(("schema", "value", "errors"), CHECKED.values(), ids=CHECKED)
def test_a_value_is_checked_against_its_schema(schema: Any, value: Any, errors: list[str]) -> None:
    assert [str(error) for error in structural.validate(value, schema, "f")] == errors


def test_the_jobset_schema_takes_a_jobset() -> None:
    assert structural.validate(a_jobset(a_role("a"), a_role("b")), jobset_schema()) == []


def test_the_schema_of_a_crd_has_no_enums_and_few_defaults() -> None:
    assert "enum" not in CONTAINER["properties"]["imagePullPolicy"]
    assert "default" not in CONTAINER["properties"]["resources"]
    assert "default" not in spelled_out("io.k8s.api.core.v1.AzureDiskVolumeSource")["properties"]["kind"]
    assert POD_SPEC["properties"]["imagePullSecrets"]["items"]["properties"]["name"]["default"] == ""
    embedded = spelled_out(schemas.JOB_TEMPLATE)["properties"]["metadata"]["properties"]
    assert sorted(embedded) == ["annotations", "finalizers", "labels", "name", "namespace"]


UNKNOWN = {
    "none": ({"name": "a"}, []),
    "one with a neighbour": ({"nme": "a"}, [("nme", ("name",))]),
    "the wrong case": ({"workingdir": "a"}, [("workingdir", ("workingDir",))]),
    "nothing like it": ({"zebra": "a"}, [("zebra", ())]),
    "deep inside": ({"env": [{"name": "a", "valeu": "b"}]}, [("env[0].valeu", ("value",))]),
    "a map takes every key": ({"resources": {"limits": {"zebra": 1}}}, []),
}


@pytest.mark.parametrize(("value", "found"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_fields_are_found_with_their_neighbours(value: Any, found: list[Any]) -> None:
    unknown = structural.unknown_fields(value, CONTAINER)

    assert [(field.field, field.nearest) for field in unknown] == found


def test_schemas_keep_what_they_do_not_know_where_they_say_so() -> None:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {}}

    assert list(structural.unknown_fields({"a": 1}, anything)) == []
    assert list(structural.unknown_fields({"a": 1}, {"type": "object"})) == []
    assert list(structural.unknown_fields([1], {"type": "array"})) == []


def test_kinds_and_resources_are_known() -> None:
    assert schemas.component_of_kind()["batch/v1", "Job"] == "io.k8s.api.batch.v1.Job"
    assert schemas.component_of_kind()["v1", "Pod"] == "io.k8s.api.core.v1.Pod"
    assert "apis/batch/v1" in schemas.resources()
