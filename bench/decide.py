"""`decide` for JobSets of growing size: time per Job must not grow."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

from jobset.api import keys
from jobset.api.children import read_child
from jobset.api.jobset import JobSet, read_jobset
from jobset.api.status import write_status
from jobset.core.decide import decide
from jobset.core.snapshot import Snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = (100, 1_000, 10_000)
RUNS = 7


def measure() -> list[dict[str, object]]:
    """Microseconds per Job for each size, and how the largest compares with the smallest."""
    cases: dict[str, Callable[[int], Callable[[], object]]] = {
        "read a Job": _reading,
        "nothing to do": _steady,
        "create all": _creating,
        "create all, with bodies": _building,
        "a failure restarts all": _failing,
        "delete all after a restart": _deleting,
        "resume all": _resuming,
    }
    return [_measure(name, prepare) for name, prepare in cases.items()]


def _measure(name: str, prepare: Callable[[int], Callable[[], object]]) -> dict[str, object]:
    per_job = {size: _time(prepare(size)) * 1e6 / size for size in SIZES}
    columns: dict[str, object] = {f"µs per Job, N={size:,}": cost for size, cost in per_job.items()}
    return {"decide": name, **columns, "growth": per_job[SIZES[-1]] / per_job[SIZES[0]]}


def _time(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return median(times)


def _steady(size: int) -> Callable[[], object]:
    jobset = _a_jobset(size)
    first = decide(_snapshot(jobset, _jobs(size, active=1, ready=1))).status
    assert first is not None
    settled = _snapshot(_a_jobset(size, status=write_status(first, None)), _jobs(size, active=1, ready=1))
    assert not decide(settled).actions
    return lambda: decide(settled)


def _creating(size: int) -> Callable[[], object]:
    snapshot = _snapshot(_a_jobset(size), [])
    assert len(decide(snapshot).actions) == size
    return lambda: decide(snapshot)


def _building(size: int) -> Callable[[], object]:
    snapshot = _snapshot(_a_jobset(size), [])

    def build() -> None:
        for action in decide(snapshot).actions:
            action.body()  # each is sent and dropped, never all at once

    return build


def _failing(size: int) -> Callable[[], object]:
    jobs = [*_jobs(size - 1, active=1, ready=1), _job(size - 1, conditions=[_failed()])]
    snapshot = _snapshot(_a_jobset(size), jobs)
    status = decide(snapshot).status
    assert status is not None
    assert status.restarts == 1
    return lambda: decide(snapshot)


def _deleting(size: int) -> Callable[[], object]:
    restarted = _a_jobset(size, status={"restarts": 1, "restartsCountTowardsMax": 1})
    snapshot = _snapshot(restarted, _jobs(size, active=1))
    assert len(decide(snapshot).actions) == size
    return lambda: decide(snapshot)


def _resuming(size: int) -> Callable[[], object]:
    snapshot = _snapshot(_a_jobset(size), [_job(index, suspend=True) for index in range(size)])
    assert len(decide(snapshot).actions) == size
    return lambda: decide(snapshot)


def _reading(size: int) -> Callable[[], object]:
    jobs = _jobs(size, active=1, ready=1)
    return lambda: [read_child(job) for job in jobs]


def _snapshot(jobset: JobSet, jobs: list[dict[str, Any]]) -> Snapshot:
    return Snapshot(jobset=jobset, now=NOW, jobs=tuple(read_child(job) for job in jobs), service_exists=True)


def _a_jobset(size: int, status: dict[str, Any] | None = None) -> JobSet:
    template = {
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "template": {
                "metadata": {"labels": {"app": "train"}},
                "spec": {"containers": [{"name": "main", "image": "train", "command": ["train"]}]},
            },
        }
    }
    raw = {
        "metadata": {"name": "train", "namespace": "default", "uid": "uid-train"},
        "spec": {
            "network": {"enableDNSHostnames": True},
            "failurePolicy": {"maxRestarts": 3},
            "replicatedJobs": [{"name": "workers", "replicas": size, "template": template}],
        },
        "status": status,
    }
    return read_jobset(raw)


def _jobs(count: int, **status: Any) -> list[dict[str, Any]]:
    return [_job(index, **status) for index in range(count)]


def _job(index: int, *, suspend: bool = False, **status: Any) -> dict[str, Any]:
    labels = {
        keys.JOBSET_NAME: "train",
        keys.REPLICATED_JOB_NAME: "workers",
        keys.JOB_INDEX: str(index),
        keys.RESTART_ATTEMPT: "0",
    }
    return {
        "metadata": {"name": f"train-workers-{index}", "namespace": "default", "labels": labels},
        "spec": {"parallelism": 1, "completions": 1, "suspend": suspend, "template": {"spec": {}}},
        "status": status,
    }


def _failed() -> dict[str, str]:
    return {"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
