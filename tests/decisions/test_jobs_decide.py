"""What the Job controller decides: tables over pods and their ends."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from jobset.local.jobs.decide import decide_job
from jobset.local.jobs.failure_policy import FailureAction, FailureRule, OnExitCodes
from jobset.local.jobs.plan import NewPod
from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.snapshot import BackOff, JobFacts, JobSnapshot
from jobset.local.jobs.status import Condition, JobStatus
from jobset.local.jobs.success import SuccessRule

START = datetime(2030, 1, 1, tzinfo=UTC)
NOW = START + timedelta(seconds=100)


def a_job(completions=2, *, status=None, **facts):
    facts = {"parallelism": completions or 1, "is_indexed": True, "backoff_limit": 6} | facts
    status = status or JobStatus(start_time=START, is_tracked=True, ready=0, terminating=0)
    return JobFacts(
        namespace="default", name="train", uid="job", completions=completions, status=status, **facts
    )


def a_pod(index=None, phase="Running", *, uid=None, after=50, **facts):
    moment = START + timedelta(seconds=after)
    name = f"train-{index}"
    return PodFacts(
        namespace="default",
        name=name,
        uid=uid or f"pod-{index}",
        index=index,
        phase=phase,
        created_at=START,
        finished_at=moment,
        **facts,
    )


def decide(job, *pods, now=NOW, **more):
    return decide_job(JobSnapshot(job=job, pods=pods, now=now, **more))


def indexes(new_pods):
    return [pod.index for pod in new_pods]


MADE = {
    "the first pods": (a_job(3), [], [0, 1, 2]),
    "no more than parallelism": (a_job(4, parallelism=2), [], [0, 1]),
    "no index that runs": (a_job(3), [a_pod(0), a_pod(2)], [1]),
    "no index that has just succeeded": (a_job(2, parallelism=1), [a_pod(0, "Succeeded")], [1]),
    "no index that succeeded long ago": (
        a_job(3, status=JobStatus(completed_indexes="0,1", succeeded=2)),
        [],
        [2],
    ),
    "none for a failed index": (
        a_job(3, backoff_limit_per_index=0, status=JobStatus(failed_indexes="0")),
        [],
        [1, 2],
    ),
    "none while suspended": (a_job(2, is_suspended=True), [], []),
    "none while the Job is deleted": (a_job(2, is_deleting=True), [], []),
    "none for a work queue that has a success": (
        a_job(None, parallelism=3, is_indexed=False, status=JobStatus(succeeded=1)),
        [a_pod()],
        [],
    ),
    "a pod that terminates is replaced at once": (a_job(1), [a_pod(0, is_terminating=True, after=1)], [0]),
    "or when it has failed": (
        a_job(1, replaces_only_failed=True),
        [a_pod(0, is_terminating=True)],
        [],
    ),
}


@pytest.mark.parametrize(("job", "pods", "made"), MADE.values(), ids=MADE)
def test_pods_that_are_made(job, pods, made):
    assert indexes(decide(job, *pods).create) == made


GONE = {
    "all of a suspended Job": (a_job(2, is_suspended=True), [a_pod(0), a_pod(1)], {"pod-0", "pod-1"}),
    "the lowest index of equal ones when parallelism shrinks": (
        a_job(2, parallelism=1),
        [a_pod(1), a_pod(0)],
        {"pod-0"},
    ),
    "an index above completions": (a_job(1), [a_pod(0), a_pod(1)], {"pod-1"}),
    "a pod without an index": (a_job(1), [a_pod(0), a_pod()], {"pod-None"}),
    "the one behind of two for an index": (
        a_job(1),
        [a_pod(0, uid="runs"), a_pod(0, "Pending", uid="waits")],
        {"waits"},
    ),
    "the one that is not ready": (
        a_job(2, parallelism=1),
        [a_pod(0, uid="starts"), a_pod(1, uid="ready", ready_since=NOW)],
        {"starts"},
    ),
}


@pytest.mark.parametrize(("job", "pods", "gone"), GONE.values(), ids=GONE)
def test_pods_that_are_too_many_go_uncounted(job, pods, gone):
    plan = decide(job, *pods)

    assert {pod.uid for pod in plan.remove} == gone
    assert not plan.create
    assert plan.status is not None
    assert plan.status.failed == 0
    assert plan.status.uncounted_failed == ()


FAILS_ON_3 = (
    FailureRule(
        action=FailureAction.FAIL_JOB,
        on_exit_codes=OnExitCodes(container=None, among=True, values=frozenset({3})),
    ),
)
ENDS = {
    "failures above the limit": (
        a_job(2, backoff_limit=0),
        [a_pod(0, "Failed"), a_pod(1)],
        ("FailureTarget", "BackoffLimitExceeded"),
    ),
    "container restarts that reach the limit": (
        a_job(1, backoff_limit=2, counts_container_restarts=True),
        [a_pod(0, restarts=2)],
        ("FailureTarget", "BackoffLimitExceeded"),
    ),
    "one container restart with limit 0": (
        a_job(1, backoff_limit=0, counts_container_restarts=True),
        [a_pod(0, restarts=1)],
        ("FailureTarget", "BackoffLimitExceeded"),
    ),
    "the deadline": (
        a_job(1, active_deadline=timedelta(seconds=100)),
        [a_pod(0)],
        ("FailureTarget", "DeadlineExceeded"),
    ),
    "an exit code": (
        a_job(1, failure_rules=FAILS_ON_3),
        [a_pod(0, "Failed", exit_codes=(("main", 3),))],
        ("FailureTarget", "PodFailurePolicy"),
    ),
    "too many failed indexes": (
        a_job(4, backoff_limit_per_index=0, max_failed_indexes=1),
        [a_pod(0, "Failed"), a_pod(1, "Failed"), a_pod(2), a_pod(3)],
        ("FailureTarget", "MaxFailedIndexesExceeded"),
    ),
    "every index done, one failed": (
        a_job(2, backoff_limit_per_index=0),
        [a_pod(0, "Failed"), a_pod(1, "Succeeded")],
        ("FailureTarget", "FailedIndexes"),
    ),
    "a success rule": (
        a_job(3, success_rules=(SuccessRule(indexes="1-2", count=1),)),
        [a_pod(0), a_pod(1), a_pod(2, "Succeeded")],
        ("SuccessCriteriaMet", "SuccessPolicy"),
    ),
    "all completions": (
        a_job(2),
        [a_pod(0, "Succeeded"), a_pod(1, "Succeeded")],
        ("SuccessCriteriaMet", "CompletionsReached"),
    ),
    "the first success of a work queue, once nothing runs": (
        a_job(None, is_indexed=False),
        [a_pod(uid="a", phase="Succeeded"), a_pod(uid="b", phase="Failed")],
        ("SuccessCriteriaMet", "CompletionsReached"),
    ),
}


@pytest.mark.parametrize(("job", "pods", "condition"), ENDS.values(), ids=ENDS)
def test_what_ends_a_job_is_announced_before_it_is_concluded(job, pods, condition):
    plan = decide(job, *pods)

    assert plan.status is not None
    assert [(c.type, c.reason) for c in plan.status.conditions] == [condition]
    assert {pod.uid for pod in plan.release} == {pod.uid for pod in pods}
    assert (plan.delete, plan.events) == ((), ())
    assert plan.goes_on


GOES_ON = {
    "failures up to the limit": (a_job(1, backoff_limit=1), [a_pod(0, "Failed")]),
    "an ignored failure": (
        a_job(
            1,
            backoff_limit=0,
            failure_rules=(
                FailureRule(action=FailureAction.IGNORE, on_conditions=(("DisruptionTarget", "True"),)),
            ),
        ),
        [a_pod(0, "Failed", conditions=(("DisruptionTarget", "True"),))],
    ),
    "a failed index beside one that runs": (
        a_job(2, backoff_limit_per_index=0),
        [a_pod(0, "Failed"), a_pod(1)],
    ),
    "a work queue with a success while others run": (
        a_job(None, is_indexed=False),
        [a_pod(uid="a", phase="Succeeded"), a_pod(uid="b")],
    ),
}


@pytest.mark.parametrize(("job", "pods"), GOES_ON.values(), ids=GOES_ON)
def test_what_does_not_end_a_job(job, pods):
    plan = decide(job, *pods)

    assert plan.status is not None
    assert plan.status.conditions == ()


TARGET = Condition(type="FailureTarget", status="True", reason="BackoffLimitExceeded", message="why")


def test_pods_are_stopped_when_the_reason_is_written_and_they_are_accounted_for():
    status = JobStatus(start_time=START, is_tracked=True, conditions=(TARGET,), uncounted_failed=("pod-0",))

    tracked = decide(a_job(1, status=status), a_pod(0))
    released = decide(a_job(1, status=status), a_pod(0, is_tracked=False))

    assert tracked.delete == ()
    assert [pod.uid for pod in released.delete] == ["pod-0"]
    assert released.status is not None
    assert (released.status.active, released.status.terminating) == (0, 1)
    assert not released.status.is_finished


def test_a_job_fails_only_when_nothing_is_left_running_or_uncounted():
    status = JobStatus(start_time=START, is_tracked=True, conditions=(TARGET,), uncounted_failed=("pod-0",))
    stopping = a_pod(0, is_terminating=True, is_tracked=False)

    during = decide(a_job(1, status=status), stopping)
    after = decide(a_job(1, status=status))

    assert during.status is not None
    assert (during.status.failed, during.status.terminating) == (1, 1)
    assert not during.status.is_finished
    assert after.status is not None
    assert after.status.is_finished
    assert [(event.type, event.reason) for event in after.events] == [("Warning", "BackoffLimitExceeded")]


def test_a_suspended_job_that_has_lost_its_start_fails_when_it_is_resumed():
    status = JobStatus(is_tracked=True, conditions=(TARGET,), uncounted_failed=("pod-0",))

    suspended = decide(a_job(1, is_suspended=True, status=status))
    resumed = decide(a_job(1, status=status))
    empty = decide(a_job(0, is_suspended=True, status=status))

    assert suspended.status is not None
    assert (suspended.status.failed, suspended.status.is_finished) == (1, False)
    assert resumed.status is not None
    assert (resumed.status.start_time, resumed.status.is_finished) == (NOW, True)
    assert empty.status is not None
    assert empty.status.is_finished


def test_pods_that_an_ending_job_will_stop_count_as_failed_before_their_finalizer_goes():
    plan = decide(a_job(2, backoff_limit=0), a_pod(0, "Failed"), a_pod(1))

    assert plan.status is not None
    assert set(plan.status.uncounted_failed) == {"pod-0", "pod-1"}
    assert {pod.uid for pod in plan.release} == {"pod-0", "pod-1"}


def test_pods_that_a_success_stops_are_not_counted():
    job = a_job(2, success_rules=(SuccessRule(indexes="0"),))

    plan = decide(job, a_pod(0, "Succeeded"), a_pod(1))

    assert plan.status is not None
    assert plan.status.uncounted_failed == ()
    assert (plan.status.succeeded, plan.status.completed_indexes) == (1, "0")


def test_a_pod_that_the_status_names_is_not_counted_again():
    status = JobStatus(start_time=START, is_tracked=True, failed=2, uncounted_failed=("pod-0",))

    plan = decide(
        a_job(1, status=status), a_pod(0, "Failed"), back_off=BackOff(failures=3, last_failure_at=NOW)
    )

    assert plan.status is not None
    assert (plan.status.failed, plan.status.uncounted_failed) == (2, ("pod-0",))
    assert [pod.uid for pod in plan.release] == ["pod-0"]
    assert plan.back_off == BackOff(failures=3, last_failure_at=NOW)


def test_the_last_failed_pod_of_an_index_stays_until_its_successor_has_its_count():
    job = a_job(1, backoff_limit_per_index=2)
    failed = a_pod(0, "Failed", after=1, index_failures=1)

    waiting = decide(job, replace(failed, finished_at=NOW))
    replacing = decide(job, failed)
    replaced = decide(job, failed, a_pod(0, uid="next", index_failures=2))

    assert (waiting.create, waiting.release, waiting.look_again) == ((), (), timedelta(seconds=20))
    assert (replacing.create, replacing.release) == ((NewPod(index=0, replaces=failed),), ())
    assert [pod.uid for pod in replaced.release] == ["pod-0"]


def test_scaling_down_drops_the_results_of_the_indexes_that_go():
    status = JobStatus(start_time=START, is_tracked=True, completed_indexes="0,2", succeeded=2)

    plan = decide(a_job(2, status=status), a_pod(1))

    assert plan.status is not None
    assert (plan.status.completed_indexes, plan.status.succeeded) == ("0", 1)


def test_suspension_stops_the_clock_and_resumption_starts_it_anew():
    suspended = decide(a_job(1, is_suspended=True), a_pod(0)).status
    assert suspended is not None
    resumed = decide(a_job(1, status=suspended))

    assert suspended.start_time is None
    assert [c.reason for c in suspended.conditions] == ["JobSuspended"]
    assert resumed.status is not None
    assert resumed.status.start_time == NOW
    assert [(c.status, c.reason) for c in resumed.status.conditions] == [("False", "JobResumed")]
    assert [event.reason for event in resumed.events] == ["Resumed"]


def test_when_pods_cannot_be_made_the_status_still_tells_what_there_is():
    plan = decide(a_job(3), a_pod(0, ready_since=NOW), may_scale=False)

    assert plan.create == ()
    assert plan.status is not None
    assert (plan.status.active, plan.status.ready) == (1, 1)


def test_a_settled_job_needs_no_write():
    status = JobStatus(start_time=START, is_tracked=True, active=1, ready=0, terminating=0)

    assert decide(a_job(1, status=status), a_pod(0)).status is None


LEFT_ALONE = {
    "of another manager": a_job(1, managed_by="example.com/other"),
    "finished": a_job(
        1, status=JobStatus(conditions=(Condition(type="Complete", status="True"),), is_tracked=True)
    ),
}


@pytest.mark.parametrize("job", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_jobs_that_are_left_alone(job):
    plan = decide(job)

    assert (plan.status, plan.create, plan.events) == (None, (), ())


def test_a_finished_job_lives_as_long_as_its_ttl_says():
    ended = Condition(type="Complete", status="True", last_transition_time="2030-01-01T00:01:00Z")
    job = a_job(1, ttl=timedelta(seconds=45), status=JobStatus(conditions=(ended,)))

    assert decide(job).look_again == timedelta(seconds=5)
    assert decide(job, now=NOW + timedelta(seconds=5)).expire
