"""`jobset run` beside the least that the same work costs: an import of asyncio, and plain subprocesses.

Ours and the floor take turns, and the median counts: a machine is rarely quiet. The CPU time of all processes
together moves less than the wall time.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROUNDS = 7
PODS = 100

_JOBSET = """
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
            - {{name: c, image: x, command: ["sh", "-c", "{script}"]}}
"""


class Cost(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float


def measure() -> list[dict[str, object]]:
    """Rows of figures; the ratios are what to look at."""
    _adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        return [*_one_pod(Path(folder)), *_many_pods(Path(folder))]


def _one_pod(folder: Path) -> list[dict[str, object]]:
    ours = _jobset_run(folder, 1, "true")
    floor = [sys.executable, "-c", "import asyncio"]
    _run(ours)  # modules are compiled once
    costs = _take_turns(lambda: _cost(lambda: _run(ours)), lambda: _cost(lambda: _run(floor)))
    return _rows("run of one `true` pod / import asyncio", *costs)


def _many_pods(folder: Path) -> list[dict[str, object]]:
    """From the first program begun to the last; and CPU time, without that of a run of one pod."""
    marks = folder / "marks"
    marks.mkdir()
    script = f"date +%s.%N > {marks}/$HOSTNAME; sleep 2"
    many, one = _jobset_run(folder, PODS, script), _jobset_run(folder, 1, script)

    def ours() -> Cost:
        alone = _cost(lambda: _run(one)).cpu
        whole = _cost_of_starts(marks, lambda: _run(many))
        return Cost(whole.wall, whole.cpu - alone)

    costs = _take_turns(ours, lambda: _cost_of_starts(marks, lambda: _start_plainly(script)))
    return _rows(f"{PODS} pods, first to last program begun / plain subprocesses", *costs)


def _jobset_run(folder: Path, pods: int, script: str) -> list[str]:
    manifest = folder / f"{pods}-{len(script)}.yaml"
    manifest.write_text(_JOBSET.format(pods=pods, script=script))
    state = ["--state-dir", str(folder / "state")]
    return [sys.executable, "-m", "jobset", "run", "--logs", "none", *state, str(manifest)]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, env=_environment())


def _start_plainly(script: str) -> None:
    environment = {"PATH": "/usr/bin:/bin"}
    processes = [
        subprocess.Popen(["sh", "-c", script], env={**environment, "HOSTNAME": f"plain-{number}"})
        for number in range(PODS)
    ]
    for process in processes:
        process.wait()


def _cost_of_starts(marks: Path, work: Callable[[], None]) -> Cost:
    """The time between the marks that programs made when they began."""
    for mark in marks.iterdir():
        mark.unlink()
    cpu = _cost(work).cpu
    begun = sorted(float(mark.read_text()) for mark in marks.iterdir())
    assert len(begun) == PODS
    return Cost(begun[-1] - begun[0], cpu)


def _cost(work: Callable[[], None]) -> Cost:
    wall, cpu = time.perf_counter(), _cpu_of_children()
    work()
    wall = time.perf_counter() - wall
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    return Cost(wall, _cpu_of_children() - cpu)


def _adopt_orphans() -> None:
    """Whoever ends last of a run shall still be counted."""
    if sys.platform == "linux":
        from jobset.local.processes.syscalls import adopt_orphans

        adopt_orphans()


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _take_turns(ours: Callable[[], Cost], floor: Callable[[], Cost]) -> tuple[list[Cost], list[Cost]]:
    rounds = [(ours(), floor()) for _ in range(ROUNDS)]
    return [ours for ours, _ in rounds], [floor for _, floor in rounds]


def _rows(what: str, ours: list[Cost], floor: list[Cost]) -> list[dict[str, object]]:
    return [_row(what, ours, floor, field) for field in Cost._fields]


def _row(what: str, ours: list[Cost], floor: list[Cost], field: str) -> dict[str, object]:
    """Medians, and the median of the ratios of the rounds with the least and the largest of them."""
    figures = [(getattr(one, field), getattr(other, field)) for one, other in zip(ours, floor, strict=True)]
    ratios = sorted(one / other for one, other in figures)
    return {
        "what": what,
        "time": field,
        "ours ms": statistics.median(one for one, _ in figures) * 1000,
        "floor ms": statistics.median(other for _, other in figures) * 1000,
        "ratio": statistics.median(ratios),
        "least": ratios[0],
        "most": ratios[-1],
    }


def _environment() -> dict[str, str]:
    """The caller's, with the cache of compiled modules that an installed program has."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
