"""Read a stored Job into the facts that a decision needs; defaults stand in for what is absent."""

from datetime import timedelta

from jobset.local.jobs.failure_policy import read_failure_rules
from jobset.local.jobs.snapshot import BUILT_IN_MANAGER, JobFacts, Object
from jobset.local.jobs.status import read_status
from jobset.local.jobs.success import read_success_rules

_NO_LIMIT = 2**31 - 1


def read_job(raw: Object) -> JobFacts:
    """The facts of a stored Job."""
    metadata, spec = raw["metadata"], raw["spec"]
    deadline = spec.get("activeDeadlineSeconds")
    ttl = spec.get("ttlSecondsAfterFinished")
    per_index = spec.get("backoffLimitPerIndex")
    policy = spec.get("podFailurePolicy")
    return JobFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        is_deleting=bool(metadata.get("deletionTimestamp")),
        managed_by=spec.get("managedBy") or BUILT_IN_MANAGER,
        parallelism=spec.get("parallelism", 1),
        completions=spec.get("completions"),
        is_indexed=spec.get("completionMode") == "Indexed",
        backoff_limit=spec.get("backoffLimit", 6 if per_index is None else _NO_LIMIT),
        backoff_limit_per_index=per_index,
        max_failed_indexes=spec.get("maxFailedIndexes"),
        active_deadline=None if deadline is None else timedelta(seconds=deadline),
        ttl=None if ttl is None else timedelta(seconds=ttl),
        is_suspended=bool(spec.get("suspend")),
        # compat: with a podFailurePolicy a pod's end must be known before it is replaced.
        replaces_only_failed=spec.get("podReplacementPolicy") == "Failed" or policy is not None,
        counts_container_restarts=spec["template"]["spec"].get("restartPolicy") == "OnFailure",
        failure_rules=read_failure_rules(policy),
        success_rules=read_success_rules(spec.get("successPolicy")),
        status=read_status(raw.get("status") or {}),
        raw=raw,
    )
