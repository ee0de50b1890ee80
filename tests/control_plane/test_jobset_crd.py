"""The definition of JobSets on a real API server, with the kubectl that users have."""

import json
from typing import Any
from uuid import uuid4

import pytest

from jobset.admission.crd import NAME, build_crd
from jobset.admission.crd_descriptions import DESCRIPTIONS
from tests.control_plane.jobset_crd import FILE
from tests.control_plane.processes import ControlPlane
from tests.decisions.admission_builders import a_jobset, a_role

pytestmark = pytest.mark.control_plane

CONDITION = {
    "status": "True",
    "reason": "Because",
    "message": "",
    "lastTransitionTime": "2030-01-02T03:04:05Z",
}
COUNTS = dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), 0)


def definition(plane: ControlPlane) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        plane.kubectl("get", "crd", NAME, "-o", "json", "--show-managed-fields")
    )
    return found


def stored(plane: ControlPlane, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plane.kubectl("get", "jobset", "js", "-n", namespace, "-o", "json"))
    return found


def applied(plane: ControlPlane, namespace: str, manager: str, *flags: str, **fields: Any) -> str:
    """What kubectl says about a JobSet that is applied on the server."""
    body = {**a_jobset(), "metadata": {"name": "js", "namespace": namespace}, **fields}
    command = ("apply", "--server-side", f"--field-manager={manager}", *flags, "-f", "-")
    return plane.kubectl(*command, stdin=json.dumps(body), check=False)


def test_the_definition_is_accepted_as_it_is(control_plane: ControlPlane) -> None:
    found = definition(control_plane)

    # NonStructuralSchema and KubernetesAPIApprovalPolicyConformant would be further ones.
    assert {c["type"]: c["status"] for c in found["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert found["status"]["storedVersions"] == ["v1alpha2"]
    spec = {name: value for name, value in found["spec"].items() if name != "conversion"}
    assert spec == build_crd()["spec"]
    assert found["spec"]["conversion"] == {"strategy": "None"}
    assert found["metadata"]["annotations"] == build_crd()["metadata"]["annotations"]


def test_the_definition_is_applied_again_without_a_change(control_plane: ControlPlane) -> None:
    before = definition(control_plane)

    told = control_plane.kubectl("apply", "--server-side", "-f", str(FILE))

    assert told == f"customresourcedefinition.apiextensions.k8s.io/{NAME} serverside-applied\n"
    assert definition(control_plane) == before


@pytest.mark.parametrize("name", ["jobsets", "jobset", "jobset.v1alpha2.jobset.x-k8s.io"])
def test_users_call_it(control_plane: ControlPlane, real_namespace: str, name: str) -> None:
    assert control_plane.kubectl("get", name, "-n", real_namespace, "-o", "name") == ""


async def test_a_table_has_these_columns(control_plane: ControlPlane, real_namespace: str) -> None:
    applied(control_plane, real_namespace, "a", spec={**a_jobset()["spec"], "suspend": True})
    conditions = [{"type": "Completed", **CONDITION}, {"type": "Suspended", **CONDITION, "status": "False"}]
    status = {"restarts": 3, "terminalState": "Completed", "conditions": conditions}
    applied(control_plane, real_namespace, "b", "--subresource=status", status=status)

    header, row = control_plane.kubectl("get", "jobset", "-n", real_namespace).splitlines()

    assert header.split() == ["NAME", "TERMINALSTATE", "RESTARTS", "COMPLETED", "SUSPENDED", "AGE"]
    assert row.split()[:-1] == ["js", "Completed", "3", "True", "true"]


@pytest.mark.parametrize("path", DESCRIPTIONS)
def test_a_field_is_explained(control_plane: ControlPlane, path: str) -> None:
    told = control_plane.kubectl("explain", f"jobset.{path}", "--api-version=jobset.x-k8s.io/v1alpha2")

    assert DESCRIPTIONS[path] in " ".join(told.split())


def test_lists_that_are_maps_are_merged_by_their_keys(bare_control_plane: ControlPlane) -> None:
    # Without webhooks: roles may come.
    namespace = f"n-{uuid4()}"
    bare_control_plane.kubectl("create", "namespace", namespace)
    for role in "ab":
        applied(bare_control_plane, namespace, role, spec={"replicatedJobs": [a_role(role)]})
        status = {
            "restarts": 0,
            "conditions": [{"type": role.upper(), **CONDITION}],
            "replicatedJobsStatus": [{"name": role, **COUNTS}],
        }
        applied(bare_control_plane, namespace, f"{role}-status", "--subresource=status", status=status)

    found = stored(bare_control_plane, namespace)

    assert [role["name"] for role in found["spec"]["replicatedJobs"]] == ["a", "b"]
    assert [condition["type"] for condition in found["status"]["conditions"]] == ["A", "B"]
    assert [role["name"] for role in found["status"]["replicatedJobsStatus"]] == ["a", "b"]


async def test_lists_that_are_whole_belong_to_who_applied_them(
    control_plane: ControlPlane, real_namespace: str
) -> None:
    def spec(*targets: str) -> dict[str, Any]:
        policy = {"operator": "All", "targetReplicatedJobs": list(targets)}
        return {"replicatedJobs": [a_role("a"), a_role("b")], "successPolicy": policy}

    applied(control_plane, real_namespace, "a", spec=spec("a"))

    told = applied(control_plane, real_namespace, "b", spec=spec("b"))

    assert 'conflict with "a": .spec.successPolicy.targetReplicatedJobs' in told


async def test_the_same_jobset_applied_again_is_the_same_generation(
    control_plane: ControlPlane, real_namespace: str
) -> None:
    spec = {
        "replicatedJobs": [{"name": "a", "template": a_role()["template"]}],
        "failurePolicy": {"maxRestarts": 1},
    }
    applied(control_plane, real_namespace, "a", spec=spec)
    before = stored(control_plane, real_namespace)

    told = applied(control_plane, real_namespace, "a", spec=spec)

    assert told == "jobset.jobset.x-k8s.io/js serverside-applied\n"
    assert stored(control_plane, real_namespace) == before
    assert before["metadata"]["generation"] == 1
