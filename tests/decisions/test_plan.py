"""What a plan says about failures."""

import pytest

from jobset.core.child_job import build_recipe, lay_out
from jobset.core.plan import (
    Action,
    CreateClaims,
    CreateJob,
    CreateService,
    DeleteJob,
    DeleteJobSet,
    EventType,
    Failure,
    PatchJob,
    PatchPurpose,
    Plan,
    PlannedEvent,
    Problem,
    failure_events,
    failure_text,
)
from tests.builders import a_jobset


def create(index: int) -> CreateJob:
    jobset = a_jobset()
    rjobs = jobset.replicated_jobs
    recipe = build_recipe(jobset, rjobs[0], lay_out(rjobs), restart_job=False)
    return CreateJob(f"train-workers-{index}", index, recipe)


def patch(purpose: PatchPurpose) -> PatchJob:
    return PatchJob(name="j", purpose=purpose, patch={})


TEXTS: dict[str, tuple[Action, str]] = {
    "a Job": (create(0), 'job "train-workers-0" creation failed with error: no'),
    "scaling": (patch(PatchPurpose.SCALE), 'failed to patch job "j" for scaling: no'),
    "suspending": (patch(PatchPurpose.SUSPEND), "no"),
    "deleting a Job": (DeleteJob("j"), "no"),
    "the Service": (CreateService({}), "no"),
    "claims": (CreateClaims(()), "no"),
    "the JobSet": (DeleteJobSet("train"), "no"),
}


@pytest.mark.parametrize(("action", "text"), TEXTS.values(), ids=TEXTS)
def test_how_a_refusal_is_told(action: Action, text: str) -> None:
    assert Failure(action, "no").text == text


def warn(reason: str, note: str) -> PlannedEvent:
    return PlannedEvent(EventType.WARNING, reason, note)


JOBS = (
    'job "train-workers-0" creation failed with error: no\n'
    'job "train-workers-1" creation failed with error: never'
)
EVENTS: dict[str, tuple[list[Failure], tuple[PlannedEvent, ...]]] = {
    "Jobs together": (
        [Failure(create(0), "no"), Failure(create(1), "never")],
        (warn("JobCreationFailed", JOBS),),
    ),
    "the Service": ([Failure(CreateService({}), "no")], (warn("HeadlessServiceCreationFailed", "no"),)),
    "claims, one policy at a time": (
        [Failure(CreateClaims(()), "no"), Failure(CreateClaims(()), "never")],
        (warn("PVCCreationFailed", "no"), warn("PVCCreationFailed", "never")),
    ),
    "nobody is told of a deletion": ([Failure(DeleteJob("j"), "no")], ()),
    "nothing failed": ([], ()),
}


@pytest.mark.parametrize(("failures", "events"), EVENTS.values(), ids=EVENTS)
def test_which_events_failures_are_told_by(failures: list[Failure], events: tuple[PlannedEvent, ...]) -> None:
    assert failure_events(failures) == events


def test_failures_of_a_step_are_told_line_by_line() -> None:
    assert failure_text([Failure(DeleteJob("a"), "x"), Failure(DeleteJob("b"), "y")]) == "x\ny"


def test_a_plan_with_a_problem_keeps_its_steps_only() -> None:
    step = (DeleteJob("j"),)
    plan = Plan(steps=(step,), status=a_jobset().status, events=(warn("r", "n"),), outcome="Failed")

    assert plan.failing(Problem("no")) == Plan(steps=(step,), error="no")
    assert plan.actions == step
    assert create(1).body()["metadata"]["name"] == "train-workers-1"
