"""A whole manager on a real connection: metrics, health and debug endpoints tell what it did."""

import asyncio
import re

import pytest

from jobset.controller.series import FAMILIES
from jobset.kube.client import Client
from jobset.kube.resources import JOBS, JOBSETS
from tests.contract.whole_manager import LEASE, a_manager

POD = {"spec": {"containers": [{"name": "c", "image": "x"}]}}
TRAIN = {
    "apiVersion": JOBSETS.api_version,
    "kind": "JobSet",
    "metadata": {"name": "train", "namespace": "default"},
    "spec": {"replicatedJobs": [{"name": "workers", "replicas": 2, "template": {"spec": {"template": POD}}}]},
}


async def finish_jobs(client: Client, outcome: str) -> None:
    """Wait for the Jobs of the JobSet, and let the first one end."""
    async with asyncio.timeout(20):
        while len(jobs := (await client.list(JOBS)).items) < 2:
            await asyncio.sleep(0.05)
    now = "2030-01-01T00:00:00Z"
    kinds = ("SuccessCriteriaMet", "Complete") if outcome == "Completed" else ("FailureTarget", "Failed")
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now, "reason": "R"}
        for kind in kinds
    ]
    ended = {"conditions": conditions, "startTime": now}
    ended |= {"succeeded": 1, "completionTime": now} if outcome == "Completed" else {}
    for job in jobs:
        metadata = job["metadata"]
        await client.patch(
            JOBS, metadata["namespace"], metadata["name"], {"status": ended}, subresource="status"
        )


ENDS = {"Completed": "jobset_completed_total", "Failed": "jobset_failed_total"}


@pytest.mark.parametrize(("outcome", "metric"), ENDS.items(), ids=ENDS)
async def test_a_finished_jobset_is_counted_by_one(outcome, metric):
    async with a_manager() as world:
        assert metric not in await world.metrics()
        await world.api.client.create(JOBSETS, TRAIN)
        await finish_jobs(world.api.client, outcome)

        await world.until(rf'{metric}\{{jobset_name="train",namespace="default"\}} 1.0')


async def test_every_series_is_there_after_a_jobset_has_run():
    async with a_manager() as world:
        await world.api.client.create(JOBSETS, TRAIN)
        await finish_jobs(world.api.client, "Completed")
        text = await world.until(r"jobset_completed_total.*")

    told = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert {family.name for family in FAMILIES} - told == {"jobset_failed_total"}
    assert f'leader_election_master_status{{name="{LEASE}"}} 1.0' in text
    host = world.api.url.removeprefix("http://")
    for code, method in (("201", "POST"), ("200", "PUT"), ("200", "GET")):
        assert f'rest_client_requests_total{{code="{code}",host="{host}",method="{method}"}}' in text
    assert 'controller_runtime_reconcile_errors_total{controller="jobset"} 0.0' in text
    assert 'controller_runtime_reconcile_time_seconds_count{controller="pod"} 0.0' in text
    assert 'jobset_cache_objects{controller="jobset",resource="jobs.batch"} 2.0' in text
    assert 'controller_runtime_max_concurrent_reconciles{controller="jobset"} 64.0' in text


async def test_without_an_election_there_is_no_leader_to_tell_of():
    async with a_manager(elects=False) as world:
        assert "leader_election_master_status" not in await world.metrics()


async def test_who_does_not_lead_tells_metrics_too():
    async with a_manager(holder="another") as world:
        assert f'leader_election_master_status{{name="{LEASE}"}} 0.0' in await world.metrics()


async def test_at_the_address_0_there_are_no_metrics():
    async with a_manager(metrics="0") as world:
        health = world.manager.options.configuration.health.health_probe_bind_address
        assert await world.get(f"http://{health}/healthz") == (200, "ok")
        assert world.api.reviews == []


async def test_debug_is_not_there_unless_it_was_asked_for():
    async with a_manager() as world:
        assert [(await world.debug(path))[0] for path in ("", "/default/train")] == [404, 404]


async def test_debug_tells_queues_caches_leadership_and_plans():
    async with a_manager(debug=True) as world:
        await world.api.client.create(JOBSETS, TRAIN)
        await finish_jobs(world.api.client, "Completed")
        await world.until(r"jobset_completed_total.*")
        code, state = await world.debug("")
        _, train = await world.debug("/default/train")
        missing = await world.debug("/default/other")

    assert (code, state["leads"]) == (200, True)
    assert state["controllers"]["jobset"]["queue"]["takenSeconds"] == {}
    assert state["controllers"]["jobset"]["caches"]["jobs.batch"] == {"objects": 2, "synced": True}
    assert state["requests"]["inFlight"] == 0
    assert train["jobset"] == "default/train"
    outcomes = [plan.get("outcome") for plan in train["plans"]]
    assert "Completed" in outcomes
    first = train["plans"][-1]
    assert {"action": "CreateJob", "count": 2, "names": ["train-workers-0", "train-workers-1"]} in first[
        "actions"
    ]
    assert missing == (404, "no plans of default/other are remembered\n")
