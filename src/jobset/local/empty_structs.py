"""Empty objects that a JobSet gets from a webhook which reads it into structs and writes them back.

compat: Go writes a struct that is not a pointer as `{}` even when it is empty, and JobSet's defaulting
webhook answers with the difference to what it was sent.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Object: TypeAlias = Mapping[str, Any]
Change: TypeAlias = Callable[[Object], Object]


def with_empty_structs(jobset: Object) -> Object:
    """The JobSet with the empty objects in its templates; the same value where nothing is missing."""
    spec = jobset.get("spec") or {}
    changed = _each(spec, "replicatedJobs", lambda rjob: _at(rjob, "template", _job_template))
    changed = _each(changed, "volumeClaimPolicies", lambda policy: _each(policy, "templates", _claim))
    return {**jobset, "spec": changed} if changed is not spec else jobset


def _job_template(template: Object) -> Object:
    return _at(_with(template, "metadata"), "spec", lambda job: _at(job, "template", _pod_template))


def _pod_template(template: Object) -> Object:
    return _at(_with(template, "metadata"), "spec", _pod_spec)


def _pod_spec(spec: Object) -> Object:
    for containers in ("containers", "initContainers", "ephemeralContainers"):
        spec = _each(spec, containers, lambda container: _with(container, "resources"))
    return _each(spec, "volumes", lambda volume: _at(volume, "ephemeral", _ephemeral))


def _ephemeral(source: Object) -> Object:
    return _at(source, "volumeClaimTemplate", _claim_template)


def _claim(claim: Object) -> Object:
    return _with(_claim_template(claim), "status")


def _claim_template(claim: Object) -> Object:
    filled = _with(_with(claim, "metadata"), "spec")
    return _at(filled, "spec", lambda spec: _with(spec, "resources"))


def _with(obj: Object, key: str) -> Object:
    return obj if key in obj else {**obj, key: {}}


def _at(obj: Object, key: str, change: Change) -> Object:
    inner = obj.get(key)
    if not isinstance(inner, Mapping):
        return obj
    changed = change(inner)
    return {**obj, key: changed} if changed is not inner else obj


def _each(obj: Object, key: str, change: Change) -> Object:
    items = obj.get(key)
    if not isinstance(items, list):
        return obj
    changed = [change(item) if isinstance(item, Mapping) else item for item in items]
    is_same = all(new is old for new, old in zip(changed, items, strict=True))
    return obj if is_same else {**obj, key: changed}
