"""Which pods a Job takes in or lets go, by its selector."""

from collections.abc import Iterable

import msgspec

from jobset.kube.client import Object
from jobset.local.jobs.snapshot import JobFacts
from jobset.local.label_selectors import Requirements, matches_all, read_label_selector


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Pods to take in and pods to let go."""

    adopt: tuple[Object, ...] = ()
    let_go: tuple[Object, ...] = ()


def judge_claims(job: JobFacts, ours: Iterable[Object], loose: Iterable[Object]) -> Claim:
    """Loose pods that match are adopted, own ones that do not match are let go."""
    selector = _selector(job.raw)
    if job.is_deleting or job.status.is_finished or not selector:
        return Claim()
    return Claim(
        adopt=tuple(pod for pod in loose if _is_alive(pod) and matches_all(selector, _labels(pod))),
        let_go=tuple(pod for pod in ours if not matches_all(selector, _labels(pod))),
    )


def selects(job: Object, pod: Object) -> bool:
    """Whether the Job would take in this pod if nothing controlled it."""
    selector = _selector(job)
    is_near = job["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return is_near and bool(selector) and matches_all(selector, _labels(pod))


def _selector(job: Object) -> Requirements:
    return read_label_selector(job["spec"].get("selector") or {})


def _labels(pod: Object) -> Object:
    labels: Object = pod["metadata"].get("labels") or {}
    return labels


def _is_alive(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"]
