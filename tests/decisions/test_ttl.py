"""How long a finished JobSet stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobset.core.plan import Problem
from jobset.core.ttl import finish_time, judge_ttl
from tests.builders import NOW, a_condition, a_jobset

DONE, FAILED = a_condition("Completed", after=-10), a_condition("Failed", after=-10)
CASES: dict[str, tuple[int | None, list[Any], Any]] = {
    "no TTL": (None, [DONE], None),
    "some time is left": (15, [DONE], timedelta(seconds=5)),
    "no time is left": (10, [FAILED], timedelta()),
    "time is up": (5, [FAILED], timedelta(seconds=-5)),
    "the first terminal condition counts": (
        15,
        [a_condition("Failed", after=-1), DONE],
        timedelta(seconds=14),
    ),
    "a False one does not": (15, [a_condition("Failed", "False", after=-1), DONE], timedelta(seconds=5)),
    "no time is told": (
        5,
        [{"type": "Completed", "status": "True"}],
        Problem(
            "error checking if ttl expired: unable to find the time when the JobSet default/train finished"
        ),
    ),
    "the time told is none": (
        5,
        [{"type": "Completed", "status": "True", "lastTransitionTime": "0001-01-01T00:00:00Z"}],
        Problem(
            "error checking if ttl expired: unable to find the time when the JobSet default/train finished"
        ),
    ),
    "the time told is none that can be read": (
        5,
        [{"type": "Completed", "status": "True", "lastTransitionTime": "2030-01-01t11:59:59z"}],
        Problem(
            "error checking if ttl expired: unable to find the time when the JobSet default/train finished"
        ),
    ),
    "the time told is the last that there is": (
        5,
        [{"type": "Completed", "status": "True", "lastTransitionTime": "9999-12-31T23:59:59-05:00"}],
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - NOW + timedelta(seconds=5),
    ),
    "it is not finished": (
        5,
        [],
        Problem(
            "error checking if ttl expired: unable to find the status of the finished JobSet default/train"
        ),
    ),
}


@pytest.mark.parametrize(("ttl", "conditions", "left"), CASES.values(), ids=CASES)
def test_how_long_a_finished_jobset_stays(ttl: int | None, conditions: list[Any], left: Any) -> None:
    jobset = a_jobset(ttlSecondsAfterFinished=ttl, status={"conditions": conditions})

    assert judge_ttl(jobset, NOW) == left


def test_a_jobset_that_goes_already_is_left_alone() -> None:
    metadata = {"deletionTimestamp": "2030-01-01T00:00:00Z"}

    assert judge_ttl(a_jobset(ttlSecondsAfterFinished=0, metadata=metadata), NOW) is None


def test_when_a_jobset_finished() -> None:
    assert finish_time(a_jobset(status={"conditions": [DONE]})) == NOW - timedelta(seconds=10)
