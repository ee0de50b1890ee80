"""The starter beside plain subprocesses: what names, mounts and an own process tree cost."""

import json
import os
import statistics
import subprocess
import sys
import time

ROUNDS = 3
LAUNCHES = 100
_PROGRAM = """
import json, os, sys, time
from jobset.local.processes.fork import fork_starter
handle = fork_starter(use_namespaces=sys.argv[1] == "namespaces")
import asyncio
from jobset.local.processes.client import ProcessStarter
from jobset.local.processes.starter import Launch
async def main():
    starter = ProcessStarter(handle)
    null = os.open(os.devnull, os.O_WRONLY)
    launch = Launch(argv=("true",), env={"PATH": os.environ["PATH"]}, working_dir="/", hostname="w-0",
                    hosts_file="/etc/hosts", stdout=null, stderr=null)
    await (await starter.start(launch)).wait()
    begun = time.perf_counter()
    for _ in range(int(sys.argv[2])):
        await (await starter.start(launch)).wait()
    alone = time.perf_counter() - begun
    begun = time.perf_counter()
    processes = await asyncio.gather(*(starter.start(launch) for _ in range(int(sys.argv[2]))))
    await asyncio.gather(*(process.wait() for process in processes))
    print(json.dumps([alone, time.perf_counter() - begun, starter.abilities.own_processes]))
    await starter.close()
asyncio.run(main())
"""


def measure() -> list[dict[str, object]]:
    """Rows of figures; the ratios are what to look at."""
    ours = {"namespaces": [], "plain": []}  # type: dict[str, list[tuple[float, float]]]
    plain: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        plain.append((_one_by_one(), _all_at_once()))
        for way, figures in ours.items():
            alone, together, isolated = _run(way)
            if isolated == (way == "namespaces"):
                figures.append((alone, together))
    floor = _median(plain)
    rows = [{"what": "plain subprocess", "one by one, ms": floor[0], "together, ms": floor[1], "ratio": 1.0}]
    for way, figures in ours.items():
        if figures:
            alone, together = _median(figures)
            ratio = together / floor[1]
            rows.append(
                {"what": f"starter, {way}", "one by one, ms": alone, "together, ms": together, "ratio": ratio}
            )
    return rows


def _run(way: str) -> tuple[float, float, bool]:
    command = [sys.executable, "-c", _PROGRAM, way, str(LAUNCHES)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    alone, together, isolated = json.loads(result.stdout)
    return alone, together, isolated


def _one_by_one() -> float:
    begun = time.perf_counter()
    for _ in range(LAUNCHES):
        subprocess.run(["true"], check=True, env=dict(os.environ))
    return time.perf_counter() - begun


def _all_at_once() -> float:
    begun = time.perf_counter()
    for process in [subprocess.Popen(["true"], env=dict(os.environ)) for _ in range(LAUNCHES)]:
        process.wait()
    return time.perf_counter() - begun


def _median(figures: list[tuple[float, float]]) -> tuple[float, float]:
    """Milliseconds per launch."""
    alone, together = (statistics.median(column) * 1000 / LAUNCHES for column in zip(*figures, strict=True))
    return alone, together
