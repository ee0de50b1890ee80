"""Which changes of a JobSet are refused."""

from collections.abc import Iterator, Mapping
from typing import Any

from jobset.admission.claim_validation import render_replicated_jobs
from jobset.admission.field_errors import FieldError, forbidden, invalid
from jobset.admission.go_types import go_equal
from jobset.api.gates import FeatureGates
from jobset.api.status import TERMINAL

_SIZES = ("parallelism", "completions")
_WHILE_SUSPENDED = {
    "metadata": ("annotations", "labels"),
    "spec": ("nodeSelector", "tolerations", "schedulingGates"),
}
_FINISHED = (
    "Cannot mutate parallelism or completions when JobSet is in a terminal state (Completed or Failed)"
)


def validate_jobset_update(
    new: Mapping[str, Any], old: Mapping[str, Any], gates: FeatureGates
) -> list[FieldError]:
    """Everything that is wrong with a change from `old` to `new`; both fit the schema.

    What may change is put back to the old value first; the rest must then be equal.
    """
    new_spec, old_spec = new.get("spec", {}), old.get("spec", {})
    old_jobs = {job["name"]: job for job in old_spec.get("replicatedJobs") or ()}
    is_suspended = bool(new_spec.get("suspend") or old_spec.get("suspend"))
    errors: list[FieldError] = []
    masked = []
    for index, job in enumerate(new_spec.get("replicatedJobs") or ()):
        old_job = old_jobs.get(job["name"])
        if old_job is not None and gates.elastic_jobset and _job_spec(job).get("completionMode") == "Indexed":
            errors += _check_scaling(index, job, old_job, is_finished=_is_finished(old))
            job = _with_sizes_of(old_job, job)
        if old_job is not None and is_suspended:
            job = _with_pod_fields_of(old_job, job)
        masked.append(job)
    return [*errors, *_check_immutable(new_spec, old_spec, masked)]


def _check_scaling(
    index: int, new_job: Mapping[str, Any], old_job: Mapping[str, Any], *, is_finished: bool
) -> Iterator[FieldError]:
    new, old = _job_spec(new_job), _job_spec(old_job)
    changed = [name for name in _SIZES if new.get(name) != old.get(name)]
    path = f"spec.replicatedJobs[{index}].template.spec"
    if not changed:
        return
    if is_finished:
        yield forbidden(path, _FINISHED)
        return
    for name in changed:
        if (size := new.get(name)) is not None and size < 1:
            yield invalid(f"{path}.{name}", size, f"{name} must be >= 1")
    parallelism, completions = (new.get(name) for name in _SIZES)
    if None not in (parallelism, completions) and parallelism != completions:
        text = "completions must be equal to parallelism for Elastic Indexed Jobs"
        yield invalid(f"{path}.completions", completions, text)


def _check_immutable(
    new_spec: Mapping[str, Any], old_spec: Mapping[str, Any], masked: list[Mapping[str, Any]]
) -> Iterator[FieldError]:
    old_jobs = old_spec.get("replicatedJobs") or []
    same_length = len(masked) == len(old_jobs)
    if not same_length or not all(
        go_equal(job, old_job, "ReplicatedJob") for job, old_job in zip(masked, old_jobs, strict=True)
    ):
        value = render_replicated_jobs({"replicatedJobs": masked or new_spec.get("replicatedJobs")})
        yield invalid("spec.replicatedJobs", value, "field is immutable")
    if new_spec.get("managedBy") != old_spec.get("managedBy"):
        yield invalid("spec.managedBy", new_spec.get("managedBy"), "field is immutable")


def _with_sizes_of(old_job: Mapping[str, Any], job: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = _put_back(_job_spec(job), _job_spec(old_job), _SIZES)
    return {**job, "template": {**job.get("template", {}), "spec": spec}}


def _with_pod_fields_of(old_job: Mapping[str, Any], job: Mapping[str, Any]) -> Mapping[str, Any]:
    pod_template, old_template = _pod_template(job), _pod_template(old_job)
    parts = {
        part: _put_back(pod_template.get(part, {}), old_template.get(part, {}), fields)
        for part, fields in _WHILE_SUSPENDED.items()
    }
    spec = {**_job_spec(job), "template": {**pod_template, **parts}}
    return {**job, "template": {**job.get("template", {}), "spec": spec}}


def _put_back(new: Mapping[str, Any], old: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    kept = {name: value for name, value in new.items() if name not in fields}
    return kept | {name: old[name] for name in fields if name in old}


def _is_finished(jobset: Mapping[str, Any]) -> bool:
    conditions = jobset.get("status", {}).get("conditions") or ()
    return any(c.get("type") in TERMINAL and c.get("status") == "True" for c in conditions)


def _job_spec(job: Mapping[str, Any]) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = job.get("template", {}).get("spec", {})
    return spec


def _pod_template(job: Mapping[str, Any]) -> Mapping[str, Any]:
    template: Mapping[str, Any] = _job_spec(job).get("template", {})
    return template
