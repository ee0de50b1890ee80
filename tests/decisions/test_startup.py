"""Which replicated jobs may start."""

from typing import Any

import pytest

from jobset.api.jobset import JobSet
from jobset.api.status import ReplicatedJobStatus
from jobset.core.explain import Wait, WaitReason
from jobset.core.startup import has_started, judge_startup
from tests.builders import a_jobset, an_rjob

IN_ORDER: dict[str, Any] = {"startupPolicy": {"startupPolicyOrder": "InOrder"}}


def counts(**reached: Any) -> dict[str, ReplicatedJobStatus]:
    return {name: ReplicatedJobStatus(name=name, **fields) for name, fields in reached.items()}


def needs(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "status": status} for name, status in pairs]


ABC = (an_rjob("a"), an_rjob("b"), an_rjob("c"))
NOTHING = counts(a={}, b={}, c={})
B_AFTER_A = (an_rjob("a"), an_rjob("b", dependsOn=needs(("a", "Ready"))), an_rjob("c"))
C_AFTER_BOTH = (an_rjob("a"), an_rjob("b"), an_rjob("c", dependsOn=needs(("a", "Ready"), ("b", "Complete"))))
CASES: dict[str, tuple[JobSet, Any, str, bool]] = {
    "any order: all at once": (a_jobset(*ABC), NOTHING, "abc", False),
    "in order: the first": (a_jobset(*ABC, **IN_ORDER), NOTHING, "a", True),
    "in order: half of the first has started": (
        a_jobset(*ABC, **IN_ORDER),
        counts(a={"ready": 1}, b={}, c={}),
        "a",
        True,
    ),
    "in order: the first has started": (
        a_jobset(*ABC, **IN_ORDER),
        counts(a={"ready": 1, "succeeded": 1}, b={}, c={}),
        "b",
        True,
    ),
    "in order: failed Jobs have started too": (
        a_jobset(*ABC, **IN_ORDER),
        counts(a={"failed": 2}, b={"ready": 2}, c={}),
        "c",
        True,
    ),
    "in order: all have started": (
        a_jobset(*ABC, **IN_ORDER),
        counts(a={"ready": 2}, b={"ready": 2}, c={"ready": 2}),
        "",
        False,
    ),
    "in order: roles without Jobs do not count": (
        a_jobset(an_rjob("a", 0), an_rjob("b"), **IN_ORDER),
        counts(a={}, b={}),
        "b",
        True,
    ),
    "in order while suspended: all at once": (
        a_jobset(*ABC, suspend=True, **IN_ORDER),
        NOTHING,
        "abc",
        False,
    ),
    "a dependent waits, others do not": (a_jobset(*B_AFTER_A), NOTHING, "ac", False),
    "a dependency without Jobs is reached at once": (
        a_jobset(an_rjob("a", 0), an_rjob("b", dependsOn=needs(("a", "Complete")))),
        counts(a={}, b={}),
        "ab",
        False,
    ),
    "a dependency is reached while suspended": (
        a_jobset(*B_AFTER_A, suspend=True),
        counts(a={"succeeded": 2}, b={}, c={}),
        "abc",
        False,
    ),
    "Ready is reached by ready, failed and succeeded Jobs": (
        a_jobset(*B_AFTER_A),
        counts(a={"ready": 1, "failed": 1}, b={}, c={}),
        "abc",
        False,
    ),
    "Complete is not reached by ready Jobs": (
        a_jobset(*C_AFTER_BOTH),
        counts(a={"ready": 2}, b={"ready": 2}, c={}),
        "ab",
        False,
    ),
    "all dependencies are reached": (
        a_jobset(*C_AFTER_BOTH),
        counts(a={"ready": 2}, b={"succeeded": 2}, c={}),
        "abc",
        False,
    ),
    "a dependent waits while suspended too": (a_jobset(*B_AFTER_A, suspend=True), NOTHING, "ac", False),
    "nobody waits for itself in vain but for ever": (
        a_jobset(an_rjob("a", dependsOn=needs(("a", "Ready")))),
        counts(a={}),
        "",
        False,
    ),
    "a role further down counts as having no Jobs": (
        a_jobset(an_rjob("a", dependsOn=needs(("b", "Ready"))), an_rjob("b")),
        counts(a={}, b={}),
        "ab",
        False,
    ),
    "a dependency of which nothing is known": (a_jobset(*B_AFTER_A), {}, "ac", False),
}


@pytest.mark.parametrize(("jobset", "reached", "open_names", "in_progress"), CASES.values(), ids=CASES)
def test_whose_turn_it_is(jobset: JobSet, reached: Any, open_names: str, in_progress: bool) -> None:
    startup = judge_startup(jobset, reached)

    assert "".join(rjob.name for rjob in startup.open) == open_names
    assert startup.in_progress is in_progress


def test_waiting_tells_for_what() -> None:
    jobset = a_jobset(*B_AFTER_A)

    (wait,) = judge_startup(jobset, counts(a={"ready": 1}, b={}, c={})).waits

    assert wait == Wait(
        replicated_job="b", reason=WaitReason.DEPENDENCY, on="a", until="Ready", have=1, want=2
    )


def test_in_order_everybody_waits_for_the_one_that_starts() -> None:
    startup = judge_startup(a_jobset(*ABC, **IN_ORDER), counts(a={"ready": 1}, b={}, c={}))

    assert [(wait.replicated_job, wait.on, wait.have, wait.want) for wait in startup.waits] == [
        ("b", "a", 1, 2),
        ("c", "a", 1, 2),
    ]
    (wait, _) = judge_startup(a_jobset(*ABC, **IN_ORDER), {}).waits
    assert wait.have == 0


def test_what_is_not_known_has_not_started() -> None:
    assert not has_started(0, None)
