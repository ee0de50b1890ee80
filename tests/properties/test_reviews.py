"""The webhooks under fire: whatever is sent is answered in time, and the next one is asked as before."""

import asyncio
import io
import json
from random import Random
from typing import Any

import aiohttp
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.controller.placement import PlacementController
from jobset.controller.webhooks import paths
from jobset.controller.webhooks.paths import jobset_webhooks
from jobset.kube.client import Client
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import wall_clock
from tests.damage import damaged, damaged_bytes

PATHS = (paths.MUTATE_JOBSET, paths.MUTATE_POD, paths.VALIDATE_JOBSET, paths.VALIDATE_POD)
TOLD = {keys.JOBSET_NAME: "js", keys.REPLICATED_JOB_NAME: "w", keys.JOB_INDEX: "0", keys.JOB_KEY: "k"}
POD = {"containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}
JOBSET = {
    "metadata": {"name": "js", "namespace": "default"},
    "spec": {
        "replicatedJobs": [
            {"name": "w", "replicas": 2, "groupName": "g", "template": {"spec": {"template": {"spec": POD}}}},
            {"name": "v", "dependsOn": [{"name": "w", "status": "Ready"}], "template": {"spec": {}}},
        ],
        "failurePolicy": {"maxRestarts": 1, "rules": [{"name": "r", "action": "FailJobSet"}]},
        "successPolicy": {"operator": "All", "targetReplicatedJobs": ["w"]},
        "coordinator": {"replicatedJob": "w", "jobIndex": 0, "podIndex": 0},
        "network": {"subdomain": "s"},
        "volumeClaimPolicies": [{"templates": [{"metadata": {"name": "data"}, "spec": {}}]}],
    },
}
FOLLOWER = {
    "metadata": {
        "name": "js-w-0-1-abcde",
        "labels": TOLD,
        "annotations": {**TOLD, keys.EXCLUSIVE_TOPOLOGY: "zone", keys.JOB_COMPLETION_INDEX: "1"},
        "ownerReferences": [{"kind": "Job", "name": "j", "uid": "u", "controller": True}],
    },
    "spec": {"priority": 1, "nodeSelector": {"zone": "a"}, "affinity": {"podAffinity": {}}},
}
SAMPLES = (JOBSET, FOLLOWER)
LONGEST_SECONDS = 5.0

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
operations = st.sampled_from(["CREATE", "UPDATE", "DELETE", "CONNECT", ""])


@st.composite
def damaged_objects(draw: st.DrawFn) -> tuple[str, bytes]:
    """A review of an object of which one part is something else."""
    obj = damaged(draw, draw(st.sampled_from(SAMPLES)), values)
    review = a_review(obj, draw(operations))
    if draw(st.booleans()):
        review["request"]["oldObject"] = damaged(draw, draw(st.sampled_from(SAMPLES)), values)
    return draw(st.sampled_from(PATHS)), json.dumps(review).encode()


def a_review(obj: Any, operation: str) -> dict[str, Any]:
    request = {"uid": "u", "operation": operation, "namespace": "default", "object": obj}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


reviews = st.builds(
    lambda sample, operation: json.dumps(a_review(sample, operation)).encode(),
    st.sampled_from(SAMPLES),
    operations,
)
damaged_reviews = st.tuples(st.sampled_from(PATHS), damaged_bytes(reviews))


@given(st.lists(damaged_reviews | damaged_objects(), min_size=1, max_size=8))
def test_whatever_is_sent_is_answered(sent: list[tuple[str, bytes]]) -> None:
    asyncio.run(ask_all(sent))


async def ask_all(sent: list[tuple[str, bytes]]) -> None:
    client = Client(LocalTransport(ApiServer(clock=wall_clock, random=Random(1))))
    placement = PlacementController(client, wall_clock)
    server = jobset_webhooks(FeatureGates(), client, placement)
    runner = web.AppRunner(server.app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    watching = asyncio.create_task(placement.watch())
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session, asyncio.timeout(LONGEST_SECONDS):
            for path, body in sent:
                verdict = await ask(session, url + path, body)
                assert isinstance(verdict["allowed"], bool)
                assert verdict["allowed"] or verdict["status"]["code"] in (400, 403, 422), verdict
            good = json.dumps(a_review(JOBSET, "CREATE")).encode()
            assert (await ask(session, url + paths.MUTATE_JOBSET, good))["patchType"] == "JSONPatch"
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await runner.cleanup()
        server.offload.close()
    assert server.metrics.panics == 0


async def ask(session: aiohttp.ClientSession, url: str, body: bytes) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    async with session.post(url, data=io.BytesIO(body), headers=headers) as answer:
        assert answer.status == 200
        response: dict[str, Any] = (await answer.json())["response"]
        return response
