"""How JSON becomes an object of a built-in kind, and in which words it is refused."""

from typing import Any

import pytest

from jobset.kube.errors import BadRequest
from jobset.kube.resources import CONFIG_MAPS, CORE_EVENTS, JOBS, PODS, SECRETS, SERVICES, Resource
from jobset.kube.transport import JSON_PATCH, Request
from jobset.local.bodies import read_object, read_patch
from jobset.local.decoding import decode
from jobset.local.kinds.registry import KINDS


def decoded(resource: Resource, body: dict[str, Any]) -> Any:
    return decode(body, KINDS[(resource.api_version, resource.kind)], "Warn").object


def a_pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"containers": [], **spec}, "status": {}}


def test_an_object_in_normal_form_is_shared() -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": "v"}}

    assert decoded(CONFIG_MAPS, body) is body


DROPPED = {
    "null": ({"hostname": None}, {}),
    "an empty text": ({"hostname": ""}, {}),
    "an empty list": ({"tolerations": []}, {}),
    "an empty map": ({"nodeSelector": {}}, {}),
    "false where Go has no pointer": ({"hostNetwork": False}, {}),
    "false behind a pointer stays": ({"enableServiceLinks": False}, {"enableServiceLinks": False}),
    "zero behind a pointer stays": ({"priority": 0}, {"priority": 0}),
    "an empty struct behind a pointer stays": ({"securityContext": {}}, {"securityContext": {}}),
    "unknown fields": ({"colour": "red"}, {}),
    "a whole float is a number": ({"priority": 5.0}, {"priority": 5}),
    "a quantity is written as the server does": ({"overhead": {"cpu": "0.5"}}, {"overhead": {"cpu": "500m"}}),
    "a number is a quantity": ({"overhead": {"cpu": 2}}, {"overhead": {"cpu": "2"}}),
}


@pytest.mark.parametrize(("given", "kept"), DROPPED.values(), ids=DROPPED)
def test_what_go_would_not_write_is_dropped(given: dict[str, Any], kept: dict[str, Any]) -> None:
    spec = decoded(PODS, a_pod(**given))["spec"]

    assert {key: value for key, value in spec.items() if key != "containers"} == kept


def test_an_empty_text_behind_a_pointer_stays() -> None:
    job = decoded(JOBS, {"metadata": {"name": "j"}, "status": {"failedIndexes": "", "completedIndexes": ""}})

    assert job["status"] == {"failedIndexes": ""}


def test_fields_that_go_always_writes_are_added() -> None:
    pod = decoded(PODS, a_pod(containers=[{"name": "c"}]))
    event = decoded(CORE_EVENTS, {"metadata": {"name": "e"}, "involvedObject": {}})

    assert pod["spec"]["containers"] == [{"name": "c", "resources": {}}]
    assert {"firstTimestamp": None, "source": {}, "reportingComponent": ""}.items() <= event.items()


def test_times_are_written_in_utc() -> None:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T02:00:00+02:00"}

    pod = decoded(PODS, {**a_pod(), "status": {"conditions": [condition]}})

    assert pod["status"]["conditions"][0]["lastTransitionTime"] == "2030-01-01T00:00:00Z"


BASE64 = {
    "lines, as a block of a manifest has them": ("YWJj\nZGVm\n", "YWJjZGVm"),
    "bits behind the end": ("YR==", "YQ=="),
    "normal form": ("YQ==", "YQ=="),
}


@pytest.mark.parametrize(("given", "kept"), BASE64.values(), ids=BASE64)
def test_base64_is_written_in_its_normal_form(given: str, kept: str) -> None:
    assert decoded(SECRETS, {"metadata": {"name": "s"}, "data": {"k": given}})["data"] == {"k": kept}


def test_a_null_in_a_map_is_the_zero_of_its_type():
    secret = decoded(SECRETS, {"metadata": {"name": "s"}, "data": {"k": None}})
    pod = decoded(PODS, a_pod(overhead={"cpu": None}))

    assert secret["data"] == {"k": ""}
    assert pod["spec"]["overhead"] == {"cpu": "0"}


def test_a_reference_without_a_name_is_written_without_one():
    pod = decoded(PODS, a_pod(imagePullSecrets=[{"name": ""}, {}]))

    assert pod["spec"]["imagePullSecrets"] == [{}, {}]


@pytest.mark.parametrize("policy", [{}, {"rules": []}, {"rules": None}])
def test_a_list_that_go_always_writes_is_null_when_it_is_empty(policy):
    job = decoded(JOBS, {"spec": {"podFailurePolicy": policy, "template": {}}})

    assert job["spec"]["podFailurePolicy"] == {"rules": None}


FIELD = "json: cannot unmarshal"
WRONG: dict[str, tuple[Resource, dict[str, Any], str]] = {
    "a number for a text": (
        CONFIG_MAPS,
        {"metadata": {"name": 5}},
        f"{FIELD} number into Go struct field ObjectMeta.metadata.name of type string",
    ),
    "a text for a list": (
        PODS,
        a_pod(containers="x"),
        f"{FIELD} string into Go struct field PodSpec.spec.containers of type []v1.Container",
    ),
    "a list for a struct": (
        PODS,
        {"spec": []},
        f"{FIELD} array into Go struct field Pod.spec of type v1.PodSpec",
    ),
    "deep in a list": (
        PODS,
        a_pod(containers=[{"name": "c", "env": [{"name": True}]}]),
        f"{FIELD} bool into Go struct field EnvVar.spec.containers.env.name of type string",
    ),
    "a value of a map": (
        CONFIG_MAPS,
        {"data": {"k": 1}},
        f"{FIELD} number into Go struct field ConfigMap.data of type string",
    ),
    "a fraction for a whole number": (
        JOBS,
        {"spec": {"parallelism": 1.5, "template": {}}},
        f"{FIELD} number 1.5 into Go struct field JobSpec.spec.parallelism of type int32",
    ),
    "a number that is too large": (
        JOBS,
        {"spec": {"backoffLimit": 2**31, "template": {}}},
        f"{FIELD} number 2147483648 into Go struct field JobSpec.spec.backoffLimit of type int32",
    ),
    "a number for bytes": (
        SECRETS,
        {"data": {"k": 1}},
        f"{FIELD} number into Go struct field Secret.data of type []uint8",
    ),
    "below a struct that is part of another": (
        PODS,
        a_pod(volumes=[{"name": "v", "emptyDir": 1}]),
        f"{FIELD} number into Go struct field Volume.spec.volumes.VolumeSource.emptyDir "
        "of type v1.EmptyDirVolumeSource",
    ),
    "beside the struct that is part of another": (
        PODS,
        a_pod(volumes=[{"name": 1}]),
        f"{FIELD} number into Go struct field Volume.spec.volumes.name of type string",
    ),
    "a handler of a probe": (
        PODS,
        a_pod(containers=[{"name": "c", "livenessProbe": {"exec": []}}]),
        f"{FIELD} array into Go struct field Probe.spec.containers.livenessProbe.ProbeHandler.exec "
        "of type v1.ExecAction",
    ),
    "a text for a truth": (
        JOBS,
        {"spec": {"suspend": "yes", "template": {}}},
        f"{FIELD} string into Go struct field JobSpec.spec.suspend of type bool",
    ),
    "a named type": (
        PODS,
        a_pod(restartPolicy=1),
        f"{FIELD} number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
    ),
    "a truth for a number or text": (
        SERVICES,
        {"spec": {"ports": [{"port": 1, "targetPort": True}]}},
        f"{FIELD} bool into Go struct field ServicePort.spec.ports.targetPort of type int32",
    ),
    "no quantity": (
        PODS,
        a_pod(overhead={"cpu": "much"}),
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
    "no base64": (SECRETS, {"data": {"k": "a!"}}, "illegal base64 data at input byte 1"),
    "no ASCII in base64": (SECRETS, {"data": {"k": "YQé="}}, "illegal base64 data at input byte 2"),
    "no microseconds": (
        CORE_EVENTS,
        {"metadata": {"name": "e"}, "involvedObject": {}, "eventTime": "2030-01-01T00:00:00Z"},
        'parsing time "2030-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": '
        'cannot parse "Z" as ".000000"',
    ),
    "no time": (
        PODS,
        {"metadata": {"name": "p", "deletionTimestamp": "now"}},
        'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"',
    ),
}


@pytest.mark.parametrize(("resource", "body", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_type(resource: Resource, body: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decoded(resource, body)

    kind = resource.kind
    assert str(caught.value) == f'{kind} in version "v1" cannot be handled as a {kind}: {words}'


START = (
    "the object provided is unrecognized (must be of type ConfigMap): "
    "couldn't get version/kind; json parse error: "
)
BODIES = {
    "the end is missing": ('{"a":', "unexpected end of JSON input"),
    "a text without its end": ('{"a', "unexpected end of JSON input"),
    "no value": ('{"a":x}', "invalid character 'x' looking for beginning of value"),
    "no key": ("{5:1}", "invalid character '5' looking for beginning of object key string"),
    "no colon": ('{"a" 1}', "invalid character '1' after object key"),
    "no comma in an object": ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
    "no comma in a list": ('{"a":[1 2]}', "invalid character '2' after array element"),
    "a number that only Python knows": ('{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    "a negative one": ('{"a":-Infinity}', "invalid character 'I' in numeric literal"),
    "a kind that is no text": (
        '{"kind":0}',
        "json: cannot unmarshal number into Go struct field .kind of type string",
    ),
    "something after the end": ("{}x", "invalid character 'x' after top-level value"),
}


@pytest.mark.parametrize(("text", "words"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_json(text: str, words: str) -> None:
    request = Request(method="POST", path="", body=text)

    with pytest.raises(BadRequest) as caught:
        read_object(request, KINDS[("v1", "ConfigMap")])

    assert str(caught.value) == f"{START}{words} ({text})"


def test_half_of_a_surrogate_pair_is_read_as_the_replacement_character() -> None:
    request = Request(
        method="POST", path="", body='{"kind":"ConfigMap","data":{"k":"\\ud800 \\ud83d\\ude00"}}'
    )

    assert read_object(request, KINDS[("v1", "ConfigMap")])["data"] == {"k": "\ufffd \U0001f600"}


JSON_PATCHES = {
    "a number for an operation": ([1], "number into Go value of type handlers.jsonPatchOp"),
    "a list for an operation": ([[]], "array into Go value of type handlers.jsonPatchOp"),
    "a number for a path": (
        [{"op": "remove", "path": 3}],
        "number into Go struct field jsonPatchOp.path of type string",
    ),
    "no list": ({}, "object into Go value of type []handlers.jsonPatchOp"),
}


@pytest.mark.parametrize(("body", "words"), JSON_PATCHES.values(), ids=JSON_PATCHES)
def test_a_json_patch_of_the_wrong_form(body: Any, words: str) -> None:
    request = Request(method="PATCH", path="", body=body, content_type=JSON_PATCH)

    with pytest.raises(BadRequest) as caught:
        read_patch(request, KINDS[("v1", "ConfigMap")])

    assert str(caught.value) == f"error decoding patch: json: cannot unmarshal {words}"
