"""In-place restarts: what the attempts of pods mean."""

from typing import Any

import pytest

from jobset.api.children import ChildPod
from jobset.api.gates import FeatureGates
from jobset.core.conditions import Draft
from jobset.core.in_place import advance, pods_of, restarts_in_place
from jobset.core.plan import Problem
from tests.builders import NOW, a_jobset, a_pod, an_rjob

KEY = "jobset.sigs.k8s.io/in-place-restart-attempt"
BAD = Problem(f"invalid value for annotation {KEY}, must be non-negative integer")
UNEQUAL = Problem(
    "workers: in-place restart requires jobTemplate.spec.completions == jobTemplate.spec.parallelism != nil"
)


def pods(*attempts: str | None, **facts: Any) -> list[ChildPod]:
    return [a_pod(f"p-{index}", attempt=attempt, **facts) for index, attempt in enumerate(attempts)]


# What is stored (previous, current), the pods, and what is stored then.
STEPS: dict[str, tuple[Any, list[ChildPod], Any]] = {
    "nobody is there": ((None, None), [], (None, None)),
    "nobody has an attempt": ((None, None), pods(None, None), (None, None)),
    "one of two is there": ((None, None), pods("0"), (None, None)),
    "all are there for the first time": ((None, None), pods("0", "0"), (None, 0)),
    "one is ahead": ((None, 0), pods("1", "0"), (0, 0)),
    "one is ahead, one is away": ((0, 1), pods("2"), (1, 1)),
    "all have followed": ((0, 0), pods("1", "1"), (0, 1)),
    "in step again, at a lower attempt": ((3, 4), pods("2", "2"), (3, 2)),
    "previous is never lowered": ((3, 4), pods("2", "1"), (3, 4)),
    "all in step, nothing new": ((0, 1), pods("1", "1"), (0, 1)),
    "failed pods do not count": (
        (None, 0),
        [*pods("0", "0"), a_pod("old", attempt="5", phase="Failed")],
        (None, 0),
    ),
    "succeeded pods count": ((None, None), pods("0", "0", phase="Succeeded"), (None, 0)),
    "a pod too many": ((None, None), pods("1", "1", "1"), (0, None)),
}


@pytest.mark.parametrize(("before", "given", "after"), STEPS.values(), ids=STEPS)
def test_a_step_of_an_in_place_restart(before: Any, given: list[ChildPod], after: Any) -> None:
    jobset = in_place(9, previousInPlaceRestartAttempt=before[0], currentInPlaceRestartAttempt=before[1])

    draft = advance(jobset, given, Draft(jobset.status, NOW))

    assert isinstance(draft, Draft)
    status = draft.status
    assert (status.previous_in_place_restart_attempt, status.current_in_place_restart_attempt) == after
    assert draft.events == ()


def in_place(max_restarts: int | None = None, rjob: Any = None, **status: Any) -> Any:
    policy = {"restartStrategy": "InPlaceRestart", "maxRestarts": max_restarts}
    return a_jobset(rjob or an_rjob(), failurePolicy=policy, status=status)


LIMITS: dict[str, tuple[Any, list[ChildPod], bool]] = {
    "containers restarted as often as allowed": (in_place(2), pods("0", "0", restarts=2), False),
    "containers restarted more often": (in_place(2), pods("0", "0", restarts=3), True),
    "so did those of a failed pod": (in_place(2), pods(None, restarts=3, phase="Failed"), True),
    "attempts as many as allowed": (in_place(2), pods("2", "1"), False),
    "more attempts": (in_place(2), pods("3", "1"), True),
    "no attempts allowed": (in_place(), pods("1"), True),
    "recreations that do not count give more attempts": (
        in_place(2, restarts=3, restartsCountTowardsMax=1),
        pods("4", "1"),
        False,
    ),
    "and more attempts than these": (
        in_place(2, restarts=3, restartsCountTowardsMax=1),
        pods("5", "1"),
        True,
    ),
    "no pods, no attempts": (in_place(), [], False),
}


@pytest.mark.parametrize(("jobset", "given", "fails"), LIMITS.values(), ids=LIMITS)
def test_restarts_in_place_are_limited(jobset: Any, given: list[ChildPod], fails: bool) -> None:
    draft = advance(jobset, given, Draft(jobset.status, NOW))

    assert isinstance(draft, Draft)
    finished = draft.status.finished
    assert (finished is not None) is fails
    assert finished is None or (finished.reason, finished.message) == (
        "ReachedMaxRestarts",
        "jobset failed due to reaching max number of restarts",
    )


PROBLEMS: dict[str, tuple[Any, list[ChildPod], Problem]] = {
    "an attempt that is no number": (an_rjob(), pods("x"), BAD),
    "a negative attempt": (an_rjob(), pods("-1"), BAD),
    "sizes that differ": (an_rjob(spec={"parallelism": 1, "completions": 2}), pods("0"), UNEQUAL),
    "no completions": (an_rjob(spec={"completions": None}), pods("0"), UNEQUAL),
    "no size": (an_rjob(spec={"parallelism": None, "completions": None}), pods("0"), UNEQUAL),
}


@pytest.mark.parametrize(("rjob", "given", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_cannot_be_judged(rjob: Any, given: list[ChildPod], problem: Problem) -> None:
    jobset = in_place(9, rjob)

    assert advance(jobset, given, Draft(jobset.status, NOW)) == problem


def test_pods_belong_to_the_jobset_whose_name_they_carry() -> None:
    own = a_pod()
    other = a_pod(labels={"jobset.sigs.k8s.io/jobset-name": "other"})

    assert pods_of(a_jobset(), [own, other]) == (own,)
    assert pods_of(a_jobset(metadata={"namespace": "elsewhere"}), [own]) == ()


ASKED = {
    "asked for and allowed": ("InPlaceRestart", True, True),
    "asked for, but the gate is off": ("InPlaceRestart", False, False),
    "not asked for": ("Recreate", True, False),
}


@pytest.mark.parametrize(("strategy", "gate", "expected"), ASKED.values(), ids=ASKED)
def test_who_restarts_in_place(strategy: str, gate: bool, expected: bool) -> None:
    gates = FeatureGates(in_place_restart=gate)

    assert restarts_in_place(a_jobset(failurePolicy={"restartStrategy": strategy}), gates) is expected
    assert not restarts_in_place(a_jobset(), gates)
