"""The order of the rules, seen from outside: a reading in, a plan out."""

from datetime import timedelta
from typing import Any

import pytest

from jobset.api.children import ChildJob, StrayJob
from jobset.api.jobset import JobSet
from jobset.api.status import write_status
from jobset.core.decide import decide
from jobset.core.explain import WaitReason
from jobset.core.plan import CreateClaims, CreateService, Plan
from jobset.core.snapshot import Snapshot
from tests.builders import (
    a_condition,
    a_job,
    a_jobset,
    a_pod,
    a_snapshot,
    an_rjob,
    at,
    failed,
    ready,
    succeeded,
    suspended,
)

W = an_rjob("workers", 2)
A, B = an_rjob("a", 1), an_rjob("b", 1)
DNS: dict[str, Any] = {"network": {"enableDNSHostnames": True}}
CLAIMS: dict[str, Any] = {"volumeClaimPolicies": [{"templates": [{"metadata": {"name": "data"}}]}]}
RESTART: dict[str, Any] = {"failurePolicy": {"maxRestarts": 1}}
IN_ORDER: dict[str, Any] = {"startupPolicy": {"startupPolicyOrder": "InOrder"}}
AFTER = [{"name": "a", "status": "Ready"}]
W0, W1 = "train-workers-0", "train-workers-1"
IN_PLACE = {"restartStrategy": "InPlaceRestart", "maxRestarts": 9}
ONE_AGAIN = {"replicatedJobsStatus": [{"name": "workers", "jobRestarts": [1, 0]}]}
ALONE = {"failurePolicy": {"maxRestarts": 1, "rules": [{"name": "r", "action": "RestartJob"}]}}
DONE = {"status": {"conditions": [a_condition("Completed")]}}


def told(plan: Plan) -> list[str]:
    """The actions in short: `+` creates, `-` deletes, `>` patches."""
    return [" ".join(_told(action) for action in step) for step in plan.steps]


def _told(action: Any) -> str:
    match action:
        case CreateService():
            return "+Service"
        case CreateClaims():
            return "+Claims"
    kind = {"CreateJob": "+", "DeleteJob": "-", "DeleteJobSet": "-"}.get(type(action).__name__, "")
    return f"{kind}{action.name}" if kind else f"{action.purpose} {action.name}"


ACTIONS: dict[str, tuple[Snapshot, list[str]]] = {
    "all roles at once": (a_snapshot(a_jobset(A, B)), ["+train-a-0", "+train-b-0"]),
    "network and storage come before Jobs": (
        a_snapshot(a_jobset(A, **DNS, **CLAIMS)),
        ["+Service", "+Claims", "+train-a-0"],
    ),
    "what exists is not created again": (
        a_snapshot(
            a_jobset(W, **DNS, **CLAIMS), ready(), service_exists=True, claims=frozenset({"data-train"})
        ),
        [f"+{W1}"],
    ),
    "old Jobs go first, and new ones fill the gaps": (
        a_snapshot(a_jobset(W, status={"restarts": 1}), a_job()),
        [f"-{W0}", f"+{W1}"],
    ),
    "nothing is created while a Job of this attempt has failed": (
        a_snapshot(a_jobset(W, **RESTART, **DNS), failed()),
        [],
    ),
    "nothing is created once complete": (
        a_snapshot(a_jobset(W, successPolicy={"operator": "Any"}, **DNS), succeeded()),
        [],
    ),
    "what runs when it is finished goes, what has ended stays": (
        a_snapshot(a_jobset(W, **DNS, **DONE), succeeded(W0), a_job(W1)),
        [f"-{W1}"],
    ),
    "what runs when it has failed goes, what failed stays": (
        a_snapshot(a_jobset(W, status={"conditions": [a_condition("Failed")]}, **DNS), failed(), a_job(W1)),
        [f"-{W1}"],
    ),
    "nothing is suspended once finished": (
        a_snapshot(a_jobset(W, suspend=True, **DONE), succeeded(), a_job(W1)),
        [f"-{W1}"],
    ),
    "nothing is resumed or made anew once finished": (
        a_snapshot(a_jobset(W, **DONE, **DNS, **CLAIMS), suspended(deleted=True)),
        [],
    ),
    "old Jobs of a finished JobSet stay": (
        a_snapshot(a_jobset(W, status={"restarts": 1, "conditions": [a_condition("Failed")]}), a_job()),
        [],
    ),
    "blocking: one Job that restarts alone keeps all waiting": (
        a_snapshot(
            a_jobset(A, W, failurePolicy={"restartStrategy": "BlockingRecreate"}, status=ONE_AGAIN),
            ready(own_attempt="0"),
            gates=("restart_job",),
        ),
        [f"-{W0}"],
    ),
    "in place without the gate is to recreate": (
        a_snapshot(a_jobset(W, failurePolicy=IN_PLACE, status={"restarts": 1}), a_job(), pods=(a_pod(),)),
        [f"-{W0}", f"+{W1}"],
    ),
    "in order: the first role": (a_snapshot(a_jobset(A, B, **IN_ORDER)), ["+train-a-0"]),
    "in order while suspended: all roles": (
        a_snapshot(a_jobset(A, B, suspend=True, **IN_ORDER)),
        ["+train-a-0", "+train-b-0"],
    ),
    "in order, anew after a restart": (
        a_snapshot(a_jobset(A, B, **IN_ORDER, status={"restarts": 1})),
        ["+train-a-0"],
    ),
    "a dependent whose dependency is no longer ready stays": (
        a_snapshot(a_jobset(A, an_rjob("b", 1, dependsOn=AFTER)), a_job("train-a-0"), ready("train-b-0")),
        [],
    ),
    "a dependent whose dependency is no longer ready is not made anew": (
        a_snapshot(a_jobset(A, an_rjob("b", 2, dependsOn=AFTER)), a_job("train-a-0"), ready("train-b-0")),
        [],
    ),
    "a dependent is not resumed before its dependency is ready": (
        a_snapshot(
            a_jobset(A, an_rjob("b", 1, dependsOn=AFTER)), suspended("train-a-0"), suspended("train-b-0")
        ),
        ["resume train-a-0"],
    ),
    "a dependent waits": (a_snapshot(a_jobset(A, an_rjob("b", 1, dependsOn=AFTER))), ["+train-a-0"]),
    "created suspended, Service and claims too": (
        a_snapshot(a_jobset(A, suspend=True, **DNS, **CLAIMS)),
        ["+Service", "+Claims", "+train-a-0"],
    ),
    "suspended while it runs": (
        a_snapshot(a_jobset(W, suspend=True), ready(), succeeded(W1)),
        [f"suspend {W0}"],
    ),
    "resumed": (a_snapshot(a_jobset(W), suspended(), suspended(W1)), [f"resume {W0} resume {W1}"]),
    "resumed in order": (
        a_snapshot(a_jobset(A, B, **IN_ORDER), suspended("train-a-0"), suspended("train-b-0")),
        ["resume train-a-0"],
    ),
    "a suspended JobSet's failures are judged all the same": (
        a_snapshot(a_jobset(W, suspend=True, **RESTART), failed(), a_job(W1)),
        [],
    ),
    "scaled with its gate": (
        a_snapshot(a_jobset(an_rjob("a", 1, size=3)), ready("train-a-0"), gates=("elastic_jobset",)),
        ["scale train-a-0"],
    ),
    "not scaled without its gate": (a_snapshot(a_jobset(an_rjob("a", 1, size=3)), ready("train-a-0")), []),
    "its time is up": (
        a_snapshot(a_jobset(W, ttlSecondsAfterFinished=60, **DONE), a_job()),
        [f"-{W0}", "-train"],
    ),
    "deleted already": (a_snapshot(a_jobset(W, metadata={"deletionTimestamp": at(0)}), a_job()), []),
    "somebody else's": (a_snapshot(a_jobset(W, managedBy="example.com/other", **DNS), a_job()), []),
    "expressly ours": (
        a_snapshot(a_jobset(A, managedBy="jobset.sigs.k8s.io/jobset-controller")),
        ["+train-a-0"],
    ),
}


@pytest.mark.parametrize(("snapshot", "actions"), ACTIONS.values(), ids=ACTIONS)
def test_what_is_done(snapshot: Snapshot, actions: list[str]) -> None:
    plan = decide(snapshot)

    assert told(plan) == actions
    assert plan.error is None


RESTARTED: dict[str, Any] = {"conditions": [a_condition("RestartingJobSet")]}
EVENTS: dict[str, tuple[Snapshot, list[str], str | None]] = {
    "counts alone tell nobody": (a_snapshot(a_jobset(W), ready()), [], None),
    "failed": (a_snapshot(a_jobset(W), failed()), ["FailedJobs"], "Failed"),
    "failed while suspended": (
        a_snapshot(a_jobset(W, suspend=True), failed(), suspended(W1)),
        ["FailedJobs"],
        "Failed",
    ),
    "roles without Jobs never complete": (a_snapshot(a_jobset(an_rjob("a", 0), **DNS)), [], None),
    "dependencies have no startup conditions": (
        a_snapshot(a_jobset(A, an_rjob("b", 1, dependsOn=AFTER)), ready("train-a-0")),
        [],
        None,
    ),
    "in order while suspended, no startup conditions": (
        a_snapshot(a_jobset(A, B, suspend=True, **IN_ORDER)),
        ["SuspendedJobs"],
        None,
    ),
    "in order, anew after a restart": (
        a_snapshot(
            a_jobset(
                A,
                B,
                **IN_ORDER,
                status={"restarts": 1, "conditions": [a_condition("StartupPolicyCompleted")]},
            )
        ),
        ["InOrderStartupPolicyInProgress"],
        None,
    ),
    "restarted": (
        a_snapshot(a_jobset(W, **RESTART), failed()),
        ["DefaultFailurePolicy", "RestartJobSetFailurePolicyAction"],
        None,
    ),
    "a failure outweighs successes": (
        a_snapshot(a_jobset(W, successPolicy={"operator": "Any"}), failed(), succeeded(W1)),
        ["FailedJobs"],
        "Failed",
    ),
    "ready and complete after a restart": (
        a_snapshot(a_jobset(W, status=RESTARTED), succeeded(), succeeded(W1)),
        ["JobsReady", "AllJobsCompleted", "JobSetCompleted"],
        "Completed",
    ),
    "suspended after a restart": (
        a_snapshot(a_jobset(W, suspend=True, status=RESTARTED), ready(), ready(W1)),
        ["SuspendedJobs", "JobSetSuspended"],
        None,
    ),
    "resumed": (
        a_snapshot(a_jobset(W, status={"conditions": [a_condition("Suspended")]})),
        ["ResumeJobs"],
        None,
    ),
    "in order, with the first role to come": (
        a_snapshot(a_jobset(A, B, **IN_ORDER)),
        ["InOrderStartupPolicyInProgress"],
        None,
    ),
    "in order, all started": (
        a_snapshot(a_jobset(A, B, **IN_ORDER), ready("train-a-0"), ready("train-b-0")),
        ["InOrderStartupPolicyCompleted"],
        None,
    ),
    "resumed in order, not all yet": (
        a_snapshot(
            a_jobset(A, B, **IN_ORDER, status={"conditions": [a_condition("Suspended")]}),
            suspended("train-a-0"),
        ),
        ["InOrderStartupPolicyInProgress"],
        None,
    ),
}


@pytest.mark.parametrize(("snapshot", "reasons", "outcome"), EVENTS.values(), ids=EVENTS)
def test_what_is_told(snapshot: Snapshot, reasons: list[str], outcome: str | None) -> None:
    plan = decide(snapshot)

    assert [event.reason for event in plan.events] == reasons
    assert plan.outcome == outcome
    assert plan.status is not None


PROBLEMS: dict[str, tuple[Snapshot, list[str], str]] = {
    "a stray Job": (a_snapshot(a_jobset(W), a_job(), StrayJob("x", "no label")), [], "no label"),
    "an action without its gate, after old Jobs went": (
        a_snapshot(a_jobset(W, status={"restarts": 1}, **ALONE), a_job(), failed(W1, attempt=1)),
        [f"-{W0}"],
        "RestartJob failure policy action cannot be used when the feature gate RestartJob is disabled",
    ),
    "an individual restart of nobody": (
        a_snapshot(
            a_jobset(W, **ALONE),
            failed(labels={"jobset.sigs.k8s.io/job-index": "1_0"}),
        ),
        [],
        "RestartJob failure policy action cannot be used when the feature gate RestartJob is disabled",
    ),
    "no time to count the TTL from, after active Jobs went": (
        a_snapshot(
            a_jobset(
                W,
                ttlSecondsAfterFinished=1,
                status={"conditions": [{"type": "Failed", "status": "True"}]},
            ),
            a_job(),
        ),
        [f"-{W0}"],
        "error checking if ttl expired: unable to find the time when the JobSet default/train finished",
    ),
    "an attempt that is no number, after Jobs were made": (
        a_snapshot(
            a_jobset(A, failurePolicy={"restartStrategy": "InPlaceRestart"}),
            pods=(a_pod(attempt="x"),),
            gates=("in_place_restart",),
        ),
        ["+train-a-0"],
        "invalid value for annotation jobset.sigs.k8s.io/in-place-restart-attempt, "
        "must be non-negative integer",
    ),
}


@pytest.mark.parametrize(("snapshot", "actions", "error"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_stops_the_plan_where_it_is_met(snapshot: Snapshot, actions: list[str], error: str) -> None:
    plan = decide(snapshot)

    assert (told(plan), plan.error) == (actions, error)
    assert (plan.status, plan.events, plan.outcome) == (None, (), None)


def settled(jobset: JobSet, *jobs: ChildJob, **facts: Any) -> Snapshot:
    """The reading after the status of a first turn has been written."""
    first = decide(a_snapshot(jobset, *jobs, **facts)).status
    assert first is not None
    rewritten = JobSet(metadata=jobset.metadata, spec=jobset.spec, status=first)
    return a_snapshot(rewritten, *jobs, **facts)


STEADY = {
    "it runs": settled(a_jobset(W), ready(), ready(W1)),
    "it is suspended": settled(a_jobset(W, suspend=True), suspended(), suspended(W1)),
    "it has completed": settled(a_jobset(W), succeeded(), succeeded(W1)),
    "it has failed": settled(a_jobset(W), failed()),
    "its pods are in step": settled(
        a_jobset(A, failurePolicy=IN_PLACE),
        ready("train-a-0"),
        pods=(a_pod(attempt="3"),),
        gates=("in_place_restart",),
    ),
    "its pods are out of step": settled(
        a_jobset(an_rjob("a", 1, size=2), failurePolicy=IN_PLACE),
        ready("train-a-0", size=2),
        pods=(a_pod(attempt="3"), a_pod("train-a-0-1", attempt="2")),
        gates=("in_place_restart",),
    ),
    "it runs in order": settled(a_jobset(A, B, **IN_ORDER), ready("train-a-0"), ready("train-b-0")),
}


@pytest.mark.parametrize("snapshot", STEADY.values(), ids=STEADY)
def test_when_nothing_has_changed_nothing_happens(snapshot: Snapshot) -> None:
    assert decide(snapshot) == Plan(waits=decide(snapshot).waits)


def test_a_restart_is_recorded_before_anything_is_deleted() -> None:
    jobset = a_jobset(W, **RESTART)

    plan = decide(a_snapshot(jobset, failed(), ready(W1)))

    assert plan.steps == ()
    assert plan.status is not None
    assert (plan.status.restarts, plan.status.restarts_count_towards_max) == (1, 1)
    after = decide(settled(jobset, failed(), ready(W1)))
    assert told(after) == [f"-{W0} -{W1}"]
    assert after.status is not None
    assert after.status.restarts == 1


def test_a_job_that_failed_alone_is_replaced_alone() -> None:
    jobset, gates = a_jobset(W, **ALONE), ("restart_job",)
    jobs = (failed(own_attempt="0"), ready(W1, own_attempt="0"))

    assert told(decide(settled(jobset, *jobs, gates=gates))) == [f"-{W0}"]


def test_individual_restarts_count_for_the_whole_jobset() -> None:
    counted = [{"name": "workers", "jobRestarts": [1, 0], "jobRestartsCountTowardsMax": [1, 0]}]
    jobset = a_jobset(W, status={"replicatedJobsStatus": counted}, **RESTART)

    plan = decide(a_snapshot(jobset, failed(W1, own_attempt="0"), gates=("restart_job",)))

    assert plan.outcome == "Failed"
    assert plan.events[0].reason == "ReachedMaxRestarts"


def test_pods_in_step_are_let_go_on() -> None:
    jobset = a_jobset(A, failurePolicy={"restartStrategy": "InPlaceRestart"})

    gated = decide(
        a_snapshot(jobset, ready("train-a-0"), pods=(a_pod(attempt="0"),), gates=("in_place_restart",))
    )
    ungated = decide(a_snapshot(jobset, ready("train-a-0"), pods=(a_pod(attempt="0"),)))

    assert gated.status is not None
    assert ungated.status is not None
    assert gated.status.current_in_place_restart_attempt == 0
    assert ungated.status.current_in_place_restart_attempt is None


def test_a_finished_jobset_is_looked_at_again_when_its_time_is_up() -> None:
    plan = decide(a_snapshot(a_jobset(W, ttlSecondsAfterFinished=70, **DONE)))

    assert plan.requeue_after == timedelta(seconds=10)


def test_a_finished_jobset_goes_on_being_counted() -> None:
    plan = decide(a_snapshot(a_jobset(W, **DONE), ready(deleted=True)))

    assert plan.status is not None
    assert (plan.steps, plan.outcome) == ((), None)
    assert plan.status.replicated_jobs_status is not None
    assert plan.status.replicated_jobs_status[0].ready == 1


def test_roles_are_counted_in_descending_order() -> None:
    plan = decide(a_snapshot(a_jobset(A, B)))

    assert plan.status is not None
    zeros = dict.fromkeys(("ready", "succeeded", "failed", "active", "suspended"), 0)
    assert write_status(plan.status, None)["replicatedJobsStatus"] == [
        {"name": "b", **zeros},
        {"name": "a", **zeros},
    ]


def test_a_restart_of_all_makes_no_lists_of_single_restarts() -> None:
    plan = decide(a_snapshot(a_jobset(W, **RESTART), failed(own_attempt="0"), gates=("restart_job",)))

    assert plan.status is not None
    written = write_status(plan.status, None)
    assert written["restarts"] == 1
    assert set(written["replicatedJobsStatus"][0]) == {
        "name",
        "ready",
        "succeeded",
        "failed",
        "active",
        "suspended",
    }


def test_conditions_tell_no_generation() -> None:
    plan = decide(a_snapshot(a_jobset(W, metadata={"generation": 3}), failed()))

    assert plan.status is not None
    assert [sorted(condition) for condition in write_status(plan.status, None)["conditions"]] == [
        ["lastTransitionTime", "message", "reason", "status", "type"]
    ]


def test_a_jobset_without_roles_has_no_counts() -> None:
    stale = {"replicatedJobsStatus": [{"name": "gone"}]}

    assert decide(a_snapshot(a_jobset(empty=True))) == Plan()
    plan = decide(a_snapshot(a_jobset(empty=True, status=stale)))
    assert plan.status is not None
    assert plan.status.replicated_jobs_status is None


WAITS: dict[str, tuple[Snapshot, list[tuple[str, WaitReason]]]] = {
    "on a resume": (
        a_snapshot(a_jobset(A, B, suspend=True)),
        [("a", WaitReason.RESUME), ("b", WaitReason.RESUME)],
    ),
    "on a dependency": (
        a_snapshot(a_jobset(A, an_rjob("b", 1, dependsOn=AFTER))),
        [("b", WaitReason.DEPENDENCY)],
    ),
    "on old Jobs": (
        a_snapshot(a_jobset(W, status={"restarts": 1}), a_job()),
        [("workers", WaitReason.OLD_JOB)],
    ),
    "on nothing": (a_snapshot(a_jobset(A)), []),
}


@pytest.mark.parametrize(("snapshot", "waits"), WAITS.values(), ids=WAITS)
def test_what_is_waited_for(snapshot: Snapshot, waits: Any) -> None:
    assert [(wait.replicated_job, wait.reason) for wait in decide(snapshot).waits] == waits
