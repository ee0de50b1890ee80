"""How a condition is set, and what else changes with it."""

from typing import Any

import msgspec
import pytest

from jobset.api.status import Condition, JobSetStatus
from jobset.core import conditions
from jobset.core.conditions import Draft, set_condition
from jobset.core.plan import EventType, PlannedEvent
from tests.builders import NOW, a_condition, a_jobset, at

NEW = a_condition("Suspended", reason="SuspendedJobs", message="jobset is suspended", after=0)
OLD = a_condition("Suspended", reason="SuspendedJobs", message="jobset is suspended")
OTHER = a_condition("Completed", "False")
STARTING = a_condition("StartupPolicyInProgress", reason="a", message="b")
STARTED = a_condition("StartupPolicyCompleted", reason="c", message="d")

CASES: dict[str, tuple[list[Any], Any, list[Any]]] = {
    "a True one is added at the end": ([OTHER], NEW, [OTHER, NEW]),
    "a False one is never added": ([OTHER], NEW | {"status": "False"}, [OTHER]),
    "the same again changes nothing": ([OLD], NEW, [OLD]),
    "a flip takes the new time": (
        [OLD, OTHER],
        NEW | {"status": "False"},
        [NEW | {"status": "False"}, OTHER],
    ),
    "another reason keeps the time": ([OLD], NEW | {"reason": "x"}, [OLD | {"reason": "x"}]),
    "another message keeps the time": ([OLD], NEW | {"message": "x"}, [OLD | {"message": "x"}]),
    "the end of startup puts its progress to False": (
        [STARTING],
        STARTED,
        [STARTING | {"status": "False"}, STARTED | {"lastTransitionTime": at(0)}],
    ),
    "progress puts the end of startup to False": (
        [STARTED],
        STARTING,
        [STARTED | {"status": "False"}, STARTING | {"lastTransitionTime": at(0)}],
    ),
    "of two that exclude each other the one that is said again stays": (
        [STARTING, STARTED],
        STARTED,
        [STARTING | {"status": "False"}, STARTED],
    ),
    "a False one makes no room": (
        [STARTING, STARTED],
        STARTED | {"status": "False"},
        [STARTING, STARTED | {"status": "False", "lastTransitionTime": at(0)}],
    ),
}


def read(raws: list[Any]) -> tuple[Condition, ...]:
    return tuple(msgspec.convert(raw, Condition) for raw in raws)


@pytest.mark.parametrize(("before", "wanted", "after"), CASES.values(), ids=CASES)
def test_setting_a_condition(before: list[Any], wanted: Any, after: list[Any]) -> None:
    undated = msgspec.structs.replace(msgspec.convert(wanted, Condition), last_transition_time=None)

    assert set_condition(read(before), undated, NOW) == read(after)


RESTARTED = [a_condition("RestartingJobSet")]
TRANSITIONS = {
    "complete": (
        conditions.complete,
        "Completed",
        [
            ("Normal", "AllJobsCompleted", "jobset completed successfully"),
            ("Normal", "JobSetCompleted", "jobset completed successfully"),
        ],
    ),
    "fail": (
        lambda draft: conditions.fail(draft, "FailedJobs", "why"),
        "Failed",
        [("Warning", "FailedJobs", "why"), ("Normal", "JobSetFailed", "jobset failed")],
    ),
    "suspend": (
        conditions.suspend,
        "",
        [
            ("Normal", "SuspendedJobs", "jobset is suspended"),
            ("Normal", "JobSetSuspended", "jobset is suspended"),
        ],
    ),
    "begin a restart": (
        lambda draft: conditions.begin_restart(draft, "DefaultFailurePolicy", "why"),
        "",
        [("Warning", "DefaultFailurePolicy", "why")],
    ),
    "begin startup": (
        conditions.begin_startup,
        "",
        [("Normal", "InOrderStartupPolicyInProgress", "in order startup policy is in progress")],
    ),
    "end startup": (
        conditions.end_startup,
        "",
        [("Normal", "InOrderStartupPolicyCompleted", "in order startup policy has completed")],
    ),
}


@pytest.mark.parametrize(("change", "terminal_state", "events"), TRANSITIONS.values(), ids=TRANSITIONS)
def test_a_transition_of_a_jobset_that_restarts(change: Any, terminal_state: str, events: Any) -> None:
    before = Draft(a_jobset(status={"conditions": RESTARTED}).status, NOW)

    after = change(before)

    assert after.status.terminal_state == terminal_state
    assert after.events == tuple(PlannedEvent(EventType(type), reason, note) for type, reason, note in events)


@pytest.mark.parametrize("change", [conditions.resume, lambda draft: conditions.end_restart(draft, "r", "m")])
def test_what_never_was_does_not_end(change: Any) -> None:
    draft = Draft(JobSetStatus(), NOW)

    assert change(draft) == draft


def test_a_resumed_jobset_says_so() -> None:
    resumed = conditions.resume(Draft(a_jobset(status={"conditions": [OLD]}).status, NOW))

    assert resumed.events == (PlannedEvent(EventType.NORMAL, "ResumeJobs", "jobset is resumed"),)
    assert resumed.status.conditions == read(
        [a_condition("Suspended", "False", "ResumeJobs", "jobset is resumed", after=0)]
    )


def test_a_condition_that_only_makes_another_give_way_tells_nobody() -> None:
    message = "in order startup policy has completed"
    started = a_condition("StartupPolicyCompleted", "True", "InOrderStartupPolicyCompleted", message)
    before = Draft(a_jobset(status={"conditions": [STARTING, started]}).status, NOW)

    after = conditions.end_startup(before)

    assert after.status.conditions == read([STARTING | {"status": "False"}, started])
    assert after.events == ()
