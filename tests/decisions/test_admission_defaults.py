"""What is filled into a new JobSet."""

from typing import Any

import pytest

from jobset.admission.defaults import default_jobset

Raw = dict[str, Any]
ALWAYS = {
    "successPolicy": {"operator": "All"},
    "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
    "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
}


def job(**spec: Any) -> Raw:
    return {"replicatedJobs": [{"name": "a", "template": {"spec": spec}}]}


def pod(**spec: Any) -> Raw:
    return job(completionMode="Indexed", template={"spec": spec})


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
    "Jobs are Indexed, pods restart on failure": (job(), pod(restartPolicy="OnFailure")),
    "given modes stay": (
        job(completionMode="NonIndexed", template={"spec": {"restartPolicy": "Never"}}),
        job(completionMode="NonIndexed", template={"spec": {"restartPolicy": "Never"}}),
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
            "replicatedJobs": ["x", {"template": "x"}, {"template": {"spec": "x"}}],
            "failurePolicy": {"rules": ["x"]},
            "volumeClaimPolicies": "x",
        },
        {
            "network": "x",
            "replicatedJobs": ["x", {"template": "x"}, {"template": {"spec": "x"}}],
            "failurePolicy": {"rules": ["x"]},
            "volumeClaimPolicies": "x",
        },
    ),
    "so is a pod template of the wrong type": (
        job(completionMode="Indexed", template="x"),
        job(completionMode="Indexed", template="x"),
    ),
    "and a pod spec": (
        job(completionMode="Indexed", template={"spec": "x"}),
        job(completionMode="Indexed", template={"spec": "x"}),
    ),
}


@pytest.mark.parametrize(("spec", "expected"), CASES.values(), ids=CASES)
def test_what_is_missing_is_filled_in(spec: Raw, expected: Raw) -> None:
    assert default_jobset({"spec": spec})["spec"] == ALWAYS | expected


def test_a_complete_jobset_is_given_back_as_it_is() -> None:
    complete = {"spec": ALWAYS | pod(restartPolicy="Never")}

    assert default_jobset(complete) is complete


def test_a_spec_that_is_none_is_left_to_the_schema() -> None:
    assert default_jobset({"spec": "x"}) == {"spec": "x"}
    assert default_jobset({"metadata": {}}) == {"metadata": {}, "spec": ALWAYS}
