"""Which fields of a pod template run here as they would in a cluster, and what is said about the others."""

import pytest

from jobset.admission import schemas
from jobset.local.field_classes import (
    FIELD_CLASSES,
    SCHEMA_PREFIX,
    WHY_NOTICED,
    WHY_REFUSED,
    FieldClass,
)
from jobset.local.fields import (
    MachineFacts,
    Notice,
    Refusal,
    command_of_image,
    judge_fields,
    told_once,
)

PATHS = {"/data": "directory", "/etc/hosts": "file"}
USER = MachineFacts(uid=1000, gid=1000, path_kind=PATHS.get, images=frozenset({"python", "a/b:1"}))
ROOT = MachineFacts(uid=0, gid=0, path_kind=PATHS.get)


def a_container(**fields):
    return {"name": "c", "command": ["true"], **fields}


def a_template(container=None, **spec):
    return {"spec": {"containers": [container or a_container()], **spec}}


def a_volume(**source):
    return a_template(volumes=[{"name": "v", **source}])


def judged(template, machine=USER):
    """`path: -` for refusals, `path: ~` for notices."""
    signs = {Refusal: "-", Notice: "~"}
    return [f"{found.path} {signs[type(found)]}" for found in judge_fields(template, "t", machine)]


@pytest.mark.parametrize("component", FIELD_CLASSES)
def test_every_field_of_the_schema_has_a_class(component):
    in_schema = schemas.component(SCHEMA_PREFIX + component)["properties"]

    assert set(FIELD_CLASSES[component]) == set(in_schema)


JUDGED_CLOSER = {"runAsUser", "capabilities", "privileged", "add"}


def test_every_ignored_or_refused_field_has_its_explanation():
    classes = [item for fields in FIELD_CLASSES.values() for item in fields.items()]

    noticed = {field for field, kind in classes if kind is FieldClass.NOTICED}
    refused = {field for field, kind in classes if kind is FieldClass.REFUSED}

    assert noticed == set(WHY_NOTICED)
    assert refused - JUDGED_CLOSER <= set(WHY_REFUSED)


C = "t.spec.containers[0]"
CASES = {
    "a plain container": (a_template(), []),
    "no command": (a_template({"name": "c"}), [f"{C}.command -"]),
    "no command, and arguments": (a_template({"name": "c", "args": ["x"]}), [f"{C}.command -"]),
    "an image with a command": (a_template({"name": "c", "image": "python:3"}), [f"{C}.image ~"]),
    "image and pull policy": (
        a_template(a_container(image="x", imagePullPolicy="Always")),
        [f"{C}.image ~", f"{C}.imagePullPolicy ~"],
    ),
    "privileged": (
        a_template(a_container(securityContext={"privileged": True})),
        [f"{C}.securityContext.privileged -"],
    ),
    "not privileged": (a_template(a_container(securityContext={"privileged": False})), []),
    "more capabilities": (
        a_template(a_container(securityContext={"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}})),
        [f"{C}.securityContext.capabilities.add -", f"{C}.securityContext.capabilities.drop ~"],
    ),
    "the caller's own user": (a_template(securityContext={"runAsUser": 1000}), []),
    "another user": (a_template(securityContext={"runAsUser": 0}), ["t.spec.securityContext.runAsUser -"]),
    "not as root": (a_template(securityContext={"runAsNonRoot": True}), []),
    "groups": (a_template(securityContext={"fsGroup": 5}), ["t.spec.securityContext.fsGroup ~"]),
    "a cluster's DNS": (a_template(dnsPolicy="ClusterFirst"), []),
    "no cluster's DNS": (a_template(dnsPolicy="Default"), ["t.spec.dnsPolicy ~"]),
    "a shared process namespace": (
        a_template(shareProcessNamespace=True),
        ["t.spec.shareProcessNamespace ~"],
    ),
    "processes of its own": (a_template(shareProcessNamespace=False), []),
    "an empty directory": (a_volume(emptyDir={}), []),
    "a network volume": (a_volume(nfs={"server": "s", "path": "/"}), ["t.spec.volumes[0].nfs -"]),
    "a CSI volume": (a_volume(csi={"driver": "d"}), ["t.spec.volumes[0].csi -"]),
    "an image as volume": (a_volume(image={"reference": "x"}), ["t.spec.volumes[0].image -"]),
    "a host path as demanded": (a_volume(hostPath={"path": "/data", "type": "Directory"}), []),
    "a host path that is missing": (
        a_volume(hostPath={"path": "/none", "type": "Directory"}),
        ["t.spec.volumes[0].hostPath.path -"],
    ),
    "a host path of another type": (
        a_volume(hostPath={"path": "/etc/hosts", "type": "DirectoryOrCreate"}),
        ["t.spec.volumes[0].hostPath.path -"],
    ),
    "a host path to be made": (a_volume(hostPath={"path": "/none", "type": "DirectoryOrCreate"}), []),
    "a host path of any type": (a_volume(hostPath={"path": "/none"}), []),
    "resource claims": (a_template(resourceClaims=[{"name": "x"}]), ["t.spec.resourceClaims -"]),
    "Windows": (a_template(os={"name": "windows"}), ["t.spec.os.name -"]),
    "a trust bundle": (
        a_volume(projected={"sources": [{"clusterTrustBundle": {"path": "x"}}]}),
        ["t.spec.volumes[0].projected.sources[0].clusterTrustBundle -"],
    ),
    "an init container": (
        a_template(initContainers=[{"name": "i", "image": "x"}]),
        ["t.spec.initContainers[0].command -", "t.spec.initContainers[0].image ~"],
    ),
}


@pytest.mark.parametrize(("template", "findings"), CASES.values(), ids=CASES)
def test_fields_that_this_machine_treats_differently(template, findings):
    assert judged(template) == findings


def test_root_cannot_promise_not_to_be_root():
    template = a_template(securityContext={"runAsNonRoot": True})

    assert judged(template, ROOT) == ["t.spec.securityContext.runAsNonRoot -"]


def test_a_refusal_names_the_way_out():
    (found,) = judge_fields(a_template({"name": "c"}), "t", USER)

    assert isinstance(found, Refusal)
    assert "--image" in found.remedy


def test_a_field_is_noticed_once():
    template = {"spec": {"containers": [a_container(image="x"), a_container(image="y")]}}

    assert [notice.path for notice in told_once(judge_fields(template, "t", USER))] == [f"{C}.image"]


IMAGES = {"python": ["python3"], "r.io/a/b:1": ["b"]}


@pytest.mark.parametrize(
    ("image", "command"),
    [
        ("python", ["python3"]),
        ("python:3.11", ["python3"]),
        ("docker.io/library/python@sha256:00", ["python3"]),
        ("r.io/a/b:1", ["b"]),
        ("r.io/a/b:2", None),
    ],
)
def test_an_image_is_known_by_its_name(image, command):
    assert command_of_image(image, IMAGES) == command
