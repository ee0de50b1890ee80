"""Fake nodes under a real scheduler and a real Job controller."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobset.kube.client import Client, DeleteOptions, Selection
from jobset.kube.resources import JOBS, LEASES, NODES, PODS
from jobset.local.scripted import Script
from tests.control_plane.kubelet import FakeKubelet, a_node
from tests.control_plane.processes import ControlPlane

pytestmark = pytest.mark.control_plane

NODE = a_node("kubelet-node", **{"kubelet-test": "yes"})
INDEX = "batch.kubernetes.io/job-completion-index"


@asynccontextmanager
async def a_kubelet(
    plane: ControlPlane, namespace: str, script: Script, **settings: Any
) -> AsyncIterator[None]:
    """A node at work, its pods playing a script."""
    transport = plane.transport()
    kubelet = FakeKubelet(transport=transport, script=script, nodes=(NODE,), namespace=namespace, **settings)
    running = asyncio.create_task(kubelet.run())
    await kubelet.registered()
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await transport.close()


async def until(read: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """What is read as soon as it is right."""
    async with asyncio.timeout(30):
        while not holds(found := await read()):
            await asyncio.sleep(0.1)
    return found


def a_job(namespace: str, **spec: Any) -> dict[str, Any]:
    pod = {
        "restartPolicy": "OnFailure",
        "nodeSelector": {"kubelet-test": "yes"},
        "terminationGracePeriodSeconds": 5,
        "containers": [{"name": "c", "image": "x"}],
    }
    spec = {"template": {"spec": pod}, "completionMode": "Indexed", **spec}
    return {"metadata": {"name": "j", "namespace": namespace}, "spec": spec}


def ended(job: Mapping[str, Any]) -> str | None:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((c["type"] for c in conditions if c["type"] in ("Complete", "Failed")), None)


async def test_pods_end_as_their_script_says(
    control_plane: ControlPlane, real_client: Client, real_namespace: str
) -> None:
    def script(pod: Mapping[str, Any]) -> str:
        return {"0": "succeed", "1": "fail:7"}[pod["metadata"]["annotations"][INDEX]]

    async with a_kubelet(control_plane, real_namespace, script):
        await real_client.create(JOBS, a_job(real_namespace, completions=2, parallelism=2, backoffLimit=0))
        job = await until(lambda: real_client.get(JOBS, real_namespace, "j"), ended)
        pods = (await real_client.list(PODS, Selection(namespace=real_namespace))).items

    assert ended(job) == "Failed"
    codes = {
        pod["metadata"]["annotations"][INDEX]: pod["status"]["containerStatuses"][0]["state"]["terminated"][
            "exitCode"
        ]
        for pod in pods
    }
    assert codes == {"0": 0, "1": 7}
    assert {pod["spec"]["nodeName"] for pod in pods} == {"kubelet-node"}


async def test_a_running_pod_is_ready_after_its_delay_counts_restarts_and_stops_when_deleted(
    control_plane: ControlPlane, real_client: Client, real_namespace: str
) -> None:
    async with a_kubelet(control_plane, real_namespace, lambda _: "restart:2", ready_seconds=0.5):
        await real_client.create(JOBS, a_job(real_namespace, completions=1))
        job = await until(
            lambda: real_client.get(JOBS, real_namespace, "j"), lambda j: (j.get("status") or {}).get("ready")
        )

        async def only_pod() -> Any:
            return (await real_client.list(PODS, Selection(namespace=real_namespace))).items[0]

        pod = await until(only_pod, lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] == 2)
        await real_client.delete(JOBS, real_namespace, "j", DeleteOptions(propagation_policy="Foreground"))

        async def jobs() -> Any:
            return (await real_client.list(JOBS, Selection(namespace=real_namespace))).items

        await until(jobs, lambda found: not found)

    assert job["status"]["active"] == 1
    assert pod["status"]["podIP"].startswith("10.244.")


async def test_a_pod_that_is_deleted_before_it_starts_is_replaced_once_it_has_failed(
    control_plane: ControlPlane, real_client: Client, real_namespace: str
) -> None:
    async def pods() -> Any:
        return (await real_client.list(PODS, Selection(namespace=real_namespace))).items

    async with a_kubelet(control_plane, real_namespace, lambda _: "hang", start_seconds=600.0):
        # Only failed pods are replaced where a failure policy has to judge them.
        policy = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
        job = a_job(real_namespace, completions=1, podReplacementPolicy="Failed", podFailurePolicy=policy)
        job["spec"]["template"]["spec"]["restartPolicy"] = "Never"
        await real_client.create(JOBS, job)
        (pod,) = await until(pods, lambda found: found and "nodeName" in found[0]["spec"])
        uid = pod["metadata"]["uid"]
        await real_client.delete(PODS, real_namespace, pod["metadata"]["name"])
        (successor,) = await until(pods, lambda found: len(found) == 1 and found[0]["metadata"]["uid"] != uid)

    assert successor["metadata"]["labels"][INDEX] == "0"


async def test_a_node_is_kept_ready_with_its_lease(
    control_plane: ControlPlane, real_client: Client, real_namespace: str
) -> None:
    async with a_kubelet(control_plane, real_namespace, lambda _: "hang"):
        first = await real_client.get(NODES, None, "kubelet-node")

    lease = await real_client.get(LEASES, "kube-node-lease", "kubelet-node")

    assert first["status"]["conditions"][0]["status"] == "True"
    assert "taints" not in first["spec"]
    assert lease["spec"]["holderIdentity"] == "kubelet-node"
