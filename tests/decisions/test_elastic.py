"""Carrying a new size to Jobs that run."""

from typing import Any

import pytest

from jobset.api import keys
from jobset.core.elastic import scale_jobs
from jobset.core.plan import PatchJob, PatchPurpose
from tests.builders import a_job, a_jobset, an_rjob

CASES: dict[str, tuple[Any, Any, Any]] = {
    "the same size": ((2, 2), (2, 2), None),
    "another size": ((3, 3), (2, 2), (3, 3)),
    "only one differs": ((3, 3), (3, 2), (3, 3)),
    "a size with unequal numbers is not carried over": ((3, 2), (2, 2), None),
    "a size that is half left out is not carried over": ((3, None), (2, 2), None),
    "left out, and the Job has what the API fills in": ((None, None), (1, 1), (None, None)),
    "left out, and the Job has nothing": ((None, None), (None, None), None),
    "left out, and the Job has another size": ((None, None), (2, 2), (None, None)),
}


@pytest.mark.parametrize(("wanted", "actual", "patched"), CASES.values(), ids=CASES)
def test_which_jobs_are_scaled(wanted: Any, actual: Any, patched: Any) -> None:
    rjob = an_rjob(spec={"parallelism": wanted[0], "completions": wanted[1]})

    steps = scale_jobs(a_jobset(rjob).replicated_jobs, [a_job(size=actual)])

    expected = PatchJob(
        name="train-workers-0",
        purpose=PatchPurpose.SCALE,
        patch={"spec": {"parallelism": patched and patched[0], "completions": patched and patched[1]}},
    )
    assert steps == (((expected,),) if patched else ())


@pytest.mark.parametrize("role", ["other", None])
def test_a_job_of_an_unknown_role_keeps_its_size(role: str | None) -> None:
    rjobs = a_jobset(an_rjob(size=3)).replicated_jobs

    assert scale_jobs(rjobs, [a_job(labels={keys.REPLICATED_JOB_NAME: role})]) == ()
