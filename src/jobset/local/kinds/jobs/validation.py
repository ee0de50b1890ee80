"""Which Jobs a server takes."""

from collections.abc import Mapping
from typing import Any

from jobset.admission import names
from jobset.admission.field_errors import FieldError, invalid, not_supported, required, too_long
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, non_negative
from jobset.local.kinds.jobs.defaults import (
    CONTROLLER_UID,
    JOB_NAME,
    LEGACY_CONTROLLER_UID,
    LEGACY_JOB_NAME,
)
from jobset.local.kinds.jobs.policies import (
    check_pod_failure_policy,
    check_replacement_policy,
    check_success_policy,
)
from jobset.local.kinds.pods.validation import validate_pod_template
from jobset.local.kinds.selectors import matches

Struct = Mapping[str, Any]

_LONGEST_MANAGER = 63
_MOST_PARALLEL_INDEXES = 100_000
_MOST_FAILED_INDEXES = 100_000
_MANY_COMPLETIONS = 100_000
_MOST_PARALLEL_OF_MANY = 10_000
_MOST_FAILED_OF_MANY = 10_000
_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit")
_MORE_COUNTS = ("ttlSecondsAfterFinished", "backoffLimitPerIndex")


def validate_job(job: Struct) -> list[FieldError]:
    """Every problem of a Job beside its metadata; its selector has been made."""
    spec = job.get("spec") or {}
    return [*_generated_selector(job), *check_job_spec(spec), *_pod_hostnames(job)]


def check_job_spec(spec: Struct, path: str = "spec") -> Problems:
    """Every rule about the spec of a Job, in the server's order."""
    yield from _job_spec(spec, path)
    selector = spec.get("selector")
    if selector is None:
        yield required(f"{path}.selector")
        problems = []
    else:
        problems = list(names.label_selector(f"{path}.selector", selector))
        yield from problems
    labels = (spec["template"].get("metadata") or {}).get("labels")
    # compat: a selector that cannot be read is not compared.
    if selector is None or (not problems and not matches(selector, labels or {})):
        words = "`selector` does not match template `labels`"
        yield invalid(f"{path}.template.metadata.labels", labels, words)


def _job_spec(spec: Struct, path: str) -> Problems:
    for field in (*_COUNTS, *_MORE_COUNTS):
        yield from non_negative(f"{path}.{field}", spec.get(field))
    if spec.get("maxFailedIndexes") is not None:
        yield from non_negative(f"{path}.maxFailedIndexes", spec["maxFailedIndexes"])
        if spec.get("backoffLimitPerIndex") is None:
            yield required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if (manager := spec.get("managedBy")) is not None:
        yield from names.domain_prefixed_path(f"{path}.managedBy", manager)
        if len(manager) > _LONGEST_MANAGER:
            yield too_long(f"{path}.managedBy", _LONGEST_MANAGER)
    yield from _completion_mode(spec, path)
    if spec.get("podFailurePolicy") is not None:
        yield from check_pod_failure_policy(spec, f"{path}.podFailurePolicy")
    if spec.get("successPolicy") is not None:
        yield from check_success_policy(spec, f"{path}.successPolicy")
    yield from check_replacement_policy(spec, f"{path}.podReplacementPolicy")
    yield from validate_pod_template(spec["template"], f"{path}.template")
    yield from _restart_policy(spec, f"{path}.template.spec.restartPolicy")


def _completion_mode(spec: Struct, path: str) -> Problems:
    mode = spec.get("completionMode")
    if mode not in (None, "NonIndexed", "Indexed"):
        yield not_supported(f"{path}.completionMode", mode, ("NonIndexed", "Indexed"))
    if mode == "Indexed":
        yield from _indexed(spec, path)
    if mode in (None, "NonIndexed"):
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                yield invalid(f"{path}.{field}", spec[field], "requires indexed completion mode")


def _indexed(spec: Struct, path: str) -> Problems:
    parallelism, completions = spec.get("parallelism"), spec.get("completions")
    may_fail = spec.get("maxFailedIndexes")
    if completions is None:
        yield required(f"{path}.completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > _MOST_PARALLEL_INDEXES:
        words = f"must be less than or equal to {_MOST_PARALLEL_INDEXES} when completion mode is Indexed"
        yield invalid(f"{path}.parallelism", parallelism, words)
    if may_fail is not None and completions is not None and may_fail > completions:
        words = "must be less than or equal to completions"
        yield invalid(f"{path}.maxFailedIndexes", may_fail, words)
    if may_fail is not None and may_fail > _MOST_FAILED_INDEXES:
        words = f"must be less than or equal to {_MOST_FAILED_INDEXES}"
        yield invalid(f"{path}.maxFailedIndexes", may_fail, words)
    per_index = spec.get("backoffLimitPerIndex") is not None
    if per_index and completions is not None and completions > _MANY_COMPLETIONS:
        yield from _many_completions(path, parallelism, may_fail)


def _many_completions(path: str, parallelism: int | None, may_fail: int | None) -> Problems:
    tail = f"when completions are above {_MANY_COMPLETIONS} and used with backoff limit per index"
    if may_fail is None:
        words = f"must be specified when completions is above {_MANY_COMPLETIONS}"
        yield required(f"{path}.maxFailedIndexes", words)
    if parallelism is not None and parallelism > _MOST_PARALLEL_OF_MANY:
        words = f"must be less than or equal to {_MOST_PARALLEL_OF_MANY} {tail}"
        yield invalid(f"{path}.parallelism", parallelism, words)
    if may_fail is not None and may_fail > _MOST_FAILED_OF_MANY:
        words = f"must be less than or equal to {_MOST_FAILED_OF_MANY} {tail}"
        yield invalid(f"{path}.maxFailedIndexes", may_fail, words)


def _restart_policy(spec: Struct, path: str) -> Problems:
    policy = spec["template"]["spec"].get("restartPolicy") or "Always"
    if policy == "Always":
        # compat: Always may be the default of somebody who named none, hence "required".
        yield required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield not_supported(path, policy, ("OnFailure", "Never"))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        words = 'only "Never" is supported when podFailurePolicy is specified'
        yield invalid(path, policy, words)


def _generated_selector(job: Struct) -> Problems:
    meta, spec = job.get("metadata") or {}, job.get("spec") or {}
    if spec.get("manualSelector") or spec.get("selector") is None:
        return
    uid, name = meta.get("uid") or "", meta.get("name") or ""
    if not uid:
        yield required("metadata.uid")
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    expected = {LEGACY_CONTROLLER_UID: uid, LEGACY_JOB_NAME: name, CONTROLLER_UID: uid, JOB_NAME: name}
    for key, value in expected.items():
        here = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            yield required(here, f"must be '{value}'")
        elif labels[key] != value:
            yield invalid(here, labels, f"must be '{value}'")
    if not matches(spec["selector"], {CONTROLLER_UID: uid, JOB_NAME: name}):
        yield invalid("spec.selector", spec["selector"], "`selector` not auto-generated")


def _pod_hostnames(job: Struct) -> Problems:
    spec = job.get("spec") or {}
    completions = spec.get("completions") or 0
    if spec.get("completionMode") != "Indexed" or completions <= 0:
        return
    name = (job.get("metadata") or {}).get("name") or ""
    longest = f"{name}-{completions - 1}"
    if formats.dns1123_label(longest):
        words = f"will not able to create pod with invalid DNS label: {longest}"
        yield invalid("metadata.name", name, words)
