"""Which pods a Job takes in or lets go, by its selector."""

from collections.abc import Iterable

import msgspec

from jobset.kube.client import Object
from jobset.local.jobs.snapshot import JobFacts
from jobset.local.label_selectors import matches_all, read_label_selector


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Pods to take in and pods to let go."""

    adopt: tuple[Object, ...] = ()
    let_go: tuple[Object, ...] = ()


def judge_claims(job: JobFacts, ours: Iterable[Object], loose: Iterable[Object]) -> Claim:
    """Loose pods that match are adopted, own ones that do not match are let go.

    A generated selector asks for the uid of the Job, which a loose pod of another Job does not carry.
    """
    if job.is_deleting or job.status.is_finished:
        return Claim()
    selector = read_label_selector(job.raw["spec"].get("selector") or {})
    if not selector:
        return Claim()
    is_ours_to_take = bool(job.raw["spec"].get("manualSelector"))
    return Claim(
        adopt=tuple(pod for pod in loose if _is_alive(pod) and matches_all(selector, _labels(pod)))
        if is_ours_to_take
        else (),
        let_go=tuple(pod for pod in ours if not matches_all(selector, _labels(pod))),
    )


def _labels(pod: Object) -> Object:
    labels: Object = pod["metadata"].get("labels") or {}
    return labels


def _is_alive(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"]
