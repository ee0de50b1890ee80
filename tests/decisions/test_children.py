"""What is read of Jobs and pods, and what cannot be read."""

from typing import Any

import pytest

from jobset.api import keys
from jobset.api.children import ChildJob, JobState, StrayJob, go_int, read_child, read_pod
from tests.builders import a_job, a_pod, at, failed, succeeded

INTEGERS = {"0": 0, "7": 7, "-3": -3, "+5": 5, "007": 7, str(2**63 - 1): 2**63 - 1}
NO_INTEGERS = ["", " 1", "1 ", "1_0", "٣", "1.0", "0x1", "--1", "one", "1\n", str(2**63)]


@pytest.mark.parametrize(("text", "value"), INTEGERS.items())
def test_an_integer_is_read_as_go_reads_it(text: str, value: int) -> None:
    assert go_int(text) == value


@pytest.mark.parametrize("text", NO_INTEGERS)
def test_what_go_does_not_take_for_an_integer_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"strconv\.Atoi"):
        go_int(text)


def test_a_job_without_a_readable_attempt_is_a_stray() -> None:
    bare: dict[str, Any] = {"metadata": {"name": "j", "labels": None}}
    odd = {"metadata": {"name": "j", "labels": {keys.RESTART_ATTEMPT: "x"}}}

    assert read_child(bare) == StrayJob("j", f"job j has no label {keys.RESTART_ATTEMPT}")
    stray = read_child(odd)

    assert isinstance(stray, StrayJob)
    assert stray.problem.startswith(f"job j has a bad label {keys.RESTART_ATTEMPT}: strconv.Atoi")


def test_a_job_with_little_in_it_is_active_and_empty() -> None:
    job = read_child({"metadata": {"name": "j", "labels": {keys.RESTART_ATTEMPT: "2"}}})

    assert isinstance(job, ChildJob)
    assert (job.restart_attempt, job.replicated_job, job.index, job.job_restart_attempt) == (
        2,
        None,
        None,
        None,
    )
    assert (job.state, job.end, job.is_suspended, job.has_started) == (JobState.ACTIVE, None, False, False)
    assert (job.labels, job.pod_template) == ({keys.RESTART_ATTEMPT: "2"}, {})


def test_a_malformed_index_is_no_index() -> None:
    assert a_job(labels={keys.JOB_INDEX: "one"}).index is None


STATES = {
    "a complete Job has succeeded": ([("Complete", "True")], JobState.SUCCEEDED),
    "a failed Job has failed": ([("Failed", "True")], JobState.FAILED),
    "the first of both decides": ([("Failed", "True"), ("Complete", "True")], JobState.FAILED),
    "only a True condition counts": ([("Complete", "False"), ("Failed", "Unknown")], JobState.ACTIVE),
    "other conditions end nothing": (
        [("FailureTarget", "True"), ("SuccessCriteriaMet", "True"), ("Suspended", "True")],
        JobState.ACTIVE,
    ),
    "no conditions": ([], JobState.ACTIVE),
}


@pytest.mark.parametrize(("conditions", "state"), STATES.values(), ids=STATES)
def test_how_a_job_ended(conditions: list[tuple[str, str]], state: JobState) -> None:
    job = a_job(conditions=[{"type": type, "status": status} for type, status in conditions])

    assert job.state is state


def test_the_end_of_a_job_tells_why_and_when() -> None:
    end = failed(after=5, reason="PodFailurePolicy", message="exit code 42").end

    assert end is not None
    assert end.at is not None
    assert (end.reason, end.message, end.time) == ("PodFailurePolicy", "exit code 42", at(5))
    assert (ended := succeeded().end) is not None
    assert ended.at is None


READY = {
    "one pod of one": (a_job(size=1, ready=1), True),
    "one pod of two": (a_job(size=2, ready=1), False),
    "succeeded pods count too": (a_job(size=2, ready=1, succeeded=1), True),
    "no more pods than completions": (a_job(size=(8, 1), ready=1), True),
    "completions left out": (a_job(size=(2, None), ready=1), False),
    "parallelism left out counts as one": (a_job(size=(None, None), ready=1), True),
    "a Job without pods is ready at once": (a_job(size=0), True),
}


@pytest.mark.parametrize(("job", "is_ready"), READY.values(), ids=READY)
def test_when_a_job_is_ready(job: ChildJob, is_ready: bool) -> None:
    assert job.is_ready is is_ready


def test_a_pod_tells_the_most_restarts_of_any_container() -> None:
    statuses = {
        "containerStatuses": [{"restartCount": 1}, {"restartCount": 4}],
        "initContainerStatuses": [{"restartCount": 9}],
    }

    assert a_pod(status=statuses).container_restarts == 9
    assert read_pod({"metadata": {"name": "p"}}).container_restarts == 0


def test_a_pod_is_owned_by_its_controller_only() -> None:
    owners = [{"uid": "other"}, {"uid": "job", "controller": True}]

    assert read_pod({"metadata": {"name": "p", "ownerReferences": owners}}).owner_uid == "job"
    assert read_pod({"metadata": {"name": "p", "ownerReferences": owners[:1]}}).owner_uid is None
