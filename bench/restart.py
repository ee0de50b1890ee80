"""A restart of many Jobs in the in-process world, with no process behind them; and memory per Job and pod.

Everything happens in one thread, so its CPU time counts, which other work on the machine does not lengthen.
"""

import asyncio
import gc
import json
import random
import statistics
import subprocess
import sys
import time

from jobset.api.times import format_time
from jobset.kube.resources import JOBS, JOBSETS
from jobset.local.clock import run_virtual
from jobset.local.plane import Plane, PlaneOptions

SIZES = (100, 300, 1000)
ROUNDS = 3


def measure() -> list[dict[str, object]]:
    """One row per number of Jobs, medians; time and memory per Job should not grow."""
    rounds = [[_in_a_process_of_its_own(jobs) for jobs in SIZES] for _ in range(ROUNDS)]
    return [
        {column: statistics.median(row[column] for row in rows) for column in rows[0]}
        for rows in zip(*rounds, strict=True)
    ]


def _in_a_process_of_its_own(jobs: int) -> dict[str, float]:
    code = f"import json, bench.restart; print(json.dumps(bench.restart.one({jobs})))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def one(jobs: int) -> dict[str, float]:
    """CPU time of creating and of restarting so many Jobs, and the memory that they and their pods take."""

    async def story(clock) -> dict[str, float]:
        async with Plane(PlaneOptions(clock=clock, random=random.Random(1))) as plane:
            client, before, begun = plane.client, _resident(), time.process_time()
            await client.create(JOBSETS, _jobset(jobs))
            await _until(client, lambda found: len(found) == jobs)
            created = time.process_time() - begun
            await asyncio.sleep(5)
            taken = _resident() - before
            begun = time.process_time()
            failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": ""}
            moment = format_time(clock())
            conditions = [
                {**failed, "type": kind, "lastTransitionTime": moment} for kind in ("FailureTarget", "Failed")
            ]
            await client.patch(
                JOBS,
                "default",
                "js-w-0",
                {"status": {"conditions": conditions, "active": 0}},
                subresource="status",
            )
            await _until(
                client, lambda found: len(found) == jobs and all(_attempt(job) == "1" for job in found)
            )
            restarted = time.process_time() - begun
        return {
            "Jobs (one pod each)": jobs,
            "create ms/Job": created * 1000 / jobs,
            "restart ms/Job": restarted * 1000 / jobs,
            "KiB per Job and pod": taken / 1024 / jobs,
        }

    return run_virtual(story)


async def _until(client, reached) -> None:
    while not reached((await client.list(JOBS)).items):
        await asyncio.sleep(0.25)


def _attempt(job) -> str:
    return job["metadata"]["labels"]["jobset.sigs.k8s.io/restart-attempt"]


def _jobset(jobs: int) -> dict[str, object]:
    pod = {"containers": [{"name": "c", "image": "x", "command": ["true"]}]}
    template = {"spec": {"parallelism": 1, "completions": 1, "backoffLimit": 0, "template": {"spec": pod}}}
    role = {"name": "w", "replicas": jobs, "template": template}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "js", "namespace": "default"},
        "spec": {"failurePolicy": {"maxRestarts": 3}, "replicatedJobs": [role]},
    }


def _resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
