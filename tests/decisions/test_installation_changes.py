"""What an application changes in an object, and what a rollout still waits for."""

from collections.abc import Mapping
from typing import Any

import pytest

from jobset.installation.applying import Refused, refuse_ending
from jobset.installation.changes import FieldChange, field_changes
from jobset.installation.rollout import rollout_problem


def stored(spec: Mapping[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"kind": "Thing", "metadata": {"name": "x", **metadata}, "spec": spec}


def named(*values: tuple[str, Any]) -> list[Any]:
    return [{"name": name, "value": value} for name, value in values]


CHANGES: Mapping[str, tuple[Any, Any, list[tuple[str, Any, Any]]]] = {
    "nothing": (stored({"a": 1}), stored({"a": 1}), []),
    "a value": (stored({"a": 1}), stored({"a": 2}), [("spec.a", 1, 2)]),
    "a new field": (stored({}), stored({"a": {"b": 1}}), [("spec.a", None, {"b": 1})]),
    "a field that goes": (stored({"a": 1}), stored({}), [("spec.a", 1, None)]),
    "a label": (
        stored({}, labels={"a/b": "c"}),
        stored({}, labels={"a/b": "d"}),
        [("metadata.labels.a/b", "c", "d")],
    ),
    "a member of a list of names": (
        stored({"env": named(("a", 1), ("b", 2))}),
        stored({"env": named(("b", 3), ("a", 1))}),
        [("spec.env[b].value", 2, 3)],
    ),
    "a member that comes": (
        stored({"env": named(("a", 1))}),
        stored({"env": named(("a", 1), ("b", 2))}),
        [("spec.env[b]", None, {"name": "b", "value": 2})],
    ),
    "another list": (
        stored({"args": ["a"]}),
        stored({"args": ["a", "b"]}),
        [("spec.args", ["a"], ["a", "b"])],
    ),
    "another type": (stored({"a": {"b": 1}}), stored({"a": 1}), [("spec.a", {"b": 1}, 1)]),
    "what the server writes": (
        {**stored({}, resourceVersion="1", generation=1, managedFields=[]), "status": {"a": 1}},
        {**stored({}, resourceVersion="2", generation=2, managedFields=[1], uid="u"), "status": {"a": 2}},
        [],
    ),
}


@pytest.mark.parametrize(("before", "after", "changes"), CHANGES.values(), ids=CHANGES)
def test_the_fields_that_change(before: Any, after: Any, changes: list[tuple[str, Any, Any]]) -> None:
    assert field_changes(before, after) == tuple(FieldChange(*it) for it in changes)


def a_deployment(replicas: int = 2, **status: Any) -> dict[str, Any]:
    counts = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    return {"metadata": {"generation": 3}, "spec": {"replicas": replicas}, "status": counts | status}


def a_pod(*containers: Any, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": list(containers), **status}}


NOT_SCHEDULED = {"type": "PodScheduled", "status": "False", "message": "no nodes available"}
PULL = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
CRASH = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 3}}}
QUOTA = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]
UNAVAILABLE = a_deployment(availableReplicas=0)
ROLLOUTS: Mapping[str, tuple[Any, list[Any], str | None]] = {
    "all is there": (a_deployment(), [], None),
    "nobody looked": (a_deployment(observedGeneration=2), [], "no controller has seen it yet"),
    "a new Deployment": ({**a_deployment(), "status": {}}, [], "no controller has seen it yet"),
    "old replicas": (a_deployment(updatedReplicas=1), [], "1 of 2 replicas are of this version"),
    "one too many": (a_deployment(replicas=1), [], "a replica of before is still there"),
    "a pause": (
        {**a_deployment(updatedReplicas=0), "spec": {"replicas": 2, "paused": True}},
        [],
        "are of this version: it is paused (kubectl rollout resume)",
    ),
    "not available": (UNAVAILABLE, [], "0 of 2 replicas are available"),
    "a quota": (a_deployment(availableReplicas=0, conditions=QUOTA), [], "exceeded quota"),
    "no node": (UNAVAILABLE, [a_pod(conditions=[NOT_SCHEDULED])], "available: p: no nodes available"),
    "no image": (UNAVAILABLE, [a_pod(PULL)], "available: p: ImagePullBackOff, no such image"),
    "a crash": (UNAVAILABLE, [a_pod(CRASH)], "available: p: CrashLoopBackOff, last exit code 3"),
    "an end": (
        UNAVAILABLE,
        [a_pod({"state": {"terminated": {"exitCode": 2}}})],
        "available: p: ended with exit code 2",
    ),
    "not ready": (
        UNAVAILABLE,
        [a_pod({"state": {"running": {}}, "ready": False})],
        "available: p: runs, and is not ready",
    ),
    "one of two is ready": (
        a_deployment(availableReplicas=1),
        [a_pod({"state": {"running": {}}, "ready": True})],
        "1 of 2 replicas are available",
    ),
    "the same twice": (UNAVAILABLE, [a_pod(PULL), a_pod(PULL)], "p: ImagePullBackOff, no such image"),
}


@pytest.mark.parametrize(("deployment", "pods", "problem"), ROLLOUTS.values(), ids=ROLLOUTS)
def test_what_a_rollout_waits_for(deployment: Any, pods: list[Any], problem: str | None) -> None:
    told = rollout_problem(deployment, pods)

    assert (told or "").endswith(problem or "")
    assert (told is None) == (problem is None)
    assert (told or "").count("ImagePullBackOff") <= 1


def test_nothing_is_put_into_what_is_being_deleted() -> None:
    ending = stored({}, namespace="n", deletionTimestamp="2026-01-01T00:00:00Z")

    with pytest.raises(Refused, match="Thing n/x is being deleted"):
        refuse_ending([None, stored({}), ending])
