"""Which Jobs belong to the current attempt, and how they are counted."""

from typing import Any

import pytest

from jobset.api import keys
from jobset.api.children import ChildJob, StrayJob
from jobset.core.attempts import Buckets, all_ready, count_jobs, delete_jobs, same_counts, sort_jobs
from jobset.core.plan import DeleteJob, Problem
from tests.builders import a_job, a_jobset, a_snapshot, an_rjob, failed, ready, succeeded, suspended


def buckets_of(*jobs: ChildJob, gates: tuple[str, ...] = (), **status: Any) -> Buckets:
    buckets = sort_jobs(a_snapshot(a_jobset(status=status), *jobs, gates=gates))
    assert isinstance(buckets, Buckets)
    return buckets


PLACES = {
    "a running Job is active": (a_job(), "active"),
    "a complete Job has succeeded": (succeeded(), "succeeded"),
    "a failed Job has failed": (failed(), "failed"),
    "a Job that goes is sorted like any other": (failed(deleted=True), "failed"),
    "a Job of a later attempt is current": (a_job(attempt=9), "active"),
}


@pytest.mark.parametrize(("job", "place"), PLACES.values(), ids=PLACES)
def test_where_a_job_of_this_attempt_goes(job: ChildJob, place: str) -> None:
    buckets = buckets_of(job)

    assert getattr(buckets, place) == (job,)
    assert buckets.names == {job.name}


@pytest.mark.parametrize("job", [a_job(), succeeded(), failed()], ids=["active", "succeeded", "failed"])
def test_a_job_of_an_earlier_attempt_is_superseded_whatever_became_of_it(job: ChildJob) -> None:
    assert buckets_of(job, restarts=1) == Buckets(superseded=(job,), names=frozenset({job.name}))


def test_failed_jobs_come_by_name() -> None:
    one, two = failed("train-workers-1"), failed("train-workers-0")

    assert buckets_of(one, two).failed == (two, one)


def test_a_stray_job_stops_its_jobset() -> None:
    snapshot = a_snapshot(None, a_job(), StrayJob("x", "no label"))

    assert sort_jobs(snapshot) == Problem("no label")


ONE_RESTART = [{"name": "workers", "ready": 0, "jobRestarts": [0, 1]}]
ALONE = {
    "the attempt asked for": (a_job("train-workers-1", own_attempt="1"), "active"),
    "a later attempt": (a_job("train-workers-1", own_attempt="2"), "active"),
    "an earlier attempt": (a_job("train-workers-1", own_attempt="0"), "superseded"),
    "another Job of the same role": (a_job("train-workers-0", own_attempt="0"), "active"),
    "a Job from before the gate was on": (a_job("train-workers-1"), "active"),
    "an earlier attempt of the whole JobSet": (
        a_job("train-workers-1", own_attempt="1", attempt=-1),
        "superseded",
    ),
}


@pytest.mark.parametrize(("job", "place"), ALONE.values(), ids=ALONE)
def test_a_job_that_restarts_alone(job: ChildJob, place: str) -> None:
    buckets = buckets_of(job, gates=("restart_job",), replicatedJobsStatus=ONE_RESTART)

    assert getattr(buckets, place) == (job,)


def test_without_the_gate_nothing_restarts_alone() -> None:
    job = a_job("train-workers-1", own_attempt="0")

    assert buckets_of(job, replicatedJobsStatus=ONE_RESTART).active == (job,)


BAD = {
    "no role": (a_job(labels={keys.REPLICATED_JOB_NAME: None}), f"missing label {keys.REPLICATED_JOB_NAME}"),
    "no index": (a_job(labels={keys.JOB_INDEX: None}), f"missing label {keys.JOB_INDEX}"),
    "an index that is none": (
        a_job(labels={keys.JOB_INDEX: "x"}),
        f'job train-workers-0 has a bad label {keys.JOB_INDEX}: "x" is not an integer',
    ),
    "an attempt that is none": (
        a_job(own_attempt="x"),
        f'job train-workers-0 has a bad label {keys.JOB_RESTART_ATTEMPT}: "x" is not an integer',
    ),
    "an index too large": (
        a_job("train-workers-2", own_attempt="0"),
        "job index 2 is out of bounds for replicated job workers",
    ),
    "a negative index": (
        a_job(labels={keys.JOB_INDEX: "-1"}, own_attempt="0"),
        "job index -1 is out of bounds for replicated job workers",
    ),
    "a role that is not there": (
        a_job("train-other-0", own_attempt="0"),
        "job index 0 is out of bounds for replicated job other",
    ),
}


@pytest.mark.parametrize(("job", "problem"), BAD.values(), ids=BAD)
def test_with_the_gate_labels_must_be_right(job: ChildJob, problem: str) -> None:
    assert sort_jobs(a_snapshot(None, job, gates=("restart_job",))) == Problem(problem)
    assert isinstance(sort_jobs(a_snapshot(None, job)), Buckets)


def test_jobs_are_counted_by_role_and_state() -> None:
    jobset = a_jobset(an_rjob("a", 9), an_rjob("b", 1))
    buckets = Buckets(
        superseded=(ready("train-a-0"),),
        active=(
            ready("train-a-1"),
            a_job("train-a-2", active=1),
            suspended("train-a-3"),
            ready("train-x-0"),
            ready("train-a-8", labels={keys.REPLICATED_JOB_NAME: None}),
        ),
        succeeded=(succeeded("train-a-4", ready=1), succeeded("train-b-0")),
        failed=(failed("train-a-5"),),
    )

    b, a = count_jobs(jobset, buckets, restart_job=False)

    assert (a.name, a.ready, a.active, a.suspended, a.succeeded, a.failed) == ("a", 1, 2, 1, 1, 1)
    assert (b.name, b.ready, b.active, b.suspended, b.succeeded, b.failed) == ("b", 0, 0, 0, 1, 0)


def test_individual_restarts_are_kept_while_the_gate_is_on() -> None:
    entry = {"name": "workers", "jobRestarts": [1, 0], "jobRestartsCountTowardsMax": [1, 0]}
    jobset = a_jobset(status={"replicatedJobsStatus": [entry]})

    (on,) = count_jobs(jobset, Buckets(), restart_job=True)
    (off,) = count_jobs(jobset, Buckets(), restart_job=False)

    assert (on.job_restarts, on.job_restarts_count_towards_max) == ((1, 0), (1, 0))
    assert (off.job_restarts, off.job_restarts_count_towards_max) == (None, None)


def test_counts_are_compared_whatever_their_order() -> None:
    counted = count_jobs(a_jobset(an_rjob("a"), an_rjob("b")), Buckets(), restart_job=False)

    assert same_counts(tuple(reversed(counted)), counted)
    assert not same_counts(counted[:1], counted)
    assert same_counts(None, ())


def test_all_jobs_are_ready_when_none_is_missing() -> None:
    rjobs = a_jobset(an_rjob("a", 2), an_rjob("b", 0)).replicated_jobs
    two = Buckets(active=(ready("train-a-0"),), succeeded=(succeeded("train-a-1"),))
    jobset = a_jobset(an_rjob("a", 2), an_rjob("b", 0))

    assert all_ready(rjobs, count_jobs(jobset, two, restart_job=False))
    assert not all_ready(rjobs, count_jobs(jobset, Buckets(), restart_job=False))


def test_a_job_that_goes_already_is_not_deleted_again() -> None:
    assert delete_jobs([a_job(deleted=True)]) == ()
    assert delete_jobs([a_job()]) == ((DeleteJob("train-workers-0", "uid-train-workers-0"),),)
