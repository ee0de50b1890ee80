"""What wakes the JobSet controller, and what becomes of the Jobs of a JobSet until it is gone."""

import asyncio

import pytest

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.api.times import format_time
from jobset.kube.resources import JOBS, JOBSETS, PODS, SERVICES
from jobset.local.clock import wall_clock
from tests.agents import end_of_job
from tests.worlds import in_place, policy, role, roles

DNS = {"network": {"enableDNSHostnames": True}}
IN_PLACE = FeatureGates(in_place_restart=True)
STATUS = "jobsets/js/status"


def test_a_jobset_that_is_created_or_changed_is_looked_at(play):
    async def story(world):
        await world.create(*roles(w=1), suspend=True)
        before = await world.get(JOBS, "js-w-0")
        await world.change(suspend=False)
        return before, await world.get(JOBS, "js-w-0")

    before, after = play(story)

    assert (before["spec"]["suspend"], after["spec"]["suspend"]) == (True, False)


def test_what_becomes_of_a_job_is_counted(play):
    async def story(world):
        await world.create(*roles(w=2))
        await world.run_job("js-w-1")
        return await world.status()

    (entry,) = play(story)["replicatedJobsStatus"]

    assert (entry["active"], entry["ready"]) == (1, 1)


def test_a_job_that_somebody_deletes_is_made_anew(play):
    async def story(world):
        await world.create(*roles(w=1))
        before = await world.get(JOBS, "js-w-0")
        await world.delete(JOBS, "js-w-0")
        await world.settle()
        return before, await world.get(JOBS, "js-w-0")

    before, after = play(story)

    assert before["metadata"]["uid"] != after["metadata"]["uid"]
    assert after["metadata"]["labels"][keys.RESTART_ATTEMPT] == "0"


def test_a_service_that_somebody_deletes_is_made_anew_until_the_jobset_has_finished(play):
    async def story(world):
        await world.create(*roles(w=1), **DNS)
        await world.delete(SERVICES, "js")
        await world.settle()
        again = await world.items(SERVICES)
        await world.end_job("js-w-0")
        await world.delete(SERVICES, "js")
        await world.settle()
        return again, await world.items(SERVICES)

    again, after = play(story)

    assert [service["metadata"]["name"] for service in again] == ["js"]
    assert after == ()


def test_a_job_that_somebody_suspends_is_resumed(play):
    async def story(world):
        await world.create(*roles(w=1))
        await world.patch(JOBS, "js-w-0", {"spec": {"suspend": True}})
        await world.settle()
        return await world.get(JOBS, "js-w-0")

    assert play(story)["spec"]["suspend"] is False


def a_pod(name, jobset, attempt):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {keys.JOBSET_NAME: jobset},
            "annotations": {keys.IN_PLACE_RESTART_ATTEMPT: attempt},
        },
        "spec": {"containers": [{"name": "c", "image": "x"}]},
    }


async def look_at_pods(world):
    await world.create(in_place("w"), failurePolicy=policy(3, restartStrategy="InPlaceRestart"))
    await world.put(a_pod("p", "js", "0"))
    await world.settle()
    return (await world.status()).get("currentInPlaceRestartAttempt"), watched_pods(world)


def watched_pods(world):
    return [request for request in world.wire.watched if request.path.endswith("/pods")]


def test_with_its_gate_a_pod_wakes_the_jobset_that_it_names(play):
    attempt, watches = play(look_at_pods, gates=IN_PLACE)

    assert attempt == 0
    assert len(watches) == 2, "the exclusive placement has its own"


def test_without_its_gate_pods_are_not_even_read(play):
    async def story(world):
        await world.create(*roles(w=1))
        before = len(world.wire.requests)
        await world.put(a_pod("p", "js", "0"))
        await world.linger(60)
        return world.wire.requests[before:], watched_pods(world)

    after, watches = play(story)

    assert after == []
    assert [request.query["labelSelector"] for request in watches] == [keys.JOBSET_NAME]


def test_a_pod_that_changes_its_jobset_wakes_both(play):
    async def story(world):
        await look_at_pods(world)
        await world.create(
            in_place("w"),
            metadata={"name": "other"},
            failurePolicy=policy(3, restartStrategy="InPlaceRestart"),
        )
        await world.put(a_pod("q", "js", "1"))
        await world.settle()
        await world.patch(PODS, "p", {"metadata": {"labels": {keys.JOBSET_NAME: "other"}}})
        await world.settle()
        return await world.status(), await world.get(JOBSETS, "other")

    status, other = play(story, gates=IN_PLACE)

    assert status["currentInPlaceRestartAttempt"] == 1
    assert other["status"]["currentInPlaceRestartAttempt"] == 0


def test_pods_in_step_write_no_status_again(play):
    async def story(world):
        await look_at_pods(world)
        before = len(world.wire.requests)
        await world.patch(PODS, "p", {"metadata": {"labels": {"a": "b"}}})
        await world.linger(60)
        return world.wire.requests[before:]

    assert play(story, gates=IN_PLACE) == []


OWNERS = {
    "ours": ({}, 1),
    "a JobSet of that name that was there before": ({"uid": "earlier"}, 0),
    "another version of JobSets": ({"apiVersion": "jobset.x-k8s.io/v1"}, 0),
    "another kind": ({"kind": "TrainJob"}, 0),
    "an owner that does not control": ({"controller": False}, 0),
}


@pytest.mark.parametrize(("changes", "counted"), OWNERS.values(), ids=OWNERS)
def test_whose_job_it_is(play, changes, counted):
    async def story(world):
        await world.create(*roles(w=1))
        job = await world.get(JOBS, "js-w-0")
        (owner,) = job["metadata"]["ownerReferences"]
        await world.change(suspend=True)
        await world.put(a_succeeded_job("extra", job["metadata"]["labels"], [owner | changes]))
        await world.settle()
        return await world.status()

    (entry,) = play(story)["replicatedJobsStatus"]

    assert entry["succeeded"] == counted


def a_succeeded_job(name, labels, owners):
    # The finalizer keeps it from the garbage collector, which has its own opinion of owners.
    metadata = {"name": name, "labels": labels, "ownerReferences": owners, "finalizers": ["example.com/wait"]}
    spec = role("w")["template"]["spec"]
    status = {"startTime": format_time(wall_clock())} | end_of_job("succeed", wall_clock)["status"]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": status}


def test_a_restart_replaces_all_jobs_also_those_that_succeeded(play):
    async def story(world):
        await world.create(*roles(w=2), failurePolicy=policy(1))
        before = await uids(world)
        await world.end_job("js-w-0")
        await world.end_job("js-w-1", "BackoffLimitExceeded")
        return before, await uids(world), await world.items(JOBS)

    before, after, jobs = play(story)

    assert before.keys() == after.keys()
    assert not {*before.values()} & {*after.values()}
    assert [job["metadata"]["labels"][keys.RESTART_ATTEMPT] for job in jobs] == ["1", "1"]


def test_the_order_of_roles_is_repeated_after_a_restart(play):
    async def story(world):
        ordered = {"startupPolicy": {"startupPolicyOrder": "InOrder"}, "failurePolicy": policy(1)}
        await world.create(*roles(a=1, b=1), **ordered)
        await world.run_job("js-a-0")
        await world.run_job("js-b-0")
        started = await startup_conditions(world)
        await world.end_job("js-b-0", "BackoffLimitExceeded")
        return started, await startup_conditions(world), await world.job_names()

    started, restarted, names = play(story)

    assert started == ("False", "True")
    assert restarted == ("True", "False")
    assert names == ["js-a-0"]


async def startup_conditions(world):
    progress = await world.condition("StartupPolicyInProgress")
    return progress["status"], (await world.condition("StartupPolicyCompleted"))["status"]


def test_a_jobset_that_is_created_suspended_has_all_its_jobs_suspended(play):
    async def story(world):
        await world.create(*roles(a=1, b=2), suspend=True)
        return await world.items(JOBS), await world.condition("Suspended"), await world.status()

    jobs, condition, status = play(story)

    assert [(job["metadata"]["name"], job["spec"]["suspend"]) for job in jobs] == [
        ("js-a-0", True),
        ("js-b-0", True),
        ("js-b-1", True),
    ]
    assert (condition["status"], condition["reason"]) == ("True", "SuspendedJobs")
    assert [entry["suspended"] for entry in status["replicatedJobsStatus"]] == [2, 1]


def test_a_suspended_jobset_keeps_what_has_ended_and_a_started_job_loses_its_start_before_it_is_resumed(play):
    async def story(world):
        await world.create(*roles(w=2))
        await world.end_job("js-w-0")
        await world.run_job("js-w-1")
        await world.change(suspend=True)
        held = [job["spec"]["suspend"] for job in await world.items(JOBS)]
        await world.write_status(JOBS, "js-w-1", {"active": 0, "ready": 0})
        await world.change(suspend=False)
        return held, world.wire.sent("PATCH", ""), await world.get(JOBS, "js-w-1")

    held, patches, job = play(story)

    assert held == [False, True]
    assert [patch.path.rpartition("/jobs/")[2] for patch in patches] == ["js-w-1", "js-w-1/status", "js-w-1"]
    assert (job["spec"]["suspend"], "startTime" in job["status"]) == (False, False)


def test_jobs_that_are_made_later_follow_the_template_as_it_is_then(play):
    async def story(world):
        await world.create(*roles(w=1), suspend=True)
        changed = role("w")
        changed["template"]["spec"]["template"]["spec"]["nodeSelector"] = {"zone": "b"}
        await world.change(replicatedJobs=[changed])
        kept = await world.get(JOBS, "js-w-0")
        await world.delete(JOBS, "js-w-0")
        await world.settle()
        return kept, await world.get(JOBS, "js-w-0")

    kept, made = play(story)

    assert "nodeSelector" not in kept["spec"]["template"]["spec"]
    assert made["spec"]["template"]["spec"]["nodeSelector"] == {"zone": "b"}


def test_a_finished_jobset_is_deleted_in_the_foreground_when_its_time_is_up(play):
    async def story(world):
        await world.create(*roles(w=1), ttlSecondsAfterFinished=4)
        await world.end_job("js-w-0")
        before = await world.exists(JOBSETS, "js")
        await asyncio.sleep(4)
        await world.settle()
        return before, await world.exists(JOBSETS, "js"), world.wire.sent("DELETE", "/jobsets/js")

    before, after, (delete,) = play(story)

    assert (before, after) == (True, False)
    assert delete.body["propagationPolicy"] == "Foreground"


TTLS = {"none: it stays": (None, True), "zero: it goes at once": (0, False)}


@pytest.mark.parametrize(("ttl", "left"), TTLS.values(), ids=TTLS)
def test_how_many_are_left_an_hour_after_the_end(play, ttl, left):
    async def story(world):
        await world.create(*roles(w=1), **({} if ttl is None else {"ttlSecondsAfterFinished": ttl}))
        await world.end_job("js-w-0")
        soon = await world.exists(JOBSETS, "js")
        await world.linger(3600)
        return soon, await world.exists(JOBSETS, "js")

    assert play(story) == (left, left)


def test_the_time_to_live_can_be_changed_after_the_end(play):
    async def story(world):
        await world.create(*roles(w=1), ttlSecondsAfterFinished=3600)
        await world.end_job("js-w-0")
        await world.linger(60)
        before = await world.exists(JOBSETS, "js")
        await world.change(ttlSecondsAfterFinished=0)
        return before, await world.exists(JOBSETS, "js")

    assert play(story) == (True, False)


def test_jobs_that_failed_together_are_replaced_one_turn_at_a_time_and_the_others_run_on(play):
    async def story(world):
        rules = policy(9, {"name": "r", "action": "RestartJob"})
        await world.create(*roles(w=3), failurePolicy=rules)
        before = await uids(world)
        async with world.resting():
            for name in ("js-w-0", "js-w-2"):
                await world.end_job(name, "BackoffLimitExceeded")
        jobs = await world.items(JOBS)
        attempts = [job["metadata"]["labels"][keys.JOB_RESTART_ATTEMPT] for job in jobs]
        condition = await world.condition("RestartingJobSet")
        return before, await uids(world), attempts, world.wire.sent("PUT", STATUS), condition

    before, after, attempts, writes, condition = play(story, gates=FeatureGates(restart_job=True))

    counted = [entry(write).get("jobRestarts") for write in writes]
    assert list(dict.fromkeys(map(str, counted))) == ["None", "[1, 0, 0]", "[1, 0, 1]"]
    assert [name for name in before if before[name] == after[name]] == ["js-w-1"]
    assert attempts == ["1", "0", "1"]
    assert condition is None


async def uids(world):
    return {job["metadata"]["name"]: job["metadata"]["uid"] for job in await world.items(JOBS)}


def entry(write):
    (found,) = write.body["status"]["replicatedJobsStatus"]
    return found
