"""What a JobSet gives its Jobs, its Service and its claims, and what a resumed Job takes over."""

import asyncio
from datetime import timedelta
from hashlib import sha1

import pytest

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.api.times import parse_time
from jobset.core import creation
from jobset.kube.resources import JOBS, JOBSETS, PERSISTENT_VOLUME_CLAIMS, SERVICES
from tests.controller_world import play_locally, play_really
from tests.worlds import CLAIM, policy, role, roles

DNS = {"network": {"enableDNSHostnames": True, "subdomain": "net", "publishNotReadyAddresses": False}}
OWN = (keys.JOBSET_NAME, keys.REPLICATED_JOB_NAME, keys.JOB_INDEX, keys.RESTART_ATTEMPT, keys.GLOBAL_REPLICAS)


def test_a_job_and_its_pods_carry_the_names_of_their_jobset(play):
    told = {"labels": {"mine": "l"}, "annotations": {"mine": "a"}}
    worker = role("w", 2)
    worker["template"] |= {"metadata": told}
    worker["template"]["spec"]["template"]["metadata"] = told

    async def story(world):
        made = await world.create(worker, **DNS)
        return made, await world.get(JOBS, "js-w-1")

    made, job = play(story)

    pods = job["spec"]["template"]
    (owner,) = job["metadata"]["ownerReferences"]
    for metadata in (job["metadata"], pods["metadata"]):
        assert [metadata["labels"][key] for key in OWN] == ["js", "w", "1", "0", "2"]
        assert [metadata["annotations"][key] for key in OWN] == ["js", "w", "1", "0", "2"]
        assert (metadata["labels"]["mine"], metadata["annotations"]["mine"]) == ("l", "a")
    assert {keys.JOB_RESTART_ATTEMPT, keys.COORDINATOR} & set(job["metadata"]["labels"]) == set()
    assert (job["spec"]["suspend"], pods["spec"]["subdomain"]) == (False, "net")
    assert (owner["kind"], owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (
        "JobSet",
        made["metadata"]["uid"],
        True,
        True,
    )


def test_more_jobs_than_one_turn_creates_come_in_several(monkeypatch):
    monkeypatch.setattr(creation, "MOST_JOBS", 3)

    async def story(world):
        await world.create(*roles(a=2, b=9))
        return await world.job_names()

    assert play_locally(story) == [*(f"js-a-{n}" for n in range(2)), *(f"js-b-{n}" for n in range(9))]


# Of each Job: role, index, number of all, group, number in the group, Jobs of the group, Jobs of the role.
NUMBERED = (
    keys.REPLICATED_JOB_NAME,
    keys.JOB_INDEX,
    keys.JOB_GLOBAL_INDEX,
    keys.GROUP_NAME,
    keys.JOB_GROUP_INDEX,
    keys.GROUP_REPLICAS,
    keys.REPLICATED_JOB_REPLICAS,
)
NUMBERS = {
    "js-a-0": ("a", "0", "0", "g1", "0", "4", "2"),
    "js-a-1": ("a", "1", "1", "g1", "1", "4", "2"),
    "js-b-0": ("b", "0", "2", "g2", "0", "1", "1"),
    "js-c-0": ("c", "0", "3", "g1", "2", "4", "2"),
    "js-c-1": ("c", "1", "4", "g1", "3", "4", "2"),
}
GROUPED = (role("a", 2, groupName="g1"), role("b", groupName="g2"), role("c", 2, groupName="g1"))


@pytest.mark.parametrize("gate", [False, True], ids=["without RestartJob", "with RestartJob"])
def test_every_label_of_ours_is_in_four_places(play, gate):
    async def story(world):
        made = await world.create(*GROUPED, coordinator={"replicatedJob": "b"}, failurePolicy=policy(1))
        first = await world.items(JOBS)
        await world.end_job("js-b-0", "BackoffLimitExceeded")
        return made["metadata"], first, await world.items(JOBS)

    jobset, first, second = play(story, gates=FeatureGates(restart_job=gate))

    alone = {keys.JOB_RESTART_ATTEMPT: "0"} if gate else {}
    assert labelled(first) == {name: [own_labels(jobset, name, "0") | alone] * 4 for name in NUMBERS}
    assert labelled(second) == {name: [own_labels(jobset, name, "1") | alone] * 4 for name in NUMBERS}


def own_labels(jobset, job, attempt):
    return {
        keys.JOBSET_NAME: "js",
        keys.JOBSET_UID: jobset["uid"],
        keys.RESTART_ATTEMPT: attempt,
        keys.GLOBAL_REPLICAS: "5",
        keys.JOB_KEY: sha1(f"{jobset['namespace']}/{job}".encode()).hexdigest(),
        keys.COORDINATOR: "js-b-0-0.js",
        **dict(zip(NUMBERED, NUMBERS[job], strict=True)),
    }


def labelled(jobs):
    """What of ours each Job carries, in four places."""
    return {job["metadata"]["name"]: [ours(place) for place in four_places(job)] for job in jobs}


def four_places(job):
    parts = (job["metadata"], job["spec"]["template"]["metadata"])
    return [part.get(place, {}) for part in parts for place in ("labels", "annotations")]


def ours(place):
    return {key: value for key, value in place.items() if key.startswith("jobset.sigs.k8s.io/")}


E, N = keys.EXCLUSIVE_TOPOLOGY, keys.NODE_SELECTOR
BOUND = ({"key": keys.NO_SCHEDULE, "operator": "Exists", "effect": "NoSchedule"},)
# Annotations of the JobSet and of one of its roles; then those of the Job of that role and of its pods, and
# whether the pods are bound to nodes by their selector.
PLACED = {
    "nothing": ({}, {}, {}, {}, False),
    "the JobSet": ({E: "rack"}, {}, {E: "rack"}, {E: "rack"}, False),
    "the role wins": ({E: "rack"}, {E: "zone"}, {E: "zone"}, {E: "zone"}, False),
    "a selector of the JobSet alone": ({N: "true"}, {}, {}, {}, False),
    "a selector of the role alone": ({}, {N: "true"}, {N: "true"}, {}, False),
    "by selector": ({E: "rack", N: "true"}, {}, {E: "rack", N: "true"}, {E: "rack", N: "true"}, True),
    "of each the half": ({E: "rack"}, {N: "true"}, {E: "rack", N: "true"}, {E: "rack"}, True),
}


@pytest.mark.parametrize(("above", "own", "of_job", "of_pods", "is_bound"), PLACED.values(), ids=PLACED)
def test_a_job_is_told_where_it_is_alone(play, above, own, of_job, of_pods, is_bound):
    chosen = role("w")
    chosen["template"]["metadata"] = {"annotations": own}

    async def story(world):
        await world.create(chosen, role("other"), metadata={"name": "js", "annotations": above})
        return await world.get(JOBS, "js-w-0"), await world.get(JOBS, "js-other-0")

    job, other = play(story)

    pods = job["spec"]["template"]["spec"]
    home = f"{job['metadata']['namespace']}_js-w-0"
    labels, annotations, pod_labels, pod_annotations = map(placement, four_places(job))
    assert (labels, annotations, pod_labels, pod_annotations) == ({}, of_job, {}, of_pods)
    assert pods.get("nodeSelector") == ({keys.NAMESPACED_JOB: home} if is_bound else None)
    assert tuple(pods.get("tolerations", ())) == (BOUND if is_bound else ())
    assert placement(other["metadata"]["annotations"]).get(E) == above.get(E)


def placement(place):
    return {key: place[key] for key in (E, N) if key in place}


def test_a_status_tells_restarts_always_and_nothing_that_is_empty(play):
    async def story(world):
        await world.create(*roles(w=1))
        return await world.status()

    counts = dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), 0)
    assert play(story) == {"restarts": 0, "replicatedJobsStatus": [{"name": "w", **counts}]}


def test_a_service_is_headless_and_goes_with_its_jobset(play):
    async def story(world):
        made = await world.create(*roles(w=1), **DNS)
        return made, await world.get(SERVICES, "net")

    made, service = play(story)

    spec = service["spec"]
    (owner,) = service["metadata"]["ownerReferences"]
    assert (spec["clusterIP"], spec["selector"]) == ("None", {keys.JOBSET_NAME: "js"})
    assert (spec.get("publishNotReadyAddresses", False), "ports" in spec) == (False, False)
    assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
    assert {"labels", "annotations"} & set(service["metadata"]) == set()


def test_addresses_of_pods_that_are_not_ready_are_published_unless_asked_otherwise(play):
    async def story(world):
        await world.create(*roles(w=1), network={"enableDNSHostnames": True})
        return await world.get(SERVICES, "js")

    assert play(story)["spec"]["publishNotReadyAddresses"] is True


def test_a_claim_is_its_template_and_has_an_owner_only_if_it_is_deleted_with_it(play):
    (template,) = CLAIM["templates"]
    told = {"labels": {"mine": "l"}, "annotations": {"mine": "a"}}
    kept, going = (template | {"metadata": {"name": name, **told}} for name in ("kept", "going"))
    policies = [
        {"templates": [kept], "retentionPolicy": {"whenDeleted": "Retain"}},
        {"templates": [going], "retentionPolicy": {"whenDeleted": "Delete"}},
    ]
    worker = role("w")
    (container,) = worker["template"]["spec"]["template"]["spec"]["containers"]
    container["volumeMounts"] = [{"name": name, "mountPath": f"/{name}"} for name in ("kept", "going")]

    async def story(world):
        made = await world.create(worker, volumeClaimPolicies=policies)
        return made, await world.items(PERSISTENT_VOLUME_CLAIMS), await world.get(JOBS, "js-w-0")

    made, (deleted, retained), job = play(story)

    (owner,) = deleted["metadata"]["ownerReferences"]
    volumes = job["spec"]["template"]["spec"]["volumes"]
    assert (deleted["metadata"]["name"], retained["metadata"]["name"]) == ("going-js", "kept-js")
    assert deleted["metadata"]["labels"] == {"mine": "l", keys.JOBSET_NAME: "js"}
    assert deleted["metadata"]["annotations"]["mine"] == "a"
    assert deleted["spec"]["resources"] == template["spec"]["resources"]
    assert (owner["uid"], "ownerReferences" in retained["metadata"]) == (made["metadata"]["uid"], False)
    assert {volume["persistentVolumeClaim"]["claimName"] for volume in volumes} == {"going-js", "kept-js"}


def test_a_resumed_job_takes_over_five_fields_and_keeps_what_it_has(play):
    gates = [{"name": "example.com/a"}]
    before, after = role("w"), role("w")
    for worker, zone in ((before, "a"), (after, "b")):
        toleration = {"key": zone, "operator": "Exists", "effect": "NoSchedule"}
        pods = worker["template"]["spec"]["template"]
        pods["metadata"] = {"labels": {"zone": zone, zone: "l"}, "annotations": {"zone": zone, zone: "a"}}
        pods["spec"] |= {"nodeSelector": {"zone": zone, zone: "n"}, "tolerations": [toleration]}
    pods["spec"] |= {"schedulingGates": gates, "priorityClassName": "system-node-critical"}

    async def story(world):
        await world.create(before, suspend=True)
        await world.change(suspend=False, replicatedJobs=[after])
        return await world.get(JOBS, "js-w-0")

    job = play(story, webhooks=False)

    metadata, spec = job["spec"]["template"]["metadata"], job["spec"]["template"]["spec"]
    assert job["spec"]["suspend"] is False
    assert [metadata["labels"][key] for key in ("zone", "a", "b", keys.JOBSET_NAME)] == ["b", "l", "l", "js"]
    assert [metadata["annotations"][key] for key in ("zone", "a", "b")] == ["b", "a", "a"]
    assert spec["nodeSelector"] == {"zone": "b", "a": "n", "b": "n"}
    assert [toleration["key"] for toleration in spec["tolerations"]] == ["a", "b"]
    assert spec["schedulingGates"] == gates
    assert "priorityClassName" not in spec


def test_another_reason_keeps_the_time_of_a_condition_and_a_flip_takes_a_new_one(play):
    async def story(world):
        await world.create(*roles(w=1), failurePolicy=policy(1))
        await world.end_job("js-w-0", "BackoffLimitExceeded")
        times = [await time_of_restart(world)]
        for act in (world.run_job, world.end_job):
            await asyncio.sleep(1.1)
            await act("js-w-0")
            times.append(await time_of_restart(world))
        return times, await world.condition("RestartingJobSet")

    (restarted, ready, complete), condition = play(story)

    assert ready - restarted >= timedelta(seconds=1)
    assert (complete, condition["reason"]) == (ready, "JobSetCompleted")
    assert "observedGeneration" not in condition


@pytest.mark.control_plane
def test_what_a_later_release_tells_in_a_status_stays(bare_control_plane):
    async def story(world):
        await world.create(*roles(w=1))
        await world.write_status(JOBSETS, "js", {"later": "kept"})
        await world.run_job("js-w-0")
        return await world.status()

    status = play_really(bare_control_plane, story)

    assert (status["later"], status["replicatedJobsStatus"][0]["ready"]) == ("kept", 1)


async def time_of_restart(world):
    return parse_time((await world.condition("RestartingJobSet"))["lastTransitionTime"])


def test_an_owner_that_is_deleted_in_the_foreground_waits_for_all_that_it_owns(play):
    async def story(world):
        await world.create(*roles(w=2), **DNS)
        await world.delete(JOBSETS, "js", "Foreground")

        async def is_gone():
            return not await world.exists(JOBSETS, "js")

        await world.until(is_gone)
        return await world.items(JOBS), await world.items(SERVICES)

    jobs, services = play(story)

    assert (len(jobs), len(services)) == (0, 0)
