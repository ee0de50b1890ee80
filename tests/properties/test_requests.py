"""Whatever a client sends: the server answers it, and what it stores it can read again."""

from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobset.kube.resources import CONFIG_MAPS, CORE_EVENTS, JOBS, JOBSETS, PODS, SECRETS, SERVICES, Resource
from jobset.kube.transport import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, Request
from jobset.local.apiserver import ApiServer
from jobset.local.clock import EPOCH

META = {
    "name": "x",
    "labels": {"a": "b"},
    "annotations": {"a": "b"},
    "finalizers": ["example.com/a"],
    "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "m", "uid": "u"}],
}
CONTAINER = {
    "name": "c",
    "image": "x",
    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    "ports": [{"containerPort": 80, "name": "web"}],
    "resources": {"limits": {"cpu": "1"}},
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "livenessProbe": {"httpGet": {"port": "web"}},
}
POD = {
    "restartPolicy": "Never",
    "containers": [CONTAINER],
    "volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}],
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {
                    "topologyKey": "k",
                    "labelSelector": {"matchExpressions": [{"key": "z", "operator": "Exists"}]},
                }
            ]
        }
    },
}
JOB = {
    "completionMode": "Indexed",
    "completions": 2,
    "backoffLimitPerIndex": 1,
    "template": {"metadata": {"labels": {"q": "r"}}, "spec": POD},
    "podFailurePolicy": {
        "rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [1]}}]
    },
    "successPolicy": {"rules": [{"succeededIndexes": "0,1"}]},
}
EVENT = {"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}, "series": {"count": 1}}
SOUND: Mapping[Resource, Mapping[str, Any]] = {
    PODS: {
        "spec": POD,
        "status": {"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 1}}}]},
    },
    JOBS: {"spec": JOB, "status": {"conditions": [{"type": "Complete", "status": "True"}]}},
    SERVICES: {"spec": {"clusterIP": "None", "ports": [{"port": 80}], "selector": {"a": "b"}}},
    CONFIG_MAPS: {"data": {"k": "v"}, "binaryData": {"b": "YQ=="}},
    SECRETS: {"data": {"k": "YQ=="}, "stringData": {"s": "t"}},
    CORE_EVENTS: EVENT,
    JOBSETS: {
        "spec": {
            "replicatedJobs": [{"name": "w", "template": {"spec": JOB}}],
            "failurePolicy": {"rules": [{"name": "r", "action": "FailJobSet"}]},
        },
        "status": {"restarts": 1},
    },
}
KEYS = ["name", "metadata", "spec", "status", "$patch", "$retainKeys", "$setElementOrder/containers"]
SCALARS = st.sampled_from(
    [None, True, 0, -1, 1, 2.5, 2**40, "", "x", "A B", "1Gi", "-", "\ud800", "delete", "replace"]
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=3,
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])},
    optional={
        "path": st.sampled_from(
            ["", "/metadata/labels/a", "/spec/containers/0", "/spec/containers/-", "/spec/template"]
        ),
        "from": st.sampled_from(["/spec", "/metadata", "/status/phase"]),
        "value": JUNK,
    },
)


@st.composite
def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """The value with junk in place of some part of it."""
    if isinstance(value, Mapping) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from([*value, *KEYS]))
        return {**value, key: draw(spoiled(value.get(key)))}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        return [draw(spoiled(value[0])), *value[1:], *draw(st.lists(JUNK, max_size=1))]
    return draw(JUNK)


@st.composite
def requests(draw: st.DrawFn) -> list[Request]:
    """Writes to one object: it is created, then changed in one way or another, then deleted."""
    resource = draw(st.sampled_from(list(SOUND)))
    sound = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": META, **SOUND[resource]}
    every, one = resource.path("default"), resource.path("default", "x")
    part = draw(st.sampled_from(["", "/status"]))
    patches = {
        MERGE_PATCH: spoiled(sound),
        STRATEGIC_MERGE_PATCH: spoiled(sound),
        JSON_PATCH: st.lists(OPERATIONS | JUNK),
    }
    content_type = draw(st.sampled_from(list(patches)))
    return [
        Request(method="POST", path=every, body=draw(st.just(sound) | spoiled(sound))),
        Request(method="PUT", path=one + part, body=draw(spoiled(sound))),
        Request(method="PATCH", path=one + part, body=draw(patches[content_type]), content_type=content_type),
        Request(method="DELETE", path=one, body=draw(st.none() | spoiled({"preconditions": {"uid": "u"}}))),
    ]


@settings(deadline=None, max_examples=200)
@given(sent=requests())
def test_every_request_is_answered(sent: list[Request]) -> None:
    server = ApiServer(clock=lambda: EPOCH, random=Random(0))

    answers = [server.handle(request) for request in sent]

    assert all(answer.body["kind"] for answer in answers)
