"""Build a pod from the template of a Job."""

from collections.abc import Mapping
from typing import Any

from jobset.api import keys
from jobset.api.names import pod_hostname
from jobset.kube.resources import JOBS, PODS
from jobset.local.jobs.failure_policy import judge_pod_failure
from jobset.local.jobs.pod_facts import INDEX_FAILURES, INDEX_IGNORED_FAILURES, PodFacts
from jobset.local.jobs.snapshot import JobFacts, Object

_LONGEST_PREFIX = 58
_INDEX_VARIABLE: Mapping[str, Any] = {
    "name": "JOB_COMPLETION_INDEX",
    "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{keys.JOB_COMPLETION_INDEX}']"}},
}


class PodTemplate:
    """What all pods of one Job share; each pod is built from it in constant time."""

    def __init__(self, job: JobFacts) -> None:
        template = job.raw["spec"]["template"]
        self._job = job
        self._metadata: Mapping[str, Any] = template.get("metadata") or {}
        self._spec: Mapping[str, Any] = (
            _with_index_variables(template["spec"]) if job.is_indexed else template["spec"]
        )
        self._finalizers = [*(self._metadata.get("finalizers") or ())]
        if keys.JOB_TRACKING_FINALIZER not in self._finalizers:
            self._finalizers.append(keys.JOB_TRACKING_FINALIZER)

    def pod(self, index: int | None, replaced: PodFacts | None = None) -> Object:
        """The next pod, of an index when the Job is Indexed; `replaced` hands over its failure count."""
        labels = dict(self._metadata.get("labels") or {})
        annotations = dict(self._metadata.get("annotations") or {})
        spec = self._spec
        if index is not None:
            labels[keys.JOB_COMPLETION_INDEX] = annotations[keys.JOB_COMPLETION_INDEX] = str(index)
            spec = {**spec, "hostname": pod_hostname(self._job.name, index)}
            annotations |= _failure_counts(self._job, replaced)
        metadata: dict[str, Any] = {
            "generateName": generate_name(self._job.name, index),
            "namespace": self._job.namespace,
            "finalizers": self._finalizers,
            "ownerReferences": [owner_reference(self._job)],
        }
        metadata |= {"labels": labels} if labels else {}
        metadata |= {"annotations": annotations} if annotations else {}
        return {"apiVersion": PODS.api_version, "kind": PODS.kind, "metadata": metadata, "spec": spec}


def generate_name(job: str, index: int | None) -> str:
    """The prefix of pod names; of a long Job name the end is cut, never the index."""
    suffix = "-" if index is None else f"-{index}-"
    return job[: _LONGEST_PREFIX - len(suffix)] + suffix


def owner_reference(job: JobFacts) -> dict[str, Any]:
    """The reference by which pods say that this Job controls them."""
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "name": job.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _failure_counts(job: JobFacts, replaced: PodFacts | None) -> dict[str, str]:
    if job.backoff_limit_per_index is None:
        return {}
    counted = replaced.index_failures if replaced else 0
    ignored = replaced.index_ignored_failures if replaced else 0
    if replaced is not None:
        is_counted = judge_pod_failure(job.failure_rules, replaced).is_counted
        counted, ignored = counted + is_counted, ignored + (not is_counted)
    found = {INDEX_FAILURES: str(counted)}
    return found | {INDEX_IGNORED_FAILURES: str(ignored)} if ignored else found


def _with_index_variables(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    groups = {
        group: [_with_index_variable(container) for container in spec[group]]
        for group in ("initContainers", "containers")
        if spec.get(group)
    }
    return {**spec, **groups}


def _with_index_variable(container: Mapping[str, Any]) -> Mapping[str, Any]:
    known = container.get("env") or []
    if any(variable["name"] == _INDEX_VARIABLE["name"] for variable in known):
        return container
    return {**container, "env": [*known, _INDEX_VARIABLE]}
