"""Which Jobs are created, and which wait for old ones."""

from typing import Any

import pytest

from jobset.core.attempts import Buckets
from jobset.core.creation import MOST_JOBS, create_jobs, waits_for_old_jobs
from jobset.core.explain import WaitReason
from tests.builders import a_job, a_jobset, an_rjob

A, B = an_rjob("a", 2), an_rjob("b", 1)
BLOCKING: dict[str, Any] = {"failurePolicy": {"restartStrategy": "BlockingRecreate"}}
RECREATE: dict[str, Any] = {"failurePolicy": {"restartStrategy": "Recreate"}}
OLD = Buckets(superseded=(a_job("train-a-0"),), names=frozenset({"train-a-0"}))

CASES: dict[str, tuple[Any, Buckets, list[list[str]]]] = {
    "nothing exists": ({}, Buckets(), [["train-a-0", "train-a-1"], ["train-b-0"]]),
    "some exist": ({}, Buckets(names=frozenset({"train-a-0"})), [["train-a-1"], ["train-b-0"]]),
    "a role is complete": ({}, Buckets(names=frozenset({"train-a-0", "train-a-1"})), [["train-b-0"]]),
    "all exist": ({}, Buckets(names=frozenset({"train-a-0", "train-a-1", "train-b-0"})), []),
    "an old Job keeps its name": (RECREATE, OLD, [["train-a-1"], ["train-b-0"]]),
    "no strategy: an old Job keeps its name": ({}, OLD, [["train-a-1"], ["train-b-0"]]),
    "a strategy nobody knows: an old Job keeps its name": (
        {"failurePolicy": {"restartStrategy": "Pray"}},
        OLD,
        [["train-a-1"], ["train-b-0"]],
    ),
    "blocking: an old Job keeps all waiting": (BLOCKING, OLD, []),
    "blocking: no old Job is left": (BLOCKING, Buckets(), [["train-a-0", "train-a-1"], ["train-b-0"]]),
}


@pytest.mark.parametrize(("spec", "buckets", "names"), CASES.values(), ids=CASES)
def test_which_jobs_are_created(spec: Any, buckets: Buckets, names: list[list[str]]) -> None:
    jobset = a_jobset(A, B, **spec)

    steps = create_jobs(jobset, jobset.replicated_jobs, buckets, restart_job=False)

    assert [[action.name for action in step] for step in steps] == names  # type: ignore[union-attr]


@pytest.mark.parametrize("taken", [0, 2])
def test_a_turn_creates_no_more_than_so_many(taken: int) -> None:
    jobset = a_jobset(an_rjob("a", 3), an_rjob("b", 2**31 - 1), B)
    names = frozenset(f"train-b-{index}" for index in range(taken))

    of_a, of_b = create_jobs(jobset, jobset.replicated_jobs, Buckets(names=names), restart_job=False)

    assert len(of_a) + len(of_b) == MOST_JOBS
    assert of_b[0].name == f"train-b-{taken}"  # type: ignore[union-attr]


def test_a_role_without_jobs_makes_none() -> None:
    jobset = a_jobset(an_rjob("a", 0))

    assert create_jobs(jobset, jobset.replicated_jobs, Buckets(), restart_job=False) == ()


WAITS: dict[str, tuple[Any, Buckets, Any]] = {
    "nobody waits": (RECREATE, Buckets(), []),
    "a role waits for its own": (RECREATE, OLD, [("a", WaitReason.OLD_JOB, 1)]),
    "all wait for any": (BLOCKING, OLD, [("a", WaitReason.ANY_OLD_JOB, 1), ("b", WaitReason.ANY_OLD_JOB, 1)]),
}


@pytest.mark.parametrize(("spec", "buckets", "waits"), WAITS.values(), ids=WAITS)
def test_who_waits_for_old_jobs(spec: Any, buckets: Buckets, waits: Any) -> None:
    jobset = a_jobset(A, B, **spec)

    found = waits_for_old_jobs(jobset, jobset.replicated_jobs, buckets)

    assert [(wait.replicated_job, wait.reason, wait.want - wait.have) for wait in found] == waits
