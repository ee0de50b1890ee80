"""Whatever moment the controller dies in, and however late it reads, a JobSet ends as it would have."""

import functools
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobset.api.gates import FeatureGates
from tests.worlds import CLAIM, Outcome, Story, in_place, play, policy, role, roles, rule


def with_mount(replicated_job):
    container = replicated_job["template"]["spec"]["template"]["spec"]["containers"][0]
    container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return replicated_job


IN_PLACE = policy(3, restartStrategy="InPlaceRestart")
WITH_AGENTS = FeatureGates(in_place_restart=True)
STORIES = {
    "all complete": Story(
        ends=("Completed", 0), spec={"replicatedJobs": roles(leader=1, workers=3)}, seconds=30
    ),
    "no policy: a failure ends it": Story(
        ends=("Failed", 0),
        spec={"replicatedJobs": roles(leader=1, workers=2)},
        script={"leader-0": ["hang"], "workers-1": ["BackoffLimitExceeded"], "workers-0": ["hang"]},
        seconds=30,
    ),
    "two counted restarts, then complete": Story(
        ends=("Completed", 2),
        spec={"replicatedJobs": roles(w=2), "failurePolicy": policy(3)},
        script={
            "w-1": ["BackoffLimitExceeded", "BackoffLimitExceeded", "succeed"],
            "w-0": ["hang", "succeed"],
        },
    ),
    "restarts used up": Story(
        ends=("Failed", 1),
        spec={"replicatedJobs": roles(w=2), "failurePolicy": policy(1)},
        script={"w-0": ["hang"], "w-1": ["BackoffLimitExceeded"]},
    ),
    "uncounted restarts, blocking": Story(
        ends=("Completed", 2),
        spec={
            "replicatedJobs": roles(w=3),
            "failurePolicy": policy(
                0,
                rule("RestartJobSetAndIgnoreMaxRestarts", onJobFailureReasons=["PodFailurePolicy"]),
                restartStrategy="BlockingRecreate",
            ),
        },
        script={"w-2": ["PodFailurePolicy", "PodFailurePolicy", "succeed"]},
    ),
    "a message fails it": Story(
        ends=("Failed", 1),
        spec={
            "replicatedJobs": roles(w=2),
            "failurePolicy": policy(5, rule("FailJobSet", onJobFailureMessagePatterns=["of Dead.*"])),
        },
        script={"w-0": ["BackoffLimitExceeded", "DeadlineExceeded"], "w-1": ["hang"]},
    ),
    "single Jobs restart": Story(
        ends=("Completed", 0),
        spec={"replicatedJobs": roles(w=3), "failurePolicy": policy(3, rule("RestartJob"))},
        script={"w-1": ["BackoffLimitExceeded", "BackoffLimitExceeded", "succeed"]},
        gates=FeatureGates(restart_job=True),
    ),
    "any success of a target": Story(
        ends=("Completed", 0),
        spec={
            "replicatedJobs": roles(driver=1, w=2),
            "successPolicy": {"operator": "Any", "targetReplicatedJobs": ["driver"]},
        },
        script={"w-0": ["hang"], "w-1": ["hang"]},
        seconds=30,
    ),
    "dependencies, with a restart": Story(
        ends=("Completed", 1),
        spec={
            "replicatedJobs": [
                role("init"),
                role("serve", dependsOn=[{"name": "init", "status": "Complete"}]),
                role("w", 2, dependsOn=[{"name": "serve", "status": "Ready"}]),
            ],
            "failurePolicy": policy(1),
            "successPolicy": {"operator": "All", "targetReplicatedJobs": ["w"]},
        },
        script={"serve-0": ["hang"], "w-0": ["BackoffLimitExceeded", "succeed"]},
    ),
    "in order, with a restart": Story(
        ends=("Completed", 1),
        spec={
            "replicatedJobs": roles(a=1, b=2, c=1),
            "startupPolicy": {"startupPolicyOrder": "InOrder"},
            "failurePolicy": policy(1),
        },
        script={"c-0": ["BackoffLimitExceeded", "succeed"]},
    ),
    "suspended, resumed, suspended, resumed": Story(
        ends=("", 0),
        spec={"replicatedJobs": roles(a=1, b=2), "suspend": True},
        script={"a-0": ["hang"], "b-0": ["succeed"], "b-1": ["hang"]},
        timeline=[
            (10, {"spec": {"suspend": False}}),
            (20, {"spec": {"suspend": True}}),
            (30, {"spec": {"suspend": False}}),
        ],
    ),
    "gone after its time to live": Story(
        ends=None, spec={"replicatedJobs": roles(a=2), "ttlSecondsAfterFinished": 5}, seconds=40
    ),
    "failed, deleted, created again under the same name": Story(
        ends=("Completed", 0),
        spec={"replicatedJobs": roles(a=2)},
        script={"a-0": ["hang", "succeed"], "a-1": ["BackoffLimitExceeded", "succeed"]},
        timeline=[(10, None)],
        seconds=40,
    ),
    "claims": Story(
        ends=("Completed", 1),
        spec={
            "replicatedJobs": [with_mount(role("a", 2))],
            "volumeClaimPolicies": [CLAIM],
            "failurePolicy": policy(1),
        },
        script={"a-0": ["BackoffLimitExceeded", "succeed"]},
    ),
    "scaled while it runs": Story(
        ends=("", 0),
        spec={"replicatedJobs": roles(a=2)},
        script={"a-0": ["hang"], "a-1": ["hang"]},
        timeline=[(8, {"spec": {"replicatedJobs": [role("a", 2, pods=3)]}})],
        gates=FeatureGates(elastic_jobset=True),
        seconds=30,
    ),
    "in place, twice, then complete": Story(
        ends=("Completed", 0),
        spec={"replicatedJobs": [in_place("w", 2, pods=2)], "failurePolicy": IN_PLACE},
        agents={"w-0-1": ["crash", "succeed"], "w-1-0": ["succeed", "crash", "succeed"]},
        attempts=(1, 2),
        gates=WITH_AGENTS,
    ),
    "in place, two crash at once": Story(
        ends=("Completed", 0),
        spec={"replicatedJobs": [in_place("w", 2, pods=2)], "failurePolicy": IN_PLACE},
        agents={"w-0-1": ["crash", "succeed"], "w-1-0": ["crash", "succeed"]},
        attempts=(0, 1),
        gates=WITH_AGENTS,
    ),
    "in place, as often as allowed and once more": Story(
        ends=("Failed", 0),
        spec={"replicatedJobs": [in_place("w", 2, pods=2)], "failurePolicy": IN_PLACE | {"maxRestarts": 1}},
        agents={"w-1-1": ["crash"]},
        attempts=(0, 1),
        gates=WITH_AGENTS,
    ),
    "in place, but a Job is lost": Story(
        ends=("Completed", 1),
        spec={"replicatedJobs": [in_place("w", 2, pods=2)], "failurePolicy": IN_PLACE},
        agents={"w-1-0": ["crash", "lose", "succeed"]},
        attempts=(1, 2),
        gates=WITH_AGENTS,
    ),
    "in place, and a lost Job that does not count gives an attempt more": Story(
        ends=("Completed", 1),
        spec={
            "replicatedJobs": [in_place("w", 2, pods=2)],
            "failurePolicy": policy(
                0, rule("RestartJobSetAndIgnoreMaxRestarts"), restartStrategy="InPlaceRestart"
            ),
        },
        agents={"w-1-0": ["lose", "succeed"]},
        attempts=(0, 1),
        gates=WITH_AGENTS,
    ),
    "in place, suspended and resumed": Story(
        ends=("Completed", 0),
        spec={"replicatedJobs": [in_place("w", 2, pods=2)], "failurePolicy": IN_PLACE},
        timeline=[(10, {"spec": {"suspend": True}}), (20, {"spec": {"suspend": False}})],
        agents={},
        attempts=(0, 1),
        gates=WITH_AGENTS,
    ),
    "no names, managed by somebody else": Story(
        ends=("", 0),
        spec={
            "replicatedJobs": roles(a=1),
            "network": {"enableDNSHostnames": False},
            "managedBy": "acme.io/x",
        },
        seconds=20,
    ),
}


@functools.cache
def calm(name: str) -> Outcome:
    return play(STORIES[name])


def test_a_scaled_job_is_neither_made_anew_nor_forgotten():
    jobs = calm("scaled while it runs").jobs

    assert [(name, attempt, parallelism) for name, attempt, *_, parallelism in jobs] == [
        ("js-a-0", "0", 3),
        ("js-a-1", "0", 3),
    ]


@pytest.mark.parametrize("name", STORIES)
def test_a_calm_run_counts_each_restart_once_and_never_backwards(name):
    outcome = calm(name)

    assert outcome.end == STORIES[name].ends
    assert outcome.attempts == STORIES[name].attempts
    assert all(after == before + 1 for before, after in pairwise(outcome.restarts_seen))


@pytest.mark.parametrize("name", STORIES)
def test_no_barrier_is_lifted_before_all_pods_have_reached_its_attempt(name):
    assert calm(name).out_of_step == ()


@given(
    name=st.sampled_from(sorted(STORIES)),
    deadly=st.frozensets(st.integers(1, 60), max_size=4),
    refused=st.frozensets(st.integers(1, 60), max_size=3),
    lag=st.sampled_from([0.0, 0.0, 0.3, 1.1]),
)
@settings(max_examples=60)
def test_crashes_refused_requests_and_late_reads_change_nothing_in_the_end(name, deadly, refused, lag):
    shaken = play(STORIES[name], deadly=deadly, refused=refused, lag=lag)

    assert shaken == calm(name)


@pytest.mark.parametrize("name", STORIES)
def test_a_refused_request_is_tried_again(name):
    requests = calm(name).requests

    differing = [
        number
        for number in range(1, requests + 1)
        if play(STORIES[name], refused=frozenset({number})) != calm(name)
    ]

    assert differing == []


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_a_crash_after_each_single_request_changes_nothing_in_the_end(name):
    requests = calm(name).requests

    differing = [
        number
        for number in range(1, requests + 1)
        if play(STORIES[name], deadly=frozenset({number})) != calm(name)
    ]

    assert differing == []
