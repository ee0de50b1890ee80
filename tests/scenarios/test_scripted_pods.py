"""Scripted pods show what their script says, when it says so."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

from jobset.kube.client import Client, DeleteOptions, Selection
from jobset.kube.resources import PODS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import Clock, run_virtual
from jobset.local.scripted import ScriptedPods


def a_pod(name: str, namespace: str = "default", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"nodeName": "n", "restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]},
    }


def phase_and_readiness(pod: Mapping[str, Any]) -> tuple[str, str]:
    status = pod["status"]
    return status["phase"], next(
        (c["status"] for c in status.get("conditions", ()) if c["type"] == "Ready"), ""
    )


def looks(outcome: str, seconds: list[float], **settings: Any) -> list[Any]:
    """Phase and readiness of a pod at some seconds after its creation."""

    async def play(clock: Clock) -> list[Any]:
        client = Client(LocalTransport(ApiServer(clock=clock, random=Random(1))))
        pods = ScriptedPods(client=client, clock=clock, script=lambda _: outcome, **settings)
        running = asyncio.create_task(pods.run())
        await client.create(PODS, a_pod("p"))
        found, passed = [], 0.0
        for second in seconds:
            await asyncio.sleep(second - passed)
            passed = second
            found.append(phase_and_readiness(await client.get(PODS, "default", "p")))
        running.cancel()
        return found

    return run_virtual(play)


def test_an_outcome_shows_at_its_second() -> None:
    found = looks("fail:3@10", [0.1, 9.9, 10.1])

    assert found == [("Running", "True"), ("Running", "True"), ("Failed", "False")]


def test_a_pod_is_ready_after_its_delay() -> None:
    found = looks("succeed@5", [0.5, 1.5, 2.5, 7.5], start_seconds=1.0, ready_seconds=1.0)

    assert found == [("Pending", ""), ("Running", "False"), ("Running", "True"), ("Succeeded", "False")]


def test_a_pod_that_is_deleted_before_it_is_ready_stops() -> None:
    async def play(clock: Clock) -> int:
        client = Client(LocalTransport(ApiServer(clock=clock, random=Random(1))))
        pods = ScriptedPods(client=client, clock=clock, script=lambda _: "hang", ready_seconds=10.0)
        running = asyncio.create_task(pods.run())
        await client.create(PODS, a_pod("p"))
        await asyncio.sleep(1)
        await client.delete(PODS, "default", "p", DeleteOptions(grace_period_seconds=5))
        await asyncio.sleep(1)
        running.cancel()
        return len((await client.list(PODS)).items)

    assert run_virtual(play) == 0


def test_a_pod_that_is_deleted_before_it_starts_has_failed() -> None:
    async def play(clock: Clock) -> Any:
        client = Client(LocalTransport(ApiServer(clock=clock, random=Random(1))))
        pods = ScriptedPods(client=client, clock=clock, script=lambda _: "succeed", start_seconds=10.0)
        running = asyncio.create_task(pods.run())
        await client.create(PODS, a_pod("p", finalizers=["example.com/keep"]))
        await asyncio.sleep(1)
        await client.delete(PODS, "default", "p", DeleteOptions(grace_period_seconds=30))
        await asyncio.sleep(1)
        running.cancel()
        return await client.get(PODS, "default", "p")

    pod = run_virtual(play)

    (container,) = pod["status"]["containerStatuses"]
    assert phase_and_readiness(pod) == ("Failed", "False")
    assert container["state"]["terminated"]["exitCode"] == 137
    assert pod["metadata"]["deletionGracePeriodSeconds"] == 0


def test_only_selected_pods_are_played_each_with_an_address() -> None:
    async def play(clock: Clock) -> list[Any]:
        client = Client(LocalTransport(ApiServer(clock=clock, random=Random(1))))
        pods = ScriptedPods(
            client=client,
            clock=clock,
            script=lambda _: "hang",
            selection=Selection(namespace="default"),
            addresses=iter(["10.0.0.7"]),
        )
        running = asyncio.create_task(pods.run())
        for namespace in ("default", "kube-system"):
            await client.create(PODS, a_pod("p", namespace))
        await asyncio.sleep(1)
        running.cancel()
        return [pod["status"].get("podIP") for pod in (await client.list(PODS)).items]

    assert run_virtual(play) == ["10.0.0.7", None]
