"""What a child Job looks like."""

import hashlib
from typing import Any

import pytest

from jobset.api import keys
from jobset.api.jobset import JobSet
from jobset.core.child_job import build_recipe, coordinator_endpoint, lay_out
from tests.builders import a_jobset, an_rjob

E, N = keys.EXCLUSIVE_TOPOLOGY, keys.NODE_SELECTOR


def build(jobset: JobSet, rjob: int = 0, index: int = 0, *, restart_job: bool = False) -> dict[str, Any]:
    layout = lay_out(jobset.replicated_jobs)
    chosen = jobset.replicated_jobs[rjob]
    recipe = build_recipe(jobset, chosen, layout, restart_job=restart_job)
    return recipe.build(f"train-{chosen.name}-{index}", index)


def labels_of(job: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = job["metadata"]["labels"]
    return labels


def everywhere(job: dict[str, Any], key: str) -> list[str | None]:
    """The values of a key in the four places where JobSet writes it."""
    parts = (job["metadata"], job["spec"]["template"]["metadata"])
    return [part[kind].get(key) for part in parts for kind in ("labels", "annotations")]


def pod_spec(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


OWN = {
    keys.JOBSET_NAME: "train",
    keys.JOBSET_UID: "uid-train",
    keys.REPLICATED_JOB_NAME: "workers",
    keys.RESTART_ATTEMPT: "3",
    keys.REPLICATED_JOB_REPLICAS: "2",
    keys.GLOBAL_REPLICAS: "2",
    keys.GROUP_NAME: "default",
    keys.GROUP_REPLICAS: "2",
    keys.JOB_INDEX: "1",
    keys.JOB_KEY: hashlib.sha1(b"default/train-workers-1").hexdigest(),
    keys.JOB_GLOBAL_INDEX: "1",
    keys.JOB_GROUP_INDEX: "1",
}


def test_a_job_is_its_template_with_our_labels_in_four_places() -> None:
    rjob = an_rjob(
        metadata={
            "labels": {"job": "l", keys.JOBSET_NAME: "mine"},
            "annotations": {"job": "a", keys.GROUP_NAME: "mine"},
            "finalizers": ["f"],
            "name": "x",
        },
        pods={
            "metadata": {
                "labels": {"pod": "l", keys.JOB_INDEX: "mine"},
                "annotations": {"pod": "a", keys.JOB_KEY: "mine"},
            },
            "spec": {"containers": [{"name": "c"}], "subdomain": "mine"},
        },
        spec={"backoffLimit": 5, "suspend": True},
    )

    job = build(a_jobset(rjob, status={"restarts": 3}), index=1)

    assert job == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "train-workers-1",
            "namespace": "default",
            "labels": {"job": "l", **OWN},
            "annotations": {"job": "a", **OWN},
            "ownerReferences": [
                {
                    "apiVersion": "jobset.x-k8s.io/v1alpha2",
                    "kind": "JobSet",
                    "name": "train",
                    "uid": "uid-train",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 5,
            "suspend": False,
            "template": {
                "metadata": {"labels": {"pod": "l", **OWN}, "annotations": {"pod": "a", **OWN}},
                "spec": {"containers": [{"name": "c"}], "subdomain": "mine"},
            },
        },
    }


def test_the_template_of_the_jobset_is_not_touched() -> None:
    jobset = a_jobset(
        an_rjob(pods={"spec": {"tolerations": []}}), metadata={"annotations": {E: "rack", N: "true"}}
    )
    before = repr(jobset)

    build(jobset)

    assert repr(jobset) == before


KEYS = {
    "default/js-rjob-0": "594cb5c93756409379daf5f78db3fa5c78663cd1",
    "default/test-jobset-replicated-job-0": "027791c2c0a79daacbc05ab1512c28988581229f",
    "default/pytorch-workers-0": "e9c32417bf7f6390f44a2ef26e6f278b2d102443",
}


@pytest.mark.parametrize(("job", "key"), KEYS.items())
def test_the_job_key_is_the_same_in_every_language(job: str, key: str) -> None:
    name = job.removeprefix("default/")
    jobset = a_jobset()
    recipe = build_recipe(
        jobset, jobset.replicated_jobs[0], lay_out(jobset.replicated_jobs), restart_job=False
    )

    assert labels_of(recipe.build(name, 0))[keys.JOB_KEY] == key


# Role and index: index, global index, group index, group, Jobs of the group, Jobs of the role.
NUMBERS = {
    (0, 0): ("0", "0", "0", "g1", "4", "2"),
    (0, 1): ("1", "1", "1", "g1", "4", "2"),
    (1, 0): ("0", "2", "0", "g2", "1", "1"),
    (2, 0): ("0", "3", "2", "g1", "4", "2"),
    (2, 1): ("1", "4", "3", "g1", "4", "2"),
}


@pytest.mark.parametrize(("place", "numbers"), NUMBERS.items())
def test_jobs_are_numbered_over_all_and_within_their_group(place: Any, numbers: Any) -> None:
    rjobs = (
        an_rjob("a", 2, groupName="g1"),
        an_rjob("b", 1, groupName="g2"),
        an_rjob("c", 2, groupName="g1"),
    )

    labels = labels_of(build(a_jobset(*rjobs), *place))

    wanted = (
        keys.JOB_INDEX,
        keys.JOB_GLOBAL_INDEX,
        keys.JOB_GROUP_INDEX,
        keys.GROUP_NAME,
        keys.GROUP_REPLICAS,
        keys.REPLICATED_JOB_REPLICAS,
    )
    assert tuple(labels[key] for key in wanted) == numbers
    assert labels[keys.GLOBAL_REPLICAS] == "5"


def entry(**fields: Any) -> dict[str, Any]:
    return {"replicatedJobsStatus": [{"name": "other"}, {"name": "workers", **fields}]}


ATTEMPTS: dict[str, tuple[Any, bool, str | None]] = {
    "the gate is off": (entry(jobRestarts=[0, 2]), False, None),
    "it restarted alone": (entry(jobRestarts=[0, 2]), True, "2"),
    "a list that is too short": (entry(jobRestarts=[4]), True, "0"),
    "no list": (entry(), True, "0"),
    "no status": ({}, True, "0"),
}


@pytest.mark.parametrize(("status", "gate", "attempt"), ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_job_tells_its_own_attempt_with_the_gate(status: Any, gate: bool, attempt: str | None) -> None:
    job = build(a_jobset(status=status), index=1, restart_job=gate)

    assert everywhere(job, keys.JOB_RESTART_ATTEMPT) == [attempt] * 4


HOSTS: dict[str, tuple[Any, str | None]] = {
    "no network": (None, None),
    "no hostnames": ({"enableDNSHostnames": False, "subdomain": "net"}, None),
    "hostnames": ({"enableDNSHostnames": True}, "train"),
    "hostnames below an empty subdomain": ({"enableDNSHostnames": True, "subdomain": ""}, "train"),
    "hostnames below a subdomain": ({"enableDNSHostnames": True, "subdomain": "net"}, "net"),
}


@pytest.mark.parametrize(("network", "subdomain"), HOSTS.values(), ids=HOSTS)
def test_pods_get_the_subdomain_with_their_hostnames(network: Any, subdomain: str | None) -> None:
    assert pod_spec(build(a_jobset(network=network))).get("subdomain") == subdomain


COORDINATORS: dict[str, tuple[Any, Any, str | None]] = {
    "none": (None, {"subdomain": "net"}, None),
    "of a pod": ({"jobIndex": 1, "podIndex": 2}, None, "train-leader-1-2.train"),
    "of the first pod": ({}, {}, "train-leader-0-0.train"),
    "below a subdomain": ({}, {"subdomain": "net"}, "train-leader-0-0.net"),
    "below a subdomain without hostnames": (
        {},
        {"subdomain": "net", "enableDNSHostnames": False},
        "train-leader-0-0.net",
    ),
}


@pytest.mark.parametrize(("given", "network", "endpoint"), COORDINATORS.values(), ids=COORDINATORS)
def test_every_job_tells_the_coordinator(given: Any, network: Any, endpoint: str | None) -> None:
    coordinator = None if given is None else {"replicatedJob": "leader", **given}
    jobset = a_jobset(an_rjob("leader"), an_rjob("workers"), coordinator=coordinator, network=network)

    leader, worker = build(jobset, 0), build(jobset, 1, 1)

    assert coordinator_endpoint(jobset) == endpoint
    assert everywhere(leader, keys.COORDINATOR) == [endpoint] * 4
    assert everywhere(worker, keys.COORDINATOR) == [endpoint] * 4


# What the JobSet and the Job template have; what the Job and its pods get; whether by node selector.
PLACEMENT: dict[str, tuple[Any, Any, Any, Any, bool]] = {
    "none": ({}, {}, {}, {}, False),
    "of the JobSet": ({E: "rack"}, {}, {E: "rack"}, {E: "rack"}, False),
    "of the role": ({}, {E: "rack"}, {E: "rack"}, {E: "rack"}, False),
    "the role wins": ({E: "rack"}, {E: "zone"}, {E: "zone"}, {E: "zone"}, False),
    "by node selector": ({E: "rack", N: "t"}, {}, {E: "rack", N: "t"}, {E: "rack", N: "t"}, True),
    "by node selector, of the role": (
        {},
        {E: "rack", N: "t"},
        {E: "rack", N: "t"},
        {E: "rack", N: "t"},
        True,
    ),
    "a node selector alone is not copied": ({N: "t"}, {}, {}, {}, False),
    "a node selector of the role stays with the Job": ({}, {N: "t"}, {N: "t"}, {}, False),
    "both, from two places": ({E: "rack"}, {N: "t"}, {E: "rack", N: "t"}, {E: "rack"}, True),
}


@pytest.mark.parametrize(
    ("jobset_has", "role_has", "job", "pod", "by_node"), PLACEMENT.values(), ids=PLACEMENT
)
def test_exclusive_placement(jobset_has: Any, role_has: Any, job: Any, pod: Any, by_node: bool) -> None:
    pods = {"spec": {"nodeSelector": {"a": "b"}, "tolerations": [{"key": "mine"}]}}
    rjob = an_rjob(metadata={"annotations": role_has}, pods=pods)

    built = build(a_jobset(rjob, metadata={"annotations": jobset_has}))

    assert {E, N} & labels_of(built).keys() == set()
    assert placement(built["metadata"]) == job
    assert placement(built["spec"]["template"]["metadata"]) == pod
    toleration = {"key": keys.NO_SCHEDULE, "operator": "Exists", "effect": "NoSchedule"}
    selector = {keys.NAMESPACED_JOB: "default_train-workers-0"}
    assert pod_spec(built)["tolerations"] == [{"key": "mine"}, *([toleration] if by_node else [])]
    assert pod_spec(built)["nodeSelector"] == {"a": "b", **(selector if by_node else {})}


def test_the_topology_of_a_role_is_its_own() -> None:
    own = an_rjob("own", metadata={"annotations": {E: "zone"}})
    jobset = a_jobset(own, an_rjob("other"), metadata={"annotations": {E: "rack"}})

    assert [placement(build(jobset, role)["metadata"]) for role in (0, 1)] == [{E: "zone"}, {E: "rack"}]


def test_what_a_user_writes_on_the_pod_template_stays_there() -> None:
    job = build(a_jobset(an_rjob(pods={"metadata": {"annotations": {E: "zone", N: "t"}}})))

    assert placement(job["metadata"]) == {}
    assert placement(job["spec"]["template"]["metadata"]) == {E: "zone", N: "t"}
    assert "nodeSelector" not in pod_spec(job)


def test_fields_that_newer_pods_and_jobs_have_pass_through() -> None:
    spec = {
        "schedulingGroup": {"podGroupName": "group"},
        "resourceClaims": [{"name": "gpu"}],
        "containers": [{"name": "c", "restartPolicyRules": [{"action": "Restart"}]}],
    }
    more = {"podReplacementPolicy": "Failed", "managedBy": "a.io/b", "ttlSecondsAfterFinished": 5}

    job = build(a_jobset(an_rjob(pods={"spec": spec}, spec=more)))

    assert pod_spec(job) == spec
    assert {name: job["spec"][name] for name in more} == more


def placement(metadata: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in metadata["annotations"].items() if key in (E, N)}


def test_pods_get_the_claims_they_mount() -> None:
    pods = {"spec": {"containers": [{"volumeMounts": [{"name": "data"}]}], "volumes": [{"name": "tmp"}]}}
    policies = [{"templates": [{"metadata": {"name": "data"}}]}]

    job = build(a_jobset(an_rjob(pods=pods), volumeClaimPolicies=policies))

    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data-train"}}
    assert pod_spec(job)["volumes"] == [{"name": "tmp"}, claim]


SUSPENDED: dict[str, tuple[Any, Any, bool]] = {
    "the JobSet": (True, {}, True),
    "the JobSet, not the template": (True, {"suspend": False}, True),
    "nobody": (False, {}, False),
    "nobody says so": (None, {}, False),
    "the template, not the JobSet": (None, {"suspend": True}, False),
}


@pytest.mark.parametrize(("jobset", "template", "suspended"), SUSPENDED.values(), ids=SUSPENDED)
def test_the_jobset_says_whether_its_jobs_are_suspended(jobset: Any, template: Any, suspended: bool) -> None:
    assert build(a_jobset(an_rjob(spec=template), suspend=jobset))["spec"]["suspend"] is suspended
