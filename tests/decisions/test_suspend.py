"""Suspending and resuming child Jobs."""

from typing import Any

import pytest

from jobset.core.plan import PatchJob, PatchPurpose
from jobset.core.suspend import merge_template, resume_jobs, suspend_jobs
from tests.builders import a_job, a_jobset, an_rjob, suspended

GATE, OTHER_GATE = {"name": "example.com/gate"}, {"name": "example.com/other"}
FIVE = {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}


def pods(*, labels: Any = None, annotations: Any = None, **spec: Any) -> dict[str, Any]:
    metadata = {"labels": labels, "annotations": annotations}
    return {"metadata": {key: value for key, value in metadata.items() if value}, "spec": spec}


CASES = {
    "nothing to bring": (pods(labels={"a": "1"}), {}, {}),
    "labels and annotations of the JobSet": (
        pods(labels={"a": "old", "keep": "x"}),
        pods(labels={"a": "new"}, annotations={"n": "1"}),
        {"metadata": {"labels": {"a": "new"}, "annotations": {"n": "1"}}},
    ),
    "the node selector": (
        pods(nodeSelector={"keep": "x"}),
        pods(nodeSelector={"zone": "b"}),
        {"spec": {"nodeSelector": {"zone": "b"}}},
    ),
    "new tolerations after those that are there": (
        pods(tolerations=[{"key": "a"}]),
        pods(tolerations=[{"key": "b"}]),
        {"spec": {"tolerations": [{"key": "a"}, {"key": "b"}]}},
    ),
    "the same toleration once": (pods(tolerations=[FIVE]), pods(tolerations=[dict(FIVE), dict(FIVE)]), {}),
    "a toleration given twice comes once": (
        pods(),
        pods(tolerations=[FIVE, dict(FIVE)]),
        {"spec": {"tolerations": [FIVE]}},
    ),
    "what is empty is as good as left out": (
        pods(tolerations=[{"key": "a"}, {"key": "b", "operator": ""}], schedulingGates=[GATE]),
        pods(
            tolerations=[{"key": "a", "value": "", "tolerationSeconds": None}, {"key": "b"}],
            schedulingGates=[GATE],
        ),
        {},
    ),
    "a toleration for no time at all is another": (
        pods(tolerations=[{"key": "a"}]),
        pods(tolerations=[{"key": "a", "tolerationSeconds": 0}]),
        {"spec": {"tolerations": [{"key": "a"}, {"key": "a", "tolerationSeconds": 0}]}},
    ),
    "scheduling gates": (
        pods(schedulingGates=[GATE]),
        pods(schedulingGates=[OTHER_GATE, GATE]),
        {"spec": {"schedulingGates": [GATE, OTHER_GATE]}},
    ),
    "no other field": (
        pods(priority=1),
        pods(priority=2, containers=[{"name": "c"}], affinity={"podAffinity": {}}),
        {},
    ),
}


@pytest.mark.parametrize(("current", "wanted", "patch"), CASES.values(), ids=CASES)
def test_what_a_resumed_job_takes_over(current: Any, wanted: Any, patch: Any) -> None:
    assert merge_template(current, wanted) == patch


def test_only_running_jobs_are_suspended() -> None:
    assert suspend_jobs([suspended()]) == ()
    assert suspend_jobs([suspended("train-workers-0"), a_job("train-workers-1")]) == (
        (
            PatchJob(
                name="train-workers-1",
                purpose=PatchPurpose.SUSPEND,
                patch={"spec": {"suspend": True}},
                resource_version="7",
            ),
        ),
    )


def test_jobs_are_resumed_role_by_role() -> None:
    rjobs = a_jobset(an_rjob("a"), an_rjob("b"), an_rjob("c")).replicated_jobs
    active = [suspended("train-c-0"), suspended("train-a-1"), a_job("train-a-0"), suspended("train-x-0")]

    steps = resume_jobs(rjobs, active)

    assert [[action.name for action in step] for step in steps] == [["train-a-1"], ["train-c-0"]]  # type: ignore[union-attr]


def test_a_started_job_loses_its_start_time_first() -> None:
    (rjob,) = a_jobset(an_rjob(pods=pods(labels={"a": "1"}))).replicated_jobs

    ((fresh, started),) = resume_jobs([rjob], [suspended(), suspended("train-workers-1", started=True)])

    assert isinstance(fresh, PatchJob)
    assert isinstance(started, PatchJob)
    assert (fresh.clear_start_time, started.clear_start_time) == (False, True)
    assert fresh.purpose is PatchPurpose.RESUME
    assert fresh.patch == {"spec": {"suspend": False, "template": {"metadata": {"labels": {"a": "1"}}}}}
