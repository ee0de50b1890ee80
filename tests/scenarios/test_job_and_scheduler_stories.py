"""Jobs and pods on a whole plane in virtual time: what the controllers do between decision and API."""

import asyncio
import random
from contextlib import asynccontextmanager

from jobset.api import keys
from jobset.kube.client import DeleteOptions
from jobset.kube.resources import CORE_EVENTS, JOBS, NODES, PERSISTENT_VOLUME_CLAIMS, PODS
from jobset.local.clock import run_virtual
from jobset.local.plane import Plane, PlaneOptions
from jobset.local.scripted import ScriptedPods


def play(story, *, outcome="hang", nodes=1, **options):
    """The result of `story(client)` on a plane with scripted pods."""

    async def main(clock):
        async with a_plane(clock, outcome, nodes, options) as plane:
            return await story(plane.client)

    return run_virtual(main)


@asynccontextmanager
async def a_plane(clock, outcome, nodes, options):
    made = tuple(a_node(f"n{number}") for number in range(nodes))
    async with Plane(PlaneOptions(clock=clock, random=random.Random(1), nodes=made, **options)) as plane:
        pods = ScriptedPods(client=plane.client, clock=clock, script=lambda _: outcome)
        plane.run_beside(pods.run())
        yield plane


def a_node(name, cpu="4"):
    capacity = {"cpu": cpu, "pods": "10"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def a_job(name="job", *, pod=None, labels=None, **spec):
    container = {"name": "c", "image": "x", "command": ["true"], "resources": {"requests": {"cpu": "2"}}}
    template = {"spec": {"restartPolicy": "Never", "containers": [container], **(pod or {})}}
    template |= {"metadata": {"labels": labels}} if labels else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": template, **spec},
    }


async def pods_of(client):
    return (await client.list(PODS)).items


async def events_of(client, reason):
    return [event for event in (await client.list(CORE_EVENTS)).items if event["reason"] == reason]


def condition(obj, type_):
    found = (item for item in obj["status"].get("conditions", ()) if item["type"] == type_)
    return next(found, None)


def test_pods_of_a_job_that_is_deleted_in_the_background_can_go():
    async def story(client):
        await client.create(JOBS, a_job(parallelism=2, completions=2))
        await asyncio.sleep(5)
        await client.delete(JOBS, "default", "job", DeleteOptions(propagation_policy="Background"))
        await asyncio.sleep(40)
        return await pods_of(client)

    assert play(story) == ()


def test_pods_of_a_job_that_is_deleted_in_the_foreground_go_before_it():
    async def story(client):
        await client.create(JOBS, a_job(parallelism=2, completions=2))
        await asyncio.sleep(5)
        await client.delete(JOBS, "default", "job", DeleteOptions(propagation_policy="Foreground"))
        await asyncio.sleep(40)
        return await pods_of(client), (await client.list(JOBS)).items

    assert play(story) == ((), ())


def test_pods_that_are_refused_are_told_and_tried_again():
    async def story(client):
        await client.create(JOBS, a_job(pod={"priorityClassName": "missing"}))
        await asyncio.sleep(20)
        job = await client.get(JOBS, "default", "job")
        return job["status"], await events_of(client, "FailedCreate")

    status, events = play(story)

    assert status["startTime"]
    assert "active" not in status
    assert len(events) == 1
    assert events[0]["message"].startswith("Error creating: ")
    assert 4 <= events[0]["count"] <= 6


def test_a_pod_that_does_not_fit_is_told_why_and_bound_when_there_is_room():
    async def story(client):
        await client.create(JOBS, a_job(parallelism=3, completions=3))
        await asyncio.sleep(3)
        (waiting,) = [pod for pod in await pods_of(client) if not pod["spec"].get("nodeName")]
        await client.create(NODES, a_node("larger"))
        await asyncio.sleep(3)
        bound = await client.get(PODS, "default", waiting["metadata"]["name"])
        return waiting, bound, await events_of(client, "FailedScheduling")

    waiting, bound, events = play(story)

    scheduled = condition(waiting, "PodScheduled")
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
    assert scheduled["message"].startswith("0/1 nodes are available: 1 Insufficient cpu. preemption: ")
    assert [event["message"] for event in events] == [scheduled["message"]]
    assert bound["spec"]["nodeName"] == "larger"
    assert condition(bound, "PodScheduled")["status"] == "True"


def test_pods_that_end_make_room_for_those_that_wait():
    async def story(client):
        await client.create(JOBS, a_job(parallelism=9, completions=9))
        await asyncio.sleep(30)
        return (await client.get(JOBS, "default", "job"))["status"]["succeeded"]

    assert play(story, outcome="succeed") == 9


def test_gated_pods_and_those_of_another_scheduler_are_left_alone():
    async def story(client):
        await client.create(JOBS, a_job("gated", pod={"schedulingGates": [{"name": "wait"}]}))
        await client.create(JOBS, a_job("foreign", pod={"schedulerName": "mine"}))
        await asyncio.sleep(5)
        return [
            (pod["spec"].get("nodeName"), condition(pod, "PodScheduled")) for pod in await pods_of(client)
        ]

    (_, foreign), (_, gated) = found = play(story)

    assert [node for node, _ in found] == [None, None]
    assert foreign is None
    assert gated["reason"] == "SchedulingGated"


def test_a_pod_waits_for_its_claim_where_somebody_binds_claims():
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]

    async def story(client):
        await client.create(JOBS, a_job(pod={"volumes": volumes}))
        await asyncio.sleep(2)
        await client.create(PERSISTENT_VOLUME_CLAIMS, claim)
        await asyncio.sleep(2)
        (before,) = await pods_of(client)
        await client.patch(
            PERSISTENT_VOLUME_CLAIMS, "default", "data", {"status": {"phase": "Bound"}}, subresource="status"
        )
        await asyncio.sleep(2)
        (after,) = await pods_of(client)
        return before["spec"].get("nodeName"), after["spec"].get("nodeName")

    assert play(story, waits_for_claims=True) == (None, "n0")


def test_a_job_with_its_own_selector_takes_in_loose_pods_and_lets_go_of_those_that_change():
    job = a_job(labels={"app": "x"}, manualSelector=True, selector={"matchLabels": {"app": "x"}})
    loose = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "loose", "namespace": "default", "labels": {"app": "x"}},
        "spec": job["spec"]["template"]["spec"],
    }

    async def story(client):
        await client.create(PODS, loose)
        await client.create(JOBS, job)
        await asyncio.sleep(3)
        taken = await client.get(PODS, "default", "loose")
        await client.patch(PODS, "default", "loose", {"metadata": {"labels": {"app": "y"}}})
        await asyncio.sleep(3)
        return (
            taken["metadata"],
            (await client.get(PODS, "default", "loose"))["metadata"],
            await pods_of(client),
        )

    taken, left, pods = play(story)

    assert [owner["name"] for owner in taken["ownerReferences"]] == ["job"]
    assert taken["finalizers"] == [keys.JOB_TRACKING_FINALIZER]
    assert "ownerReferences" not in left
    assert "finalizers" not in left
    assert len(pods) == 2


def test_a_finished_job_goes_when_its_time_to_live_is_over():
    async def story(client):
        await client.create(JOBS, a_job(ttlSecondsAfterFinished=10))
        await asyncio.sleep(8)
        during = len((await client.list(JOBS)).items)
        await asyncio.sleep(10)
        return during, len((await client.list(JOBS)).items), len(await pods_of(client))

    assert play(story, outcome="succeed") == (1, 0, 0)


def test_a_job_of_another_manager_is_left_alone():
    async def story(client):
        await client.create(JOBS, a_job(managedBy="example.com/mine"))
        await asyncio.sleep(5)
        return (await client.get(JOBS, "default", "job")).get("status") or {}, await pods_of(client)

    assert play(story) == ({}, ())


def test_a_large_job_is_made_and_counted_in_several_turns():
    async def story(client):
        small = {"containers": [{"name": "c", "image": "x", "command": ["true"]}]}
        node = a_node("huge")
        node["status"]["allocatable"]["pods"] = node["status"]["capacity"]["pods"] = "5000"
        await client.create(NODES, node)
        await client.create(
            JOBS, a_job(pod=small, completions=1200, parallelism=1200, completionMode="Indexed")
        )
        await asyncio.sleep(60)
        status = (await client.get(JOBS, "default", "job"))["status"]
        made = await events_of(client, "SuccessfulCreate")
        return status["completedIndexes"], status["uncountedTerminatedPods"], len(made)

    assert play(story, outcome="succeed", nodes=0) == ("0-1199", {}, 1200)
