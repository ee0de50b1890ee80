"""Which writes JobSet's webhooks are asked about."""

from typing import Any

import pytest

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.errors import Invalid
from jobset.kube.resources import JOBSETS, PODS, Resource
from jobset.local.plugins import CREATE, DELETE, UPDATE, Review
from jobset.local.webhooks import JobSetAdmission, PodAdmission

Raw = dict[str, Any]
JOBSET: Raw = {"metadata": {"name": "js", "namespace": "default"}, "spec": {"managedBy": "me"}}
POD: Raw = {
    "metadata": {"name": "p", "labels": {keys.JOBSET_NAME: "js"}, "annotations": {keys.JOBSET_NAME: "js"}},
    "spec": {"priority": 1},
}


class NoWorld:
    """There is nothing else."""

    def read(self, resource: Resource, namespace: str, name: str) -> None:
        return None

    def read_all(self, resource: Resource, namespace: str | None = None) -> list[Raw]:
        return []


def review(operation: str, obj: Raw, old: Raw | None = None, part: str = "") -> Review:
    resource = PODS if obj is POD else JOBSETS
    return Review(
        operation=operation, resource=resource, subresource=part, object=obj, old=old, world=NoWorld()
    )


OLD: Raw = {"metadata": JOBSET["metadata"], "spec": {}}
NOT_FILLED_IN = {
    "an update": review(UPDATE, JOBSET, OLD),
    "an update of the status": review(UPDATE, JOBSET, OLD, "status"),
    "a delete": review(DELETE, JOBSET, OLD),
}


@pytest.mark.parametrize("asked", NOT_FILLED_IN.values(), ids=NOT_FILLED_IN)
def test_only_a_new_jobset_is_filled_in(asked: Review) -> None:
    webhook = JobSetAdmission(FeatureGates())

    assert webhook.mutate(asked) is asked.object
    assert webhook.mutate(review(CREATE, JOBSET)) != JOBSET


JUDGED = {"a create": review(CREATE, JOBSET), "an update": review(UPDATE, JOBSET, OLD)}
NOT_JUDGED = {
    "an update of the status": review(UPDATE, JOBSET, OLD, "status"),
    "a delete": review(DELETE, JOBSET, OLD),
}


@pytest.mark.parametrize("asked", JUDGED.values(), ids=JUDGED)
def test_a_new_or_changed_jobset_is_judged(asked: Review) -> None:
    with pytest.raises(Invalid, match="managedBy"):
        JobSetAdmission(FeatureGates()).validate(asked)


@pytest.mark.parametrize("asked", NOT_JUDGED.values(), ids=NOT_JUDGED)
def test_a_status_and_a_delete_are_not_judged(asked: Review) -> None:
    JobSetAdmission(FeatureGates()).validate(asked)


PODS_LEFT_ALONE = {
    "an update": review(UPDATE, POD, POD),
    "an update of the status": review(UPDATE, POD, POD, "status"),
    "a delete": review(DELETE, POD, POD),
}


@pytest.mark.parametrize("asked", PODS_LEFT_ALONE.values(), ids=PODS_LEFT_ALONE)
def test_only_a_new_pod_is_labelled(asked: Review) -> None:
    labelled = PodAdmission().mutate(review(CREATE, POD))

    assert labelled["metadata"]["labels"][keys.PRIORITY] == "1"
    assert PodAdmission().mutate(asked) is asked.object
