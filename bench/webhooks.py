"""Reviews over TLS: CPU time and latency of the webhooks, against a bare handler that allows everything.

The server is a process of its own, which tells its CPU time; reviews go out in turns of one kind each.
"""

import asyncio
import io
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from tests.certificates import Authority

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.controller.placement import PlacementController
from jobset.controller.webhooks import paths
from jobset.controller.webhooks.paths import jobset_webhooks
from jobset.kube.client import Client
from jobset.kube.resources import NODES, PODS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import wall_clock

ROUNDS, AT_ONCE = 5, 8
TOPOLOGY = "example.com/rack"
BARE, CPU = "/bare", "/cpu"
ALLOWED = (
    b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":true}}'
)


def measure() -> list[dict[str, object]]:
    """A row for each kind of review."""
    return asyncio.run(_measured())


def reviews() -> dict[str, tuple[str, bytes, int]]:
    """Kinds of reviews: where they go, their body, and how many are sent in a turn."""
    small, large = (a_review("default", a_jobset(roles)) for roles in (2, 500))
    follower = a_review("default", a_pod("1"))
    return {
        f"bare handler, a pod of {len(follower) // 1000} KB": (BARE, follower, 1000),
        "a follower is placed": (paths.MUTATE_POD, follower, 1000),
        "a follower is judged": (paths.VALIDATE_POD, follower, 1000),
        f"bare handler, a JobSet of {len(small) // 1000} KB": (BARE, small, 1000),
        "a small JobSet is filled in": (paths.MUTATE_JOBSET, small, 1000),
        "a small JobSet is judged": (paths.VALIDATE_JOBSET, small, 1000),
        f"bare handler, a JobSet of {len(large) // 1000} KB": (BARE, large, 30),
        "a large JobSet is filled in": (paths.MUTATE_JOBSET, large, 30),
        "a large JobSet is judged": (paths.VALIDATE_JOBSET, large, 30),
    }


def a_review(namespace: str, obj: dict[str, Any]) -> bytes:
    """The body of a review of a creation."""
    request = {"uid": "u", "operation": "CREATE", "namespace": namespace, "object": obj}
    return msgspec.json.encode(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    )


def a_jobset(roles: int) -> dict[str, Any]:
    """A JobSet with so many replicated jobs of 2 KB each."""
    env = [{"name": f"VARIABLE_{number}", "value": "x" * 60} for number in range(18)]
    pod = {"containers": [{"name": "c", "image": "python", "command": ["python"], "env": env}]}
    job = {"parallelism": 4, "completions": 4, "template": {"spec": pod}}
    rjobs = [
        {"name": f"w{number}", "replicas": 4, "groupName": "default", "template": {"spec": job}}
        for number in range(roles)
    ]
    return {"metadata": {"name": "train", "namespace": "default"}, "spec": {"replicatedJobs": rjobs}}


def a_pod(index: str) -> dict[str, Any]:
    """A pod of a Job that has a domain for itself, of 3 KB; a follower unless its index is 0."""
    env = [{"name": f"VARIABLE_{number}", "value": "x" * 60} for number in range(28)]
    told = {keys.JOBSET_NAME: "train", keys.REPLICATED_JOB_NAME: "w", keys.JOB_INDEX: "0", keys.JOB_KEY: "k"}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "train-w-0", "uid": "job", "controller": True}
    return {
        "metadata": {
            "name": f"train-w-0-{index}-abcde",
            "namespace": "default",
            "labels": told,
            "annotations": {**told, keys.EXCLUSIVE_TOPOLOGY: TOPOLOGY, keys.JOB_COMPLETION_INDEX: index},
            "ownerReferences": [owner],
        },
        "spec": {
            "priority": 0,
            "nodeSelector": {TOPOLOGY: "rack-1"},
            "containers": [{"name": "c", "image": "python", "env": env}],
        },
    }


async def _measured() -> list[dict[str, object]]:
    with TemporaryDirectory(prefix="jobset-bench-") as name:
        authority, folder = Authority.new(), Path(name)
        pair = authority.issue("localhost")
        (folder / "tls.crt").write_bytes(pair.certificate)
        (folder / "tls.key").write_bytes(pair.key)
        command = [sys.executable, "-m", "bench.webhooks", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = f"https://localhost:{server.stdout.readline().strip()}"
            trust = ssl.create_default_context(cadata=authority.certificate.decode())
            connector = aiohttp.TCPConnector(ssl=trust, limit=AT_ONCE)
            async with aiohttp.ClientSession(connector=connector) as session:
                rows = await _rounds(session, url)
            server.terminate()
    return rows


async def _rounds(session: aiohttp.ClientSession, url: str) -> list[dict[str, object]]:
    kinds = reviews()
    cpu: dict[str, list[float]] = {kind: [] for kind in kinds}
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, (path, body, count) in kinds.items():
            before, begun = await _cpu(session, url), time.perf_counter()
            await _send(session, url + path, body, count, AT_ONCE)
            rates[kind].append(count / (time.perf_counter() - begun))
            cpu[kind].append((await _cpu(session, url) - before) / count)
            seconds[kind] += await _send(session, url + path, body, count // 5, 1)
    rows, floor = [], 0.0
    for kind in kinds:
        used = statistics.median(cpu[kind])
        floor = used if kind.startswith("bare") else floor
        rows.append(
            {
                "review": kind,
                "CPU µs": round(used * 1e6),
                "of bare": used / floor,
                "per second": round(statistics.median(rates[kind])),
                "latency ms": statistics.median(seconds[kind]) * 1e3,
                "99 %": statistics.quantiles(seconds[kind], n=100)[98] * 1e3,
            }
        )
    return rows


async def _send(
    session: aiohttp.ClientSession, url: str, body: bytes, count: int, at_once: int
) -> list[float]:
    waiting, took = iter(range(count)), list[float]()

    async def send() -> None:
        for _ in waiting:
            begun = time.perf_counter()
            headers = {"Content-Type": "application/json"}
            async with session.post(url, data=io.BytesIO(body), headers=headers) as answer:
                assert b'"allowed":true' in await answer.read()
            took.append(time.perf_counter() - begun)

    await asyncio.gather(*(send() for _ in range(at_once)))
    return took


async def _cpu(session: aiohttp.ClientSession, url: str) -> float:
    async with session.get(url + CPU) as answer:
        return float(await answer.text())


async def _serve(folder: Path) -> None:
    client = Client(LocalTransport(ApiServer(clock=wall_clock, random=Random(1))))
    await client.create(NODES, {"metadata": {"name": "n1", "labels": {TOPOLOGY: "rack-1"}}})
    await client.create(PODS, a_pod("0"))
    await client.bind("default", "train-w-0-0-abcde", "n1")
    placement = PlacementController(client, wall_clock)
    watching = asyncio.create_task(placement.watch())
    await placement.synced()
    app = jobset_webhooks(FeatureGates(), client, placement).app()
    app.router.add_post(BARE, _allow)
    app.router.add_get(CPU, _tell_cpu)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
    print(runner.addresses[0][1], flush=True)
    await watching


async def _allow(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=ALLOWED, content_type="application/json")


async def _tell_cpu(_: web.Request) -> web.Response:
    return web.Response(text=str(time.process_time()))


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
