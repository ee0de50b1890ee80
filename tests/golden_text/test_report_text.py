"""The report of a run as people read it, and as JSON."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from jobset.cli.render.report import render_report
from jobset.cli.render.style import Style
from jobset.local.runs.build_report import build_report
from jobset.local.runs.report import Notice, Outcome, Report
from tests.run_builders import (
    a_history,
    a_job,
    a_jobset,
    a_pod,
    at,
    condition,
    ended,
    exited,
    gone,
    running,
    waiting,
)

BACK_OFF = condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit", 3)
RESTARTING = condition(
    "RestartingJobSet",
    "FailurePolicy_flaky",
    "applying RestartJobSet failure policy action (first failed job: train-workers-0)",
    4,
)
COMPLETED = condition("Completed", "AllJobsCompleted", "jobset completed successfully", 8)
OUT_OF_RESTARTS = condition(
    "Failed",
    "ReachedMaxRestarts",
    "jobset failed due to reaching max number of restarts (first failed job: train-workers-0)",
    9,
)
TAILS = {"main": ("step 1", "step 2: loss=nan", "Traceback: boom")}
POLICY = {"failurePolicy": {"maxRestarts": 1}, "roles": {"leader": 1, "workers": 2}}


def roles(**more: Any) -> dict[str, Any]:
    entries = [{"name": "leader", **more.get("leader", {})}, {"name": "workers", **more.get("workers", {})}]
    return {"replicatedJobsStatus": entries}


def one_attempt(attempt: int, code: int, **more: Any) -> list[Any]:
    return [
        a_job(attempt=attempt),
        a_pod(
            suffix=f"try{attempt}x", attempt=attempt, phase="Failed", containers=[exited(code=code, **more)]
        ),
        a_job(attempt=attempt, conditions=[BACK_OFF]),
    ]


STORIES: dict[str, tuple[Outcome, str, list[Any]]] = {
    "completed-after-a-restart": (
        Outcome.COMPLETED,
        "1 JobSet completed",
        [
            a_jobset(**POLICY),
            *one_attempt(0, 3),
            a_jobset(
                **POLICY, status={"restarts": 1, "restartsCountTowardsMax": 1, "conditions": [RESTARTING]}
            ),
            gone(a_job()),
            a_jobset(
                **POLICY,
                status={
                    "restarts": 1,
                    "restartsCountTowardsMax": 1,
                    "conditions": [COMPLETED],
                    **roles(leader={"succeeded": 1}, workers={"succeeded": 2}),
                },
            ),
        ],
    ),
    "failed-out-of-restarts": (
        Outcome.FAILED,
        "1 of 1 JobSet failed: train",
        [
            a_jobset(**POLICY),
            *one_attempt(0, 137),
            a_jobset(
                **POLICY, status={"restarts": 1, "restartsCountTowardsMax": 1, "conditions": [RESTARTING]}
            ),
            *one_attempt(1, 127, message="cannot find data"),
            a_jobset(
                **POLICY,
                status={
                    "restarts": 1,
                    "restartsCountTowardsMax": 1,
                    "conditions": [OUT_OF_RESTARTS],
                    **roles(leader={"active": 1}, workers={"failed": 1, "succeeded": 1}),
                },
            ),
        ],
    ),
    "pods-and-containers-that-ran-again": (
        Outcome.COMPLETED,
        "1 JobSet completed",
        [
            a_jobset(),
            a_job(),
            a_pod(suffix="aaaaa", phase="Failed", containers=[exited(code=14)]),
            a_pod(suffix="bbbbb", phase="Running", containers=[exited(code=15)]),
            a_pod(suffix="bbbbb", phase="Running", containers=[running(restarts=1, last=ended(15))]),
            a_jobset(status={"conditions": [COMPLETED]}),
        ],
    ),
    "timed-out-waiting": (
        Outcome.TIMED_OUT,
        "not finished after 60 s",
        [
            a_jobset(),
            a_job(),
            a_pod(
                containers=[waiting("main", "CreateContainerConfigError", 'configmap "settings" not found')]
            ),
        ],
    ),
}


def report_of(name: str, **more: Any) -> Report:
    outcome, message, story = STORIES[name]
    history = a_history(*story, tails=TAILS)
    return build_report(
        history, outcome=outcome, message=message, started_at=at(0), finished_at=at(9), logs="/logs", **more
    )


@pytest.mark.parametrize("name", STORIES)
def test_reports_read_like_this(name: str, same_as_file: Callable[[str, str], None]) -> None:
    same_as_file(f"{name}.txt", render_report(report_of(name)))


def test_a_report_as_json_has_this_form(same_as_file: Callable[[str, str], None]) -> None:
    notice = Notice(object="JobSet/train", field="spec.x", message="image is not pulled")

    data = msgspec.json.encode(report_of("failed-out-of-restarts", notices=(notice,)))

    same_as_file("failed-out-of-restarts.json", json.dumps(json.loads(data), indent=2) + "\n")


def test_color_changes_nothing_but_escape_codes() -> None:
    import re

    report = report_of("failed-out-of-restarts")

    colored = render_report(report, Style(True))

    assert colored != render_report(report)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render_report(report)
