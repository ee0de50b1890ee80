"""What the controller counts while a JobSet lives: finished JobSets once each, restarts with seconds."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import pytest

from jobset.controller.reconcile import JobSetController
from jobset.kube.client import Client
from jobset.kube.errors import ApiError
from jobset.kube.resources import JOBSETS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import run_virtual
from jobset.local.garbage import GarbageCollector
from tests.worlds import Killer, Story, act, script_jobs

POD = {"spec": {"containers": [{"name": "c", "image": "x"}]}}
ROLE = {"name": "workers", "replicas": 2, "template": {"spec": {"template": POD}}}
COMPLETED, FAILED = "jobset_completed_total", "jobset_failed_total"


def count(outcomes: Sequence[str], *, refused: frozenset[int] = frozenset(), **spec) -> JobSetController:
    """The controller after a minute with a JobSet whose first Job ends as told, made anew each time."""
    story = Story(
        spec={"replicatedJobs": [ROLE], **spec},
        script={"workers-0": outcomes, "workers-1": ["hang"] * (len(outcomes) - 1) + ["succeed"]},
        ends=None,
    )

    async def main(clock):
        server = ApiServer(clock=clock, random=random.Random(1))
        client = Client(LocalTransport(server))
        controller = JobSetController(Client(Killer(LocalTransport(server), frozenset(), refused)), clock)
        workers = (
            GarbageCollector(client).run(),
            script_jobs(client, clock, story.script),
            controller.run(),
        )
        tasks = [asyncio.create_task(worker) for worker in workers]
        await act(client, story)
        await asyncio.sleep(60)
        with suppress(ApiError):
            await client.delete(JOBSETS, "default", "js")
        await asyncio.sleep(5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return controller

    return run_virtual(main)


def finished(controller: JobSetController) -> dict[str, int]:
    samples = list(controller.metrics.samples())
    labels = [dict(sample.labels) for sample in samples]
    assert labels == [{"namespace": "default", "jobset_name": "js"}] * len(samples)
    return {sample.metric: sample.value for sample in samples}


ENDS = {
    "completed": (["succeed"], {}, {COMPLETED: 1}),
    "completed after a restart": (
        ["BackoffLimitExceeded", "succeed"],
        {"failurePolicy": {"maxRestarts": 1}},
        {COMPLETED: 1},
    ),
    "failed": (["BackoffLimitExceeded"], {}, {FAILED: 1}),
    "failed after a restart": (["BackoffLimitExceeded"], {"failurePolicy": {"maxRestarts": 1}}, {FAILED: 1}),
    "still running": (["hang"], {}, {}),
}


@pytest.mark.parametrize(("outcomes", "spec", "counted"), ENDS.values(), ids=ENDS)
def test_a_jobset_that_ends_is_counted_once(outcomes, spec, counted):
    assert finished(count(outcomes, **spec)) == counted


def test_a_status_that_was_refused_is_not_counted_twice():
    every_third = frozenset(range(3, 60, 3))

    controller = count(["succeed"], refused=every_third)

    assert finished(controller) == {COMPLETED: 1}
    assert controller.turns.results["error"] > 0


def test_a_restart_is_timed_until_its_jobs_exist_and_until_they_are_ready():
    recoveries = count(
        ["BackoffLimitExceeded", "succeed"], failurePolicy={"maxRestarts": 1}
    ).metrics.recoveries

    assert recoveries.begun == 1
    assert (recoveries.until_created.cumulative[-1], recoveries.until_ready.cumulative[-1]) == (1, 1)
    # Jobs of this world become ready half a second after they were created.
    assert 0.5 <= recoveries.until_ready.total - recoveries.until_created.total <= 1.0


def test_turns_requests_of_caches_and_events_are_counted():
    controller = count(["succeed"])

    assert controller.turns.results["success"] >= 3
    assert (controller.turns.active, controller.turns.panics) == (0, 0)
    assert (controller.recorder.sent >= 1, controller.recorder.lost, controller.recorder.waiting) == (
        True,
        0,
        0,
    )
    jobs = controller.observer.jobs
    assert (jobs.events >= 4, jobs.failures, jobs.is_synced, len(jobs)) == (True, 0, True, 0)
