"""What the JobSet controller sends, and what a refusal does."""

from itertools import pairwise

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.resources import JOBS, JOBSETS
from tests.controller_world import is_a, play_locally
from tests.worlds import policy, role, roles

STATUS = "jobsets/js/status"
JOB = {"apiVersion": "batch/v1", "kind": "Job"}
DNS = {"network": {"enableDNSHostnames": True}}


def test_every_status_write_is_bound_to_what_was_read_and_there_is_one_for_each_turn_that_has_news(play):
    async def story(world):
        await world.create(*roles(w=2), failurePolicy=policy(1))
        await world.end_job("js-w-0", "BackoffLimitExceeded")
        await world.end_job("js-w-0")
        await world.end_job("js-w-1")
        return world.wire.sent("PUT", STATUS), await world.status()

    writes, status = play(story)

    versions = [int(write.body["metadata"]["resourceVersion"]) for write in writes]
    conditions = [len(write.body["status"].get("conditions", ())) for write in writes]
    assert all(before < after for before, after in pairwise(versions))
    assert all(before.body["status"] != after.body["status"] for before, after in pairwise(writes))
    assert (conditions[-1], status["terminalState"]) == (2, "Completed")


def test_a_change_without_news_for_the_status_writes_none(play):
    async def story(world):
        await world.create(*roles(w=1), suspend=True)
        before = len(world.wire.requests)
        await world.patch(JOBSETS, "js", {"metadata": {"labels": {"a": "b"}}})
        await world.linger(60)
        return world.wire.requests[before:]

    assert play(story) == []


def test_a_foreign_status_is_left_as_it_is(play):
    async def story(world):
        await world.create(*roles(w=1), **DNS, managedBy="example.com/other", suspend=True)
        await world.write_status(JOBSETS, "js", {"restarts": 7})
        await world.change(suspend=False)
        writes = [request for request in world.wire.requests if request.method != "GET"]
        return await world.status(), writes

    assert play(story) == ({"restarts": 7}, [])


def test_a_jobset_that_goes_is_left_alone(play):
    async def story(world):
        await world.create(*roles(w=1), metadata={"name": "js", "finalizers": ["example.com/wait"]})
        await world.delete(JOBSETS, "js")
        await world.settle()
        before = len(world.wire.requests)
        await world.delete(JOBS, "js-w-0")
        await world.linger(60)
        return await world.job_names(), world.wire.requests[before:]

    assert play(story) == ([], [])


def test_at_most_fifty_jobs_are_created_and_deleted_at_once(play):
    async def story(world):
        world.wire.seconds = 0.2
        await world.create(*roles(w=60), failurePolicy=policy(1))
        await world.linger(10)
        created = len(await world.job_names())
        await world.end_job("js-w-0", "BackoffLimitExceeded")
        await world.linger(10)
        return created, world.wire.busiest, world.wire.sent("DELETE", "")

    created, busiest, deletes = play(story)

    assert (created, busiest["POST"], busiest["DELETE"]) == (60, 50, 50)
    assert {delete.body["propagationPolicy"] for delete in deletes} == {"Foreground"}


def test_a_failing_turn_is_repeated_after_a_delay_that_doubles_from_five_milliseconds():
    async def story(world):
        world.wire.refuse("POST", "/js-w-0", times=5)
        await world.create(*roles(w=1), network={"enableDNSHostnames": False})
        return world.wire.sent_at("POST", "/js-w-0")

    times = play_locally(story)

    assert [round(after - before, 3) for before, after in pairwise(times)] == [
        0.005,
        0.01,
        0.02,
        0.04,
        0.08,
    ]


def test_a_refused_action_keeps_the_status_and_the_events_of_its_turn_back(play):
    async def story(world):
        await world.create(*roles(w=1), suspend=True)
        world.wire.refuse("PATCH", "/js-w-0")
        await world.change(suspend=False)
        held = await world.condition("Suspended"), await world.events("ResumeJobs")
        await world.recover()
        return held, (await world.condition("Suspended"), await world.events("ResumeJobs"))

    (held, untold), (written, told) = play(story)

    assert (held["status"], untold) == ("True", [])
    assert (written["status"], len(told)) == ("False", 1)


def test_a_refused_status_write_is_one_line_in_the_log(caplog):
    async def story(world):
        await world.create(*roles(w=1))
        world.wire.refuse("PUT", STATUS, times=1)
        await world.run_job("js-w-0")

    play_locally(story)

    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info) == ("jobset: turn failed: not today", None)


def test_a_job_that_cannot_be_scaled_ends_the_turn(play):
    async def story(world):
        await world.create(*roles(w=1))
        world.wire.refuse("PATCH", "/js-w-0")
        await world.change(replicatedJobs=[role("w", pods=2)])
        await world.run_job("js-w-0")
        held = await world.status()
        await world.recover()
        return held, await world.status(), await world.get(JOBS, "js-w-0")

    held, after, job = play(story, gates=FeatureGates(elastic_jobset=True))

    assert [status["replicatedJobsStatus"][0]["active"] for status in (held, after)] == [0, 1]
    assert (job["spec"]["parallelism"], job["spec"]["completions"]) == (2, 2)


def test_events_wait_until_the_status_is_written(play):
    async def story(world):
        await world.create(*roles(w=1))
        world.wire.refuse("PUT", STATUS)
        await world.end_job("js-w-0", "BackoffLimitExceeded")
        early, counted = await world.events(), [*world.controller.metrics.samples()]
        await world.recover()
        return early, counted, await world.events(), [*world.controller.metrics.samples()]

    early, counted, late, recounted = play(story)

    assert (early, counted) == ([], [])
    assert [(event["reason"], event.get("series")) for event in late] == [("FailedJobs", None)]
    assert [sample.value for sample in recounted] == [1]


def test_a_restart_that_meets_another_write_is_counted_and_told_once(play):
    async def story(world):
        await world.create(*roles(w=1), failurePolicy=policy(3))
        world.wire.hooks.append(write_first(world, "PUT", STATUS))
        await world.end_job("js-w-0", "BackoffLimitExceeded")
        told = await world.events("RestartJobSetFailurePolicyAction")
        return world.wire.sent("PUT", STATUS), await world.status(), told

    writes, status, told = play(story)

    refused, repeated, *_ = (write for write in writes if write.body["status"]["restarts"] == 1)
    assert refused.body["metadata"]["resourceVersion"] != repeated.body["metadata"]["resourceVersion"]
    assert (status["restarts"], status["restartsCountTowardsMax"]) == (1, 1)
    assert [event.get("series") for event in told] == [None]


def write_first(world, method, end):
    """A hook: just before the first such request somebody else writes the JobSet."""
    meddling = [{"metadata": {"labels": {"meddled": "yes"}}}]

    async def hook(request):
        if is_a(request, method, end) and meddling:
            await world.patch(JOBSETS, "js", meddling.pop())

    return hook


def test_a_jobset_that_cannot_be_read_stops_no_other():
    broken = {
        "apiVersion": keys.API_VERSION,
        "kind": "JobSet",
        "metadata": {"name": "broken", "namespace": "default"},
        "spec": {"replicatedJobs": "none"},
    }

    async def story(world):
        world.server.load([broken])
        await world.settle()
        await world.create(*roles(w=1))
        return await world.job_names()

    assert play_locally(story) == ["js-w-0"]


def test_a_turn_that_breaks_stops_no_other(play):
    async def break_down(request):
        if is_a(request, "POST", "/broken-w-0"):
            raise RuntimeError("a bug")

    async def story(world):
        world.wire.hooks.append(break_down)
        await world.create(*roles(w=1), metadata={"name": "broken"})
        await world.create(*roles(w=1))
        held = await world.job_names()
        await world.recover()
        return held, await world.job_names()

    assert play(story) == (["js-w-0"], ["broken-w-0", "js-w-0"])


def test_one_refused_job_keeps_no_other_of_its_role_back_but_all_later_roles(play):
    async def story(world):
        world.wire.refuse("POST", "/js-a-1")
        await world.create(*roles(a=3, b=1))
        held = await world.job_names(), await world.status()
        await world.recover()
        return held, await world.job_names()

    (names, status), later = play(story)

    assert (names, status) == (["js-a-0", "js-a-2"], {})
    assert later == ["js-a-0", "js-a-1", "js-a-2", "js-b-0"]


def test_a_name_that_somebody_else_has_is_told_and_tried_again(play):
    async def story(world):
        await world.put({**JOB, "metadata": {"name": "js-w-0"}, "spec": role("w")["template"]["spec"]})
        await world.create(*roles(w=1))
        told = await world.events("JobCreationFailed")
        await world.delete(JOBS, "js-w-0")
        await world.recover()
        return told, await world.get(JOBS, "js-w-0")

    (event,), job = play(story)

    assert event["note"] == 'job "js-w-0" creation failed with error: jobs.batch "js-w-0" already exists'
    assert job["metadata"]["ownerReferences"][0]["name"] == "js"
