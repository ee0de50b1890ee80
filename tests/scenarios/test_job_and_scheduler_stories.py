"""Jobs and pods on a whole plane in virtual time: what the controllers do between decision and API."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from jobset.api import keys
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, DeleteOptions
from jobset.kube.resources import CORE_EVENTS, JOBS, JOBSETS, NODES, PERSISTENT_VOLUME_CLAIMS, PODS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import run_virtual
from jobset.local.jobs.execute import Executor
from jobset.local.jobs.pod_facts import read_pod
from jobset.local.kubelet.ports import NoRecorder
from jobset.local.plane import Plane, PlaneOptions
from jobset.local.scripted import ScriptedPods

FINALIZER = keys.JOB_TRACKING_FINALIZER


def play(story, *, outcome="hang", nodes=1, start_seconds=0.0, **options):
    """The result of `story(client)` on a plane with scripted pods."""

    async def main(clock):
        async with a_plane(clock, outcome, nodes, start_seconds, options) as plane:
            return await story(plane.client)

    return run_virtual(main)


@asynccontextmanager
async def a_plane(clock, outcome, nodes, start_seconds, options):
    made = tuple(a_node(f"n{number}") for number in range(nodes))
    async with Plane(PlaneOptions(clock=clock, random=random.Random(1), nodes=made, **options)) as plane:
        pods = ScriptedPods(
            client=plane.client, clock=clock, script=lambda _: outcome, start_seconds=start_seconds
        )
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


def test_a_pod_that_is_deleted_by_hand_counts_as_failed_and_is_replaced():
    async def story(client):
        await client.create(JOBS, a_job(parallelism=1, completions=1, completionMode="Indexed"))
        await asyncio.sleep(5)
        (pod,) = await pods_of(client)
        await client.delete(PODS, "default", pod["metadata"]["name"])
        await asyncio.sleep(60)
        (successor,) = await pods_of(client)
        status = (await client.get(JOBS, "default", "job"))["status"]
        return pod["metadata"]["name"] != successor["metadata"]["name"], status["failed"], status["active"]

    assert play(story) == (True, 1, 1)


def test_a_pod_whose_finalizer_was_taken_is_replaced_and_not_counted():
    async def story(client):
        await client.create(JOBS, a_job(parallelism=1, completions=1))
        await asyncio.sleep(5)
        (pod,) = await pods_of(client)
        name = pod["metadata"]["name"]
        await client.patch(PODS, "default", name, {"metadata": {"finalizers": None}})
        await client.delete(PODS, "default", name, DeleteOptions(grace_period_seconds=0))
        await asyncio.sleep(60)
        status = (await client.get(JOBS, "default", "job"))["status"]
        return status.get("failed", 0), status["active"], len(await pods_of(client))

    assert play(story) == (0, 1, 1)


def test_what_happens_to_a_job_is_told_as_events():
    async def story(client):
        await client.create(JOBS, a_job())
        await asyncio.sleep(0.5)
        for suspend in (True, False):
            await client.patch(JOBS, "default", "job", {"spec": {"suspend": suspend}})
            await asyncio.sleep(5)
        about = [e for e in (await client.list(CORE_EVENTS)).items if e["involvedObject"]["kind"] == "Job"]
        return sorted((event["type"], event["reason"], event["message"].split(":")[0]) for event in about)

    assert play(story, outcome="succeed") == [
        ("Normal", "Completed", "Job completed"),
        ("Normal", "Resumed", "Job resumed"),
        ("Normal", "SuccessfulCreate", "Created pod"),
        ("Normal", "SuccessfulCreate", "Created pod"),
        ("Normal", "SuccessfulDelete", "Deleted pod"),
        ("Normal", "Suspended", "Job suspended"),
    ]


def test_a_pod_that_has_lost_its_job_can_go():
    async def story(client):
        await client.create(JOBS, a_job())
        await asyncio.sleep(5)
        (pod,) = await pods_of(client)
        name = pod["metadata"]["name"]
        lost = {"ownerReferences": None, "labels": {"batch.kubernetes.io/controller-uid": None}}
        await client.patch(PODS, "default", name, {"metadata": lost})
        await asyncio.sleep(5)
        freed = await client.get(PODS, "default", name)
        await client.delete(PODS, "default", name, DeleteOptions(grace_period_seconds=0))
        return freed["metadata"].get("finalizers"), [pod["metadata"]["name"] for pod in await pods_of(client)]

    finalizers, (successor,) = play(story)

    assert finalizers is None
    assert successor


REPLACED = {
    "at once": {},
    "when failed": {"podReplacementPolicy": "Failed"},
    "when failed, as a failure policy wants": {
        "podFailurePolicy": {
            "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
        }
    },
}


@pytest.mark.parametrize("spec", REPLACED.values(), ids=REPLACED)
@pytest.mark.parametrize("nodes", [0, 1])
def test_a_pod_that_is_deleted_by_hand_before_it_starts_is_replaced(spec, nodes):
    async def story(client):
        await client.create(JOBS, a_job(**spec))
        await asyncio.sleep(5)
        (pod,) = await pods_of(client)
        await client.delete(PODS, "default", pod["metadata"]["name"])
        await asyncio.sleep(30)
        (successor,) = await pods_of(client)
        job = await client.get(JOBS, "default", "job")
        return pod, successor, job["status"]

    pod, successor, status = play(story, nodes=nodes, start_seconds=60.0)

    assert ("nodeName" in pod["spec"], pod["status"]["phase"]) == (nodes > 0, "Pending")
    assert successor["metadata"]["name"] != pod["metadata"]["name"]
    assert (status["active"], status["failed"], status["terminating"]) == (1, 1, 0)


def test_a_later_pod_of_the_same_name_is_left_alone():
    async def main(clock):
        client = Client(LocalTransport(ApiServer(clock=clock, random=random.Random(1))))
        template = a_job()["spec"]["template"]
        pod = {**template, "metadata": {"name": "p", "namespace": "default", "finalizers": [FINALIZER]}}
        stored = await client.create(PODS, pod)
        caches = [WatchCache(client=client, resource=resource) for resource in (JOBS, PODS)]
        executor = Executor(client=client, jobs=caches[0], pods=caches[1], recorder=NoRecorder())
        earlier = {**stored, "metadata": {**stored["metadata"], "uid": "earlier"}}

        await executor.release((read_pod(earlier),))

        return await client.get(PODS, "default", "p")

    assert run_virtual(main)["metadata"]["finalizers"] == [FINALIZER]


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
    assert scheduled["message"].startswith("0/1 nodes are available: 1 Insufficient cpu. no new claims to ")
    assert scheduled["observedGeneration"] == waiting["metadata"]["generation"]
    assert [event["message"] for event in events] == [scheduled["message"]]
    assert bound["spec"]["nodeName"] == "larger"
    assert condition(bound, "PodScheduled")["status"] == "True"


def test_a_seed_decides_names_and_places():
    async def story(client):
        await client.create(JOBS, a_job(parallelism=4, completions=4))
        await asyncio.sleep(3)
        return [(pod["metadata"]["name"], pod["spec"]["nodeName"]) for pod in await pods_of(client)]

    first, second = (play(story, nodes=3) for _ in range(2))

    assert first == second
    assert {node for _, node in first} == {"n0", "n1", "n2"}


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
    assert taken["finalizers"] == [FINALIZER]
    assert "ownerReferences" not in left
    assert "finalizers" not in left
    assert len(pods) == 2


def test_a_pod_that_has_lost_its_owner_is_taken_in_again():
    async def story(client):
        await client.create(JOBS, a_job(backoffLimit=0))
        await asyncio.sleep(2)
        (pod,) = await pods_of(client)
        await client.patch(PODS, "default", pod["metadata"]["name"], {"metadata": {"ownerReferences": None}})
        await asyncio.sleep(3)
        return pod, await pods_of(client), await client.get(JOBS, "default", "job")

    before, after, job = play(story)

    assert [pod["metadata"]["uid"] for pod in after] == [before["metadata"]["uid"]]
    assert [owner["name"] for owner in after[0]["metadata"]["ownerReferences"]] == ["job"]
    assert after[0]["metadata"]["finalizers"] == [FINALIZER]
    assert job["status"]["active"] == 1
    assert "failed" not in job["status"]


def test_a_finished_job_goes_when_its_time_to_live_is_over():
    async def story(client):
        await client.create(JOBS, a_job(ttlSecondsAfterFinished=10))
        await asyncio.sleep(8)
        during = len((await client.list(JOBS)).items)
        await asyncio.sleep(10)
        return during, len((await client.list(JOBS)).items), len(await pods_of(client))

    assert play(story, outcome="succeed") == (1, 0, 0)


def test_a_job_whose_time_to_live_is_over_goes_after_its_pods():
    async def story(client):
        job = a_job(ttlSecondsAfterFinished=3)
        job["spec"]["template"]["metadata"] = {"finalizers": ["example.com/hold"]}
        await client.create(JOBS, job)
        await asyncio.sleep(8)
        held = await client.get(JOBS, "default", "job")
        (pod,) = await pods_of(client)
        await client.patch(PODS, "default", pod["metadata"]["name"], {"metadata": {"finalizers": None}})
        await asyncio.sleep(2)
        return held["metadata"], len((await client.list(JOBS)).items)

    held, left = play(story, outcome="succeed")

    assert held["finalizers"] == ["foregroundDeletion"]
    assert left == 0


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
        return status["completedIndexes"], status["uncountedTerminatedPods"], len(await pods_of(client))

    assert play(story, outcome="succeed", nodes=0) == ("0-1199", {}, 1200)


JOBSET = {
    "apiVersion": keys.API_VERSION,
    "kind": "JobSet",
    "metadata": {"name": "job", "namespace": "default"},
    "spec": {"replicatedJobs": [{"name": "w", "template": {"spec": a_job()["spec"]}}]},
}


@pytest.mark.parametrize("steps", range(24))
@pytest.mark.parametrize(("resource", "made"), [(JOBS, a_job()), (JOBSETS, JOBSET)], ids=["Job", "JobSet"])
def test_what_is_deleted_during_its_turn_is_no_failure(resource, made, steps, caplog):
    async def story(client):
        await client.create(resource, made)
        for _ in range(steps):
            await asyncio.sleep(0)
        await client.delete(resource, "default", "job", DeleteOptions(propagation_policy="Background"))
        await asyncio.sleep(60)
        return (await client.list(resource)).items

    assert play(story) == ()
    assert caplog.messages == []
