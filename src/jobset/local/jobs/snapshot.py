"""What one decision about a Job may look at: the Job, its pods, the time, and the failures so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from jobset.local.jobs.failure_policy import FailureRule, judge_pod_failure
from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.status import JobStatus
from jobset.local.jobs.success import SuccessRule

Object: TypeAlias = Mapping[str, Any]

BUILT_IN_MANAGER = "kubernetes.io/job-controller"
"""The value of `spec.managedBy` that means this controller; also that of no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """A Job as far as its controller reads it; `raw` is the object itself."""

    namespace: str
    name: str
    uid: str
    is_deleting: bool = False
    managed_by: str = BUILT_IN_MANAGER
    parallelism: int = 1
    completions: int | None = None
    """How many successes end it; None for a work queue, which ends with the first."""
    is_indexed: bool = False
    backoff_limit: int = 6
    backoff_limit_per_index: int | None = None
    max_failed_indexes: int | None = None
    active_deadline: timedelta | None = None
    ttl: timedelta | None = None
    is_suspended: bool = False
    replaces_only_failed: bool = False
    """Whether a pod that terminates keeps its place until it has failed or succeeded."""
    counts_container_restarts: bool = False
    failure_rules: tuple[FailureRule, ...] | None = None
    success_rules: tuple[SuccessRule, ...] = ()
    status: JobStatus = field(default_factory=JobStatus)
    raw: Object = field(default_factory=dict, compare=False, repr=False)


class BackOff(msgspec.Struct, frozen=True, kw_only=True):
    """The failures since the last success, which delay the next pod."""

    failures: int = 0
    last_failure_at: datetime | None = None


class JobSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One consistent reading of a Job and the pods it controls."""

    job: JobFacts
    pods: tuple[PodFacts, ...]
    now: datetime
    back_off: BackOff | None = None
    """None when the controller has just started: what pods remember must do."""
    may_scale: bool = True
    """False when pods cannot be made at the moment: the decision only counts what there is."""
    wait_scale: float = 1.0
    """Back-off times are multiplied by this; 1 is what Kubernetes does."""


def has_failed(job: JobFacts, pod: PodFacts) -> bool:
    """Whether the pod counts as failed; a deleted one does at once unless only failed pods are replaced."""
    if pod.phase == "Failed":
        return True
    return not job.replaces_only_failed and pod.is_terminating and pod.phase != "Succeeded"


def counts_as_failure(job: JobFacts, pod: PodFacts) -> bool:
    """Whether a failed pod of this Job is counted in its status."""
    return judge_pod_failure(job.failure_rules, pod).is_counted
