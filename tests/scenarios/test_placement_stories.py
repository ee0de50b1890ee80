"""Exclusive placement on an API: which pods are looked at, and how followers are evicted."""

from contextlib import suppress
from uuid import uuid4

import pytest

from jobset.api import keys
from jobset.kube.errors import AlreadyExists
from jobset.kube.resources import NODES, PODS
from tests.controller_world import play_locally

RACK = "example.com/rack"
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "n1", "labels": {RACK: "r1"}},
}
NOWHERE = NODE | {"metadata": {"name": "nowhere"}}
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
JOBS = [
    {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": TEMPLATE},
    }
    for name in ("job", "other")
]
MARKED = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "m"}
KEYS = {keys.JOB_KEY: "key", keys.JOBSET_NAME: "js"}
POD = {"apiVersion": "v1", "kind": "Pod"}


def a_pod(index, *, rack=None, node=None, owner="job", annotations=None, **more):
    """A pod of a Job that is placed exclusively; `rack` is where it may go."""
    told = {keys.EXCLUSIVE_TOPOLOGY: RACK, keys.JOB_COMPLETION_INDEX: str(index)} | (annotations or {})
    owners = [{"apiVersion": "batch/v1", "kind": "Job", "name": owner, "controller": True}]
    metadata = {
        "name": f"js-w-0-{index}-{owner}",
        "labels": KEYS,
        "annotations": {key: value for key, value in told.items() if value is not None},
        "ownerReferences": owners,
    } | more.pop("metadata", {})
    spec = {"containers": [{"name": "c", "image": "x"}], "nodeSelector": {RACK: rack} if rack else {}}
    placed = {"nodeName": node} if node else {}
    return {**POD, "metadata": metadata, "spec": spec | placed, "status": {"phase": "Running"} | more}


LEADER = a_pod(0, node="n1")
RIGHT, WRONG, LOST = a_pod(1, rack="r1"), a_pod(2, rack="r2"), a_pod(3)
NAMES = {0: "js-w-0-0-job", 1: "js-w-0-1-job", 2: "js-w-0-2-job", 3: "js-w-0-3-job"}


OTHER_NODE = NODE | {"metadata": {"name": "other", "labels": {RACK: "r2"}}}


async def stage(world, *pods, nodes=(NODE, NOWHERE, OTHER_NODE)):
    """All is there before the controllers see any of it."""
    async with world.resting():
        for job in JOBS:
            await world.put(job)
        for node in nodes:
            # Nodes are in no namespace, and may be there from another story.
            with suppress(AlreadyExists):
                await world.put(node)
        for pod in pods:
            await world.put(pod)
            if "finalizers" in pod["metadata"]:
                await world.delete(PODS, pod["metadata"]["name"])


async def settle(world, *pods):
    """What is left of these pods after a while, and what was sent about pods."""
    if pods:
        await stage(world, *pods)
    await world.linger(60)
    left = [pod["metadata"]["name"] for pod in await world.items(PODS)]
    return left, world.wire.sent("PATCH", "/status"), world.wire.sent("DELETE", "")


STAY = {
    "all follow": [LEADER, RIGHT],
    "the leader has no node yet": [a_pod(0), WRONG],
    "the leader goes": [
        a_pod(0, node="n1", metadata={"finalizers": ["example.com/wait"]}),
        WRONG,
    ],
    "the leader has failed, and leads nobody any more": [a_pod(0, node="n1", phase="Failed"), WRONG],
    "a leader that failed elsewhere is still there": [
        LEADER,
        a_pod(0, node="other", phase="Failed", metadata={"name": "js-w-0-0-before"}),
        RIGHT,
    ],
    "the leader is not placed exclusively": [
        a_pod(0, node="n1", annotations={keys.EXCLUSIVE_TOPOLOGY: None}),
        WRONG,
    ],
    "nobody leads": [WRONG, LOST],
    "those in the wrong place belong to another Job with the same key": [
        LEADER,
        RIGHT,
        a_pod(2, rack="r2", owner="other"),
    ],
    "the leader's node is gone": [a_pod(0, node="gone"), WRONG],
    "the leader's node is in no domain": [a_pod(0, node="nowhere"), WRONG],
}


@pytest.mark.parametrize("pods", STAY.values(), ids=STAY)
def test_who_stays(play, pods):
    left, marks, deletes = play(lambda world: settle(world, *pods))

    assert len(left) == len(pods)
    assert (marks, deletes) == ([], [])


UNTOLD = {
    "its key": (
        {"labels": {keys.JOBSET_NAME: "js"}},
        'job key label not found on leader pod: "js-w-0-0-job"',
    ),
    "its owner": ({"ownerReferences": []}, 'leader pod "js-w-0-0-job" has no controller owner'),
}


@pytest.mark.parametrize(("metadata", "error"), UNTOLD.values(), ids=UNTOLD)
def test_a_leader_that_does_not_tell_its_job_is_an_error(play, caplog, metadata, error):
    leader = a_pod(0, node="n1", metadata=metadata)

    left, marks, deletes = play(lambda world: settle(world, leader, WRONG))

    assert error in caplog.text
    assert (len(left), marks, deletes) == (2, [], [])


@pytest.mark.parametrize("odd", [WRONG, LOST], ids=["another place", "no place"])
def test_one_follower_in_the_wrong_place_takes_all_followers_with_it(play, odd):
    left, marks, deletes = play(lambda world: settle(world, LEADER, RIGHT, odd))

    assert left == [NAMES[0]]
    assert [condition_of(mark)["reason"] for mark in marks] == ["ExclusivePlacementViolation"] * 2
    assert {delete.body["propagationPolicy"] for delete in deletes} == {"Background"}


def condition_of(mark):
    found = mark.body["status"]["conditions"]
    return next(condition for condition in found if condition["type"] == "DisruptionTarget")


def test_a_pod_that_is_a_disruption_target_already_is_deleted_without_a_mark(play):
    marked = a_pod(2, rack="r2", conditions=[MARKED])

    left, marks, deletes = play(lambda world: settle(world, LEADER, marked))

    assert (left, marks, len(deletes)) == ([NAMES[0]], [], 1)


def test_what_was_deleted_is_not_deleted_again_before_the_watch_tells_of_it():
    async def story(world):
        async with world.resting():
            for obj in (JOBS[0], NODE, LEADER, WRONG):
                made = await world.put(obj)
                for cache in (world.placement.pods, world.placement.nodes):
                    if cache.resource.kind == made["kind"]:
                        cache.note(made)
            for _ in range(2):
                await world.placement.reconcile(("default", NAMES[0]))
            return world.wire.sent("DELETE", "")

    assert len(play_locally(story)) == 1


def test_a_pod_that_cannot_be_marked_is_not_deleted_until_it_can(play):
    async def story(world):
        world.wire.refuse("PATCH", f"/pods/{NAMES[2]}/status")
        held = await settle(world, LEADER, RIGHT, WRONG)
        await world.recover()
        return held[0], world.wire.sent("PATCH", f"{NAMES[2]}/status"), (await settle(world))[0]

    held, tries, left = play(story)

    assert held == [NAMES[0], NAMES[2]]
    assert len(tries) > 2
    assert left == [NAMES[0]]


def test_a_node_that_comes_late_lets_the_wrong_ones_go(play):
    name = f"late-{uuid4()}"

    async def story(world):
        before = await settle(world, a_pod(0, node=name), WRONG)
        await world.put(NODE | {"metadata": {"name": name, "labels": {RACK: "r1"}}})
        await world.recover()
        return before[0], (await settle(world))[0]

    before, after = play(story)

    assert (before, after) == ([NAMES[0], NAMES[2]], [NAMES[0]])


def test_a_node_that_moves_to_another_domain_makes_its_leader_s_followers_go(play):
    name = f"moving-{uuid4()}"
    node = NODE | {"metadata": {"name": name, "labels": {RACK: "r1"}}}

    async def story(world):
        await stage(world, a_pod(0, node=name), RIGHT, nodes=(node,))
        before, *_ = await settle(world)
        await world.patch(NODES, name, {"metadata": {"labels": {RACK: "r2"}}})
        return before, (await settle(world))[0]

    before, after = play(story)

    assert (before, after) == ([NAMES[0], NAMES[1]], [NAMES[0]])


def test_a_follower_that_comes_later_is_looked_at_too(play):
    async def story(world):
        before = await settle(world, LEADER, RIGHT)
        await world.put(WRONG)
        await world.delete(PODS, NAMES[1])
        return before[0], (await settle(world))[0]

    before, after = play(story)

    assert (before, after) == ([NAMES[0], NAMES[1]], [NAMES[0]])
