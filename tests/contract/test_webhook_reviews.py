"""What JobSet's webhooks answer: the reviewers over an API with claims, pods and nodes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.controller.placement import PlacementController
from jobset.controller.webhooks import paths
from jobset.controller.webhooks.offload import BODY_SIZE
from jobset.controller.webhooks.paths import jobset_webhooks
from jobset.controller.webhooks.reviews import AdmissionRequest, Allowed, Answer, Denied
from jobset.controller.webhooks.server import WebhookServer
from jobset.kube.client import Client
from jobset.kube.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PODS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import wall_clock
from tests.contract.builders import a_jobset_pod
from tests.control_plane.kubelet import a_node
from tests.controller_world import Wire

Raw = dict[str, Any]
ZONE = "topology.kubernetes.io/zone"
OWNER: Raw = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "js-w-0", "uid": "job-1"},
}
ROLE: Raw = {
    "name": "w",
    "replicas": 1,
    "groupName": "default",
    "template": {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}},
}

COMPLETE_POD: Raw = {
    "metadata": {},
    "spec": {"containers": [{"name": "c", "resources": {}}], "restartPolicy": "Never"},
}
COMPLETE_ROLE: Raw = {
    **ROLE,
    "template": {"metadata": {}, "spec": {"completionMode": "Indexed", "template": COMPLETE_POD}},
}


@dataclass
class World:
    """The webhooks, and the API behind them."""

    client: Client
    wire: Wire
    webhooks: WebhookServer
    placement: PlacementController

    async def ask(self, path: str, operation: str, new: Raw | None, old: Raw | None = None) -> Answer:
        request = AdmissionRequest(
            uid="u", operation=operation, namespace="default", object=new, old_object=old
        )
        return await self.webhooks.reviewers[path].review(request)

    async def until_known(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.placement.pods) < count or not self.placement.nodes.is_synced:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def a_world(*, watching: bool = True) -> AsyncIterator[World]:
    wire = Wire(LocalTransport(ApiServer(clock=wall_clock, random=Random(1))))
    client = Client(wire)
    placement = PlacementController(client, wall_clock)
    webhooks = jobset_webhooks(FeatureGates(), client, placement)
    watch = asyncio.create_task(placement.watch()) if watching else None
    try:
        yield World(client, wire, webhooks, placement)
    finally:
        webhooks.offload.close()
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


def a_jobset(**spec: Any) -> Raw:
    return {"metadata": {"name": "js"}, "spec": {"replicatedJobs": [ROLE], **spec}}


def patched(answer: Answer) -> list[Raw]:
    assert isinstance(answer, Allowed)
    return list(answer.patch)


# --- JobSets --------------------------------------------------------------------------------------


async def test_a_new_jobset_gets_what_it_lacks_and_keeps_the_rest():
    jobset = a_jobset(network={"enableDNSHostnames": False}, unknown={"to": "us"})

    async with a_world() as world:
        patch = patched(await world.ask(paths.MUTATE_JOBSET, "CREATE", jobset))

    template = "/spec/replicatedJobs/0/template"
    assert {it["op"] for it in patch} == {"add"}
    assert {it["path"]: it["value"] for it in patch} == {
        f"{template}/metadata": {},
        f"{template}/spec/completionMode": "Indexed",
        f"{template}/spec/template/metadata": {},
        f"{template}/spec/template/spec/containers/0/resources": {},
        f"{template}/spec/template/spec/restartPolicy": "OnFailure",
        "/spec/network/publishNotReadyAddresses": True,
        "/spec/startupPolicy": {"startupPolicyOrder": "AnyOrder"},
        "/spec/successPolicy": {"operator": "All"},
    }


async def test_a_jobset_that_lacks_nothing_gets_no_patch():
    async with a_world() as world:
        spec = {
            "successPolicy": {"operator": "All"},
            "startupPolicy": {"startupPolicyOrder": "InOrder"},
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            "replicatedJobs": [COMPLETE_ROLE],
        }
        assert await world.ask(paths.MUTATE_JOBSET, "CREATE", a_jobset(**spec)) == Allowed()


UNASKED = {
    "a change, for the defaults": (paths.MUTATE_JOBSET, "UPDATE"),
    "a deletion, for the defaults": (paths.MUTATE_JOBSET, "DELETE"),
    "a deletion, for the rules": (paths.VALIDATE_JOBSET, "DELETE"),
    "a change of a pod, for its place": (paths.MUTATE_POD, "UPDATE"),
    "a deletion of a pod, for its place": (paths.MUTATE_POD, "DELETE"),
    "a change of a pod, for the rules": (paths.VALIDATE_POD, "UPDATE"),
    "a deletion of a pod, for the rules": (paths.VALIDATE_POD, "DELETE"),
}


@pytest.mark.parametrize(("path", "operation"), UNASKED.values(), ids=UNASKED)
async def test_what_no_webhook_is_registered_for_is_allowed(path, operation):
    async with a_world() as world:
        bad = a_jobset(managedBy="me")
        assert await world.ask(path, operation, None if operation == "DELETE" else bad, bad) == Allowed()


async def test_a_refused_jobset_hears_everything():
    async with a_world() as world:
        answer = await world.ask(paths.VALIDATE_JOBSET, "CREATE", a_jobset(managedBy="", coordinator={}))

    assert isinstance(answer, Denied)
    assert (answer.status["code"], answer.status["reason"]) == (422, "Invalid")
    assert answer.status["message"].startswith('JobSet.jobset.x-k8s.io "js" is invalid: [spec.managedBy: ')
    assert [cause["reason"] for cause in answer.status["details"]["causes"]] == [
        "FieldValueRequired",
        "InternalError",
    ]


async def test_a_change_is_judged_by_what_was_before():
    async with a_world() as world:
        old, new = a_jobset(), a_jobset(managedBy="acme.io/new")
        answer = await world.ask(paths.VALIDATE_JOBSET, "UPDATE", new, old)

    assert isinstance(answer, Denied)
    assert answer.status["message"] == (
        'JobSet.jobset.x-k8s.io "js" is invalid: '
        'spec.managedBy: Invalid value: "acme.io/new": field is immutable'
    )


async def test_a_large_jobset_is_judged_beside_the_loop():
    BODY_SIZE.set(10**6)
    async with a_world() as world:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        roles = [{**ROLE, "name": f"w{index}"} for index in range(2000)]
        jobset = a_jobset(replicatedJobs=roles)
        patch = patched(await world.ask(paths.MUTATE_JOBSET, "CREATE", jobset))
        ticking.cancel()

    assert len(patch) == 5 * len(roles) + 3
    assert ticks > 2


CLAIM_SPEC: Raw = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
    "volumeMode": "Filesystem",
}


def a_jobset_with_claim(retention: str) -> Raw:
    policy = {
        "templates": [{"metadata": {"name": "data"}, "spec": CLAIM_SPEC}],
        "retentionPolicy": {"whenDeleted": retention},
    }
    mount = {"name": "c", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    role = {**ROLE, "template": {"spec": {"template": {"spec": {"containers": [mount]}}}}}
    return a_jobset(replicatedJobs=[role], volumeClaimPolicies=[policy])


CLAIMS = {
    "no such claim": (None, "Delete", None),
    "an equal claim that is kept": ("ReadWriteOnce", "Retain", None),
    "an equal claim that is not": (
        "ReadWriteOnce",
        "Delete",
        "retentionPolicy must be retain when PVC exists",
    ),
    "another claim": (
        "ReadWriteMany",
        "Retain",
        "spec does not match existing PVC data-js in namespace default",
    ),
}


@pytest.mark.parametrize(("mode", "retention", "text"), CLAIMS.values(), ids=CLAIMS)
async def test_a_claim_that_exists_is_compared(mode, retention, text):
    async with a_world() as world:
        if mode is not None:
            metadata = {"name": "data-js", "namespace": "default"}
            spec = {**CLAIM_SPEC, "accessModes": [mode]}
            await world.client.create(PERSISTENT_VOLUME_CLAIMS, {"metadata": metadata, "spec": spec})
        answer = await world.ask(paths.VALIDATE_JOBSET, "CREATE", a_jobset_with_claim(retention))

    told = answer.status["message"] if isinstance(answer, Denied) else None
    assert (told is None) == (text is None)
    assert text is None or text in told


async def test_a_claim_that_cannot_be_read_refuses_the_jobset():
    async with a_world() as world:
        world.wire.refuse("GET", "persistentvolumeclaims/data-js")
        answer = await world.ask(paths.VALIDATE_JOBSET, "CREATE", a_jobset_with_claim("Retain"))

    assert isinstance(answer, Denied)
    assert "failed to check for existing PVC data-js: " in answer.status["message"]
    assert "spec.volumeClaimPolicies[0].template[0]: Internal error: " in answer.status["message"]


# --- pods -----------------------------------------------------------------------------------------


def a_leader(**spec: Any) -> Raw:
    return {**a_jobset_pod("default", "0", owner=OWNER, topology=ZONE), **({"spec": spec} if spec else {})}


def a_follower() -> Raw:
    return a_jobset_pod("default", "1", owner=OWNER, topology=ZONE)


async def place(world: World, **labels: str) -> None:
    """The leader gets a node with these labels."""
    node = a_node("n1", **{ZONE: "a"}) if not labels else a_node("n1", **labels)
    await world.client.create(NODES, node)
    leader = await world.client.create(PODS, a_leader())
    await world.client.bind("default", leader["metadata"]["name"], "n1")
    async with asyncio.timeout(5):
        while not any(pod["spec"].get("nodeName") for pod in world.placement.pods.all()):
            await asyncio.sleep(0.01)


async def test_a_follower_goes_where_its_leader_is():
    async with a_world() as world:
        await place(world)
        patch = patched(await world.ask(paths.MUTATE_POD, "CREATE", a_follower()))

    assert {"op": "add", "path": "/spec/nodeSelector", "value": {ZONE: "a"}} in patch


async def test_a_follower_without_a_leader_waits_for_one():
    async with a_world() as world:
        follower = a_follower()
        mutated = patched(await world.ask(paths.MUTATE_POD, "CREATE", follower))
        early = await world.ask(paths.VALIDATE_POD, "CREATE", follower)
        follower["spec"]["nodeSelector"] = {ZONE: "a"}
        late = await world.ask(paths.VALIDATE_POD, "CREATE", follower)

    assert all("nodeSelector" not in it["path"] for it in mutated)
    assert early == Denied(
        {"code": 403, "reason": "Forbidden", "message": "follower pod node selector not set"}
    )
    assert isinstance(late, Denied)
    assert late.status["message"].startswith("expected 1 leader pod (")


async def test_a_node_without_a_domain_refuses_followers():
    async with a_world() as world:
        await place(world, other="label")
        answer = await world.ask(paths.MUTATE_POD, "CREATE", a_follower())

    text = f"node does not have topology label: {ZONE}"
    assert answer == Denied({"code": 403, "reason": "Forbidden", "message": text})


async def test_a_node_that_is_gone_is_not_found():
    async with a_world() as world:
        await place(world)
        await world.client.delete(NODES, None, "n1")
        async with asyncio.timeout(5):
            while len(world.placement.nodes):
                await asyncio.sleep(0.01)
        answer = await world.ask(paths.MUTATE_POD, "CREATE", a_follower())

    assert isinstance(answer, Denied)
    assert (answer.status["code"], answer.status["message"]) == (404, 'Node "n1" not found')


async def test_a_leader_keeps_away_from_others_and_needs_nobody():
    async with a_world(watching=False) as world:
        leader = a_leader()
        patch = patched(await world.ask(paths.MUTATE_POD, "CREATE", leader))
        assert await world.ask(paths.VALIDATE_POD, "CREATE", leader) == Allowed()

    (affinity,) = [it["value"] for it in patch if it["path"] == "/spec/affinity"]
    assert set(affinity) == {"podAffinity", "podAntiAffinity"}


async def test_followers_are_judged_once_pods_and_nodes_are_known():
    async with a_world(watching=False) as world:
        asked = asyncio.create_task(world.ask(paths.MUTATE_POD, "CREATE", a_follower()))
        await asyncio.sleep(0.05)
        was_answered = asked.done()
        watch = asyncio.create_task(world.placement.watch())
        await asyncio.wait_for(asked, 5)
        watch.cancel()

    assert not was_answered


async def test_a_pod_of_nobody_is_left_alone_at_once():
    pod = {"metadata": {"name": "p"}, "spec": {"priority": 7, "containers": []}}
    async with a_world(watching=False) as world:
        assert await world.ask(paths.MUTATE_POD, "CREATE", pod) == Allowed()
        assert await world.ask(paths.VALIDATE_POD, "CREATE", pod) == Allowed()


async def test_a_pod_with_a_priority_tells_it():
    pod = {"metadata": {"annotations": {keys.JOBSET_NAME: "js"}}, "spec": {"priority": 7}}
    async with a_world(watching=False) as world:
        patch = patched(await world.ask(paths.MUTATE_POD, "CREATE", pod))

    assert patch == [{"op": "add", "path": "/metadata/labels", "value": {keys.PRIORITY: "7"}}]
