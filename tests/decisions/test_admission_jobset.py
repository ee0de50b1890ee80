"""The whole admission of a JobSet: schema, rules, defaults and webhooks in their order."""

from typing import Any

import pytest

from jobset.admission.cel import check_rules
from jobset.admission.gates import FeatureGates
from jobset.admission.jobset import admit_create, admit_update
from tests.decisions.admission_builders import OFF, a_claim_template, a_jobset, a_role, mounting

Raw = dict[str, Any]
BARE = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "metadata": {"name": "js"},
    "spec": {
        "replicatedJobs": [
            {"name": "a", "template": {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}}
        ],
        "failurePolicy": {"rules": [{"action": "FailJobSet"}]},
        "zebra": 1,
    },
    "status": {"restarts": 5},
}
IMMUTABLE = "Value is immutable"
EXCLUSIVE = "StartupPolicy and DependsOn APIs are mutually exclusive"
NO_NAMESPACE = "namespace cannot be set for VolumeClaimPolicies templates"
READY = [{"name": "a", "status": "Ready"}, {"name": "b", "status": "Ready"}]


def test_a_new_jobset_is_pruned_defaulted_and_stored_without_status() -> None:
    result = admit_create(BARE, OFF)

    assert result.is_allowed
    assert result.object["spec"] == {
        "replicatedJobs": [
            {
                "name": "a",
                "groupName": "default",
                "replicas": 1,
                "template": {
                    "metadata": {},
                    "spec": {
                        "completionMode": "Indexed",
                        "template": {
                            "metadata": {},
                            "spec": {
                                "containers": [{"name": "c", "resources": {}}],
                                "restartPolicy": "OnFailure",
                            },
                        },
                    },
                },
            }
        ],
        "failurePolicy": {
            "restartStrategy": "Recreate",
            "rules": [{"action": "FailJobSet", "name": "failurePolicyRule0"}],
        },
        "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
        "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
        "successPolicy": {"operator": "All"},
    }
    assert "status" not in result.object


def test_what_is_admitted_is_admitted_again_unchanged() -> None:
    stored = admit_create(BARE, OFF).object

    assert admit_create(stored, OFF).object == stored
    assert admit_update(stored, stored, OFF).object == stored


def test_the_schema_refuses_before_the_webhook_is_asked() -> None:
    result = admit_create(a_jobset(a_role(replicas=-1), managedBy="x"), OFF)

    assert result.webhook == ""
    assert result.status()["message"] == (
        'JobSet.jobset.x-k8s.io "js" is invalid: spec.replicatedJobs[0].replicas: Invalid value: -1: '
        "spec.replicatedJobs[0].replicas in body should be greater than or equal to 0"
    )


def test_a_wrong_type_keeps_rules_from_being_checked() -> None:
    result = admit_create(a_jobset(suspend="yes"), OFF)

    assert [error.field for error in result.errors] == ["spec.suspend", "<nil>"]
    assert "<nil>: Invalid value: null: some validation rules were not checked" in result.status()["message"]


def test_the_webhook_says_that_it_refused() -> None:
    result = admit_create(a_jobset(managedBy="x"), OFF)

    assert result.status()["message"] == (
        'admission webhook "vjobset.kb.io" denied the request: JobSet.jobset.x-k8s.io "js" is invalid: '
        'spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")'
    )
    assert result.status()["details"]["group"] == "jobset.x-k8s.io"


def test_an_update_keeps_the_status_and_asks_schema_rules_and_webhook() -> None:
    old: Raw = {**admit_create(a_jobset(), OFF).object, "status": {"restarts": 1}}

    allowed = admit_update({**old, "status": {"restarts": 9}}, old, OFF)
    by_schema = admit_update({**old, "spec": {**old["spec"], "network": {}}}, old, OFF)
    by_webhook = admit_update({**old, "spec": {**old["spec"], "managedBy": "a.io/b"}}, old, FeatureGates())

    assert (allowed.is_allowed, allowed.object["status"]) == (True, {"restarts": 1})
    assert (by_schema.webhook, by_schema.errors[0].detail) == ("", IMMUTABLE)
    assert (by_webhook.webhook, by_webhook.errors[0].detail) == ("vjobset.kb.io", "field is immutable")


def claiming(*templates: Raw) -> Raw:
    return a_jobset(a_role(pod=mounting("data")), volumeClaimPolicies=[{"templates": list(templates)}])


def in_order(*roles: Raw) -> Raw:
    return a_jobset(*roles, startupPolicy={"startupPolicyOrder": "InOrder"})


CREATED: dict[str, tuple[Raw, list[str]]] = {
    "a good one": (a_jobset(), []),
    "no spec": ({}, []),
    "in order": (in_order(), []),
    "in any order, and waiting": (
        a_jobset(
            a_role("a"), a_role("b", dependsOn=READY[:1]), startupPolicy={"startupPolicyOrder": "AnyOrder"}
        ),
        [],
    ),
    "in order, and waiting": (
        in_order(a_role("a"), a_role("b", dependsOn=READY[:1])),
        [f"spec: Invalid value: {EXCLUSIVE}"],
    ),
    "in order, and waiting for nobody": (
        in_order(a_role("a"), a_role("b", dependsOn=[])),
        [f"spec: Invalid value: {EXCLUSIVE}"],
    ),
    "in order without roles": (
        {"spec": {"startupPolicy": {"startupPolicyOrder": "InOrder"}}},
        [f'spec: Invalid value: "object": no such key: replicatedJobs evaluating rule: {EXCLUSIVE}'],
    ),
    "a claim without namespace": (claiming(a_claim_template()), []),
    "a claim with an empty namespace": (claiming(a_claim_template(metadata={"namespace": ""})), []),
    "a claim with a namespace": (
        claiming({}, a_claim_template(metadata={"namespace": "x"})),
        [f"spec.volumeClaimPolicies[0]: Invalid value: {NO_NAMESPACE}"],
    ),
    "a claim without metadata": (
        claiming({}),
        [
            'spec.volumeClaimPolicies[0]: Invalid value: "object": no such key: metadata evaluating rule: '
            + NO_NAMESPACE
        ],
    ),
    "no templates": (
        a_jobset(volumeClaimPolicies=[{}]),
        [
            'spec.volumeClaimPolicies[0]: Invalid value: "object": no such key: templates evaluating rule: '
            + NO_NAMESPACE
        ],
    ),
}


@pytest.mark.parametrize(("jobset", "errors"), CREATED.values(), ids=CREATED)
def test_rules_of_a_new_object(jobset: Raw, errors: list[str]) -> None:
    assert [str(error) for error in check_rules(jobset)] == errors


def waiting(*dependencies: Raw) -> Raw:
    return a_jobset(a_role("c"), a_role("d", dependsOn=list(dependencies)))


CHANGED: dict[str, tuple[Raw, Raw, list[str]]] = {
    "nothing": (a_jobset(network={}), a_jobset(network={}), []),
    "a network that changes": (
        a_jobset(network={"enableDNSHostnames": True}),
        a_jobset(network={"enableDNSHostnames": False}),
        [f"spec.network: Invalid value: {IMMUTABLE}"],
    ),
    "a success policy that changes": (
        a_jobset(successPolicy={"operator": "All"}),
        a_jobset(successPolicy={"operator": "All", "targetReplicatedJobs": ["workers"]}),
        [f"spec.successPolicy: Invalid value: {IMMUTABLE}"],
    ),
    "a startup policy that changes": (
        a_jobset(startupPolicy={"startupPolicyOrder": "AnyOrder"}),
        in_order(),
        [f"spec.startupPolicy: Invalid value: {IMMUTABLE}"],
    ),
    "a policy that comes": (a_jobset(), a_jobset(failurePolicy={"maxRestarts": 1}), []),
    "a policy that goes": (a_jobset(failurePolicy={"maxRestarts": 1}), a_jobset(), []),
    "a policy that changes": (
        a_jobset(failurePolicy={"maxRestarts": 1}),
        a_jobset(failurePolicy={"maxRestarts": 2}),
        [f"spec.failurePolicy: Invalid value: {IMMUTABLE}"],
    ),
    "a rule more": (
        a_jobset(failurePolicy={"rules": [{"name": "a"}]}),
        a_jobset(failurePolicy={"rules": [{"name": "a"}, {"name": "b"}]}),
        [f"spec.failurePolicy: Invalid value: {IMMUTABLE}"],
    ),
    "rules in another order": (
        a_jobset(failurePolicy={"rules": [{"name": "a"}, {"name": "b"}]}),
        a_jobset(failurePolicy={"rules": [{"name": "b"}, {"name": "a"}]}),
        [f"spec.failurePolicy: Invalid value: {IMMUTABLE}"],
    ),
    "claims that change": (
        claiming(a_claim_template("a")),
        claiming(a_claim_template("b")),
        [f"spec.volumeClaimPolicies: Invalid value: {IMMUTABLE}"],
    ),
    "dependencies in another order": (waiting(*READY), waiting(*reversed(READY)), []),
    "dependencies that change": (
        waiting(READY[0]),
        waiting(READY[1]),
        [f"spec.replicatedJobs[1].dependsOn: Invalid value: {IMMUTABLE}"],
    ),
    "dependencies of a new role": (a_jobset(a_role("c")), waiting(*READY), []),
}


@pytest.mark.parametrize(("old", "new", "errors"), CHANGED.values(), ids=CHANGED)
def test_rules_of_a_changed_object(old: Raw, new: Raw, errors: list[str]) -> None:
    assert [str(error) for error in check_rules(new, old)] == errors
