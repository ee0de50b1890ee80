"""The manager on what other releases left, and under their definitions: nothing is lost or restarted."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from copy import deepcopy
from hashlib import sha1
from pathlib import Path
from uuid import uuid4

import pytest

from jobset.api import keys
from jobset.kube.client import Client, Object
from jobset.kube.resources import JOBS, JOBSETS, NAMESPACES, PODS, SERVICES
from tests.control_plane.fixtures import require_programs
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.kubelet import a_node
from tests.control_plane.kubelet_thread import kubelets
from tests.control_plane.other_releases import REPLICAS, Raw, World, defined, lacks
from tests.control_plane.processes import CONTROLLER_MANAGER, ControlPlane, PlaneSettings, a_control_plane
from tests.pod_scripts import a_script
from tests.worlds import role

pytestmark = [pytest.mark.control_plane, pytest.mark.slow]

COLLECTED = ("job-controller", "garbage-collector-controller")


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane for this file alone, as the definition of JobSets changes; pods run until deleted."""
    require_programs()
    with a_control_plane(PlaneSettings(controllers=COLLECTED)) as plane:
        install_jobset_crd(plane)
        # The garbage collector looks for new kinds only when it starts and every 30 seconds.
        plane.restart(CONTROLLER_MANAGER)
        with kubelets(plane, a_script({}), [a_node("node")]):
            yield plane


@pytest.fixture
async def world(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[World]:
    transport = plane.transport()
    client, namespace = Client(transport), f"upgrade-{uuid4()}"
    await client.create(NAMESPACES, {"metadata": {"name": namespace}})
    yield World(plane, client, namespace, tmp_path)
    await transport.close()


def of_an_older_release(schema: Raw) -> None:
    lacks(
        schema,
        "spec.coordinator",
        "spec.volumeClaimPolicies",
        "spec.failurePolicy.restartStrategy",
        "spec.replicatedJobs.groupName",
        "spec.replicatedJobs.dependsOn",
        "status.previousInPlaceRestartAttempt",
        "status.currentInPlaceRestartAttempt",
        "status.restartsCountTowardsMax",
        "status.terminalState",
        "status.replicatedJobsStatus.jobRestarts",
        "status.replicatedJobsStatus.jobRestartsCountTowardsMax",
    )
    # It reads fields that are gone.
    del schema["spec"]["x-kubernetes-validations"]


OLD_LABELS = (
    keys.JOBSET_NAME,
    keys.REPLICATED_JOB_NAME,
    keys.REPLICATED_JOB_REPLICAS,
    keys.JOB_INDEX,
    keys.JOB_KEY,
    keys.RESTART_ATTEMPT,
)
"""What the children of an older release carry."""
NEW_LABELS = {
    keys.JOBSET_UID,
    keys.GLOBAL_REPLICAS,
    keys.JOB_GLOBAL_INDEX,
    keys.GROUP_NAME,
    keys.GROUP_REPLICAS,
    keys.JOB_GROUP_INDEX,
}
RESUMED = {
    "type": "Suspended",
    "status": "False",
    "reason": "ResumeJobs",
    "message": "jobset is resumed",
    "lastTransitionTime": "2020-01-02T03:04:05Z",
}
DNS = {"network": {"enableDNSHostnames": True}}


async def create_elder(world: World, name: str) -> None:
    """A JobSet of an older release, with its children and its status, as that left them."""
    jobset = await world.create_jobset(name, failurePolicy={"maxRestarts": 1}, **DNS)
    owner = {"apiVersion": JOBSETS.api_version, "kind": JOBSETS.kind, "name": name}
    owner |= {"uid": jobset["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}
    told = {"labels": {keys.JOBSET_NAME: name}, "ownerReferences": [owner]}
    spec = {"clusterIP": "None", "selector": {keys.JOBSET_NAME: name}}
    await world.create(SERVICES, {"metadata": {"name": name, **told}, "spec": spec})
    (worker,) = jobset["spec"]["replicatedJobs"]
    for index in range(REPLICAS):
        job = f"{name}-w-{index}"
        key = sha1(f"{world.namespace}/{job}".encode()).hexdigest()
        labels = dict(zip(OLD_LABELS, (name, "w", str(REPLICAS), str(index), key, "0"), strict=True))
        template = deepcopy(worker["template"]["spec"]["template"])
        template["metadata"] = {"labels": labels, "annotations": labels}
        template["spec"]["subdomain"] = name
        metadata = {"name": job, "labels": labels, "annotations": labels, "ownerReferences": [owner]}
        body = {"metadata": metadata, "spec": {**worker["template"]["spec"], "template": template}}
        await world.create(JOBS, body)
    counts = {"ready": REPLICAS, "active": REPLICAS, "succeeded": 0, "failed": 0, "suspended": 0}
    status = {"restarts": 0, "conditions": [RESUMED], "replicatedJobsStatus": [{"name": "w", **counts}]}
    await world.client.update_status(JOBSETS, {**jobset, "status": status})


async def test_jobsets_of_an_older_release_run_on_untouched_and_restart_as_ours(world: World) -> None:
    with defined(world.plane, of_an_older_release):
        for name in ("elder", "neighbour"):
            await create_elder(world, name)
            await world.everything(name)
    elder, neighbour = [await world.everything(name) for name in ("elder", "neighbour")]

    for name in ("upgraded", "replaced"):
        async with world.managed(name) as proxy:
            await world.until_seen(name)
        assert world.writes(proxy, "elder") == []
    unchanged = await world.everything("elder")
    async with world.managed("later") as proxy:
        await world.fail("elder-w-0")
        await world.until_condition("elder", "RestartingJobSet", "False")
    restarted = await world.everything("elder")

    assert unchanged == elder
    assert await world.everything("neighbour") == neighbour
    assert world.writes(proxy, "neighbour") == []
    assert set(world.writes(proxy, "elder")) == {
        "PUT jobsets/status",
        "POST events",
        "DELETE jobs",
        "POST jobs",
    }
    assert await world.specified("elder") == (elder["jobsets"][0]["spec"], 1)
    assert restarted["services"] == elder["services"]
    assert uids(restarted["jobs"]) & uids(elder["jobs"]) == set()
    assert [job["metadata"]["labels"][keys.RESTART_ATTEMPT] for job in restarted["jobs"]] == ["1", "1"]
    assert [NEW_LABELS - set(job["metadata"]["labels"]) for job in restarted["jobs"]] == [set(), set()]


def uids(objects: Sequence[Object]) -> set[str]:
    return {found["metadata"]["uid"] for found in objects}


LATER = "later.example.com/told"
ANYTHING: Raw = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def of_a_later_release(schema: Raw) -> None:
    """Its JobSets, roles, policies, conditions and counts say more."""
    spec, status = schema["spec"]["properties"], schema["status"]["properties"]
    conditions, counts = (status[name]["items"] for name in ("conditions", "replicatedJobsStatus"))
    roles = spec["replicatedJobs"]["items"]
    for fields in (spec, status, *(each["properties"] for each in (roles, conditions, counts))):
        fields["later"] = ANYTHING
    spec["failurePolicy"]["properties"]["later"] = ANYTHING


SAID: Raw = {"some": ["thing", {"new": 1}]}


async def create_later(world: World, name: str) -> None:
    """A JobSet of a later release that runs, with all that such a release says of it."""
    async with world.managed("of-a-later-release"):
        await world.create_jobset(name, later=SAID, failurePolicy={"maxRestarts": 1, "later": SAID})
        await world.everything(name)
    jobset = await world.get(name)
    (counts,) = jobset["status"]["replicatedJobsStatus"]
    status = {
        **jobset["status"],
        "later": SAID,
        "conditions": [RESUMED | {"later": SAID}, RESUMED | {"type": "Later"}],
        "replicatedJobsStatus": [counts | {"later": SAID}],
    }
    await world.client.update_status(JOBSETS, {**jobset, "status": status})
    told: Raw = {"metadata": {"labels": {LATER: "yes"}, "annotations": {LATER: "yes"}}}
    for resource in (JOBS, PODS):
        for child in await world.items(resource, name):
            await world.client.patch(resource, world.namespace, child, told)


async def test_what_a_later_release_said_stays_when_an_older_one_goes_on(world: World) -> None:
    with defined(world.plane, of_a_later_release):
        await create_later(world, "train")
        before = await world.everything("train")
        async with world.managed("older") as proxy:
            await world.until_seen("seen")
            early = world.writes(proxy, "train")
            await world.suspend("train", True)
            await world.until_condition("train", "Suspended")
            await world.until_gone(PODS, "train")
            await world.suspend("train", False)
            await world.until_condition("train", "Suspended", "False")
            resumed = await world.everything("train")
            await world.fail("train-w-0")
            await world.until_condition("train", "RestartingJobSet", "False")
            after = await world.everything("train")

    assert early == []
    assert uids(resumed["jobs"]) == uids(before["jobs"])
    assert [place.get(LATER) for place in labels_and_annotations(resumed["jobs"])] == ["yes"] * 2 * REPLICAS
    (old,), (new,) = before["jobsets"], after["jobsets"]
    assert new["spec"] == old["spec"] | {"suspend": False}
    status = new["status"]
    assert (status["later"], status["replicatedJobsStatus"][0]["later"]) == (SAID, SAID)
    suspended, later, restarting = status["conditions"]
    assert (suspended["later"], later) == (SAID, RESUMED | {"type": "Later"})
    assert (restarting["type"], status["restarts"]) == ("RestartingJobSet", 1)


def labels_and_annotations(objects: Sequence[Object]) -> list[Mapping[str, str]]:
    return [found["metadata"][place] for found in objects for place in ("labels", "annotations")]


def that_drops_counts(schema: Raw) -> None:
    lacks(schema, "status.replicatedJobsStatus", "status.terminalState", "status.restartsCountTowardsMax")


MOST_WRITES = 100
"""Each change of a Job is a reason to write; a loop would write several hundred times."""


async def test_a_status_that_the_server_does_not_keep_is_not_written_without_end(world: World) -> None:
    with defined(world.plane, that_drops_counts):
        async with world.managed("manager") as proxy:
            await world.create_jobset("train", failurePolicy={"maxRestarts": 1})
            await world.everything("train")
            await world.fail("train-w-0")
            await world.until_condition("train", "RestartingJobSet", "False")
            await world.everything("train")
            await world.until_seen("seen")
        found = await world.get("train")

    assert world.writes(proxy, "train").count("PUT jobsets/status") <= MOST_WRITES
    assert found["status"]["restarts"] == 1
    assert set(found["status"]) == {"restarts", "conditions"}
    assert "drops fields of a status" in (world.folder / "manager.log").read_text()


def after(role: str) -> Raw:
    return {"dependsOn": [{"name": role, "status": "Complete"}]}


# What no admission would have let in, stored while there was none, and how many Jobs it has.
NEVER_ADMITTED: dict[str, tuple[int, Raw]] = {
    "no-roles": (0, {"replicatedJobs": []}),
    "name-of-no-job": (0, {"replicatedJobs": [role("A_B")]}),
    "name-too-long": (0, {"replicatedJobs": [role("a" * 60)]}),
    "subdomain": (0, {"network": {"enableDNSHostnames": True, "subdomain": "A"}}),
    "claim": (0, {"volumeClaimPolicies": [{"templates": [{"metadata": {"name": "A"}}]}]}),
    "success": (2, {"successPolicy": {"operator": "All", "targetReplicatedJobs": ["nobody"]}}),
    "rules": (2, {"failurePolicy": {"rules": [{"name": "-", "action": "RestartJob"}] * 2}}),
    "coordinator": (2, {"coordinator": {"replicatedJob": "nobody", "jobIndex": -1}}),
    "circle": (1, {"replicatedJobs": [role("a", **after("b")), role("b", **after("a"))]}),
}
MOST_TRIES = 20
"""Each comes twice as long after the one before, the second one after 5 ms."""


async def test_jobsets_that_no_admission_saw_stay_and_keep_no_other_waiting(world: World) -> None:
    odd = {name: await world.create_jobset(name, **spec) for name, (_, spec) in NEVER_ADMITTED.items()}
    wanted = {name: jobs for name, (jobs, _) in NEVER_ADMITTED.items()}

    async def have_their_jobs() -> bool:
        return {name: len(await world.items(JOBS, name)) for name in odd} == wanted

    async with world.managed("manager") as proxy:
        await world.create_jobset("good")
        await world.everything("good")
        await world.until(have_their_jobs)

    specified = {name: (jobset["spec"], 1) for name, jobset in odd.items()}
    assert {name: await world.specified(name) for name in odd} == specified
    refused = [passed.path for passed in proxy.writes if passed.code == 422]
    assert len(set(refused)) == 3
    assert len(refused) <= 4 * MOST_TRIES
