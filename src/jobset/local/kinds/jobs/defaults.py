"""What a server fills into Jobs, and how it makes their selector and labels."""

from collections.abc import Mapping
from typing import Any

from jobset.local.kinds.pods.defaults import default_pod_template
from jobset.local.kinds.sharing import changed, each, filled, keep_all_but_status, keep_status, without

Struct = Mapping[str, Any]

MAX_INT32 = 2**31 - 1
CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
JOB_NAME = "batch.kubernetes.io/job-name"
LEGACY_CONTROLLER_UID = "controller-uid"
LEGACY_JOB_NAME = "job-name"


def default_job(job: Struct) -> Struct:
    """A Job with every default but the selector, which needs its uid."""
    spec = default_job_spec(job.get("spec") or {})
    return complete_job(job if spec is job.get("spec") else {**job, "spec": spec})


def default_job_spec(spec: Struct) -> Struct:
    """The spec of a Job, or of a Job template, with its defaults."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec = {**spec, "completions": 1, "parallelism": 1}
    per_index = spec.get("backoffLimitPerIndex") is not None
    has_policy = spec.get("podFailurePolicy") is not None
    spec = filled(
        spec,
        {
            "parallelism": 1,
            "backoffLimit": MAX_INT32 if per_index else 6,
            "completionMode": "NonIndexed",
            "suspend": False,
            "manualSelector": False,
            "podReplacementPolicy": "Failed" if has_policy else "TerminatingOrFailed",
            "template": {},
        },
    )
    return changed(spec, {"template": default_pod_template, "podFailurePolicy": _failure_policy})


def prepare_job_create(job: Struct) -> Struct:
    """A new Job with its selector and an empty status."""
    spec, metadata = job["spec"], job["metadata"]
    given = (spec["template"].get("metadata") or {}).get("labels")
    if not spec.get("manualSelector"):
        spec = _with_selector(spec, metadata)
    if given and metadata.get("labels") is given:
        # compat: labels that came from the template are one map with it, also for what the server adds.
        metadata = {**metadata, "labels": spec["template"]["metadata"]["labels"]}
    return {**job, "metadata": metadata, "spec": spec, "status": {}}


def prepare_job_update(new: Struct, old: Struct) -> Struct:
    """A changed Job; its status stays."""
    return keep_status(new, old)


def prepare_job_status_update(new: Struct, old: Struct) -> Struct:
    """A changed status of a Job; all else but metadata stays."""
    return changed(keep_all_but_status(new, old), {"status": _status})


def complete_job(job: Struct) -> Struct:
    """A Job without labels has those of its template.

    # compat: a default, so that those which the server itself gives a template come after validation.
    """
    labels = (job["spec"]["template"].get("metadata") or {}).get("labels")
    own = job.get("metadata") or {}
    if not labels or own.get("labels"):
        return job
    return {**job, "metadata": {**own, "labels": labels}}


def _status(status: Struct) -> Struct:
    # compat: counters without a pointer are not written when they are zero.
    zero = {key for key in ("active", "succeeded", "failed") if status.get(key) == 0}
    return without(status, *zero) if zero else status


def _failure_policy(policy: Struct) -> Struct:
    pattern = each(lambda pattern: filled(pattern, {"status": "True"}))
    return changed(policy, {"rules": each(lambda rule: changed(rule, {"onPodConditions": pattern}))})


def _with_selector(spec: Struct, metadata: Struct) -> Struct:
    generated = {
        LEGACY_JOB_NAME: metadata.get("name") or "",
        JOB_NAME: metadata.get("name") or "",
        LEGACY_CONTROLLER_UID: metadata.get("uid") or "",
        CONTROLLER_UID: metadata.get("uid") or "",
    }
    template = spec["template"]
    template_meta = template.get("metadata") or {}
    labels = {**generated, **(template_meta.get("labels") or {})}
    selector = spec.get("selector") or {}
    pairs = {CONTROLLER_UID: generated[CONTROLLER_UID], **(selector.get("matchLabels") or {})}
    return {
        **spec,
        "selector": {**selector, "matchLabels": pairs},
        "template": {**template, "metadata": {**template_meta, "labels": labels}},
    }
