"""What failed Jobs mean for a JobSet."""

from typing import Any

import pytest

from jobset.api import keys
from jobset.api.children import ChildJob
from jobset.api.jobset import FailureAction, FailurePolicy, FailurePolicyRule
from jobset.core.failure import Fail, Limits, RestartAll, RestartOne, applies, first_to_fail, judge_failure
from jobset.core.plan import Problem
from tests.builders import a_policy, a_rule, failed

W0, W1 = failed("train-workers-0", after=5), failed("train-workers-1", after=3)
LEADER = failed("train-leader-0", after=9, reason="PodFailurePolicy")
RESTART, FREELY = FailureAction.RESTART_JOBSET, FailureAction.RESTART_JOBSET_AND_IGNORE_MAX_RESTARTS
ONE, ONE_FREELY = FailureAction.RESTART_JOB, FailureAction.RESTART_JOB_AND_IGNORE_MAX_RESTARTS
FOR_LEADER = {"action": "FailJobSet", "target_replicated_jobs": ("leader",)}
FOR_ALL = {"action": "RestartJobSet", "name": "all"}


def limits(counted: int = 0, allowed: int = 1, *, restart_job: bool = False) -> Limits:
    return Limits(counted=counted, allowed=allowed, restart_job=restart_job)


def restart(action: FailureAction, blamed: ChildJob, **rule: Any) -> RestartAll:
    return RestartAll(action, a_rule(action, **rule) if rule else None, blamed)


GATED = limits(restart_job=True)
USED_UP = limits(counted=1, allowed=1)
OFF = "failure policy action cannot be used when the feature gate RestartJob is disabled"
CASES: dict[str, tuple[FailurePolicy | None, list[ChildJob], Limits, Any]] = {
    "no policy: any failure ends the JobSet": (None, [W0], limits(), Fail("FailedJobs", W0)),
    "no policy: the earliest failure is blamed": (None, [W0, W1], limits(), Fail("FailedJobs", W1)),
    "no rule: restart and count it": (a_policy(), [W0], limits(), restart(RESTART, W0)),
    "no rule: the earliest failure is blamed": (a_policy(), [W0, W1], limits(), restart(RESTART, W1)),
    "restarts used up: the JobSet fails": (a_policy(), [W0], USED_UP, Fail("ReachedMaxRestarts", W0)),
    "none allowed: the JobSet fails at once": (
        a_policy(),
        [W0],
        limits(allowed=0),
        Fail("ReachedMaxRestarts", W0),
    ),
    "a negative limit is as good as none": (
        a_policy(),
        [W0],
        limits(allowed=-1),
        Fail("ReachedMaxRestarts", W0),
    ),
    "no rule matches: the default": (a_policy(FOR_LEADER), [W0], limits(), restart(RESTART, W0)),
    "a rule says fail": (
        a_policy(FOR_LEADER),
        [LEADER],
        limits(),
        Fail("FailJobSetFailurePolicyAction", LEADER),
    ),
    "rule order beats failure time": (
        a_policy(FOR_LEADER, FOR_ALL),
        [W0, W1, LEADER],
        limits(),
        Fail("FailJobSetFailurePolicyAction", LEADER),
    ),
    "a later rule for the Jobs that failed": (
        a_policy(FOR_LEADER, FOR_ALL),
        [W0, W1],
        limits(),
        restart(RESTART, W1, name="all"),
    ),
    "uncounted restarts have no limit": (
        a_policy({"action": FREELY, "name": "r"}),
        [W0],
        USED_UP,
        restart(FREELY, W0, name="r"),
    ),
    "one Job restarts alone": (a_policy({"action": ONE}), [W0], GATED, RestartOne(ONE, W0)),
    "one Job restarts alone, uncounted": (
        a_policy({"action": ONE_FREELY}),
        [W0],
        limits(counted=1, restart_job=True),
        RestartOne(ONE_FREELY, W0),
    ),
    "single restarts are used up too": (
        a_policy({"action": ONE}),
        [W0],
        limits(counted=1, restart_job=True),
        Fail("ReachedMaxRestarts", W0),
    ),
    "RestartJob without its gate": (a_policy({"action": ONE}), [W0], USED_UP, Problem(f"RestartJob {OFF}")),
    "RestartJobAndIgnoreMaxRestarts without its gate": (
        a_policy({"action": ONE_FREELY}),
        [W0],
        limits(),
        Problem(f"RestartJobAndIgnoreMaxRestarts {OFF}"),
    ),
    "an action nobody knows": (
        a_policy({"action": "Pray", "name": "r"}),
        [W0],
        limits(),
        Problem('unknown failure policy action "Pray" in rule "r"'),
    ),
}


@pytest.mark.parametrize(("policy", "jobs", "given_limits", "verdict"), CASES.values(), ids=CASES)
def test_failure_policy(
    policy: FailurePolicy | None, jobs: list[ChildJob], given_limits: Limits, verdict: Any
) -> None:
    assert judge_failure(policy, jobs, given_limits) == verdict


def test_only_some_restarts_count() -> None:
    assert [RestartAll(RESTART, None, W0).is_counted, RestartAll(FREELY, None, W0).is_counted] == [
        True,
        False,
    ]
    assert [RestartOne(ONE, W0).is_counted, RestartOne(ONE_FREELY, W0).is_counted] == [True, False]


BOTH = {"on_job_failure_reasons": ("PodFailurePolicy",), "on_job_failure_message_patterns": ("exit code 1",)}
JOB = failed(reason="PodFailurePolicy", message="Container c failed with exit code 137")
RULES = {
    "empty lists match everything": (a_rule(), JOB, True),
    "the reason": (a_rule(on_job_failure_reasons=("X", "PodFailurePolicy")), JOB, True),
    "another reason": (a_rule(on_job_failure_reasons=("PodFailure",)), JOB, False),
    "a pattern anywhere in the message": (
        a_rule(on_job_failure_message_patterns=("x", "code 1[0-9]+")),
        JOB,
        True,
    ),
    "no pattern matches": (a_rule(on_job_failure_message_patterns=("^code",)), JOB, False),
    "an invalid pattern matches nothing": (
        a_rule(on_job_failure_message_patterns=("(", "(?=x)")),
        JOB,
        False,
    ),
    "an invalid pattern spoils no other": (a_rule(on_job_failure_message_patterns=("(", "137$")), JOB, True),
    "both lists match": (a_rule(**BOTH), JOB, True),
    "one of two lists does not match": (a_rule(**BOTH), failed(reason="PodFailurePolicy"), False),
    "the target": (a_rule(target_replicated_jobs=("leader", "workers")), JOB, True),
    "another target": (a_rule(target_replicated_jobs=("leader",)), JOB, False),
    "a Job without a role matches no rule": (
        a_rule(),
        failed(labels={keys.REPLICATED_JOB_NAME: None}),
        False,
    ),
    "nor does one with an empty role": (a_rule(), failed(labels={keys.REPLICATED_JOB_NAME: ""}), False),
}


@pytest.mark.parametrize(("rule", "job", "is_meant"), RULES.values(), ids=RULES)
def test_which_jobs_a_rule_applies_to(rule: FailurePolicyRule, job: ChildJob, is_meant: bool) -> None:
    assert applies(rule, job) is is_meant


def test_of_several_in_one_second_the_first_in_the_list_failed_first() -> None:
    twin = failed("train-workers-9", after=3)

    assert first_to_fail([W0, W1, twin]) is W1
    assert first_to_fail([W0, twin, W1]) is twin
