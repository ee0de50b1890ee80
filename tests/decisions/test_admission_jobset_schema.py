"""The schema of JobSets: what it refuses by itself, and what it leaves as it is."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobset.admission import structural
from jobset.admission.empty_structs import with_empty_structs
from jobset.admission.jobset import admit_create, check_schema, check_status
from jobset.admission.jobset_schema import jobset_schema
from jobset.admission.schema_check import join
from tests.decisions.admission_builders import ALL_ON, OFF, a_claim_template, a_jobset, a_role, mounting

Raw = dict[str, Any]
READY = {"name": "a", "status": "Ready"}


def one(**fields: Any) -> Raw:
    return {"replicatedJobs": [{**a_role("a"), **fields}]}


def two(**fields: Any) -> Raw:
    return {"replicatedJobs": [a_role("a"), a_role("b", **fields)]}


def ruled(**rule: Any) -> Raw:
    return {"failurePolicy": {"rules": [{"name": "r", "action": "FailJobSet", **rule}]}}


def without(name: str, fields: Raw) -> Raw:
    return {key: value for key, value in fields.items() if key != name}


def choices(*values: str) -> str:
    return "supported values: " + ", ".join(f'"{value}"' for value in values)


ACTIONS = (
    "FailJobSet",
    "RestartJobSet",
    "RestartJobSetAndIgnoreMaxRestarts",
    "RestartJob",
    "RestartJobAndIgnoreMaxRestarts",
)
POLICY: Raw = {"templates": [a_claim_template()]}
# What of the spec is refused by the schema alone.
REFUSED: dict[str, tuple[Raw, str]] = {
    "a role without a name": (
        {"replicatedJobs": [without("name", a_role())]},
        "spec.replicatedJobs[0].name: Required value",
    ),
    "a role without a template": (
        {"replicatedJobs": [without("template", a_role())]},
        "spec.replicatedJobs[0].template: Required value",
    ),
    "a Job without a template": (
        one(template={"spec": {}}),
        "spec.replicatedJobs[0].template.spec.template: Required value",
    ),
    "a dependency on nobody": (
        two(dependsOn=[{"status": "Ready"}]),
        "spec.replicatedJobs[1].dependsOn[0].name: Required value",
    ),
    "six dependencies": (
        two(dependsOn=[{"name": f"n{n}", "status": "Ready"} for n in range(6)]),
        "spec.replicatedJobs[1].dependsOn: Too many: 6: must have at most 5 items",
    ),
    "a dependency twice": (
        two(dependsOn=[READY, READY]),
        'spec.replicatedJobs[1].dependsOn[1]: Duplicate value: {"name":"a"}',
    ),
    "a dependency on another status": (
        two(dependsOn=[{"name": "a", "status": "Failed"}]),
        'spec.replicatedJobs[1].dependsOn[0].status: Unsupported value: "Failed": '
        + choices("Ready", "Complete"),
    ),
    "a dependency on no status": (
        two(dependsOn=[{"name": "a"}]),
        "spec.replicatedJobs[1].dependsOn[0].status: Required value",
    ),
    "a role twice": (
        {"replicatedJobs": [a_role("a"), a_role("a")]},
        'spec.replicatedJobs[1]: Duplicate value: {"name":"a"}',
    ),
    "replicas below zero": (
        one(replicas=-1),
        "spec.replicatedJobs[0].replicas: Invalid value: -1: spec.replicatedJobs[0].replicas in body should "
        "be greater than or equal to 0",
    ),
    "more replicas than an int32 counts": (
        one(replicas=2**31),
        '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in '
        "spec.replicatedJobs[0].replicas",
    ),
    "another startup order": (
        {"startupPolicy": {"startupPolicyOrder": "Random"}},
        'spec.startupPolicy.startupPolicyOrder: Unsupported value: "Random": '
        + choices("AnyOrder", "InOrder"),
    ),
    "no startup order": ({"startupPolicy": {}}, "spec.startupPolicy.startupPolicyOrder: Required value"),
    "another operator": (
        {"successPolicy": {"operator": "Most"}},
        'spec.successPolicy.operator: Unsupported value: "Most": ' + choices("All", "Any"),
    ),
    "no operator": ({"successPolicy": {}}, "spec.successPolicy.operator: Required value"),
    "another strategy": (
        {"failurePolicy": {"restartStrategy": "Wait"}},
        'spec.failurePolicy.restartStrategy: Unsupported value: "Wait": '
        + choices("Recreate", "BlockingRecreate", "InPlaceRestart"),
    ),
    "another action": (
        ruled(action="Retry"),
        'spec.failurePolicy.rules[0].action: Unsupported value: "Retry": ' + choices(*ACTIONS),
    ),
    "a rule without a name": (
        {"failurePolicy": {"rules": [{"action": "FailJobSet"}]}},
        "spec.failurePolicy.rules[0].name: Required value",
    ),
    "a rule without an action": (
        {"failurePolicy": {"rules": [{"name": "r"}]}},
        "spec.failurePolicy.rules[0].action: Required value",
    ),
    "a time to live below zero": (
        {"ttlSecondsAfterFinished": -1},
        "spec.ttlSecondsAfterFinished: Invalid value: -1: spec.ttlSecondsAfterFinished in body should be "
        "greater than or equal to 0",
    ),
    "a coordinator in no role": (
        {"coordinator": {"jobIndex": 0}},
        "spec.coordinator.replicatedJob: Required value",
    ),
    "51 claim policies": (
        {"volumeClaimPolicies": [POLICY] * 51},
        "spec.volumeClaimPolicies: Too many: 51: must have at most 50 items",
    ),
    "51 claim templates": (
        {"volumeClaimPolicies": [{"templates": [a_claim_template()] * 51}]},
        "spec.volumeClaimPolicies[0].templates: Too many: 51: must have at most 50 items",
    ),
    "claims that are deleted some day": (
        {"volumeClaimPolicies": [{**POLICY, "retentionPolicy": {"whenDeleted": "Later"}}]},
        'spec.volumeClaimPolicies[0].retentionPolicy.whenDeleted: Unsupported value: "Later": '
        + choices("Delete", "Retain"),
    ),
}


@pytest.mark.parametrize(("spec", "error"), REFUSED.values(), ids=REFUSED)
def test_the_schema_refuses(spec: Raw, error: str) -> None:
    assert str(check_schema(a_jobset(**spec))[0]) == error


def own_pods(**pod: Any) -> Raw:
    return {"replicatedJobs": [a_role("a", pod=pod)]}


RESTARTED_ON = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
# What of the spec is stored as it was given, beside empty objects.
TAKEN: dict[str, Raw] = {
    "no replicas": one(replicas=0),
    "five dependencies": {
        "replicatedJobs": [
            *(a_role(f"n{n}") for n in range(5)),
            a_role("b", dependsOn=[{"name": f"n{n}", "status": "Complete"} for n in range(5)]),
        ]
    },
    "fewer than no restarts": {"failurePolicy": {"maxRestarts": -1, "restartStrategy": "BlockingRecreate"}},
    **{
        f"the action {action}": {
            "failurePolicy": {"restartStrategy": "Recreate", **ruled(action=action)["failurePolicy"]}
        }
        for action in ACTIONS
    },
    "one reason twice": {
        "failurePolicy": {
            "restartStrategy": "Recreate",
            **ruled(onJobFailureReasons=["DeadlineExceeded"] * 2)["failurePolicy"],
        }
    },
    "no time to live": {"ttlSecondsAfterFinished": 0},
    "claims that stay": {
        **own_pods(**mounting("data")),
        "volumeClaimPolicies": [{**POLICY, "retentionPolicy": {"whenDeleted": "Retain"}}],
    },
    "fields that newer pods have": own_pods(
        schedulingGroup={"podGroupName": "group"},
        containers=[{"name": "c", "restartPolicy": "Never", "restartPolicyRules": [RESTARTED_ON]}],
    ),
}


@pytest.mark.parametrize("spec", TAKEN.values(), ids=TAKEN)
def test_what_is_given_is_stored(spec: Raw) -> None:
    result = admit_create(a_jobset(**spec), ALL_ON)

    assert result.errors == ()
    assert {name: result.object["spec"][name] for name in spec} == with_empty_structs({"spec": spec})["spec"]


def test_an_empty_retention_policy_deletes() -> None:
    given = {**POLICY, "retentionPolicy": {}}

    result = admit_create(a_jobset(a_role(pod=mounting("data")), volumeClaimPolicies=[given]), OFF)

    (stored,) = result.object["spec"]["volumeClaimPolicies"]
    assert stored["retentionPolicy"] == {"whenDeleted": "Delete"}


def condition(**fields: Any) -> Raw:
    given = {"type": "Completed", "status": "True", "reason": "AllJobsCompleted", "message": ""}
    return {"conditions": [{**given, "lastTransitionTime": "2030-01-02T03:04:05Z", **fields}]}


def reported(**fields: Any) -> Raw:
    counts = dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), 0)
    return {"replicatedJobsStatus": [{"name": "a", **counts, **fields}]}


REASON = "'^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$'"
ATTEMPT = "status.{0}: Invalid value: -1: {0} in body should be greater than or equal to 0"
STATUSES: dict[str, tuple[Raw, list[str]]] = {
    "nothing": ({}, []),
    "a condition": (condition(), []),
    "a condition twice": (
        {"conditions": condition()["conditions"] * 2},
        ['status.conditions[1]: Duplicate value: {"type":"Completed"}'],
    ),
    "a condition of a strange type": (
        condition(type="a b"),
        [
            'status.conditions[0].type: Invalid value: "a b": conditions[0].type in body should match '
            r"'^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$'"
        ],
    ),
    "a condition of a long type": (
        condition(type="a" * 317),
        ["status.conditions[0].type: Too long: may not be more than 316 bytes"],
    ),
    "a condition that may be": (
        condition(status="Maybe"),
        ['status.conditions[0].status: Unsupported value: "Maybe": ' + choices("True", "False", "Unknown")],
    ),
    "a reason that is a sentence": (
        condition(reason="it is done"),
        [
            'status.conditions[0].reason: Invalid value: "it is done": conditions[0].reason in body '
            f"should match {REASON}"
        ],
    ),
    "a condition that says nothing": (
        {"conditions": [{}]},
        [
            f"status.conditions[0].{name}: Required value"
            for name in ("lastTransitionTime", "message", "reason", "status", "type")
        ],
    ),
    "an empty reason": (
        condition(reason=""),
        [
            'status.conditions[0].reason: Invalid value: "": conditions[0].reason in body should be at '
            "least 1 chars long"
        ],
    ),
    "a long reason": (
        condition(reason=" " * 1025),
        ["status.conditions[0].reason: Too long: may not be more than 1024 bytes"],
    ),
    "a long message": (
        condition(message="a" * 32769),
        ["status.conditions[0].message: Too long: may not be more than 32768 bytes"],
    ),
    "a condition without a time": (
        {"conditions": [{"type": "Completed", "status": "True", "reason": "A", "message": ""}]},
        ["status.conditions[0].lastTransitionTime: Required value"],
    ),
    "a condition of yesterday": (
        condition(lastTransitionTime="yesterday"),
        [
            'status.conditions[0].lastTransitionTime: Invalid value: "yesterday": '
            'conditions[0].lastTransitionTime in body must be of type date-time: "yesterday"'
        ],
    ),
    "a condition seen before there was anything": (
        condition(observedGeneration=-1),
        [
            "status.conditions[0].observedGeneration: Invalid value: -1: "
            "conditions[0].observedGeneration in body should be greater than or equal to 0"
        ],
    ),
    "a role": (reported(), []),
    "a role twice": (
        {"replicatedJobsStatus": reported()["replicatedJobsStatus"] * 2},
        ['status.replicatedJobsStatus[1]: Duplicate value: {"name":"a"}'],
    ),
    "a role without its counts": (
        {"replicatedJobsStatus": [{}]},
        [
            f"status.replicatedJobsStatus[0].{name}: Required value"
            for name in ("active", "failed", "name", "ready", "succeeded", "suspended")
        ],
    ),
    "1024 Jobs with restarts": (
        reported(jobRestarts=[1] * 1024, jobRestartsCountTowardsMax=[0] * 1024),
        [],
    ),
    "1025 Jobs with restarts": (
        reported(jobRestarts=[1] * 1025, jobRestartsCountTowardsMax=[0] * 1025),
        [
            f"status.replicatedJobsStatus[0].{name}: Too many: 1025: must have at most 1024 items"
            for name in ("jobRestarts", "jobRestartsCountTowardsMax")
        ],
    ),
    "another terminal state": ({"terminalState": "Asleep"}, []),
    "numbers below zero": ({"restarts": -1, "restartsCountTowardsMax": -1, **reported(ready=-1)}, []),
    "more restarts than an int32 counts": (
        {"restarts": 2**31},
        ['status: Invalid value: "": Checked value must be of type integer with format int32 in restarts'],
    ),
    "a number of restarts in letters": (
        {"restarts": "one"},
        ['status.restarts: Invalid value: "string": restarts in body must be of type integer: "string"'],
    ),
    "attempts in place": ({"previousInPlaceRestartAttempt": 0, "currentInPlaceRestartAttempt": 1}, []),
    "attempts in place below zero": (
        {"previousInPlaceRestartAttempt": -1, "currentInPlaceRestartAttempt": -1},
        [ATTEMPT.format(f"{name}InPlaceRestartAttempt") for name in ("previous", "current")],
    ),
}


@pytest.mark.parametrize(("status", "errors"), STATUSES.values(), ids=STATUSES)
def test_a_status_is_checked(status: Raw, errors: list[str]) -> None:
    found = check_status({**a_jobset(), "status": status}, a_jobset())

    assert [str(error) for error in found if error.field != "<nil>"] == errors


def test_a_null_in_a_status_is_nothing() -> None:
    given = {"restarts": 0, "previousInPlaceRestartAttempt": None}

    assert structural.normalise({"status": given}, jobset_schema()) == {"status": {"restarts": 0}}


CONTAINER = ["containers", "ephemeralContainers", "initContainers"]
PROBES = ["livenessProbe", "readinessProbe", "startupProbe"]
SECRETS = ["cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"]
BELOW_A_POD: dict[str, Any] = {
    **{f"{c}.ports.protocol": "TCP" for c in CONTAINER},
    **{f"{c}.env.valueFrom.{ref}.name": "" for c in CONTAINER for ref in ("configMapKeyRef", "secretKeyRef")},
    **{f"{c}.env.valueFrom.fileKeyRef.optional": False for c in CONTAINER},
    **{f"{c}.envFrom.{ref}.name": "" for c in CONTAINER for ref in ("configMapRef", "secretRef")},
    **{f"{c}.{probe}.grpc.service": "" for c in CONTAINER for probe in PROBES},
    **{f"volumes.{volume}.secretRef.name": "" for volume in SECRETS},
    **{f"volumes.projected.sources.{source}.name": "" for source in ("configMap", "secret")},
    "imagePullSecrets.name": "",
    "volumes.azureDisk.fsType": "ext4",
    "volumes.azureDisk.readOnly": False,
    "volumes.configMap.name": "",
    "volumes.csi.nodePublishSecretRef.name": "",
    "volumes.iscsi.iscsiInterface": "default",
    "volumes.rbd.keyring": "/etc/ceph/keyring",
    "volumes.rbd.pool": "rbd",
    "volumes.rbd.user": "admin",
    "volumes.scaleIO.fsType": "xfs",
    "volumes.scaleIO.storageMode": "ThinProvisioned",
}
POD = "spec.replicatedJobs.template.spec.template.spec"


def test_the_schema_has_these_defaults_and_no_others() -> None:
    assert dict(defaults(jobset_schema())) == {
        "spec.failurePolicy.restartStrategy": "Recreate",
        "spec.replicatedJobs.groupName": "default",
        "spec.replicatedJobs.replicas": 1,
        "spec.volumeClaimPolicies.retentionPolicy.whenDeleted": "Delete",
        **{f"{POD}.{path}": value for path, value in BELOW_A_POD.items()},
    }


def defaults(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every default below a schema, with its path; lists add nothing to a path."""
    for name, field in schema.get("items", schema).get("properties", {}).items():
        at = join(path, name)
        if "default" in field:
            yield at, field["default"]
        yield from defaults(field, at)
