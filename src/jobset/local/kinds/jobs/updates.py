"""What may change about a Job, and when."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, invalid
from jobset.local.kinds.checks import Problems, immutable
from jobset.local.kinds.jobs.validation import check_job_spec, validate_job
from jobset.local.kinds.pods.go_text import go_pod_spec, go_pod_template, go_value
from jobset.local.kinds.sharing import without

Struct = Mapping[str, Any]

_SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates")


def validate_job_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed Job beside its metadata.

    # compat: the server checks the spec twice, so that its causes come twice.
    """
    spec, before = new["spec"], old["spec"]
    errors = [*validate_job(new), *check_job_spec(spec)]
    errors += _completions(spec, before)
    errors += immutable("spec.selector", spec.get("selector"), before.get("selector"))
    errors += _template(spec["template"], before["template"], old)
    for field in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        errors += _kept(field, spec.get(field), before.get(field))
    return errors


def _kept(field: str, new: Any, old: Any) -> Problems:
    # compat: an empty policy is not an absent one.
    if new != old:
        yield invalid(f"spec.{field}", go_value(new), "field is immutable")


def _completions(new: Struct, old: Struct) -> Problems:
    wanted, before = new.get("completions"), old.get("completions")
    if wanted == before:
        return
    if new.get("completionMode") != "Indexed":
        yield invalid("spec.completions", wanted, "field is immutable")
    elif None not in (wanted, before) and wanted != new.get("parallelism"):
        words = "can only be modified in tandem with spec.parallelism"
        yield invalid("spec.completions", wanted, words)


def _template(new: Struct, old: Struct, job: Struct) -> Problems:
    if not _may_reschedule(job):
        if _comparable(new) != _comparable(old):
            yield invalid("spec.template", go_pod_template(new), "field is immutable")
        return
    spec = _without_directives(new.get("spec") or {})
    if spec != _without_directives(old.get("spec") or {}):
        yield invalid("spec.template.spec", go_pod_spec(new.get("spec") or {}), "field is immutable")


def _may_reschedule(job: Struct) -> bool:
    # A suspended Job without pods may get other resources, nodes, labels: nothing runs by the old ones.
    status = job.get("status") or {}
    if not job["spec"].get("suspend"):
        return False
    suspended = any(
        condition.get("type") == "Suspended" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    return status.get("startTime") is None or (suspended and not status.get("active"))


def _comparable(template: Struct) -> Struct:
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    return {
        "metadata": {key: value for key, value in meta.items() if value},
        "spec": {key: value for key, value in spec.items() if value not in (None, [])},
    }


def _without_directives(spec: Struct) -> Struct:
    """A pod spec without what may change while nothing runs."""
    rest = dict(without(spec, *_SCHEDULING))
    affinity = without(rest.pop("affinity", None) or {}, "nodeAffinity")
    if affinity:
        rest["affinity"] = affinity
    for kind in ("containers", "initContainers"):
        if kind in rest:
            rest[kind] = [without(container, "resources") for container in rest[kind]]
    return {key: value for key, value in rest.items() if value not in (None, [])}
