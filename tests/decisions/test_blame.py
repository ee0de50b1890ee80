"""Which Job, pod and container a report blames, for the end and for every restart."""

from typing import Any

import pytest

from jobset.local.runs.build_report import build_jobset_report
from jobset.local.runs.report import Cause, JobSetReport
from tests.run_builders import (
    a_history,
    a_job,
    a_jobset,
    a_pod,
    a_warning,
    at,
    condition,
    ended,
    exited,
    gone,
    running,
)

BACK_OFF = condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit", 3)
FAILED_JOBS = "jobset failed due to one or more job failures (first failed job: {})"


def failed_jobset(job: str = "train-workers-0") -> dict[str, Any]:
    return a_jobset(status={"conditions": [condition("Failed", "FailedJobs", FAILED_JOBS.format(job), 4)]})


def report(*story: Any) -> JobSetReport:
    return build_jobset_report(a_history(a_jobset(), *story), ("default", "train"))


def chain(cause: Cause | None) -> tuple[Any, ...]:
    """The Job, the first pod, its first container and how that ended."""
    assert cause is not None
    pod = cause.pods[0]
    container = pod.containers[0]
    return cause.job.name if cause.job else None, pod.name, container.name, container.exit_code


STORIES = {
    "the pod that failed": (
        [a_job(), a_pod(phase="Failed", containers=[exited(code=3)]), a_job(conditions=[BACK_OFF])],
        ("train-workers-0", "train-workers-0-0-aaaaa", "main", 3),
    ),
    "the first pod to fail, not the one stopped after it": (
        [
            a_job(),
            a_pod(suffix="first", phase="Failed", containers=[exited(code=3)]),
            a_job(conditions=[condition("FailureTarget", "BackoffLimitExceeded", "x")]),
            a_pod(suffix="later", deleted=2, phase="Failed", containers=[exited(code=143, seconds=3)]),
            a_job(conditions=[BACK_OFF]),
        ],
        ("train-workers-0", "train-workers-0-0-first", "main", 3),
    ),
    "the pod that ended earlier, though it was told later": (
        [
            a_job(),
            a_pod(suffix="second", phase="Failed", containers=[exited(code=5, seconds=9)]),
            a_pod(suffix="first", phase="Failed", containers=[exited(code=4, seconds=2)]),
            a_job(conditions=[BACK_OFF]),
        ],
        ("train-workers-0", "train-workers-0-0-first", "main", 4),
    ),
    "the container that failed first": (
        [
            a_job(),
            a_pod(phase="Running", containers=[running("a"), exited("b", code=2, seconds=1)]),
            a_pod(
                phase="Failed", containers=[exited("a", code=7, seconds=5), exited("b", code=2, seconds=1)]
            ),
            a_job(conditions=[BACK_OFF]),
        ],
        ("train-workers-0", "train-workers-0-0-aaaaa", "b", 2),
    ),
    "the pod that a podFailurePolicy names": (
        [
            a_job(),
            a_pod(suffix="aaaaa", phase="Failed", containers=[exited(code=1, seconds=1)]),
            a_pod(suffix="bbbbb", phase="Failed", containers=[exited(code=42, seconds=2)]),
            a_job(
                conditions=[
                    condition(
                        "Failed",
                        "PodFailurePolicy",
                        "Container main for pod default/train-workers-0-0-bbbbb failed with exit code 42 "
                        "matching FailJob rule at index 0",
                    )
                ]
            ),
        ],
        ("train-workers-0", "train-workers-0-0-bbbbb", "main", 42),
    ),
    "the container that crashed before its pod was deleted": (
        [
            a_job(),
            a_pod(deleted=5, phase="Running", containers=[exited(code=9, seconds=1)]),
            a_job(conditions=[BACK_OFF]),
        ],
        ("train-workers-0", "train-workers-0-0-aaaaa", "main", 9),
    ),
    "what was running when a deadline struck": (
        [
            a_job(),
            a_pod(phase="Running", containers=[running()]),
            a_job(
                conditions=[condition("FailureTarget", "DeadlineExceeded", "Job was active longer than x")]
            ),
            a_pod(deleted=3, phase="Failed", containers=[exited(code=143, seconds=4)]),
            a_job(conditions=[condition("Failed", "DeadlineExceeded", "Job was active longer than x")]),
        ],
        ("train-workers-0", "train-workers-0-0-aaaaa", "main", None),
    ),
}


@pytest.mark.parametrize(("story", "blamed"), STORIES.values(), ids=STORIES)
def test_a_failed_jobset_blames(story, blamed):
    assert chain(report(*story, failed_jobset()).cause) == blamed


def test_the_job_that_the_condition_names_is_blamed_whatever_failed_before_it():
    told = report(
        a_job("train-workers-1"),
        a_pod("train-workers-1", phase="Failed", containers=[exited(code=8)]),
        a_job("train-workers-1", conditions=[BACK_OFF]),
        a_job("train-leader-0"),
        a_pod("train-leader-0", phase="Failed", containers=[exited(code=6)]),
        a_job("train-leader-0", conditions=[BACK_OFF]),
        failed_jobset("train-leader-0"),
    )

    assert chain(told.cause) == ("train-leader-0", "train-leader-0-0-aaaaa", "main", 6)


def test_a_signal_a_reason_and_a_log_tail_are_told():
    told = report(
        a_job(),
        a_pod(phase="Failed", containers=[exited(code=137, reason="OOMKilled")]),
        a_job(conditions=[BACK_OFF]),
        failed_jobset(),
    )

    assert told.cause is not None
    container = told.cause.pods[0].containers[0]
    assert (container.exit_code, container.signal, container.reason) == (137, "SIGKILL", "OOMKilled")
    assert "limits.memory" in container.explanation
    assert container.log_lines == ("last line",)


def restarting(restarts: int, job: str) -> dict[str, Any]:
    message = f"applying RestartJobSet failure policy action (first failed job: {job})"
    return a_jobset(
        failurePolicy={"maxRestarts": 3},
        status={
            "restarts": restarts,
            "restartsCountTowardsMax": restarts,
            "conditions": [condition("RestartingJobSet", "FailurePolicy_flaky", message)],
        },
    )


def test_every_restart_of_the_jobset_tells_its_own_cause():
    told = report(
        a_job(),
        a_pod(phase="Failed", containers=[exited(code=11)]),
        a_job(conditions=[BACK_OFF]),
        restarting(1, "train-workers-0"),
        gone(a_job(conditions=[BACK_OFF])),
        gone(a_pod(phase="Failed", containers=[exited(code=11)])),
        a_job(attempt=1),
        a_pod(suffix="bbbbb", attempt=1, phase="Failed", containers=[exited(code=12)]),
        a_job(attempt=1, conditions=[BACK_OFF]),
        restarting(2, "train-workers-0"),
    )

    assert [(r.kind, r.number, r.action, r.rule) for r in told.history] == [
        ("JobSet", 1, "RestartJobSet", "flaky"),
        ("JobSet", 2, "RestartJobSet", "flaky"),
    ]
    assert [chain(r.cause)[-1] for r in told.history] == [11, 12]


def test_a_restart_of_one_job_tells_that_job_and_its_pod():
    counters = {"name": "workers", "jobRestarts": [0, 1], "jobRestartsCountTowardsMax": [0, 1]}
    told = report(
        a_job("train-workers-1"),
        a_pod("train-workers-1", phase="Failed", containers=[exited(code=13)]),
        a_job("train-workers-1", conditions=[BACK_OFF]),
        a_jobset(status={"replicatedJobsStatus": [counters]}),
    )

    (restart,) = told.history
    assert (restart.kind, restart.name, restart.action) == ("Job", "train-workers-1", "RestartJob")
    assert chain(restart.cause) == ("train-workers-1", "train-workers-1-0-aaaaa", "main", 13)


def test_a_pod_that_its_job_replaces_and_a_container_that_runs_again_are_restarts_too():
    told = report(
        a_job(),
        a_pod(suffix="aaaaa", phase="Failed", containers=[exited(code=14)]),
        a_pod(suffix="bbbbb", phase="Running", containers=[exited(code=15)]),
        a_pod(suffix="bbbbb", phase="Running", containers=[running(restarts=1, last=ended(15))]),
    )

    assert [(r.kind, r.name, chain(r.cause)[-1]) for r in told.history] == [
        ("Pod", "train-workers-0-0-aaaaa", 14),
        ("Container", "train-workers-0-0-bbbbb/main", 15),
    ]


def test_pods_that_are_stopped_with_their_jobset_are_nobodys_failure():
    told = report(
        a_job(),
        a_pod(deleted=2, phase="Running", containers=[running()]),
        a_pod(deleted=2, phase="Failed", containers=[exited(code=143, seconds=3)]),
    )

    assert told.history == ()


def test_a_flood_of_restarts_keeps_the_first_and_the_last():
    told = report(*(restarting(number, "train-workers-0") for number in range(1, 201)))

    numbers = [restart.number for restart in told.history]
    assert (numbers[0], numbers[-1], len(numbers), told.more_restarts) == (1, 200, 50, 150)


def test_a_container_that_fails_for_ever_keeps_its_first_and_last_runs():
    history = a_history(
        a_jobset(),
        a_job(),
        *(a_pod(phase="Running", containers=[exited(code=1, seconds=n, restarts=n)]) for n in range(100)),
    )

    (record,) = history.job_records.values()
    (pod,) = record.pods
    assert [run.run.attempt for run in pod.runs] == [0, 1, 2, 97, 98, 99]
    assert pod.more_runs == 94


def test_a_warning_is_said_once_and_only_when_nothing_else_says_it():
    pod = a_pod()
    history = a_history(a_jobset(), pod)
    events = [
        a_warning(pod, "Unhealthy", "Readiness probe failed: no"),
        a_warning(pod, "Unhealthy", "Readiness probe failed: no"),
        a_warning(pod, "FailedScheduling", "0/1 nodes"),
    ]

    from jobset.local.runs.history import Seen

    said = [history.record(Seen(kind="Event", object=event, at=at(9))).changes for event in events]

    assert [[change.text for change in changes] for changes in said] == [
        ["Unhealthy: Readiness probe failed: no"],
        [],
        [],
    ]
