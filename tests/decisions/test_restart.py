"""What a verdict changes in the status."""

from typing import Any

import pytest

from jobset.api import keys
from jobset.api.children import ChildJob
from jobset.api.jobset import FailureAction
from jobset.api.status import MOST_JOB_RESTARTS
from jobset.core.conditions import Draft
from jobset.core.failure import Fail, RestartAll, RestartOne
from jobset.core.plan import EventType, PlannedEvent, Problem
from jobset.core.restart import apply_verdict, count_restarts
from tests.builders import NOW, a_jobset, a_rule, an_rjob, failed

W0, W1 = failed("train-workers-0"), failed("train-workers-1")
COUNTED, FREE = FailureAction.RESTART_JOBSET, FailureAction.RESTART_JOBSET_AND_IGNORE_MAX_RESTARTS
ONE, ONE_FREE = FailureAction.RESTART_JOB, FailureAction.RESTART_JOB_AND_IGNORE_MAX_RESTARTS


def apply(verdict: Any, **status: Any) -> Draft:
    jobset = a_jobset(status=status)
    draft = apply_verdict(Draft(jobset.status, NOW), verdict, jobset.replicated_jobs)
    assert isinstance(draft, Draft)
    return draft


def test_a_restart_of_all_raises_the_counters_and_touches_nothing_else() -> None:
    counted = apply(RestartAll(COUNTED, None, W0), restarts=3, restartsCountTowardsMax=1)
    free = apply(RestartAll(FREE, None, W0), restarts=3, restartsCountTowardsMax=1)

    assert (counted.status.restarts, counted.status.restarts_count_towards_max) == (4, 2)
    assert (free.status.restarts, free.status.restarts_count_towards_max) == (4, 1)
    assert counted.status.replicated_jobs_status is None


TOLD = {
    "by default": (
        RestartAll(COUNTED, None, W0),
        "DefaultFailurePolicy",
        "applying RestartJobSet failure policy action (first failed job: train-workers-0)",
    ),
    "by a rule": (
        RestartAll(FREE, a_rule(FREE, name="hosts"), W1),
        "FailurePolicy_hosts",
        "applying RestartJobSetAndIgnoreMaxRestarts failure policy action "
        "(first failed job: train-workers-1)",
    ),
}


@pytest.mark.parametrize(("verdict", "reason", "note"), TOLD.values(), ids=TOLD)
def test_a_restart_of_all_is_told_twice(verdict: RestartAll, reason: str, note: str) -> None:
    draft = apply(verdict)

    (condition,) = draft.status.conditions or ()
    assert (condition.type, condition.reason, condition.message) == ("RestartingJobSet", reason, note)
    assert draft.events == (
        PlannedEvent(EventType.WARNING, reason, note),
        PlannedEvent(EventType.WARNING, f"{verdict.action}FailurePolicyAction", note),
    )


BLAMED = "first failed job: train-workers-0"
WHY = {
    "FailedJobs": "jobset failed due to one or more job failures",
    "ReachedMaxRestarts": "jobset failed due to reaching max number of restarts",
    "FailJobSetFailurePolicyAction": "applying FailJobSet failure policy action",
}


@pytest.mark.parametrize(("reason", "message"), WHY.items())
def test_a_failed_jobset_says_why(reason: str, message: str) -> None:
    draft = apply(Fail(reason, W0))

    (condition,) = draft.status.conditions or ()
    assert (condition.type, condition.reason, condition.message) == (
        "Failed",
        reason,
        f"{message} ({BLAMED})",
    )
    assert draft.status.terminal_state == "Failed"


def entry(name: str = "workers", **counts: Any) -> dict[str, Any]:
    return {"name": name, **counts}


ALONE = {
    "counted, for the first time": (RestartOne(ONE, W1), entry(), (0, 1), (0, 1)),
    "uncounted, for the first time": (RestartOne(ONE_FREE, W1), entry(), (0, 1), (0, 0)),
    "again": (
        RestartOne(ONE, W0),
        entry(jobRestarts=[2, 1], jobRestartsCountTowardsMax=[1, 1]),
        (3, 1),
        (2, 1),
    ),
    "again, uncounted": (
        RestartOne(ONE_FREE, W0),
        entry(jobRestarts=[2, 1], jobRestartsCountTowardsMax=[1, 1]),
        (3, 1),
        (1, 1),
    ),
    "a list that is too short": (RestartOne(ONE, W1), entry(jobRestarts=[4]), (4, 1), (0, 1)),
}


@pytest.mark.parametrize(("verdict", "before", "restarts", "counted"), ALONE.values(), ids=ALONE)
def test_a_job_that_restarts_alone_is_counted_at_its_index(
    verdict: RestartOne, before: dict[str, Any], restarts: Any, counted: Any
) -> None:
    draft = apply(verdict, replicatedJobsStatus=[entry("other"), before])

    other, workers = draft.status.replicated_jobs_status or ()
    assert (workers.job_restarts, workers.job_restarts_count_towards_max) == (restarts, counted)
    assert (other.job_restarts, draft.status.restarts, draft.status.conditions) == (None, 0, None)
    assert [event.reason for event in draft.events] == [f"{verdict.action}FailurePolicyAction"]


BAD = {
    "no role": (
        failed(labels={keys.REPLICATED_JOB_NAME: None}),
        f"failed job train-workers-0 missing {keys.REPLICATED_JOB_NAME} label",
    ),
    "no index": (
        failed(labels={keys.JOB_INDEX: None}),
        f"failed job train-workers-0 missing {keys.JOB_INDEX} label",
    ),
    "an index that is none": (
        failed(labels={keys.JOB_INDEX: "x"}),
        f"failed job train-workers-0 has invalid {keys.JOB_INDEX} label: x: "
        'strconv.Atoi: parsing "x": invalid syntax',
    ),
    "an index too large": (
        failed("train-workers-2"),
        "failed job train-workers-2 has index 2 out of bounds for replicated job workers (replicas: 2)",
    ),
    "a role that is not there": (
        failed("train-other-0"),
        "failed job train-other-0 has index 0 out of bounds for replicated job other (replicas: 0)",
    ),
}


@pytest.mark.parametrize(("job", "problem"), BAD.values(), ids=BAD)
def test_a_job_that_does_not_tell_its_place_cannot_restart_alone(job: ChildJob, problem: str) -> None:
    jobset = a_jobset()

    verdict = RestartOne(ONE, job)

    assert apply_verdict(Draft(jobset.status, NOW), verdict, jobset.replicated_jobs) == Problem(problem)


def test_more_jobs_than_a_status_can_count_are_one_too_many() -> None:
    jobset = a_jobset(an_rjob("workers", 2**31 - 1), status={"replicatedJobsStatus": [entry()]})
    verdict = RestartOne(ONE, failed("train-workers-1"))

    draft = apply_verdict(Draft(jobset.status, NOW), verdict, jobset.replicated_jobs)

    assert isinstance(draft, Draft)
    (workers,) = draft.status.replicated_jobs_status or ()
    assert workers.job_restarts == (0, 1, *(0,) * (MOST_JOB_RESTARTS - 1))


def test_restarts_of_single_jobs_count_with_their_gate() -> None:
    entries = [entry("a", jobRestartsCountTowardsMax=[1, 2]), entry("b")]
    status = a_jobset(status={"restartsCountTowardsMax": 3, "replicatedJobsStatus": entries}).status

    assert count_restarts(status, restart_job=True) == 6
    assert count_restarts(status, restart_job=False) == 3
