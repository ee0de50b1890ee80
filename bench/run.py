"""`jobset run` beside the least that the same work costs: an import of asyncio, and plain subprocesses."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
PODS = 100

_ONE = """
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {{name: bench}}
spec:
  replicatedJobs:
  - name: w
    template:
      spec:
        parallelism: {pods}
        completions: {pods}
        template:
          spec:
            containers:
            - {{name: c, image: x, command: {command}}}
"""


def measure() -> list[dict[str, object]]:
    """Rows of figures; the ratios are what to look at."""
    with tempfile.TemporaryDirectory() as folder:
        return [_one_pod(Path(folder)), _many_pods(Path(folder))]


def _one_pod(folder: Path) -> dict[str, object]:
    manifest = folder / "one.yaml"
    manifest.write_text(_ONE.format(pods=1, command='["true"]'))
    state = ["--state-dir", str(folder / "state")]
    command = [sys.executable, "-m", "jobset", "run", "--logs", "none", *state, str(manifest)]
    floor, ours = [], []
    _seconds(command)
    for _ in range(ROUNDS):
        floor.append(_seconds([sys.executable, "-c", "import asyncio"]))
        ours.append(_seconds(command))
    return _row("run of one `true` pod / import asyncio", statistics.median(ours), statistics.median(floor))


def _many_pods(folder: Path) -> dict[str, object]:
    """Each program writes when it began; a run has all running when the last one has."""
    marks = folder / "marks"
    marks.mkdir()
    program = f'["sh", "-c", "date +%s.%N > {marks}/$HOSTNAME; sleep 2"]'
    manifest = folder / "many.yaml"
    manifest.write_text(_ONE.format(pods=PODS, command=program))
    state = ["--state-dir", str(folder / "state")]
    command = [sys.executable, "-m", "jobset", "run", "--logs", "none", *state, str(manifest)]
    alone = _begin_plainly(marks)
    subprocess.run(command, check=True, capture_output=True, env=_environment())
    begun = sorted(float(mark.read_text()) for mark in marks.glob("bench-*"))
    assert len(begun) == PODS
    return _row(f"{PODS} pods, first to last program begun / plain subprocesses", begun[-1] - begun[0], alone)


def _begin_plainly(marks: Path) -> float:
    program = f"date +%s.%N > {marks}/plain-$N; sleep 1"
    processes = [
        subprocess.Popen(["sh", "-c", program], env={"N": str(number), "PATH": "/usr/bin:/bin"})
        for number in range(PODS)
    ]
    for process in processes:
        process.wait()
    begun = sorted(float(mark.read_text()) for mark in marks.glob("plain-*"))
    return begun[-1] - begun[0]


def _seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=_environment())
    return time.perf_counter() - begun


def _environment() -> dict[str, str]:
    """The caller's, with the cache of compiled modules that an installed program has."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _row(what: str, ours: float, floor: float) -> dict[str, object]:
    return {"what": what, "ours ms": ours * 1000, "floor ms": floor * 1000, "ratio": ours / floor}
