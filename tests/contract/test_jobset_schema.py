"""The definition of JobSets as API servers carry it out, without webhooks: schema, defaults and rules.

Each table is asked of the local server and of a real one.
"""

from collections.abc import AsyncIterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from jobset.admission import structural
from jobset.admission.jobset import AdmissionResult, check_schema
from jobset.admission.jobset_schema import jobset_schema
from jobset.kube.client import Client
from jobset.kube.errors import ApiError, Invalid
from jobset.kube.resources import JOBSETS
from jobset.kube.transport import Transport
from tests.contract.builders import refusal
from tests.contract.conftest import a_local_server
from tests.control_plane.processes import ControlPlane
from tests.control_plane.releases import on_releases, rows, words
from tests.decisions.admission_builders import a_claim_template, a_jobset, a_role, mounting
from tests.decisions.test_admission_jobset import CREATED
from tests.decisions.test_admission_jobset_schema import BELOW_A_POD, REFUSED, STATUSES, TAKEN, without

Raw = dict[str, Any]
SINCE_36 = on_releases(since=36)
"""Since then a format of a number bounds it, and is named."""


@pytest.fixture(params=["local", pytest.param("real", marks=pytest.mark.control_plane)])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """API servers that know JobSets by their definition alone."""
    if request.param == "real":
        plane: ControlPlane = request.getfixturevalue("bare_control_plane")
        transport = plane.transport(retries=0)
        yield transport
        await transport.close()
    else:
        async with a_local_server(admission=()) as transport:
            yield transport


def within(namespace: str, jobset: Mapping[str, Any]) -> Raw:
    about = {"apiVersion": JOBSETS.api_version, "kind": JOBSETS.kind}
    return {**about, **jobset, "metadata": {"name": "js", "namespace": namespace}}


def invalid(*errors: str) -> str:
    listed = f"[{', '.join(errors)}]" if len(errors) > 1 else errors[0]
    return f'JobSet.jobset.x-k8s.io "js" is invalid: {listed}'


def assert_refused_with(refused: ApiError, jobset: Mapping[str, Any]) -> None:
    """The Status is the one that the pure functions of admission make, to the last letter."""
    errors = check_schema(jobset)
    causes = refused.status["details"]["causes"]
    assert [f"{cause['field']}: {cause['message']}" for cause in causes] == [str(error) for error in errors]
    assert isinstance(refused, Invalid)
    assert refused.status == AdmissionResult(object=jobset, errors=tuple(errors)).status()


REFUSALS = pytest.mark.parametrize(
    ("spec", "error"), rows(REFUSED, SINCE_36, "more replicas than an int32 counts")
)


@REFUSALS
async def test_a_new_jobset_is_refused(client: Client, namespace: str, spec: Raw, error: str) -> None:
    jobset = within(namespace, a_jobset(**spec))

    refused = await refusal(client.create(JOBSETS, jobset))

    assert error in str(refused)
    assert_refused_with(refused, jobset)


@REFUSALS
async def test_a_change_is_refused_in_the_same_words(
    client: Client, namespace: str, spec: Raw, error: str
) -> None:
    stored = await client.create(JOBSETS, within(namespace, a_jobset()))

    refused = await refusal(client.patch(JOBSETS, namespace, "js", {"spec": spec}))

    changed = {**stored, "spec": {**stored["spec"], **spec}}
    assert error in str(refused)
    assert_refused_with(refused, changed)


WRONG_TYPES: dict[str, Raw] = {
    "a text for a bool": {"suspend": "yes"},
    "a text for a number": {"ttlSecondsAfterFinished": "1"},
    "a bool for a number": {"ttlSecondsAfterFinished": True},
    "a number for a text": {"managedBy": 1},
    "a list for an object": {"network": []},
    "an object for a list": {"replicatedJobs": {}},
    "a number as a label": {
        "replicatedJobs": [
            {**a_role("a"), "template": {**a_role()["template"], "metadata": {"labels": {"a": 1}}}}
        ]
    },
    "a part of a number": {"ttlSecondsAfterFinished": 1.5},
    "a part of a number without a format": {"coordinator": {"replicatedJob": "a", "jobIndex": 1.5}},
    "a text in a list of objects": {"replicatedJobs": [a_role("a"), "a", 1, a_role("a")]},
    "a text in a list without keys": {"volumeClaimPolicies": ["a"]},
    "a bool for a port or its name": {
        "replicatedJobs": [
            a_role(pod={"containers": [{"name": "c", "livenessProbe": {"httpGet": {"port": True}}}]})
        ]
    },
    "a part of a port": {
        "replicatedJobs": [
            a_role(pod={"containers": [{"name": "c", "livenessProbe": {"httpGet": {"port": 1.5}}}]})
        ]
    },
    "a list for a quantity": {
        "replicatedJobs": [a_role(pod={"containers": [{"name": "c", "resources": {"limits": {"cpu": []}}}]})]
    },
    "a quantity that is none": {
        "replicatedJobs": [
            a_role(pod={"containers": [{"name": "c", "resources": {"limits": {"cpu": "much"}}}]})
        ]
    },
    "a pod without containers": {
        "replicatedJobs": [{"name": "a", "template": {"spec": {"template": {"spec": {}}}}}]
    },
}


_BY_FORMAT = (
    "a bool for a number",
    "a part of a number",
    "a part of a number without a format",
    "a part of a port",
)


@pytest.mark.parametrize("spec", rows(WRONG_TYPES, SINCE_36, *_BY_FORMAT))
async def test_wrong_types_are_refused_in_the_same_words(client: Client, namespace: str, spec: Raw) -> None:
    jobset = within(namespace, a_jobset(**spec))

    refused = await refusal(client.create(JOBSETS, jobset))

    assert_refused_with(refused, structural.normalise(jobset, jobset_schema()))


RULED_OUT = {name: row for name, row in CREATED.items() if row[1]}
ALLOWED = {name: jobset for name, (jobset, errors) in CREATED.items() if not errors}


@pytest.mark.parametrize(("jobset", "errors"), RULED_OUT.values(), ids=RULED_OUT)
async def test_a_rule_refuses_a_new_jobset(
    client: Client, namespace: str, jobset: Raw, errors: list[str]
) -> None:
    refused = await refusal(client.create(JOBSETS, within(namespace, jobset)))

    assert words(refused) == words(invalid(*errors))


@pytest.mark.parametrize("jobset", ALLOWED.values(), ids=ALLOWED)
async def test_the_rules_let_a_new_jobset_pass(client: Client, namespace: str, jobset: Raw) -> None:
    created = await client.create(JOBSETS, within(namespace, jobset))

    assert created.get("spec") == jobset.get("spec")


@pytest.mark.parametrize("spec", TAKEN.values(), ids=TAKEN)
async def test_what_is_given_is_stored(client: Client, namespace: str, spec: Raw) -> None:
    created = await client.create(JOBSETS, within(namespace, a_jobset(**spec)))

    assert created["spec"] == a_jobset(**spec)["spec"]


ODD_RULE = {
    "name": "-",
    "action": "RestartJob",
    "onJobFailureReasons": ["Because"],
    "onJobFailureMessagePatterns": ["("],
    "targetReplicatedJobs": ["nobody"],
}
FOR_A_WEBHOOK: dict[str, Raw] = {
    "a group without a name": {"replicatedJobs": [a_role(groupName="")]},
    "a name that no Job can have": {"replicatedJobs": [a_role("A_B")]},
    "a first role that waits": {"replicatedJobs": [a_role("a", dependsOn=[])]},
    "a role that waits for a later one": {
        "replicatedJobs": [a_role("a"), a_role("b", dependsOn=[{"name": "c", "status": "Ready"}])]
    },
    "a manager without a domain": {"managedBy": "me"},
    "a subdomain with capital letters": {"network": {"subdomain": "A"}},
    "success of nobody": {"successPolicy": {"operator": "All", "targetReplicatedJobs": ["nobody"]}},
    "rules of one name": {"failurePolicy": {"restartStrategy": "InPlaceRestart", "rules": [ODD_RULE] * 2}},
    "a coordinator that is not there": {"coordinator": {"replicatedJob": "", "jobIndex": -1, "podIndex": -1}},
    "a claim that nobody mounts": {"volumeClaimPolicies": [{"templates": [a_claim_template()]}]},
}


@pytest.mark.parametrize("spec", FOR_A_WEBHOOK.values(), ids=FOR_A_WEBHOOK)
async def test_what_only_a_webhook_refuses_is_stored(client: Client, namespace: str, spec: Raw) -> None:
    created = await client.create(JOBSETS, within(namespace, a_jobset(**spec)))

    assert created["spec"] == a_jobset(**spec)["spec"]


ENV_SOURCES: Raw = {
    "configMapKeyRef": {"key": "k"},
    "secretKeyRef": {"key": "k"},
    "fileKeyRef": {"key": "k", "path": "p", "volumeName": "v"},
}
PROBED: Raw = {"grpc": {"port": 1}}
CONTAINER: Raw = {
    "name": "c",
    "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
    "env": [{"name": source, "valueFrom": {source: given}} for source, given in ENV_SOURCES.items()],
    "envFrom": [{"configMapRef": {}}, {"secretRef": {}}],
    "livenessProbe": PROBED,
    "readinessProbe": PROBED,
    "startupProbe": PROBED,
}
VOLUMES: Raw = {
    "azureDisk": {"diskName": "d", "diskURI": "u"},
    "cephfs": {"monitors": ["m"], "secretRef": {}},
    "cinder": {"volumeID": "v", "secretRef": {}},
    "configMap": {},
    "csi": {"driver": "d", "nodePublishSecretRef": {}},
    "flexVolume": {"driver": "d", "secretRef": {}},
    "iscsi": {"iqn": "i", "lun": 1, "targetPortal": "t", "secretRef": {}},
    "projected": {"sources": [{"configMap": {}}, {"secret": {}}]},
    "rbd": {"image": "i", "monitors": ["m"], "secretRef": {}},
    "scaleIO": {"gateway": "g", "system": "s", "secretRef": {}},
    "storageos": {"secretRef": {}},
}
POD_OF_EVERYTHING: Raw = {
    **{kind: [CONTAINER] for kind in ("containers", "ephemeralContainers", "initContainers")},
    "restartPolicy": "Never",
    "imagePullSecrets": [{}],
    "volumes": [{"name": name.lower(), name: given} for name, given in VOLUMES.items()],
}


async def test_every_default_is_filled_in_and_no_other(client: Client, namespace: str) -> None:
    jobset = within(namespace, a_jobset(a_role(pod=POD_OF_EVERYTHING)))

    created = await client.create(JOBSETS, jobset)

    expected = deepcopy(POD_OF_EVERYTHING)
    for path, value in BELOW_A_POD.items():
        fill_in(expected, path.split("."), value)
    (role,) = created["spec"]["replicatedJobs"]
    assert role["template"]["spec"]["template"]["spec"] == expected


def fill_in(value: Any, path: list[str], default: Any) -> None:
    """Set a default wherever its parent is, in every item of a list."""
    name, *rest = path
    for item in value if isinstance(value, list) else [value]:
        if not rest:
            item.setdefault(name, default)
        elif name in item:
            fill_in(item[name], rest, default)


def templates(**metadata: Any) -> Raw:
    """Templates of a Job, its pods and a claim that all have this metadata."""
    job = a_role("a")["template"]["spec"]
    pods = {**job["template"], "metadata": metadata}
    return {
        "replicatedJobs": [a_role("a", template={"metadata": metadata, "spec": {**job, "template": pods}})],
        "volumeClaimPolicies": [{"templates": [a_claim_template(metadata=without("namespace", metadata))]}],
    }


METADATA: Raw = {
    "name": "n",
    "namespace": "n",
    "labels": {"a": "b"},
    "annotations": {"a": "b"},
    "finalizers": ["a.io/b"],
}
WITHOUT_DEFAULTS: dict[str, tuple[Raw, Raw]] = {
    "a role": (
        {"replicatedJobs": [{"name": "a", "template": a_role()["template"]}]},
        {"replicatedJobs": [a_role("a")]},
    ),
    "a failure policy": ({"failurePolicy": {}}, {"failurePolicy": {"restartStrategy": "Recreate"}}),
    "an empty retention policy": (
        {"volumeClaimPolicies": [{"templates": [], "retentionPolicy": {}}]},
        {"volumeClaimPolicies": [{"templates": [], "retentionPolicy": {"whenDeleted": "Delete"}}]},
    ),
    "what only a webhook fills in": (
        {"network": {}, "coordinator": {"replicatedJob": "a"}, "volumeClaimPolicies": [{"templates": []}]},
        {"network": {}, "coordinator": {"replicatedJob": "a"}, "volumeClaimPolicies": [{"templates": []}]},
    ),
    "fields that nobody knows": (
        {"zebra": 1, "network": {"zebra": 1}, "failurePolicy": {"restartStrategy": "Recreate", "zebra": 1}},
        {"network": {}, "failurePolicy": {"restartStrategy": "Recreate"}},
    ),
    "nulls": (
        {
            "replicatedJobs": [{**a_role("a"), "replicas": None, "groupName": None, "dependsOn": None}],
            "failurePolicy": {"restartStrategy": None, "maxRestarts": None},
            "suspend": None,
        },
        {"replicatedJobs": [a_role("a")], "failurePolicy": {"restartStrategy": "Recreate"}},
    ),
    "metadata of templates": (templates(**METADATA, uid="u", generateName="g-"), templates(**METADATA)),
}


@pytest.mark.parametrize(("given", "stored"), WITHOUT_DEFAULTS.values(), ids=WITHOUT_DEFAULTS)
async def test_what_is_stored_has_the_defaults_of_the_schema_alone(
    client: Client, namespace: str, given: Raw, stored: Raw
) -> None:
    created = await client.create(JOBSETS, within(namespace, a_jobset(**given)))

    assert created["spec"] == a_jobset(**stored)["spec"]


def waiting_for(*names: str) -> Raw:
    return {"dependsOn": [{"name": name, "status": "Ready"} for name in names]}


FULL = a_jobset(
    a_role("a", pod=mounting("data", "more")),
    a_role("b"),
    a_role("c", **waiting_for("a", "b")),
    failurePolicy={
        "restartStrategy": "Recreate",
        "rules": [{"name": name, "action": "RestartJobSet"} for name in ("first", "second")],
    },
    network={"enableDNSHostnames": True},
    startupPolicy={"startupPolicyOrder": "AnyOrder"},
    successPolicy={"operator": "All", "targetReplicatedJobs": ["a", "b"]},
    volumeClaimPolicies=[{"templates": [a_claim_template("data"), a_claim_template("more")]}],
)["spec"]
ROLES, RULES = FULL["replicatedJobs"], FULL["failurePolicy"]["rules"]
CLAIMS = FULL["volumeClaimPolicies"][0]["templates"]


def reversed_rules() -> Raw:
    return {"failurePolicy": {**FULL["failurePolicy"], "rules": RULES[::-1]}}


def with_dependencies(**dependencies: Any) -> Raw:
    return {"replicatedJobs": [*ROLES[:2], {**a_role("c"), **dependencies}]}


UPDATED: dict[str, tuple[Raw, str | None]] = {
    "nothing changes": ({}, None),
    "another network": ({"network": {"enableDNSHostnames": False}}, "spec.network"),
    "a field more in the network": (
        {"network": {"enableDNSHostnames": True, "subdomain": "net"}},
        "spec.network",
    ),
    "no network": ({"network": None}, None),
    "another operator": (
        {"successPolicy": {"operator": "Any", "targetReplicatedJobs": ["a", "b"]}},
        "spec.successPolicy",
    ),
    "targets in another order": (
        {"successPolicy": {"operator": "All", "targetReplicatedJobs": ["b", "a"]}},
        "spec.successPolicy",
    ),
    "no success policy": ({"successPolicy": None}, None),
    "another startup order": (
        {"startupPolicy": {"startupPolicyOrder": "InOrder"}, **with_dependencies()},
        "spec.startupPolicy",
    ),
    "no startup policy": ({"startupPolicy": None}, None),
    "another number of restarts": (
        {"failurePolicy": {**FULL["failurePolicy"], "maxRestarts": 1}},
        "spec.failurePolicy",
    ),
    "rules in another order": (reversed_rules(), "spec.failurePolicy"),
    "no failure policy": ({"failurePolicy": None}, None),
    "another claim": (
        {"volumeClaimPolicies": [{"templates": CLAIMS[:1]}]},
        "spec.volumeClaimPolicies",
    ),
    "claims in another order": (
        {"volumeClaimPolicies": [{"templates": CLAIMS[::-1]}]},
        "spec.volumeClaimPolicies",
    ),
    "no claims": ({"volumeClaimPolicies": None}, None),
    "a dependency less": (with_dependencies(**waiting_for("a")), "spec.replicatedJobs[2].dependsOn"),
    "dependencies in another order": (with_dependencies(**waiting_for("b", "a")), None),
    "no dependencies": (with_dependencies(), None),
    "dependencies of a new role": (
        {"replicatedJobs": [*ROLES, a_role("d", **waiting_for("a"))]},
        None,
    ),
    "roles in another order": ({"replicatedJobs": ROLES[::-1]}, None),
    "other replicas": ({"replicatedJobs": [{**ROLES[0], "replicas": 7}, *ROLES[1:]]}, None),
}


@pytest.mark.parametrize(("change", "field"), UPDATED.values(), ids=UPDATED)
@pytest.mark.parametrize("by", ["update", "patch"])
async def test_a_stored_jobset_changes_as_the_rules_allow(
    client: Client, namespace: str, by: str, change: Raw, field: str | None
) -> None:
    stored = await client.create(JOBSETS, within(namespace, {"spec": FULL}))
    wanted = {name: value for name, value in {**FULL, **change}.items() if value is not None}

    if by == "update":
        write = client.update(JOBSETS, {**stored, "spec": wanted})
    else:
        # A merge patch leaves fields of an object in place that it does not name.
        write = client.patch(JOBSETS, namespace, "js", {"spec": change})

    if field is None:
        assert (await write)["spec"] == wanted
        return
    assert words(await refusal(write)) == invalid(f"{field}: Invalid value: Value is immutable")
    assert await client.get(JOBSETS, namespace, "js") == stored


ADDED: Raw = {name: FULL[name] for name in FULL if name != "replicatedJobs"}


@pytest.mark.parametrize("name", ADDED)
async def test_a_policy_may_come_to_a_jobset_that_has_none(client: Client, namespace: str, name: str) -> None:
    await client.create(JOBSETS, within(namespace, a_jobset(*ROLES)))

    changed = await client.patch(JOBSETS, namespace, "js", {"spec": {name: ADDED[name]}})

    assert changed["spec"] == {"replicatedJobs": ROLES, name: ADDED[name]}


@pytest.mark.parametrize(("status", "errors"), rows(STATUSES, SINCE_36, "more restarts than an int32 counts"))
async def test_a_status_is_checked(client: Client, namespace: str, status: Raw, errors: list[str]) -> None:
    created = await client.create(JOBSETS, within(namespace, a_jobset()))

    write = client.update_status(JOBSETS, {**created, "status": status})

    if not errors:
        assert (await write)["status"] == status
        return
    refused = await refusal(write)
    causes = refused.status["details"]["causes"]
    said = [f"{cause['field']}: {cause['message']}" for cause in causes if cause["field"] != "<nil>"]
    assert sorted(said) == sorted(errors)


async def test_what_nobody_knows_is_not_kept_in_a_status(client: Client, namespace: str) -> None:
    created = await client.create(JOBSETS, {**within(namespace, a_jobset()), "zebra": 1})
    (condition,) = STATUSES["a condition"][0]["conditions"]
    (role,) = STATUSES["a role"][0]["replicatedJobsStatus"]
    told = {"conditions": [condition], "replicatedJobsStatus": [role]}

    given = {name: [{**entry, "zebra": 1} for entry in entries] for name, entries in told.items()}
    reported = await client.update_status(JOBSETS, {**created, "status": {**given, "zebra": 1}})

    assert "zebra" not in created
    assert reported["status"] == told


async def test_a_null_in_a_status_is_nothing(client: Client, namespace: str) -> None:
    created = await client.create(JOBSETS, within(namespace, a_jobset()))

    given = {"restarts": 0, "previousInPlaceRestartAttempt": None}
    reported = await client.update_status(JOBSETS, {**created, "status": given})

    assert reported["status"] == {"restarts": 0}
