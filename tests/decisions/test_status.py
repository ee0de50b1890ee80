"""The status of a JobSet as it is written."""

from typing import Any

import pytest

from jobset.api.status import Condition, JobSetStatus, ReplicatedJobStatus, write_status

DONE = Condition(
    type="Completed", status="True", reason="A", message="", last_transition_time="2030-01-02T03:04:05Z"
)
A_ROLE, ANOTHER_ROLE = ReplicatedJobStatus(name="a"), ReplicatedJobStatus(name="b")
COUNTS = {"ready": 0, "succeeded": 0, "failed": 0, "active": 0, "suspended": 0}
WRITTEN: dict[str, tuple[JobSetStatus, Any]] = {
    "restarts always": (JobSetStatus(), {"restarts": 0}),
    "the others when there is something to tell": (
        JobSetStatus(restarts=2, restarts_count_towards_max=1, terminal_state="Failed"),
        {"restarts": 2, "restartsCountTowardsMax": 1, "terminalState": "Failed"},
    ),
    "no empty lists": (JobSetStatus(conditions=(), replicated_jobs_status=()), {"restarts": 0}),
    "conditions": (
        JobSetStatus(conditions=(DONE,)),
        {
            "restarts": 0,
            "conditions": [
                {
                    "type": "Completed",
                    "status": "True",
                    "reason": "A",
                    "message": "",
                    "lastTransitionTime": "2030-01-02T03:04:05Z",
                }
            ],
        },
    ),
    "all counts of a role": (
        JobSetStatus(replicated_jobs_status=(ReplicatedJobStatus(name="a"),)),
        {"restarts": 0, "replicatedJobsStatus": [{"name": "a", **COUNTS}]},
    ),
    "single restarts of a role": (
        JobSetStatus(replicated_jobs_status=(ReplicatedJobStatus(name="a", job_restarts=(0, 2)),)),
        {"restarts": 0, "replicatedJobsStatus": [{"name": "a", **COUNTS, "jobRestarts": [0, 2]}]},
    ),
    "attempt 0 in place": (
        JobSetStatus(previous_in_place_restart_attempt=0, current_in_place_restart_attempt=1),
        {"restarts": 0, "previousInPlaceRestartAttempt": 0, "currentInPlaceRestartAttempt": 1},
    ),
}


@pytest.mark.parametrize(("status", "written"), WRITTEN.values(), ids=WRITTEN)
def test_a_status_is_written(status: JobSetStatus, written: Any) -> None:
    assert write_status(status, None) == written


def test_what_we_do_not_know_is_kept() -> None:
    stored = {"restarts": 3, "terminalState": "Failed", "zebra": 1}

    assert write_status(JobSetStatus(), stored) == {"restarts": 0, "zebra": 1}


def test_what_we_do_not_know_of_a_condition_or_a_role_is_kept() -> None:
    status = JobSetStatus(conditions=(DONE,), replicated_jobs_status=(A_ROLE, ANOTHER_ROLE))
    stored = {
        "conditions": [{"type": "Completed", "status": "False", "zebra": 1}, {"type": "Gone", "zebra": 2}],
        "replicatedJobsStatus": [{"name": "a", "failed": 1, "jobRestarts": [1], "zebra": 3}],
    }

    written = write_status(status, stored)

    (condition,) = written["conditions"]
    assert (condition["status"], condition["zebra"]) == ("True", 1)
    assert written["replicatedJobsStatus"] == [{"name": "a", **COUNTS, "zebra": 3}, {"name": "b", **COUNTS}]
