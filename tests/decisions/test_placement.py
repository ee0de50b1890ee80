"""Exclusive placement: followers belong where their leader is."""

from typing import Any

import pytest

from jobset.api import keys
from jobset.api.children import ChildPod
from jobset.core.placement import (
    EvictPod,
    PlacementPlan,
    decide_placement,
    disruption_patch,
    is_scheduled_leader,
)
from tests.builders import NOW, a_condition, a_pod, at

RACK = "example.com/rack"
NODES = {"node-1": {RACK: "r1"}, "bare": {}, "empty": {RACK: ""}}


def member(index: int, **facts: Any) -> ChildPod:
    annotations = {keys.EXCLUSIVE_TOPOLOGY: RACK, keys.JOB_COMPLETION_INDEX: str(index)}
    annotations |= facts.pop("annotations", {})
    labels = {keys.JOB_KEY: "key"} | facts.pop("labels", {})
    return a_pod(f"train-w-0-{index}", labels=labels, annotations=annotations, **{"owner": "job", **facts})


def leader(**facts: Any) -> ChildPod:
    return member(0, **{"node": "node-1", **facts})


RIGHT, ALSO_RIGHT = member(1, selector={RACK: "r1"}), member(2, selector={RACK: "r1"})
WRONG, LOST = member(3, selector={RACK: "r2"}), member(4)
GOING = member(6, selector={RACK: "r2"}, deleted=True)
FAILED = member(7, selector={RACK: "r2"}, phase="Failed")
FOREIGN, STRANGER = member(5, owner="other"), a_pod("x", labels={keys.JOB_KEY: "other"}, owner="job")


def evicting(*pods: ChildPod) -> PlacementPlan:
    return PlacementPlan(evictions=tuple(EvictPod(pod) for pod in pods))


UNKNOWN = PlacementPlan(error="leader topology is unknown (node not found)")
CASES: dict[str, tuple[ChildPod, list[ChildPod], PlacementPlan]] = {
    "no followers": (leader(), [], PlacementPlan()),
    "all follow": (leader(), [RIGHT, ALSO_RIGHT], PlacementPlan()),
    "one is bound elsewhere: all go": (leader(), [RIGHT, WRONG], evicting(RIGHT, WRONG)),
    "one is bound nowhere: all go": (leader(), [LOST, RIGHT], evicting(LOST, RIGHT)),
    "one is bound elsewhere, and goes already": (leader(), [RIGHT, GOING], PlacementPlan()),
    "one goes already, another has to go": (leader(), [RIGHT, GOING, WRONG], evicting(RIGHT, GOING, WRONG)),
    "one has failed elsewhere: all go": (leader(), [RIGHT, FAILED], evicting(RIGHT, FAILED)),
    "pods of others do not matter": (leader(), [RIGHT, FOREIGN, STRANGER], PlacementPlan()),
    "pods of others stay": (leader(), [WRONG, FOREIGN], evicting(WRONG)),
    "the node is gone": (leader(node="gone"), [RIGHT], UNKNOWN),
    "the node is gone, and whoever followed goes": (leader(node="gone"), [GOING], PlacementPlan()),
    "the node is gone, but nobody follows": (leader(node="gone"), [], PlacementPlan()),
    "the node is in no domain": (
        leader(node="bare"),
        [RIGHT],
        PlacementPlan(error=f"node does not have topology label: {RACK}"),
    ),
    "the node is in a domain without a name": (leader(node="empty"), [RIGHT], UNKNOWN),
    "no job key": (
        leader(labels={keys.JOB_KEY: ""}),
        [],
        PlacementPlan(error='job key label not found on leader pod: "train-w-0-0"'),
    ),
    "no owner": (
        leader(owner=None),
        [],
        PlacementPlan(error='leader pod "train-w-0-0" has no controller owner'),
    ),
    "nobody follows under the node selector strategy": (
        leader(annotations={keys.NODE_SELECTOR: "true"}),
        [LOST],
        PlacementPlan(),
    ),
}


@pytest.mark.parametrize(("given_leader", "others", "plan"), CASES.values(), ids=CASES)
def test_who_is_evicted(given_leader: ChildPod, others: list[ChildPod], plan: PlacementPlan) -> None:
    assert decide_placement(given_leader, [given_leader, *others], NODES) == plan


LEADERS = {
    "scheduled and alive": (leader(), True),
    "not scheduled": (leader(node=""), False),
    "going": (leader(deleted=True), False),
    "failed": (leader(phase="Failed"), False),
    "done": (leader(phase="Succeeded"), False),
    "a follower": (member(1, node="node-1"), False),
    "not exclusive": (a_pod(annotations={keys.JOB_COMPLETION_INDEX: "0"}, node="node-1"), False),
}


@pytest.mark.parametrize(("pod", "decides"), LEADERS.values(), ids=LEADERS)
def test_who_decides_for_the_others(pod: ChildPod, decides: bool) -> None:
    assert is_scheduled_leader(pod) is decides


def test_an_evicted_pod_is_marked_as_a_disruption_target() -> None:
    pod = a_pod(status={"conditions": [a_condition("DisruptionTarget", "False")]})
    mark = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastTransitionTime": at(0),
        "reason": "ExclusivePlacementViolation",
        "message": "Pod violated JobSet exclusive placement policy",
    }

    patch = disruption_patch(pod, NOW)

    assert patch == {"metadata": {"uid": pod.uid}, "status": {"conditions": [mark]}}
    assert not pod.is_disruption_target
    assert a_pod(status=patch["status"]).is_disruption_target
