"""What JobSet's webhooks make of pods."""

from typing import Any

import pytest

from jobset.admission.pods import Refusal, find_leader, mutate_pod, validate_pod
from jobset.api import keys

Raw = dict[str, Any]
ZONE = "topology.kubernetes.io/zone"
TRANSIENT = "this is an expected, transient error"


def a_pod(name: str = "js-w-0-1-abcde", index: str = "1", **parts: Any) -> Raw:
    """A pod of an exclusively placed Job; `parts` replace parts of its metadata or its spec."""
    metadata = {
        "name": name,
        "namespace": "default",
        "labels": {
            keys.JOBSET_NAME: "js",
            keys.REPLICATED_JOB_NAME: "w",
            keys.JOB_INDEX: "0",
            keys.JOB_KEY: "k",
        },
        "annotations": {
            keys.JOBSET_NAME: "js",
            keys.EXCLUSIVE_TOPOLOGY: ZONE,
            keys.JOB_COMPLETION_INDEX: index,
        },
        "ownerReferences": [{"kind": "Job", "uid": "job-1", "controller": True}],
    }
    spec = parts.pop("spec", {})
    return {"metadata": {**metadata, **parts}, "spec": spec}


def a_leader(name: str = "js-w-0-0-abcde", **parts: Any) -> Raw:
    return a_pod(name, "0", **{"spec": {"nodeName": "n1"}, **parts})


FOLLOWER = a_pod()
PINNED = a_pod(spec={"nodeSelector": {ZONE: "a"}})
NODES: dict[str, Raw] = {"n1": {"metadata": {"labels": {ZONE: "a"}}}}


def without(pod: Raw, part: str, key: str) -> Raw:
    kept = {name: value for name, value in pod["metadata"][part].items() if name != key}
    return {**pod, "metadata": {**pod["metadata"], part: kept}}


UNTOUCHED = {
    "a pod of nobody": {"metadata": {}, "spec": {"priority": 5}},
    "a pod with the node selector strategy": a_pod(
        annotations={keys.JOBSET_NAME: "js", keys.EXCLUSIVE_TOPOLOGY: ZONE, keys.NODE_SELECTOR: ""},
        spec={"priority": 5},
    ),
    "a pod without priority or topology": a_pod(annotations={keys.JOBSET_NAME: "js"}),
}


@pytest.mark.parametrize("pod", UNTOUCHED.values(), ids=UNTOUCHED)
def test_some_pods_are_left_alone(pod: Raw) -> None:
    assert mutate_pod(pod, [], {}) is pod
    assert validate_pod(pod, []) is None


@pytest.mark.parametrize("priority", [0, 7, -7])
def test_a_pod_with_priority_is_labelled(priority: int) -> None:
    pod = a_pod(annotations={keys.JOBSET_NAME: "js"}, spec={"priority": priority})

    changed: Any = mutate_pod(pod, [], {})

    assert changed["metadata"]["labels"] == {**pod["metadata"]["labels"], keys.PRIORITY: str(priority)}


def test_a_leader_keeps_other_jobs_of_its_priority_away() -> None:
    term = {"topologyKey": "x"}
    rules = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}

    changed: Any = mutate_pod(a_leader(spec={"affinity": rules, "priority": 7}), [], {})

    together = changed["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    apart = changed["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert together == [
        term,
        {
            "labelSelector": {"matchExpressions": [{"key": keys.JOB_KEY, "operator": "In", "values": ["k"]}]},
            "topologyKey": ZONE,
            "namespaceSelector": {},
        },
    ]
    others = [
        {"key": keys.JOB_KEY, "operator": "Exists"},
        {"key": keys.JOB_KEY, "operator": "NotIn", "values": ["k"]},
        {"key": keys.PRIORITY, "operator": "In", "values": ["7"]},
    ]
    assert apart == [
        {"labelSelector": {"matchExpressions": others}, "topologyKey": ZONE, "namespaceSelector": {}}
    ]
    assert validate_pod(a_leader(), []) is None


def test_a_leader_without_priority_keeps_other_jobs_without_one_away() -> None:
    changed: Any = mutate_pod(a_leader(spec={}), [], {})

    rules = changed["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rules[0]["labelSelector"]["matchExpressions"][2]["values"] == [""]
    assert keys.PRIORITY not in changed["metadata"]["labels"]


def test_a_follower_goes_where_its_leader_is() -> None:
    wilful = a_pod(spec={"nodeSelector": {ZONE: "b", "disk": "fast"}})

    changed: Any = mutate_pod(wilful, [FOLLOWER, a_leader()], NODES)

    assert changed["spec"]["nodeSelector"] == {ZONE: "a", "disk": "fast"}


def test_a_follower_without_a_placed_leader_is_left_to_validation() -> None:
    assert mutate_pod(FOLLOWER, [], NODES) is FOLLOWER
    assert mutate_pod(FOLLOWER, [a_leader(spec={})], NODES) is FOLLOWER


def test_a_follower_needs_the_node_of_its_leader_and_its_label() -> None:
    assert mutate_pod(FOLLOWER, [a_leader()], {}) == Refusal(
        'Node "n1" not found', 404, "NotFound", {"name": "n1", "kind": "Node"}
    )
    assert mutate_pod(FOLLOWER, [a_leader()], {"n1": {}}) == Refusal(
        f"node does not have topology label: {ZONE}"
    )


REFUSED: dict[str, tuple[Raw, list[Raw], str | None]] = {
    "no node selector": (FOLLOWER, [], "follower pod node selector not set"),
    "another node selector": (
        a_pod(spec={"nodeSelector": {"a": "b"}}),
        [],
        f"follower pod node selector for topology domain not found. missing selector: {ZONE}",
    ),
    "an empty node selector": (
        a_pod(spec={"nodeSelector": {}}),
        [],
        f"follower pod node selector for topology domain not found. missing selector: {ZONE}",
    ),
    "no leader": (PINNED, [], f"expected 1 leader pod (js-w-0-0), but got 0. {TRANSIENT}"),
    "a leader without a node": (
        PINNED,
        [a_leader(spec={})],
        f"leader pod not yet scheduled, not creating follower pod. {TRANSIENT}",
    ),
    "a leader with a node": (PINNED, [a_leader()], None),
}


@pytest.mark.parametrize(("pod", "pods", "message"), REFUSED.values(), ids=REFUSED)
def test_a_follower_waits_for_its_leader(pod: Raw, pods: list[Raw], message: str | None) -> None:
    refusal = validate_pod(pod, pods)

    assert (refusal.message if refusal else None) == message


ONE = f"expected 1 leader pod (js-w-0-0), but got {{}}. {TRANSIENT}"
LEADERS: dict[str, tuple[Raw, list[Raw], str]] = {
    "no JobSet label": (
        without(FOLLOWER, "labels", keys.JOBSET_NAME),
        [],
        f"pod missing label: {keys.JOBSET_NAME}",
    ),
    "no role label": (
        without(without(FOLLOWER, "labels", keys.REPLICATED_JOB_NAME), "labels", keys.JOB_INDEX),
        [],
        f"pod missing label: {keys.REPLICATED_JOB_NAME}",
    ),
    "no index label": (
        without(FOLLOWER, "labels", keys.JOB_INDEX),
        [],
        f"pod missing label: {keys.JOB_INDEX}",
    ),
    "two leaders": (FOLLOWER, [a_leader(), a_leader()], ONE.format(2)),
    "a leader elsewhere": (FOLLOWER, [a_leader(namespace="other")], ONE.format(0)),
    "a leader that is going": (FOLLOWER, [a_leader(deletionTimestamp="2030-01-02T03:04:05Z")], ONE.format(0)),
    "a leader that failed": (FOLLOWER, [{**a_leader(), "status": {"phase": "Failed"}}], ONE.format(0)),
    "a leader that is done": (FOLLOWER, [{**a_leader(), "status": {"phase": "Succeeded"}}], ONE.format(0)),
    "a leader of another topology": (
        FOLLOWER,
        [without(a_leader(), "annotations", keys.EXCLUSIVE_TOPOLOGY)],
        ONE.format(0),
    ),
    "a short name": (FOLLOWER, [a_leader(name="js-w-0-0")], ONE.format(0)),
    "another Job": (FOLLOWER, [a_leader(name="js-w-1-0-abcde")], ONE.format(0)),
    "a follower of nobody": (a_pod(ownerReferences=[]), [a_leader()], "follower pod has no owner reference"),
    "a leader of nobody": (
        FOLLOWER,
        [a_leader(ownerReferences=[{"uid": "job-1"}])],
        'leader pod "js-w-0-0-abcde" has no owner reference',
    ),
    "a leader of an older Job": (
        FOLLOWER,
        [a_leader(ownerReferences=[{"uid": "job-0", "controller": True}])],
        "follower pod owner UID (job-1) != leader pod owner UID (job-0)",
    ),
}


@pytest.mark.parametrize(("pod", "pods", "message"), LEADERS.values(), ids=LEADERS)
def test_a_leader_is_one_living_pod_of_the_same_job(pod: Raw, pods: list[Raw], message: str) -> None:
    assert find_leader(pod, pods) == Refusal(message)
