"""Claims that the roles of a JobSet share."""

from typing import Any

import pytest

from jobset.core.volumes import claim_volumes, missing_claims, wanted_claims
from tests.builders import a_jobset

OWNER = {"kind": "JobSet", "uid": "uid-train"}
SPEC = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}


def template(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "spec": SPEC}


def policy(*templates: Any, retention: Any = None) -> dict[str, Any]:
    return {"templates": list(templates), **({"retentionPolicy": retention} if retention is not None else {})}


JOBSET = a_jobset(volumeClaimPolicies=[policy(template("data"), template("logs")), policy(template("cache"))])


def test_a_claim_carries_what_its_template_says_and_the_name_of_the_jobset() -> None:
    given = template("data", labels={"a": "1", "jobset.sigs.k8s.io/jobset-name": "x"}, annotations={"b": "2"})
    jobset = a_jobset(volumeClaimPolicies=[policy(given, retention={"whenDeleted": "Delete"})])

    (((claim),),) = missing_claims(jobset, frozenset(), OWNER)

    assert claim == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data-train",
            "namespace": "default",
            "labels": {"a": "1", "jobset.sigs.k8s.io/jobset-name": "train"},
            "annotations": {"b": "2"},
            "ownerReferences": [OWNER],
        },
        "spec": SPEC,
    }


OWNED = {
    "Delete": ({"whenDeleted": "Delete"}, True),
    "the default": ({}, True),
    "Retain": ({"whenDeleted": "Retain"}, False),
    "no policy, for want of the webhook": (None, False),
}


@pytest.mark.parametrize(("retention", "owned"), OWNED.values(), ids=OWNED)
def test_which_claims_go_with_their_jobset(retention: Any, owned: bool) -> None:
    jobset = a_jobset(volumeClaimPolicies=[policy(template("data"), retention=retention)])

    ((claim,),) = missing_claims(jobset, frozenset(), OWNER)

    assert ("ownerReferences" in claim["metadata"]) is owned


MISSING = {
    "none exists": (frozenset(), [["data-train", "logs-train"], ["cache-train"]]),
    "some exist": (frozenset({"data-train", "cache-train"}), [["logs-train"]]),
    "all exist": (frozenset({"data-train", "logs-train", "cache-train"}), []),
}


@pytest.mark.parametrize(("existing", "names"), MISSING.values(), ids=MISSING)
def test_missing_claims_come_by_policy(existing: frozenset[str], names: list[list[str]]) -> None:
    missing = missing_claims(JOBSET, existing, OWNER)

    assert [[claim["metadata"]["name"] for claim in bodies] for bodies in missing] == names


def test_the_claims_a_jobset_asks_for() -> None:
    assert wanted_claims(JOBSET) == {"data-train", "logs-train", "cache-train"}
    assert wanted_claims(a_jobset(volumeClaimPolicies=[{}])) == frozenset()
    assert wanted_claims(a_jobset()) == frozenset()


def test_a_pod_gets_the_volumes_that_its_containers_mount() -> None:
    mounts = {
        "initContainers": [{"volumeMounts": [{"name": "cache"}]}],
        "containers": [{}, {"volumeMounts": []}],
    }

    assert claim_volumes(JOBSET, mounts) == [
        {"name": "cache", "persistentVolumeClaim": {"claimName": "cache-train"}}
    ]
    assert claim_volumes(JOBSET, {}) == []
