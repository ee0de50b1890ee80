"""The other built-in kinds as an API server fills them in, takes them and refuses them."""

# ruff: noqa: E501 - messages stand in one piece, as clients see them.

import base64

import pytest

from jobset.local.kinds.events import event_in_core_form, event_in_events_form
from jobset.local.kinds.meta import validate_meta_create, validate_meta_update
from jobset.local.kinds.registry import KINDS


def written(api_version, kind, **fields):
    """What a server would store of a new object, and its errors beside metadata."""
    rules = KINDS[api_version, kind]
    metadata = {"name": "x", "namespace": "n", "creationTimestamp": "T", **fields.pop("metadata", {})}
    obj = rules.prepare_create(
        rules.default({"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields})
    )
    return obj, [f"{error.field}: {error.message()}" for error in rules.validate_create(obj)]


def updated(api_version, kind, old, **change):
    rules = KINDS[api_version, kind]
    new = rules.prepare_update(rules.default({**old, **change}), old)
    return [f"{e.field}: {e.message()}".split("\n")[0] for e in rules.validate_update(new, old)]


DNS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
    "an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1"}
META = {
    "a good one": ({"name": "a.b", "namespace": "n", "labels": {"a/b": ""}, "finalizers": ["x.io/y"]}, []),
    "no name": ({"namespace": "n"}, ["metadata.name: Required value: name or generateName is required"]),
    "an upper-case name": ({"name": "A", "namespace": "n"}, [f'metadata.name: Invalid value: "A": {DNS}']),
    "a prefix may end in a dash": ({"name": "a", "generateName": "a-", "namespace": "n"}, []),
    "no namespace": ({"name": "a"}, ["metadata.namespace: Required value"]),
    "a bad label": (
        {"name": "a", "namespace": "n", "labels": {"a": 64 * "b"}},
        [f'metadata.labels: Invalid value: "{64 * "b"}": must be no more than 63 bytes'],
    ),
    "annotations without end": (
        {"name": "a", "namespace": "n", "annotations": {"a": 262144 * "b"}},
        ["metadata.annotations: Too long: may not be more than 262144 bytes"],
    ),
    "a plain finalizer": (
        {"name": "a", "namespace": "n", "finalizers": ["mine"]},
        [
            'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'
        ],
    ),
    "an owner without uid": (
        {"name": "a", "namespace": "n", "ownerReferences": [OWNER | {"uid": ""}]},
        ['metadata.ownerReferences.uid: Invalid value: "": must not be empty'],
    ),
    "two controllers": (
        {"name": "a", "namespace": "n", "ownerReferences": 2 * [OWNER | {"controller": True}]},
        [
            'metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","kind":"Pod","name":"p","uid":"1","controller":true},'
            '{"apiVersion":"v1","kind":"Pod","name":"p","uid":"1","controller":true}]: Only one reference can have Controller set to true. '
            'Found "true" in references for Pod/p and Pod/p'
        ],
    ),
}


@pytest.mark.parametrize(("metadata", "errors"), META.values(), ids=META)
def test_metadata_of_a_new_object(metadata, errors):
    assert [f"{e.field}: {e.message()}" for e in validate_meta_create(metadata, True)] == errors


def test_cluster_objects_have_no_namespace():
    (error,) = validate_meta_create({"name": "a", "namespace": "n"}, namespaced=False)

    assert str(error) == "metadata.namespace: Forbidden: not allowed on this type"


def test_custom_objects_may_have_plain_finalizers():
    assert (
        validate_meta_create({"name": "a", "namespace": "n", "finalizers": ["mine"]}, True, custom=True) == []
    )


OLD = {"name": "a", "namespace": "n", "uid": "U", "resourceVersion": "1"}
META_UPDATES = {
    "nothing": ({}, []),
    "the uid": ({"uid": "V"}, ['metadata.uid: Invalid value: "V": field is immutable']),
    "no version": ({"resourceVersion": ""}, ['metadata.resourceVersion: Invalid value: "": must be specified for an update']),
    "a bad label twice": ({"labels": {"": "x"}}, 4 * ["metadata.labels"]),
}  # fmt: skip


@pytest.mark.parametrize(("change", "errors"), META_UPDATES.values(), ids=META_UPDATES)
def test_metadata_of_a_changed_object(change, errors):
    found = [str(error) for error in validate_meta_update({**OLD, **change}, OLD)]

    assert len(found) == len(errors)
    assert all(text.startswith(error) for text, error in zip(found, errors, strict=True))


def test_nothing_new_holds_an_object_that_is_being_deleted():
    old = {**OLD, "deletionTimestamp": "T", "finalizers": ["x.io/a"]}

    errors = validate_meta_update({**old, "finalizers": ["x.io/a", "x.io/b"]}, old, custom=True)

    assert [str(error) for error in errors] == [
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
        'found new finalizers []string{"x.io/b"}'
    ]


CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
LEASE = ("coordination.k8s.io/v1", "Lease")
CLASS = ("scheduling.k8s.io/v1", "PriorityClass")
NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
REFUSED = {
    "a bad key": ("v1", "ConfigMap", {"data": {"a b": ""}}, [f'data[a b]: Invalid value: "a b": {CONFIG_KEY}']),
    "a key twice": (
        "v1", "ConfigMap", {"data": {"a": ""}, "binaryData": {"a": ""}},
        ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ),
    "a huge ConfigMap": ("v1", "ConfigMap", {"data": {"a": 1048577 * "x"}}, ["[]: Too long: may not be more than 1048576 bytes"]),
    "a huge Secret": (
        "v1", "Secret", {"data": {"a": base64.b64encode(1048577 * b"x").decode()}},
        ["data: Too long: may not be more than 1048576 bytes"],
    ),
    "a certificate without key": ("v1", "Secret", {"type": "kubernetes.io/tls", "data": {"tls.crt": ""}}, ["data[tls.key]: Required value"]),
    "a Service without ports": ("v1", "Service", {"spec": {"selector": {"a": "b"}}}, ["spec.ports: Required value"]),
    "a Service of an unknown distribution": (
        "v1", "Service", {"spec": {"clusterIP": "None", "trafficDistribution": "X"}},
        ['spec.trafficDistribution: Unsupported value: "X": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"'],
    ),
    "a Service that speaks what has no name": (
        "v1", "Service", {"spec": {"clusterIP": "None", "ports": [{"port": 80, "appProtocol": "x/"}]}},
        [
            'spec.ports[0].appProtocol: Invalid value: "x/": name part must be non-empty',
            f'spec.ports[0].appProtocol: Invalid value: "x/": {NAME_PART}',
        ],
    ),
    "a namespace with a finalizer of nobody": (
        "v1", "Namespace", {"spec": {"finalizers": ["x", "x.io/y"]}},
        ['spec.finalizers: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'],
    ),
    "a revision of nothing": (
        "apps/v1", "ControllerRevision", {"revision": -1},
        ["data: Required value: data is mandatory", "revision: Invalid value: -1: must be greater than or equal to 0"],
    ),
    "a Service of an unknown type": (
        "v1", "Service", {"spec": {"type": "X", "ports": [{"port": 1}]}},
        ['spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
    ),
    "several ports without names": (
        "v1", "Service", {"spec": {"clusterIP": "None", "ports": [{"port": 1}, {"port": 2}]}},
        ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
    ),
    "a claim without size": (
        "v1", "PersistentVolumeClaim", {"spec": {"accessModes": ["X"]}},
        [
            'spec.accessModes: Unsupported value: "X": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
            "spec.resources[storage]: Required value",
        ],
    ),
    "a claim of nothing": (
        "v1", "PersistentVolumeClaim", {"spec": CLAIM | {"resources": {"requests": {"storage": "0"}}}},
        ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ),
    "a volume without anything": (
        "v1", "PersistentVolume", {"spec": {}},
        [
            "spec.accessModes: Required value",
            "spec.capacity: Required value",
            'spec.capacity: Unsupported value: {}: supported values: "storage"',
            "spec: Required value: must specify a volume type",
        ],
    ),
    "a lease of no time": (*LEASE, {"spec": {"leaseDurationSeconds": 0}}, ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"]),
    "a priority of the system": (
        *CLASS, {"value": 2000000000},
        ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    ),
    "a taint without effect": ("v1", "Node", {"spec": {"taints": [{"key": "a"}]}}, ["spec.taints[0].effect: Required value"]),
    "an EndpointSlice with addresses of another family": (
        "discovery.k8s.io/v1", "EndpointSlice", {"addressType": "IPv6", "endpoints": [{"addresses": ["127.0.0.1"]}]},
        ['endpoints[0].addresses[0]: Invalid value: "127.0.0.1": must be an IPv6 address'],
    ),
    "an EndpointSlice of nothing": (
        "discovery.k8s.io/v1", "EndpointSlice", {"endpoints": [{}]},
        ["addressType: Required value", "endpoints[0].addresses: Required value: must contain at least 1 address"],
    ),
    "a binding to no role": (
        "rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"kind": "Role"}, "subjects": [{"kind": "X", "name": "a"}]},
        [
            "roleRef.name: Required value",
            'subjects[0].kind: Unsupported value: "X": supported values: "ServiceAccount", "User", "Group"',
        ],
    ),
    "a storage class without provisioner": ("storage.k8s.io/v1", "StorageClass", {}, ["provisioner: Required value"]),
    "an event about another namespace": (
        "v1", "Event", {"involvedObject": {"namespace": "m"}},
        ['involvedObject.namespace: Invalid value: "m": does not match event.namespace'],
    ),
    "a new event without anything": (
        "events.k8s.io/v1", "Event", {"regarding": {"namespace": "n"}},
        ["eventTime: Required value", 'type: Invalid value: "": has invalid value: '],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("api_version", "kind", "fields", "errors"), REFUSED.values(), ids=REFUSED)
def test_an_object_that_is_refused(api_version, kind, fields, errors):
    assert written(api_version, kind, **fields)[1] == errors


HEADLESS = {"clusterIP": "None", "clusterIPs": ["None"], "internalTrafficPolicy": "Cluster"}
SINGLE = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
STORED = {
    "a headless Service": (
        "v1", "Service", {"spec": {"clusterIP": "None", "selector": {"a": "b"}}},
        {
            "spec": {**HEADLESS, **SINGLE, "selector": {"a": "b"}, "sessionAffinity": "None", "type": "ClusterIP"},
            "status": {"loadBalancer": {}},
        },
    ),
    "a port's target": (
        "v1", "Service", {"spec": {"ports": [{"port": 80}]}},
        {
            "spec": {
                **SINGLE, "internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "type": "ClusterIP",
                "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            },
            "status": {"loadBalancer": {}},
        },
    ),
    "a Secret's texts": ("v1", "Secret", {"stringData": {"a": "b"}}, {"type": "Opaque", "data": {"a": "Yg=="}}),
    "a claim": ("v1", "PersistentVolumeClaim", {"spec": CLAIM}, {"spec": CLAIM | {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}),
    "a namespace": ("v1", "Namespace", {}, {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}),
    "a priority class": (*CLASS, {"value": 5}, {"value": 5, "preemptionPolicy": "PreemptLowerPriority"}),
    "an EndpointSlice": (
        "discovery.k8s.io/v1", "EndpointSlice", {"addressType": "IPv4", "ports": [{"port": 1}]},
        {"addressType": "IPv4", "ports": [{"port": 1, "protocol": "TCP", "name": ""}]},
    ),
    "a storage class": (
        "storage.k8s.io/v1", "StorageClass", {"provisioner": "p"},
        {"provisioner": "p", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("api_version", "kind", "fields", "stored"), STORED.values(), ids=STORED)
def test_what_a_server_fills_in(api_version, kind, fields, stored):
    obj, errors = written(api_version, kind, **fields)

    assert errors == []
    assert {
        key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")
    } == stored


def test_a_namespace_carries_its_name_as_a_label():
    assert written("v1", "Namespace")[0]["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}


BOUND = written("v1", "PersistentVolumeClaim", spec=CLAIM)[0] | {
    "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}
}
WAITING = BOUND | {"status": {"phase": "Pending"}}


def a_size(text):
    return BOUND["spec"] | {"resources": {"requests": {"storage": text}}}


ONLY_SIZE = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
SERVICE = written("v1", "Service", spec={"clusterIP": "None"})[0]
FROZEN = written("v1", "ConfigMap", immutable=True, data={"a": "b"})[0]
SECRET = written("v1", "Secret", data={"a": "Yg=="})[0]
IMMUTABLE = "Forbidden: field is immutable when `immutable` is set"
UPDATES = {
    "a claim that gets a class": (
        "v1", "PersistentVolumeClaim", written("v1", "PersistentVolumeClaim", spec=CLAIM)[0],
        {"spec": {**CLAIM, "storageClassName": "x"}}, [],
    ),
    "a revision of something else": (
        "apps/v1", "ControllerRevision", written("apps/v1", "ControllerRevision", revision=1, data={"a": 1})[0],
        {"revision": 2, "data": {"a": 2}}, ['data: Invalid value: {"a":2}: field is immutable'],
    ),
    "a larger bound claim": ("v1", "PersistentVolumeClaim", BOUND, {"spec": a_size("2Gi")}, []),
    "a smaller bound claim": (
        "v1", "PersistentVolumeClaim", BOUND, {"spec": a_size("1Mi")},
        ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
    ),
    "a larger claim that waits": ("v1", "PersistentVolumeClaim", WAITING, {"spec": a_size("2Gi")}, [ONLY_SIZE]),
    "the volume of a claim": ("v1", "PersistentVolumeClaim", WAITING, {"spec": WAITING["spec"] | {"volumeName": "v"}}, []),
    "a Service that gets an address": (
        "v1", "Service", SERVICE, {"spec": SERVICE["spec"] | {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 1}]}},
        ['spec.clusterIPs[0]: Invalid value: ["10.0.0.1"]: may not change once set'],
    ),
    "frozen data": ("v1", "ConfigMap", FROZEN, {"data": {}}, [f"data: {IMMUTABLE}"]),
    "thawing": ("v1", "ConfigMap", FROZEN, {"immutable": False}, [f"immutable: {IMMUTABLE}"]),
    "the type of a Secret": ("v1", "Secret", SECRET, {"type": "x"}, ['type: Invalid value: "x": field is immutable']),
    "the value of a priority class": (
        *CLASS, written(*CLASS, value=5)[0], {"value": 6}, ["value: Forbidden: may not be changed in an update."],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("api_version", "kind", "old", "change", "errors"), UPDATES.values(), ids=UPDATES)
def test_what_may_change(api_version, kind, old, change, errors):
    assert updated(api_version, kind, old, **change) == errors


def test_an_event_has_two_forms():
    core = event_in_core_form(
        {
            "apiVersion": "v1",
            "metadata": {},
            "involvedObject": {"name": "p"},
            "message": "M",
            "reason": "R",
            "count": 2,
        }
    )

    shown = event_in_events_form(core)

    assert (shown["regarding"], shown["note"], shown["deprecatedCount"]) == ({"name": "p"}, "M", 2)
    assert "reportingController" not in shown
    assert event_in_core_form(shown) == core


def test_every_kind_is_registered_under_its_own_name():
    assert all((r.resource.api_version, r.resource.kind) == key for key, r in KINDS.items())
