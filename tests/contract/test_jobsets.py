"""JobSets as a custom resource: what an API server with JobSet's definition and webhooks makes of them."""

import asyncio
from typing import Any

import pytest

from jobset.api import keys
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError, Forbidden, Invalid
from jobset.kube.resources import JOBS, JOBSETS, NODES, PODS
from jobset.kube.transport import Request, Transport
from tests.contract.builders import PATIENCE, a_job, a_jobset_pod, refusal
from tests.control_plane.releases import words

Raw = dict[str, Any]
ALWAYS = {
    "successPolicy": {"operator": "All"},
    "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
    "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
}
ZONE = "topology.kubernetes.io/zone"


def a_role(name: str = "workers", template: Raw | None = None, **fields: Any) -> Raw:
    pod = {"spec": {"containers": [{"name": "c", "image": "x", "ports": [{"containerPort": 80}]}]}}
    return {"name": name, "template": {"spec": {"template": pod}, **(template or {})}, **fields}


def a_jobset(namespace: str, *roles: Raw, **spec: Any) -> Raw:
    given = {"replicatedJobs": list(roles or [a_role()]), **spec}
    return {
        "apiVersion": JOBSETS.api_version,
        "kind": "JobSet",
        "metadata": {"name": "train", "namespace": namespace},
        "spec": given,
    }


async def test_the_kind_is_known_by_its_names_and_no_short_one(transport: Transport) -> None:
    answer = await transport.send(Request(method="GET", path="/apis/jobset.x-k8s.io/v1alpha2"))

    found = {resource["name"]: resource for resource in answer.body["resources"]}
    assert sorted(found) == ["jobsets", "jobsets/status"]
    assert (found["jobsets"]["kind"], found["jobsets"]["singularName"]) == ("JobSet", "jobset")
    assert found["jobsets"]["namespaced"] is True
    assert {"shortNames", "categories"} & set(found["jobsets"]) == set()


async def test_one_version_of_the_group_is_served(transport: Transport) -> None:
    answer = await transport.send(Request(method="GET", path="/apis/jobset.x-k8s.io"))

    assert [version["version"] for version in answer.body["versions"]] == ["v1alpha2"]


async def test_a_list_of_them_has_a_kind_of_its_own(namespace: str, transport: Transport) -> None:
    answer = await transport.send(Request(method="GET", path=JOBSETS.path(namespace)))

    assert (answer.body["apiVersion"], answer.body["kind"]) == (JOBSETS.api_version, "JobSetList")


LITTLE: dict[str, tuple[Raw, Raw]] = {
    "no spec": ({}, ALWAYS),
    "a spec that is null": ({"spec": None}, ALWAYS),
    "an empty spec": ({"spec": {}}, ALWAYS),
    "no roles": ({"spec": {"replicatedJobs": []}}, ALWAYS | {"replicatedJobs": []}),
}


@pytest.mark.parametrize(("given", "stored"), LITTLE.values(), ids=LITTLE)
async def test_a_jobset_may_say_very_little(client: Client, namespace: str, given: Raw, stored: Raw) -> None:
    nothing = {key: value for key, value in a_jobset(namespace).items() if key != "spec"}

    created = await client.create(JOBSETS, nothing | given)

    assert created["spec"] == stored


async def test_what_is_stored_has_the_defaults_and_nothing_unknown(client: Client, namespace: str) -> None:
    metadata = {"labels": {"a": "b"}, "generateName": "x-", "creationTimestamp": None}
    given = a_role(template={"metadata": metadata}, zebra=1)

    created = await client.create(JOBSETS, a_jobset(namespace, given, colour="red"))

    (role,) = created["spec"]["replicatedJobs"]
    assert "colour" not in created["spec"]
    assert (role["replicas"], role["groupName"], "zebra" in role) == (1, "default", False)
    assert role["template"]["metadata"] == {"labels": {"a": "b"}}
    assert role["template"]["spec"]["completionMode"] == "Indexed"
    pod = role["template"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "OnFailure"
    assert pod["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


CLAIM: Raw = {"templates": [{"metadata": {"name": "data"}, "spec": {"resources": {}}, "status": {}}]}
MOUNTS = {"containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}
FILLED_IN: dict[str, tuple[Raw, Raw]] = {
    "a failure policy without a strategy": (
        {"failurePolicy": {"maxRestarts": 1}},
        {"failurePolicy": {"maxRestarts": 1, "restartStrategy": "Recreate"}},
    ),
    "rules without names": (
        {"failurePolicy": {"rules": [{"action": "FailJobSet"}, {"action": "RestartJobSet", "name": ""}]}},
        {
            "failurePolicy": {
                "restartStrategy": "Recreate",
                "rules": [
                    {"action": "FailJobSet", "name": "failurePolicyRule0"},
                    {"action": "RestartJobSet", "name": "failurePolicyRule1"},
                ],
            }
        },
    ),
    "claims that nobody says what becomes of": (
        {"volumeClaimPolicies": [CLAIM]},
        {"volumeClaimPolicies": [{**CLAIM, "retentionPolicy": {"whenDeleted": "Delete"}}]},
    ),
}


@pytest.mark.parametrize(("given", "stored"), FILLED_IN.values(), ids=FILLED_IN)
async def test_schema_and_webhook_fill_in(client: Client, namespace: str, given: Raw, stored: Raw) -> None:
    mounting = a_role(template={"spec": {"template": {"spec": MOUNTS}}})

    created = await client.create(JOBSETS, a_jobset(namespace, mounting, **given))

    assert {name: created["spec"][name] for name in stored} == stored


async def test_no_replicas_are_stored_as_none(client: Client, namespace: str) -> None:
    created = await client.create(JOBSETS, a_jobset(namespace, a_role(replicas=0)))

    assert created["spec"]["replicatedJobs"][0]["replicas"] == 0


REFUSED: dict[str, tuple[Raw, str]] = {
    "roles of one name": (
        {"replicatedJobs": [a_role(), a_role()]},
        'spec.replicatedJobs[1]: Duplicate value: {"name":"workers"}',
    ),
    "fewer than no replicas": (
        {"replicatedJobs": [a_role(replicas=-1)]},
        "spec.replicatedJobs[0].replicas: Invalid value: -1: spec.replicatedJobs[0].replicas in body should "
        "be greater than or equal to 0",
    ),
    "a time below zero": (
        {"ttlSecondsAfterFinished": -1},
        "spec.ttlSecondsAfterFinished: Invalid value: -1: spec.ttlSecondsAfterFinished in body should be "
        "greater than or equal to 0",
    ),
}


@pytest.mark.parametrize(("spec", "error"), REFUSED.values(), ids=REFUSED)
async def test_the_schema_refuses_in_its_own_name(
    client: Client, namespace: str, spec: Raw, error: str
) -> None:
    refused = await refusal(client.create(JOBSETS, a_jobset(namespace, **spec)))

    assert isinstance(refused, Invalid)
    assert str(refused) == f'JobSet.jobset.x-k8s.io "train" is invalid: {error}'


async def test_the_webhook_refuses_in_its_own_name(client: Client, namespace: str) -> None:
    refused = await refusal(client.create(JOBSETS, a_jobset(namespace, managedBy="me")))

    assert (refused.code, refused.status["reason"]) == (422, "Invalid")
    assert str(refused) == (
        'admission webhook "vjobset.kb.io" denied the request: JobSet.jobset.x-k8s.io "train" is invalid: '
        'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'
    )
    assert refused.status["details"] == {
        "name": "train",
        "group": "jobset.x-k8s.io",
        "kind": "JobSet",
        "causes": [
            {
                "reason": "FieldValueInvalid",
                "message": 'Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
                "field": "spec.managedBy",
            }
        ],
    }


async def test_a_generated_name_is_judged_as_it_came_out(client: Client, namespace: str) -> None:
    body = a_jobset(namespace) | {"metadata": {"namespace": namespace, "generateName": "t" * 60}}

    refused = await refusal(client.create(JOBSETS, body))

    (cause,) = refused.status["details"]["causes"]
    assert "job names generated for this JobSet will exceed 63 characters" in cause["message"]
    assert len(refused.status["details"]["name"]) == 63


async def test_status_and_the_rest_are_written_apart(client: Client, namespace: str) -> None:
    created = await client.create(JOBSETS, a_jobset(namespace) | {"status": {"restarts": 1}})
    everything = {
        **created,
        "metadata": {**created["metadata"], "labels": {"a": "b"}},
        "spec": {**created["spec"], "managedBy": "a.io/b"},
        "status": {"restarts": 2},
    }

    reported = await client.update_status(JOBSETS, everything)
    suspended = await client.patch(
        JOBSETS, namespace, "train", {"spec": {"suspend": True}, "status": {"restarts": 3}}
    )

    assert "status" not in created
    assert (reported["status"], reported["spec"]) == ({"restarts": 2}, created["spec"])
    assert "labels" not in reported["metadata"]
    assert reported["metadata"]["generation"] == 1
    assert suspended["status"] == {"restarts": 2}
    assert suspended["metadata"]["generation"] == 2


LENIENT = {"restartStrategy": "InPlaceRestart", "rules": [{"name": "-", "action": "RestartJob"}]}
FREE: dict[str, Raw] = {
    "suspended": {"suspend": True},
    "given a time to live": {"ttlSecondsAfterFinished": 0},
    "given a coordinator that is not there": {"coordinator": {"replicatedJob": "x", "podIndex": -1}},
    "left without its network": {"network": None},
    "given a failure policy that no new JobSet may have": {"failurePolicy": LENIENT},
    "given a claim that nobody mounts": {
        "volumeClaimPolicies": [{"templates": [{"metadata": {"name": "a"}}]}]
    },
}


@pytest.mark.parametrize("change", FREE.values(), ids=FREE)
async def test_a_jobset_may_be(client: Client, namespace: str, change: Raw) -> None:
    created = await client.create(JOBSETS, a_jobset(namespace))

    changed = await client.patch(JOBSETS, namespace, "train", {"spec": change})

    given = {name: value for name, value in change.items() if value is not None}
    assert changed["spec"] == {k: v for k, v in created["spec"].items() if k not in change} | given


async def test_a_jobset_is_labelled(client: Client, namespace: str) -> None:
    await client.create(JOBSETS, a_jobset(namespace))

    change = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}
    changed = await client.patch(JOBSETS, namespace, "train", change)

    assert (changed["metadata"]["labels"], changed["metadata"]["annotations"]) == ({"a": "b"}, {"c": "d"})
    assert changed["metadata"]["generation"] == 1


async def test_a_suspended_jobset_runs_again(client: Client, namespace: str) -> None:
    await client.create(JOBSETS, a_jobset(namespace, suspend=True))

    resumed = await client.patch(JOBSETS, namespace, "train", {"spec": {"suspend": False}})

    assert resumed["spec"]["suspend"] is False


async def test_a_refused_change_of_a_schema_rule_comes_before_the_webhook(
    client: Client, namespace: str
) -> None:
    await client.create(JOBSETS, a_jobset(namespace))
    change = {"spec": {"network": {"subdomain": "net"}, "managedBy": "a.io/b"}}

    refused = await refusal(client.patch(JOBSETS, namespace, "train", change))

    assert words(refused) == (
        'JobSet.jobset.x-k8s.io "train" is invalid: spec.network: Invalid value: Value is immutable'
    )


async def a_stored_job(client: Client, namespace: str) -> Object:
    """Owns pods, and leaves them alone: its controller is told to be another one."""
    return await client.create(JOBS, a_job(namespace, "js-w-0", managedBy="example.com/nobody"))


async def admitted(client: Client, pod: Raw) -> Object:
    """The pod as created; where webhooks read caches they learn of a leader's place a moment later."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await client.create(PODS, pod)
            except Forbidden:
                await asyncio.sleep(0.1)


async def test_only_a_pod_with_the_label_is_shown_to_the_webhook(client: Client, namespace: str) -> None:
    labelled = await client.create(PODS, a_jobset_pod(namespace, "0"))
    annotated = await client.create(PODS, a_jobset_pod(namespace, "1", labels={"a": "b"}))

    assert labelled["metadata"]["labels"][keys.PRIORITY] == "0"
    assert annotated["metadata"]["labels"] == {"a": "b"}


async def test_a_follower_is_created_once_its_leader_has_a_place(client: Client, namespace: str) -> None:
    node = {"metadata": {"name": f"{namespace}-node", "labels": {ZONE: "a"}}}
    job = await a_stored_job(client, namespace)
    leader, follower = (a_jobset_pod(namespace, index, owner=job, topology=ZONE) for index in ("0", "1"))
    await client.create(NODES, node)
    await client.create(PODS, leader)

    early = await refusal(client.create(PODS, follower))
    await client.bind(namespace, leader["metadata"]["name"], node["metadata"]["name"])
    placed = await admitted(client, follower)

    assert isinstance(early, Forbidden)
    assert str(early) == (
        'admission webhook "vpod.kb.io" denied the request: follower pod node selector not set'
    )
    assert placed["spec"]["nodeSelector"] == {ZONE: "a"}


async def test_a_follower_whose_leader_is_on_a_node_that_is_gone_is_not_found(
    client: Client, namespace: str
) -> None:
    job = await a_stored_job(client, namespace)
    leader, follower = (a_jobset_pod(namespace, index, owner=job, topology=ZONE) for index in ("0", "1"))
    await client.create(PODS, leader)
    await client.bind(namespace, leader["metadata"]["name"], "gone")

    error: ApiError = await refusal(admitted(client, follower))

    assert (error.code, error.status["reason"]) == (404, "NotFound")
    assert error.status["details"] == {"name": "gone", "kind": "Node"}
