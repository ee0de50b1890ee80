"""Objects of the API as a run sees them, with only the facts that matter to a test."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jobset.api.times import format_time
from jobset.local.runs.history import History, Seen
from jobset.local.runs.records import ContainerRun

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def a_jobset(name: str = "train", *, status: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    roles = spec.pop("roles", {"workers": 2})
    jobs = [{"name": role, "replicas": count} for role, count in roles.items()]
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "creationTimestamp": format_time(START),
        },
        "spec": {"replicatedJobs": spec.pop("replicatedJobs", jobs), **spec},
        "status": dict(status or {}),
    }


def condition(type_: str, reason: str = "", message: str = "", seconds: float = 0) -> dict[str, Any]:
    return {
        "type": type_,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_time(at(seconds)),
    }


def a_job(name: str = "train-workers-0", *, attempt: int = 0, **more: Any) -> dict[str, Any]:
    role, _, index = name.removeprefix("train-").rpartition("-")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"{name}.{attempt}",
            "creationTimestamp": format_time(START),
            "labels": {
                "jobset.sigs.k8s.io/jobset-name": "train",
                "jobset.sigs.k8s.io/replicatedjob-name": role,
                "jobset.sigs.k8s.io/job-index": index,
                "jobset.sigs.k8s.io/restart-attempt": str(attempt),
            },
        },
        "spec": {"parallelism": 1, "completions": 1},
        "status": dict(more),
    }


def a_pod(
    job: str = "train-workers-0", suffix: str = "aaaaa", *, attempt: int = 0, **more: Any
) -> dict[str, Any]:
    """`more`: phase, containers (statuses), deleted (seconds), conditions, reason, message, index."""
    index = more.pop("index", 0)
    metadata: dict[str, Any] = {
        "name": f"{job}-{index}-{suffix}",
        "namespace": "default",
        "uid": f"uid-{job}-{index}-{suffix}",
        "creationTimestamp": format_time(START),
        "labels": {
            "jobset.sigs.k8s.io/jobset-name": "train",
            "jobset.sigs.k8s.io/replicatedjob-name": job.removeprefix("train-").rpartition("-")[0],
            "jobset.sigs.k8s.io/restart-attempt": str(attempt),
            "batch.kubernetes.io/job-name": job,
            "batch.kubernetes.io/controller-uid": f"{job}.{attempt}",
        },
    }
    if (deleted := more.pop("deleted", None)) is not None:
        metadata |= {"deletionTimestamp": format_time(at(deleted + 30)), "deletionGracePeriodSeconds": 30}
    status = {"containerStatuses": more.pop("containers", [])} | more
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "laptop"},
        "status": status,
    }


def running(
    name: str = "main", *, restarts: int = 0, last: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    state = {"running": {"startedAt": format_time(START)}}
    return _container(name, state, restarts, last) | {"ready": True}


def waiting(
    name: str, reason: str, message: str = "", *, restarts: int = 0, last: Any = None
) -> dict[str, Any]:
    return _container(name, {"waiting": {"reason": reason, "message": message}}, restarts, last)


def exited(
    name: str = "main", code: int = 1, seconds: float = 1, *, restarts: int = 0, **more: Any
) -> dict[str, Any]:
    return _container(name, {"terminated": ended(code, seconds, **more)}, restarts, None)


def ended(code: int = 1, seconds: float = 1, **more: Any) -> dict[str, Any]:
    reason = more.pop("reason", "Error" if code else "Completed")
    times = {"startedAt": format_time(START), "finishedAt": format_time(at(seconds))}
    return {"exitCode": code, "reason": reason, **times, **more}


def _container(name: str, state: Any, restarts: int, last: Any) -> dict[str, Any]:
    lost = {"lastState": {"terminated": dict(last)}} if last else {}
    return {"name": name, "state": state, "restartCount": restarts, "ready": False, **lost}


def a_warning(about: Mapping[str, Any], reason: str, note: str) -> dict[str, Any]:
    regarding = {"kind": about["kind"], "namespace": "default", "name": about["metadata"]["name"]}
    return {"kind": "Event", "type": "Warning", "reason": reason, "note": note, "regarding": regarding}


def gone(obj: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    return obj, True


def a_history(*story: Any, tails: Mapping[str, tuple[str, ...]] | None = None) -> History:
    """The history after a story of objects, one second apart; `tails` has log lines by container name."""
    history = History()
    for seconds, step in enumerate(story):
        obj, is_gone = step if isinstance(step, tuple) else (step, False)
        recorded = history.record(Seen(kind=obj["kind"], object=obj, gone=is_gone, at=at(seconds)))
        for run in recorded.tails_wanted:
            history.add_log_tail(run, _tail(run, tails or {}), f"/logs/{run.pod}/{run.container}.log")
    return history


def _tail(run: ContainerRun, tails: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tails.get(run.container, ("last line",))
