"""What an unfinished JobSet is said to wait for."""

from typing import Any

import pytest

from jobset.local.runs.waiting import waiting_of
from tests.run_builders import a_history, a_job, a_jobset, a_pod, a_warning, condition, running, waiting

GATED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available",
}
READY = {"type": "Ready", "status": "True"}
PAIR = [{"name": "leader"}, {"name": "workers", "dependsOn": [{"name": "leader", "status": "Ready"}]}]

STORIES: dict[str, tuple[list[Any], list[tuple[str, str, int]]]] = {
    "a suspended JobSet": ([a_jobset(suspend=True)], [("JobSet/train", "Suspended", 1)]),
    "a JobSet of another controller": (
        [a_jobset(managedBy="kueue.x-k8s.io/multikueue")],
        [("JobSet/train", "ManagedBy", 1)],
    ),
    "a JobSet without Jobs": ([a_jobset(roles={"workers": 0})], [("JobSet/train", "NoReplicas", 1)]),
    "Jobs that cannot be created": (
        [
            a_jobset(roles={}),
            a_warning(a_jobset(), "JobCreationFailed", 'job "train-workers-0" creation failed'),
        ],
        [("JobSet/train", "NoReplicas", 1), ("JobSet/train", "JobCreationFailed", 1)],
    ),
    "a role that depends on another": (
        [a_jobset(replicatedJobs=PAIR), a_job("train-leader-0"), a_pod("train-leader-0", conditions=[GATED])],
        [("ReplicatedJob/workers", "DependsOn", 1), ("Pod/train-leader-0-0-aaaaa", "Unschedulable", 1)],
    ),
    "a role whose turn has not come": (
        [
            a_jobset(roles={"leader": 1, "workers": 1}, startupPolicy={"startupPolicyOrder": "InOrder"}),
            a_job("train-leader-0"),
            a_pod("train-leader-0", phase="Running", containers=[running()]),
        ],
        [("ReplicatedJob/workers", "InOrder", 1), ("Pod/train-leader-0-0-aaaaa", "NotReady", 1)],
    ),
    "two pods without a ConfigMap are one reason": (
        [
            a_jobset(roles={"workers": 1}),
            a_job(),
            a_pod(
                suffix="aaaaa",
                containers=[waiting("main", "CreateContainerConfigError", 'configmap "c" not found')],
            ),
            a_pod(
                suffix="bbbbb",
                containers=[waiting("main", "CreateContainerConfigError", 'configmap "c" not found')],
            ),
        ],
        [("Pod/train-workers-0-0-aaaaa", "CreateContainerConfigError", 2)],
    ),
    "a pod whose probe fails": (
        [
            a_jobset(roles={"workers": 1}),
            a_job(),
            a_pod(phase="Running", containers=[running()]),
            a_warning(a_pod(), "Unhealthy", "Readiness probe failed: no"),
        ],
        [("Pod/train-workers-0-0-aaaaa", "Unhealthy", 1)],
    ),
    "a pod that runs well waits for nothing": (
        [
            a_jobset(roles={"workers": 1}),
            a_job(),
            a_pod(phase="Running", conditions=[READY], containers=[running()]),
        ],
        [],
    ),
    "a Job between two pods": (
        [a_jobset(roles={"workers": 1}), a_job(failed=1)],
        [("Job/train-workers-0", "NoPods", 1)],
    ),
    "a JobSet that has ended": (
        [a_jobset(suspend=True, status={"conditions": [condition("Completed")]})],
        [],
    ),
}


@pytest.mark.parametrize(("story", "reasons"), STORIES.values(), ids=STORIES)
def test_waiting_reasons(story, reasons):
    history = a_history(*story)

    told = waiting_of(history, ("default", "train"))

    assert [(wait.object, wait.reason, wait.count) for wait in told] == reasons
