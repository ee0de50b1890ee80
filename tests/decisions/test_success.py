"""When a JobSet is complete."""

from typing import Any

import pytest

from jobset.api.children import ChildJob
from jobset.core.success import is_complete
from tests.builders import a_jobset, an_rjob, succeeded

A0, A1, B0 = succeeded("train-a-0"), succeeded("train-a-1"), succeeded("train-b-0")


def policy(operator: str, *targets: str) -> dict[str, Any]:
    return {"operator": operator, "targetReplicatedJobs": list(targets)}


CASES: dict[str, tuple[Any, list[ChildJob], bool]] = {
    "no policy means all": (None, [A0, A1, B0], True),
    "no policy, one missing": (None, [A0, A1], False),
    "all, no targets": (policy("All"), [A0, A1, B0], True),
    "all, one missing": (policy("All"), [A0, B0], False),
    "all of the targets": (policy("All", "a"), [A0, A1], True),
    "not all of the targets": (policy("All", "a"), [A0, B0], False),
    "any": (policy("Any"), [B0], True),
    "any of the targets": (policy("Any", "a"), [A1], True),
    "none of the targets": (policy("Any", "a"), [B0], False),
    "nothing succeeded": (policy("Any"), [], False),
    "all of roles without Jobs, at the first success of another": (policy("All", "none"), [A0], True),
    "all of roles without Jobs, before any success": (policy("All", "none"), [], False),
    "an operator that nobody admitted": (policy(""), [A0], True),
}


@pytest.mark.parametrize(("given_policy", "jobs", "complete"), CASES.values(), ids=CASES)
def test_success_policy(given_policy: Any, jobs: list[ChildJob], complete: bool) -> None:
    rjobs = (an_rjob("a", 2), an_rjob("b", 1), an_rjob("none", 0))

    assert is_complete(a_jobset(*rjobs, successPolicy=given_policy), jobs) is complete
