"""Suspend and resume child Jobs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from jobset.api.children import ChildJob
from jobset.api.jobset import ReplicatedJob
from jobset.core.plan import PatchJob, PatchPurpose, Step

Raw: TypeAlias = dict[str, Any]

_METADATA_MAPS = ("labels", "annotations")
_SPEC_LISTS = ("tolerations", "schedulingGates")


def suspend_jobs(active: Iterable[ChildJob]) -> tuple[Step, ...]:
    """One step that suspends the active Jobs which run."""
    step = tuple(
        PatchJob(
            name=job.name,
            purpose=PatchPurpose.SUSPEND,
            patch={"spec": {"suspend": True}},
            resource_version=job.resource_version or None,
        )
        for job in active
        if not job.is_suspended
    )
    return (step,) if step else ()


def resume_jobs(rjobs: Iterable[ReplicatedJob], active: Iterable[ChildJob]) -> tuple[Step, ...]:
    """A step for each of the replicated jobs that has suspended Jobs, in spec order."""
    suspended: dict[str | None, list[ChildJob]] = defaultdict(list)
    for job in active:
        if job.is_suspended:
            suspended[job.replicated_job].append(job)
    return tuple(
        tuple(_resume(job, rjob) for job in suspended[rjob.name]) for rjob in rjobs if rjob.name in suspended
    )


def merge_template(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> Raw:
    """The merge patch that brings a Job's pod template up to what the JobSet wants.

    Labels, annotations and the node selector gain keys and change values, tolerations and scheduling gates
    gain entries; nothing is removed, and no other field changes.
    """
    metadata = {
        field: values for field in _METADATA_MAPS if (values := (wanted.get("metadata") or {}).get(field))
    }
    spec = _merge_spec(current.get("spec") or {}, wanted.get("spec") or {})
    parts = {"metadata": metadata, "spec": spec}
    return {name: part for name, part in parts.items() if part}


def _merge_spec(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> Raw:
    merged: Raw = {}
    if wanted.get("nodeSelector"):
        merged["nodeSelector"] = wanted["nodeSelector"]
    for field in _SPEC_LISTS:
        known = list(current.get(field) or ())
        # By value: two tolerations for the same number of seconds are one.
        added = _unknown(wanted.get(field) or (), known)
        if added:
            merged[field] = [*known, *added]
    return merged


def _unknown(wanted: Iterable[Raw], known: Iterable[Raw]) -> list[Raw]:
    seen = [_value(entry) for entry in known]
    added: list[Raw] = []
    for entry in wanted:
        if (value := _value(entry)) not in seen:
            seen.append(value)
            added.append(entry)
    return added


def _value(entry: Raw) -> Raw:
    """What an entry says: an API server leaves empty fields of a Job out, but not those of a JobSet."""
    return {field: value for field, value in entry.items() if value not in (None, "")}


def _resume(job: ChildJob, rjob: ReplicatedJob) -> PatchJob:
    spec: Raw = {"suspend": False}
    if template := merge_template(job.pod_template, rjob.pod_template):
        spec["template"] = template
    return PatchJob(
        name=job.name,
        purpose=PatchPurpose.RESUME,
        patch={"spec": spec},
        resource_version=job.resource_version or None,
        clear_start_time=job.has_started,
    )
