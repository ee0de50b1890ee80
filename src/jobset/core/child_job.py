"""Build a child Job from a replicated job.

Jobs of one replicated job share everything but their name, indexes and attempts, so what they share is put
together once, in a recipe, and bodies are built when they are sent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from jobset.api import keys
from jobset.api.jobset import JobSet, ReplicatedJob
from jobset.api.names import job_key, pod_hostname
from jobset.api.names import job_name as name_of_job
from jobset.core.volumes import claim_volumes

Raw: TypeAlias = dict[str, Any]


class JobRecipe(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the Jobs of one replicated job have in common, and how each of them differs.

    `labels` are the JobSet labels that all have; `attempts` the individual restarts by Job index, or None
    while the gate is off.
    """

    namespace: str
    replicated_job: str
    labels: dict[str, str]
    first_global_index: int
    first_group_index: int
    attempts: tuple[int, ...] | None
    owner: Raw
    job_labels: dict[str, str]
    job_annotations: dict[str, str]
    pod_labels: dict[str, str]
    pod_annotations: dict[str, str]
    job_spec: Raw
    pod_template: Raw
    pod_spec: Raw
    has_own_node: bool

    def build(self, name: str, index: int) -> Raw:
        """The Job of one replica index."""
        labels = self.labels | self._own_labels(name, index)
        template = self.pod_template | {
            "metadata": (self.pod_template.get("metadata") or {})
            | {"labels": self.pod_labels | labels, "annotations": self.pod_annotations | labels},
            "spec": self._pod_spec(name),
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": self.job_labels | labels,
                "annotations": self.job_annotations | labels,
                "ownerReferences": [self.owner],
            },
            "spec": self.job_spec | {"template": template},
        }

    def _own_labels(self, name: str, index: int) -> dict[str, str]:
        labels = {
            keys.JOB_INDEX: str(index),
            keys.JOB_KEY: job_key(self.namespace, name),
            keys.JOB_GLOBAL_INDEX: str(self.first_global_index + index),
            keys.JOB_GROUP_INDEX: str(self.first_group_index + index),
        }
        if self.attempts is not None:
            attempt = self.attempts[index] if index < len(self.attempts) else 0
            labels[keys.JOB_RESTART_ATTEMPT] = str(attempt)
        return labels

    def _pod_spec(self, name: str) -> Raw:
        if not self.has_own_node:
            return self.pod_spec
        selector = {keys.NAMESPACED_JOB: f"{self.namespace}_{name}"}
        return self.pod_spec | {"nodeSelector": (self.pod_spec.get("nodeSelector") or {}) | selector}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the Jobs of a JobSet are numbered, over all of them and within each group.

    The two mappings give, by replicated job, the index of its first Job.
    """

    total: int
    group_totals: Mapping[str, int]
    first_global: Mapping[str, int]
    first_in_group: Mapping[str, int]


def lay_out(rjobs: Iterable[ReplicatedJob]) -> Layout:
    """The numbering of all Jobs, in spec order."""
    total = 0
    group_totals: dict[str, int] = {}
    first_global: dict[str, int] = {}
    first_in_group: dict[str, int] = {}
    for rjob in rjobs:
        before_in_group = group_totals.get(rjob.group_name, 0)
        first_global[rjob.name], first_in_group[rjob.name] = total, before_in_group
        group_totals[rjob.group_name] = before_in_group + rjob.replicas
        total += rjob.replicas
    return Layout(
        total=total, group_totals=group_totals, first_global=first_global, first_in_group=first_in_group
    )


def build_recipe(jobset: JobSet, rjob: ReplicatedJob, layout: Layout, *, restart_job: bool) -> JobRecipe:
    """The recipe for the Jobs of `rjob`; `restart_job` is the feature gate."""
    metadata = rjob.template.get("metadata") or {}
    pod_metadata = rjob.pod_template.get("metadata") or {}
    placement = _placement_annotations(jobset, metadata.get("annotations") or {})
    job_annotations = (metadata.get("annotations") or {}) | placement
    has_own_node = keys.EXCLUSIVE_TOPOLOGY in job_annotations and keys.NODE_SELECTOR in job_annotations
    return JobRecipe(
        namespace=jobset.namespace,
        replicated_job=rjob.name,
        labels=_shared_labels(jobset, rjob, layout),
        first_global_index=layout.first_global[rjob.name],
        first_group_index=layout.first_in_group[rjob.name],
        attempts=_attempts(jobset, rjob.name) if restart_job else None,
        owner=owner_reference(jobset),
        job_labels=metadata.get("labels") or {},
        job_annotations=job_annotations,
        pod_labels=pod_metadata.get("labels") or {},
        pod_annotations=(pod_metadata.get("annotations") or {}) | placement,
        job_spec=rjob.job_spec | {"suspend": jobset.is_suspended},
        pod_template=rjob.pod_template,
        pod_spec=_pod_spec(jobset, rjob, has_own_node),
        has_own_node=has_own_node,
    )


def owner_reference(jobset: JobSet) -> Raw:
    """The owner reference of everything that goes away with the JobSet."""
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "JobSet",
        "name": jobset.name,
        "uid": jobset.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def coordinator_endpoint(jobset: JobSet) -> str | None:
    """The stable address of the coordinator's pod, or None when the JobSet names no coordinator."""
    coordinator = jobset.spec.coordinator
    if coordinator is None:
        return None
    job = name_of_job(jobset.name, coordinator.replicated_job, coordinator.job_index)
    return f"{pod_hostname(job, coordinator.pod_index)}.{jobset.subdomain}"


def _shared_labels(jobset: JobSet, rjob: ReplicatedJob, layout: Layout) -> dict[str, str]:
    labels = {
        keys.JOBSET_NAME: jobset.name,
        keys.JOBSET_UID: jobset.metadata.uid,
        keys.REPLICATED_JOB_NAME: rjob.name,
        keys.RESTART_ATTEMPT: str(jobset.status.restarts),
        keys.REPLICATED_JOB_REPLICAS: str(rjob.replicas),
        keys.GLOBAL_REPLICAS: str(layout.total),
        keys.GROUP_NAME: rjob.group_name,
        keys.GROUP_REPLICAS: str(layout.group_totals[rjob.group_name]),
    }
    if (endpoint := coordinator_endpoint(jobset)) is not None:
        labels[keys.COORDINATOR] = endpoint
    return labels


def _placement_annotations(jobset: JobSet, job_annotations: Mapping[str, str]) -> dict[str, str]:
    """The exclusive placement annotations; those of the Job template win over those of the JobSet."""
    chosen: dict[str, str] = {}
    for annotations in (jobset.annotations, job_annotations):
        # compat: without the topology the node selector strategy is not copied, by upstream's rule.
        if keys.EXCLUSIVE_TOPOLOGY in annotations:
            for key in (keys.EXCLUSIVE_TOPOLOGY, keys.NODE_SELECTOR):
                if key in annotations:
                    chosen[key] = annotations[key]
    return chosen


def _attempts(jobset: JobSet, rjob: str) -> tuple[int, ...]:
    for entry in jobset.status.replicated_jobs_status or ():
        if entry.name == rjob:
            return entry.job_restarts or ()
    return ()


def _pod_spec(jobset: JobSet, rjob: ReplicatedJob, has_own_node: bool) -> Raw:
    pod_spec = dict(rjob.pod_template.get("spec") or {})
    if jobset.spec.network is not None and jobset.spec.network.enable_dns_hostnames:
        pod_spec["subdomain"] = jobset.subdomain
    if has_own_node:
        toleration = {"key": keys.NO_SCHEDULE, "operator": "Exists", "effect": "NoSchedule"}
        pod_spec["tolerations"] = [*(pod_spec.get("tolerations") or ()), toleration]
    if volumes := claim_volumes(jobset, pod_spec):
        pod_spec["volumes"] = [*(pod_spec.get("volumes") or ()), *volumes]
    return pod_spec
