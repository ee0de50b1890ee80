"""What is filled into a new JobSet."""

from typing import Any

import pytest

from jobset.admission.defaults import default_jobset
from jobset.admission.empty_structs import with_empty_structs

Raw = dict[str, Any]
ALWAYS = {
    "successPolicy": {"operator": "All"},
    "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
    "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
}


CLAIM = {"metadata": {}, "spec": {"resources": {}}}


def job(**spec: Any) -> Raw:
    return job_template(metadata={}, spec=spec)


def job_template(**fields: Any) -> Raw:
    return {"replicatedJobs": [{"name": "a", "template": fields}]}


def pod(**spec: Any) -> Raw:
    return job(completionMode="Indexed", template=pod_template(**spec))


def pod_template(**spec: Any) -> Raw:
    return {"metadata": {}, "spec": spec}


CASES: dict[str, tuple[Raw, Raw]] = {
    "policies and network": ({}, {}),
    "given policies stay": (
        {"successPolicy": {"operator": "Any"}, "startupPolicy": {"startupPolicyOrder": "InOrder"}},
        {"successPolicy": {"operator": "Any"}, "startupPolicy": {"startupPolicyOrder": "InOrder"}},
    ),
    "half a network is completed": (
        {"network": {"enableDNSHostnames": False}},
        {"network": {"enableDNSHostnames": False, "publishNotReadyAddresses": True}},
    ),
    "a null is nothing": ({"network": None, "successPolicy": None}, {}),
    "nor is one inside of a network": ({"network": {"enableDNSHostnames": None}}, {}),
    "nor one inside of a Job": (
        job(completionMode=None, template={"spec": {"restartPolicy": None}}),
        pod(restartPolicy="OnFailure"),
    ),
    "nor one in place of a template": (job(template=None), pod(restartPolicy="OnFailure")),
    "nor one in place of a retention policy": (
        {"volumeClaimPolicies": [{"retentionPolicy": None}]},
        {"volumeClaimPolicies": [{"retentionPolicy": {"whenDeleted": "Delete"}}]},
    ),
    "what nobody fills in stays as it is": (
        {"coordinator": None, "managedBy": None, "zebra": None},
        {"coordinator": None, "managedBy": None, "zebra": None},
    ),
    "Jobs are Indexed, pods restart on failure": (job(), pod(restartPolicy="OnFailure")),
    "given modes stay": (
        job(completionMode="NonIndexed", template=pod_template(restartPolicy="Never")),
        job(completionMode="NonIndexed", template=pod_template(restartPolicy="Never")),
    ),
    "an empty restart policy is none": (pod(restartPolicy=""), pod(restartPolicy="OnFailure")),
    "rules are named by their index": (
        {"failurePolicy": {"rules": [{"name": "mine"}, {}, {"name": ""}]}},
        {
            "failurePolicy": {
                "rules": [{"name": "mine"}, {"name": "failurePolicyRule1"}, {"name": "failurePolicyRule2"}]
            }
        },
    ),
    "a failure policy may have no rules": ({"failurePolicy": {}}, {"failurePolicy": {}}),
    "claims go with the JobSet": (
        {"volumeClaimPolicies": [{}, {"retentionPolicy": {"whenDeleted": "Retain"}}]},
        {
            "volumeClaimPolicies": [
                {"retentionPolicy": {"whenDeleted": "Delete"}},
                {"retentionPolicy": {"whenDeleted": "Retain"}},
            ]
        },
    ),
    "what has the wrong type is left to the schema": (
        {
            "network": "x",
            "replicatedJobs": ["x", {"template": "x"}, {"template": {"metadata": "x", "spec": "x"}}],
            "failurePolicy": {"rules": ["x"]},
            "volumeClaimPolicies": "x",
        },
        {
            "network": "x",
            "replicatedJobs": ["x", {"template": "x"}, {"template": {"metadata": "x", "spec": "x"}}],
            "failurePolicy": {"rules": ["x"]},
            "volumeClaimPolicies": "x",
        },
    ),
    "so is a pod template of the wrong type": (
        job(completionMode="Indexed", template="x"),
        job(completionMode="Indexed", template="x"),
    ),
    "and a pod spec": (
        job(completionMode="Indexed", template={"metadata": {}, "spec": "x"}),
        job(completionMode="Indexed", template={"metadata": {}, "spec": "x"}),
    ),
}


@pytest.mark.parametrize(("spec", "expected"), CASES.values(), ids=CASES)
def test_what_is_missing_is_filled_in(spec: Raw, expected: Raw) -> None:
    assert default_jobset({"spec": spec})["spec"] == ALWAYS | expected


EMPTY: dict[str, tuple[Raw, Raw]] = {
    "templates of Jobs and pods have metadata": (
        job_template(spec={"template": {}}),
        job(template={"metadata": {}}),
    ),
    "a null is nothing": (job_template(metadata=None), job_template(metadata={})),
    "given metadata stay": (
        job_template(metadata={"labels": {"a": "b"}}),
        job_template(metadata={"labels": {"a": "b"}}),
    ),
    "containers of all sorts have resources": (
        pod(containers=[{}, {"resources": None}], initContainers=[{}], ephemeralContainers=[{}]),
        pod(
            containers=[{"resources": {}}, {"resources": {}}],
            initContainers=[{"resources": {}}],
            ephemeralContainers=[{"resources": {}}],
        ),
    ),
    "given resources stay": (
        pod(containers=[{"resources": {"limits": {"cpu": 1}}}, {}]),
        pod(containers=[{"resources": {"limits": {"cpu": 1}}}, {"resources": {}}]),
    ),
    "ephemeral claims have metadata and resources": (
        pod(volumes=[{}, {"ephemeral": {}}, {"ephemeral": {"volumeClaimTemplate": {}}}]),
        pod(volumes=[{}, {"ephemeral": {}}, {"ephemeral": {"volumeClaimTemplate": CLAIM}}]),
    ),
    "claims have a status besides": (
        {"volumeClaimPolicies": [{}, {"templates": [{}, {"spec": {"resources": {"limits": {}}}}]}]},
        {
            "volumeClaimPolicies": [
                {},
                {
                    "templates": [
                        {**CLAIM, "status": {}},
                        {"metadata": {}, "spec": {"resources": {"limits": {}}}, "status": {}},
                    ]
                },
            ]
        },
    ),
}


@pytest.mark.parametrize(("spec", "expected"), EMPTY.values(), ids=EMPTY)
def test_templates_have_empty_objects(spec: Raw, expected: Raw) -> None:
    assert with_empty_structs({"spec": spec}) == {"spec": expected}


def test_a_complete_jobset_is_given_back_as_it_is() -> None:
    complete = {"spec": ALWAYS | pod(restartPolicy="Never")}

    assert default_jobset(complete) is complete


def test_a_spec_that_is_missing_is_filled_in_and_a_wrong_one_left_to_the_schema() -> None:
    assert default_jobset({"spec": "x"}) == {"spec": "x"}
    assert default_jobset({"metadata": {}}) == {"metadata": {}, "spec": ALWAYS}
    assert default_jobset({"spec": None}) == {"spec": ALWAYS}
