"""What becomes of a JobSet, case by case, on the API server of this process and on a real one."""

from typing import Any

import pytest

from tests.scenarios.tales import (
    Tale,
    change,
    delete,
    done,
    fail,
    finish,
    hold,
    label,
    pods,
    release,
    run,
    switch,
    tale,
    tell,
    together,
)
from tests.worlds import in_place, policy, role, roles, rule

DNS = {"network": {"enableDNSHostnames": True}}
ORDERED = {"startupPolicy": {"startupPolicyOrder": "InOrder"}}
NEVER = {"Failed": None, "Completed": None, "restarts": (0, 0)}


def named(action: str, **more: Any) -> Any:
    return rule(action, name="r", **more)


def rules(action: str, most: int = 9, **more: Any) -> Any:
    return {"failurePolicy": policy(most, named(action, **more))}


def restarts(most: int, **more: Any) -> Any:
    return {"failurePolicy": policy(most, **more)}


def enough(operator: str, *targets: str) -> Any:
    return {"successPolicy": {"operator": operator, "targetReplicatedJobs": list(targets)}}


def after(name: str, *needs: tuple[str, str], replicas: int = 1) -> Any:
    return role(name, replicas, dependsOn=[{"name": needed, "status": status} for needed, status in needs])


LATE = {"onJobFailureReasons": ["DeadlineExceeded"]}
TEXT = {"onJobFailureMessagePatterns": ["use of De+ad"]}

COUNTING = {
    "all roles at once": tale(
        roles(a=1, b=2, c=0),
        seen={"jobs": "a-0 b-0 b-1", "roles": ["c", "b", "a"], "a": "", "b": "", "c": "", "Suspended": None},
    ),
    "ready, active, succeeded": tale(
        [role("w", 4, pods=2)],
        run("w-0", pods=2),
        run("w-1", pods=1),
        done("w-2"),
        seen={"w": "1 ready, 2 active, 1 succeeded", **NEVER},
    ),
    "pods that have succeeded are ready": tale(
        [role("w", pods=2)], run("w-0", pods=1, succeeded=1), seen={"w": "1 ready, 1 active"}
    ),
    "a Job that is about to fail has not failed": tale(
        roles(w=1),
        run("w-0", conditions=[{"type": "FailureTarget", "status": "True", "reason": "x", "message": "m"}]),
        seen={"w": "1 ready, 1 active", **NEVER},
    ),
    "expressly ours": tale(
        roles(w=1), managedBy="jobset.sigs.k8s.io/jobset-controller", seen={"jobs": "w-0"}
    ),
    "a Job of a later attempt is current": tale(
        roles(w=1), label("w-0", attempt="2"), run("w-0"), seen={"jobs": "w-0@2", "w": "1 ready, 1 active"}
    ),
    "a Job whose attempt cannot be read stops everything": tale(
        roles(w=2),
        label("w-0", attempt="1_0"),
        run("w-1"),
        change(suspend=True),
        seen={"w": "", "Suspended": None, "jobs": "w-0@1_0 w-1"},
    ),
    "a Job of no role is not counted": tale(
        roles(w=2), label("w-0", role="other"), run("w-0", "w-1"), seen={"w": "1 ready, 1 active"}
    ),
    "without hostnames no Service": tale(
        roles(w=1), network={"enableDNSHostnames": False}, seen={"services": []}
    ),
    "suspended, with its Service": tale(
        roles(w=1), suspend=True, **DNS, seen={"services": ["js"], "jobs": "(w-0)"}
    ),
}

FAILING = {
    "no policy": tale(
        roles(w=3),
        done("w-0"),
        fail("w-1"),
        seen={
            "Failed": "True FailedJobs (w-1)",
            "end": "Failed",
            "jobs": "w-0 w-1",
            "w": "1 succeeded, 1 failed",
            "told": ["Warning FailedJobs"],
        },
    ),
    "the earliest failure is blamed": tale(
        roles(w=2),
        together(fail("w-0"), fail("w-1", seconds_ago=60)),
        seen={"Failed": "True FailedJobs (w-1)"},
    ),
    "no restarts allowed": tale(
        roles(w=1), fail("w-0"), **restarts(0), seen={"Failed": "True ReachedMaxRestarts (w-0)"}
    ),
    "restarted by default": tale(
        roles(w=2),
        fail("w-1"),
        **restarts(1),
        seen={
            "RestartingJobSet": "True DefaultFailurePolicy (w-1)",
            "restarts": (1, 1),
            "jobs": "w-0@1 w-1@1",
            "w": "",
            "alone": [(None, None)],
            "told": ["Warning DefaultFailurePolicy", "Warning RestartJobSetFailurePolicyAction"],
        },
    ),
    "ready again": tale(
        roles(w=2),
        fail("w-1"),
        run("w-0"),
        done("w-1"),
        **restarts(1),
        seen={"RestartingJobSet": "False JobsReady", "w": "1 ready, 1 active, 1 succeeded"},
    ),
    "complete after a restart": tale(
        roles(w=1),
        fail("w-0"),
        done("w-0"),
        **restarts(1),
        seen={"RestartingJobSet": "False JobSetCompleted", "Completed": "True AllJobsCompleted"},
    ),
    "suspended after a restart": tale(
        roles(w=1),
        fail("w-0"),
        change(suspend=True),
        **restarts(1),
        seen={"RestartingJobSet": "False JobSetSuspended", "jobs": "(w-0@1)"},
    ),
    "restarts used up": tale(
        roles(w=1),
        fail("w-0"),
        fail("w-0"),
        **restarts(1),
        seen={
            "restarts": (1, 1),
            "Failed": "True ReachedMaxRestarts (w-0)",
            "RestartingJobSet": "False JobSetFailed",
            "told": [
                "Warning DefaultFailurePolicy",
                "Warning RestartJobSetFailurePolicyAction",
                "Warning ReachedMaxRestarts",
                "Normal JobSetFailed",
            ],
        },
    ),
    "restarted by a rule": tale(
        roles(w=1),
        fail("w-0"),
        **rules("RestartJobSet"),
        seen={"RestartingJobSet": "True FailurePolicy_r (w-0)", "restarts": (1, 1)},
    ),
    "restarts that do not count": tale(
        roles(w=1),
        fail("w-0"),
        fail("w-0"),
        **rules("RestartJobSetAndIgnoreMaxRestarts", 1),
        seen={"restarts": (2, 0), "Failed": None, "jobs": "w-0@2"},
    ),
    "a rule says fail": tale(
        roles(w=1),
        fail("w-0"),
        **rules("FailJobSet"),
        seen={"Failed": "True FailJobSetFailurePolicyAction (w-0)", "restarts": (0, 0)},
    ),
    "rule order beats failure time": tale(
        roles(a=1, b=1),
        together(fail("a-0", seconds_ago=60), fail("b-0", "DeadlineExceeded")),
        failurePolicy=policy(9, named("FailJobSet", **LATE), named("RestartJobSet") | {"name": "s"}),
        seen={"Failed": "True FailJobSetFailurePolicyAction (b-0)"},
    ),
    "of those that a rule applies to the earliest is blamed": tale(
        roles(a=1, w=2),
        together(fail("a-0", seconds_ago=90), fail("w-0"), fail("w-1", seconds_ago=60)),
        **rules("FailJobSet", targetReplicatedJobs=["w"]),
        seen={"Failed": "True FailJobSetFailurePolicyAction (w-1)"},
    ),
    "the reason": tale(
        roles(w=1),
        fail("w-0", "DeadlineExceeded"),
        **rules("FailJobSet", **LATE),
        seen={"end": "Failed"},
    ),
    "another reason": tale(
        roles(w=1),
        fail("w-0", "BackoffLimitExceeded"),
        **rules("FailJobSet", **LATE),
        seen={"end": None, "restarts": (1, 1)},
    ),
    "a pattern in the message, and the reason": tale(
        roles(w=1),
        fail("w-0", "DeadlineExceeded"),
        **rules("FailJobSet", **LATE, **TEXT),
        seen={"end": "Failed"},
    ),
    "a pattern that is not there": tale(
        roles(w=1), fail("w-0"), **rules("FailJobSet", **TEXT), seen={"end": None}
    ),
    "another target": tale(
        roles(a=1, w=1), fail("w-0"), **rules("FailJobSet", targetReplicatedJobs=["a"]), seen={"end": None}
    ),
    "a Job without a role": tale(
        roles(w=1),
        label("w-0", role=None),
        fail("w-0"),
        **rules("FailJobSet"),
        seen={"end": None, "RestartingJobSet": "True DefaultFailurePolicy (w-0)"},
    ),
    "a failure outweighs successes": tale(
        roles(a=1, b=1),
        together(done("a-0"), fail("b-0")),
        **enough("Any"),
        **restarts(9),
        seen={"Completed": None, "restarts": (1, 1), "jobs": "a-0@1 b-0@1"},
    ),
    "a failure while suspended": tale(
        roles(w=2),
        run("w-0"),
        together(change(suspend=True), fail("w-0")),
        **restarts(9),
        seen={"restarts": (1, 1), "jobs": "(w-0@1) (w-1@1)", "Suspended": "True SuspendedJobs"},
    ),
}

REPLACING = {
    "each as soon as its old one is gone": tale(
        roles(w=2), hold("w-0"), fail("w-1"), **restarts(9), seen={"jobs": "w-0 w-1@1", "deletes": "w-0 w-1"}
    ),
    "in the end all": tale(
        roles(w=2), hold("w-0"), fail("w-1"), release("w-0"), **restarts(9), seen={"jobs": "w-0@1 w-1@1"}
    ),
    "blocking: none before all are gone": tale(
        roles(v=1, w=2),
        hold("w-0"),
        fail("w-1"),
        **restarts(9, restartStrategy="BlockingRecreate"),
        seen={"jobs": "w-0", "restarts": (1, 1), "deletes": "v-0 w-0 w-1"},
    ),
    "blocking, in the end all": tale(
        roles(w=2),
        hold("w-0"),
        fail("w-1"),
        release("w-0"),
        **restarts(9, restartStrategy="BlockingRecreate"),
        seen={"jobs": "w-0@1 w-1@1"},
    ),
    "a Job of an earlier attempt does not count, whatever becomes of it": tale(
        roles(w=2), hold("w-0"), fail("w-1"), fail("w-0"), **restarts(9), seen={"restarts": (1, 1), "w": ""}
    ),
}

SUCCEEDING = {
    "all": tale(
        roles(a=1, b=1),
        done("a-0", "b-0"),
        seen={
            "Completed": "True AllJobsCompleted",
            "end": "Completed",
            "jobs": "a-0 b-0",
            "deletes": "",
            "told": ["Normal AllJobsCompleted"],
        },
    ),
    "not all": tale(roles(a=1, b=1), done("a-0"), **enough("All"), seen=NEVER),
    "all of the targets": tale(
        roles(a=2, b=1),
        done("a-0", "a-1"),
        **enough("All", "a"),
        seen={"end": "Completed", "jobs": "a-0 a-1", "a": "2 succeeded"},
    ),
    "one of the targets": tale(roles(a=2, b=1), done("a-0"), **enough("Any", "a"), seen={"end": "Completed"}),
    "any": tale(roles(a=1, b=1), done("b-0"), **enough("Any"), seen={"end": "Completed", "jobs": "b-0"}),
    "none of the targets": tale(roles(a=1, b=1), done("b-0"), **enough("Any", "a"), seen=NEVER),
    "no Jobs": tale(roles(a=0), seen={"jobs": "", **NEVER}),
    "nothing more once complete": tale(
        roles(w=2),
        done("w-0"),
        delete("w-0"),
        change(suspend=True),
        **enough("Any"),
        seen={"jobs": "", "w": "", "Suspended": None},
    ),
}

STARTING = {
    "in order: the first": tale(
        roles(a=1, b=1),
        **ORDERED,
        seen={"jobs": "a-0", "StartupPolicyInProgress": "True InOrderStartupPolicyInProgress"},
    ),
    "in order: the next": tale(
        roles(a=2, b=1, c=1),
        run("a-0"),
        done("a-1"),
        **ORDERED,
        seen={"jobs": "a-0 a-1 b-0", "StartupPolicyCompleted": None},
    ),
    "in order: all": tale(
        roles(a=1, b=1),
        run("a-0"),
        run("b-0"),
        **ORDERED,
        seen={
            "StartupPolicyInProgress": "False InOrderStartupPolicyInProgress",
            "StartupPolicyCompleted": "True InOrderStartupPolicyCompleted",
            "told": ["Normal InOrderStartupPolicyInProgress", "Normal InOrderStartupPolicyCompleted"],
        },
    ),
    "in order, suspended: all at once": tale(
        roles(a=1, b=1),
        suspend=True,
        **ORDERED,
        seen={"jobs": "(a-0) (b-0)", "StartupPolicyInProgress": None, "Suspended": "True SuspendedJobs"},
    ),
    "resumed in order: the first": tale(
        roles(a=1, b=1),
        change(suspend=False),
        suspend=True,
        **ORDERED,
        seen={"jobs": "a-0 (b-0)", "Suspended": "True SuspendedJobs", "b": "1 suspended"},
    ),
    "resumed in order: all": tale(
        roles(a=1, b=1),
        change(suspend=False),
        run("a-0"),
        run("b-0"),
        suspend=True,
        **ORDERED,
        seen={"jobs": "a-0 b-0", "Suspended": "False ResumeJobs"},
    ),
    "any order": tale(roles(a=1), run("a-0"), seen={"StartupPolicyInProgress": None}),
    "a dependent waits, others do not": tale(
        [*roles(a=1), after("b", ("a", "Ready")), *roles(c=1)],
        seen={"jobs": "a-0 c-0", "StartupPolicyInProgress": None},
    ),
    "Ready": tale(
        [*roles(a=2), after("b", ("a", "Ready"))],
        run("a-0"),
        done("a-1"),
        seen={"jobs": "a-0 a-1 b-0", "StartupPolicyCompleted": None},
    ),
    "Ready is not Complete": tale(
        [*roles(a=1), after("b", ("a", "Complete"))], run("a-0"), seen={"jobs": "a-0"}
    ),
    "Complete": tale([*roles(a=1), after("b", ("a", "Complete"))], done("a-0"), seen={"jobs": "a-0 b-0"}),
    "one of two dependencies": tale(
        [*roles(a=1, b=1), after("c", ("a", "Ready"), ("b", "Complete"))],
        run("a-0", "b-0"),
        seen={"jobs": "a-0 b-0"},
    ),
    "two dependencies": tale(
        [*roles(a=1, b=1), after("c", ("a", "Ready"), ("b", "Complete"))],
        run("a-0"),
        done("b-0"),
        seen={"jobs": "a-0 b-0 c-0"},
    ),
    "a dependent while suspended": tale(
        [*roles(a=1), after("b", ("a", "Ready"))], suspend=True, seen={"jobs": "(a-0)"}
    ),
    "a dependent after that": tale(
        [*roles(a=1), after("b", ("a", "Ready"))],
        change(suspend=False),
        run("a-0"),
        suspend=True,
        seen={"jobs": "a-0 b-0"},
    ),
    "a dependent stays": tale(
        [*roles(a=1), after("b", ("a", "Ready"))],
        run("a-0"),
        run("a-0", pods=0),
        seen={"jobs": "a-0 b-0", "a": ""},
    ),
}

ENDING = {
    "no time to count the TTL from": tale(
        roles(w=1),
        finish("0001-01-01T00:00:00Z"),
        ttlSecondsAfterFinished=0,
        seen={"Completed": "True AllJobsCompleted", "jobs": ""},
    ),
    "the TTL is not over": tale(
        roles(w=1),
        finish("2999-01-01T00:00:00Z"),
        ttlSecondsAfterFinished=0,
        seen={"Completed": "True AllJobsCompleted", "jobs": ""},
    ),
}

PAUSING = {
    "suspended while it runs": tale(
        roles(w=2),
        done("w-0"),
        change(suspend=True),
        seen={"jobs": "w-0 (w-1)", "Suspended": "True SuspendedJobs", "w": "1 suspended, 1 succeeded"},
    ),
    "resumed": tale(
        roles(w=2),
        change(suspend=False),
        suspend=True,
        seen={
            "jobs": "w-0 w-1",
            "Suspended": "False ResumeJobs",
            "w": "",
            "told": ["Normal SuspendedJobs", "Normal ResumeJobs"],
        },
    ),
}

SCALED = [role("w", pods=3)]
SCALING = {
    "scaled": tale(
        roles(w=1),
        run("w-0"),
        change(replicatedJobs=SCALED),
        gates=["elastic_jobset"],
        seen={"sizes": [(3, 3)], "jobs": "w-0", "deletes": "", "w": "1 active"},
    ),
    "scaled while suspended": tale(
        roles(w=1),
        change(replicatedJobs=SCALED),
        suspend=True,
        gates=["elastic_jobset"],
        seen={"sizes": [(3, 3)]},
    ),
}

ALONE = {
    "one restarts alone": tale(
        roles(v=1, w=2),
        done("w-0"),
        fail("w-1"),
        **rules("RestartJob"),
        gates=["restart_job"],
        seen={
            "jobs": "v-0 w-0 w-1+1",
            "restarts": (0, 0),
            "alone": [([0, 1], [0, 1]), (None, None)],
            "RestartingJobSet": None,
            "deletes": "w-1",
            "told": ["Warning RestartJobFailurePolicyAction"],
        },
    ),
    "uncounted": tale(
        roles(w=1),
        fail("w-0"),
        **rules("RestartJobAndIgnoreMaxRestarts", 0),
        gates=["restart_job"],
        seen={"jobs": "w-0+1", "alone": [([1], [0])], "Failed": None},
    ),
    "restarts used up together": tale(
        roles(w=2),
        fail("w-0"),
        fail("w-1"),
        **rules("RestartJob", 1),
        gates=["restart_job"],
        seen={"alone": [([1, 0], [1, 0])], "Failed": "True ReachedMaxRestarts (w-1)"},
    ),
    "restarts of all count with them": tale(
        roles(w=2),
        fail("w-0", "DeadlineExceeded"),
        fail("w-1"),
        **rules("RestartJob", 1, **LATE),
        gates=["restart_job"],
        seen={"restarts": (0, 0), "Failed": "True ReachedMaxRestarts (w-1)"},
    ),
    "a Job from before the gate was on is current": tale(
        roles(w=1),
        label("w-0", own_attempt=None),
        run("w-0"),
        **rules("RestartJob"),
        gates=["restart_job"],
        seen={"jobs": "w-0", "w": "1 ready, 1 active", "deletes": ""},
    ),
    "an index beyond the role stops everything": tale(
        roles(w=1),
        label("w-0", index="7"),
        run("w-0"),
        **rules("RestartJob"),
        gates=["restart_job"],
        seen={"w": "", "jobs": "w-0"},
    ),
    "forgotten when the gate is off": tale(
        roles(w=1),
        fail("w-0"),
        switch(restart_job=False),
        run("w-0"),
        **rules("RestartJob"),
        gates=["restart_job"],
        seen={"alone": [(None, None)], "w": "1 ready, 1 active"},
    ),
    "blocking: one that restarts alone keeps all waiting": tale(
        roles(w=2),
        hold("w-0"),
        fail("w-0"),
        delete("w-1"),
        failurePolicy=policy(9, named("RestartJob"), restartStrategy="BlockingRecreate"),
        gates=["restart_job"],
        seen={"jobs": "w-0"},
    ),
}

STAYING = {"failurePolicy": policy(1, restartStrategy="InPlaceRestart")}


def staying(*steps: Any, size: int, seen: Any) -> Tale:
    return tale([in_place("w", pods=size)], *steps, **STAYING, gates=["in_place_restart"], seen=seen)


IN_PLACE = {
    "all in step": staying(pods("0", "0"), size=2, seen={"step": (None, 0)}),
    "not all there": staying(pods("0"), size=2, seen={"step": (None, None)}),
    "one is ahead": staying(pods("0", "1"), size=2, seen={"step": (0, None)}),
    "failed pods do not count": staying(
        pods("1", "1"), pods("2", phase="Failed"), size=2, seen={"step": (None, 1)}
    ),
    "pods without an attempt do not count": staying(
        pods("0", "0"), pods(None), size=2, seen={"step": (None, 0)}
    ),
    "containers restarted more often": staying(
        pods("0", "0", restarts=2),
        size=2,
        seen={"Failed": "True ReachedMaxRestarts", "step": (None, None)},
    ),
    "containers restarted as often as allowed": staying(
        pods("0", "0", restarts=1), size=2, seen={"Failed": None, "step": (None, 0)}
    ),
    "more attempts": staying(pods("2"), size=1, seen={"Failed": "True ReachedMaxRestarts"}),
    "an attempt that is no number": staying(
        pods("first"), run("w-0"), size=1, seen={"step": (None, None), "w": ""}
    ),
}

RAGGED = role("w", pods=3)
RAGGED["template"]["spec"]["completions"] = 4
STORED = {
    "an action without its gate": tale(
        roles(w=2),
        fail("w-0"),
        **rules("RestartJob"),
        seen={"jobs": "w-0 w-1", "w": "", "alone": [(None, None)], **NEVER},
    ),
    "in place without its gate is to recreate": tale(
        roles(w=1), fail("w-0"), **restarts(9, restartStrategy="InPlaceRestart"), seen={"jobs": "w-0@1"}
    ),
    "an empty policy": tale(
        roles(w=1), fail("w-0"), failurePolicy={}, seen={"Failed": "True ReachedMaxRestarts (w-0)"}
    ),
    "an invalid pattern": tale(
        roles(w=1),
        fail("w-0"),
        **rules("FailJobSet", onJobFailureMessagePatterns=["("]),
        seen={"Failed": None, "restarts": (1, 1)},
    ),
    "a size with unequal numbers is not carried over": tale(
        roles(w=1),
        change(replicatedJobs=[RAGGED]),
        gates=["elastic_jobset"],
        seen={"sizes": [(1, 1)], "jobs": "w-0"},
    ),
    "not scaled without its gate": tale(
        roles(w=1), change(replicatedJobs=SCALED), seen={"sizes": [(1, 1)], "deletes": ""}
    ),
    "in place with unequal numbers": tale(
        [RAGGED],
        pods("0", "0", "0"),
        **STAYING,
        gates=["in_place_restart"],
        seen={"step": (None, None), "jobs": "w-0"},
    ),
    "no success policy": tale(roles(w=1), done("w-0"), seen={"Completed": "True AllJobsCompleted"}),
}
"""JobSets that no webhook has seen: some that it would refuse, and some that it would fill in."""

TALES = COUNTING | FAILING | REPLACING | SUCCEEDING | STARTING | PAUSING | SCALING | ALONE | IN_PLACE | ENDING


@pytest.mark.parametrize("told", TALES.values(), ids=TALES)
def test_what_becomes_of_it(play, told: Tale) -> None:
    assert play(lambda world: tell(told, world), gates=told.gates) == told.seen


@pytest.mark.parametrize("told", STORED.values(), ids=STORED)
def test_what_becomes_of_it_without_a_webhook(play, told: Tale) -> None:
    found = play(lambda world: tell(told, world), gates=told.gates, webhooks=False)

    assert found == told.seen
