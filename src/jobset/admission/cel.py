"""The CEL rules of the JobSet schema, carried out by their meaning.

They see an object that fits its schema. A rule about `oldSelf` runs only where the value exists before and
after; a key that a rule reads without `has()` and that is missing makes the rule fail to evaluate, which
refuses the object too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jobset.admission.field_errors import OMITTED, FieldError, invalid
from jobset.admission.jobset_schema import (
    NO_CLAIM_NAMESPACE,
    STARTUP_OR_DEPENDS_ON,
    VALUE_IS_IMMUTABLE,
    jobset_schema,
)
from jobset.admission.schemas import Schema

_IMMUTABLE = ("failurePolicy", "network", "startupPolicy", "successPolicy", "volumeClaimPolicies")


def check_rules(new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[FieldError]:
    """What the CEL rules refuse about `new`; `old` is the stored object of an update."""
    if (spec := new.get("spec")) is None:
        return []
    old_spec = (old or {}).get("spec", {})
    return [
        *_startup_or_depends_on(spec),
        *_immutable_dependencies(spec, old_spec),
        *_immutable_policies(spec, old_spec),
        *_claim_namespaces(spec),
    ]


def _startup_or_depends_on(spec: Mapping[str, Any]) -> Iterator[FieldError]:
    if spec.get("startupPolicy", {}).get("startupPolicyOrder") != "InOrder":
        return
    if "replicatedJobs" not in spec:
        yield _not_evaluated("spec", "replicatedJobs", STARTUP_OR_DEPENDS_ON)
    elif any("dependsOn" in replicated_job for replicated_job in spec["replicatedJobs"]):
        yield _broken("spec", STARTUP_OR_DEPENDS_ON, at="spec.startupPolicy.startupPolicyOrder")


def _immutable_dependencies(spec: Mapping[str, Any], old_spec: Mapping[str, Any]) -> Iterator[FieldError]:
    old_jobs = {job["name"]: job for job in old_spec.get("replicatedJobs", ())}
    schema = _spec_schema()["replicatedJobs"]["items"]["properties"]["dependsOn"]
    for index, job in enumerate(spec.get("replicatedJobs", ())):
        old_job = old_jobs.get(job["name"], {})
        if "dependsOn" in job and "dependsOn" in old_job:
            path = f"spec.replicatedJobs[{index}].dependsOn"
            yield from _immutable(path, job["dependsOn"], old_job["dependsOn"], schema)


def _immutable_policies(spec: Mapping[str, Any], old_spec: Mapping[str, Any]) -> Iterator[FieldError]:
    schema = _spec_schema()
    for name in _IMMUTABLE:
        if name in spec and name in old_spec:
            yield from _immutable(f"spec.{name}", spec[name], old_spec[name], schema[name])


def _immutable(path: str, new: Any, old: Any, schema: Schema) -> Iterator[FieldError]:
    if not _cel_equal(new, old, schema):
        yield _broken(path, VALUE_IS_IMMUTABLE)


def _claim_namespaces(spec: Mapping[str, Any]) -> Iterator[FieldError]:
    for index, policy in enumerate(spec.get("volumeClaimPolicies", ())):
        path = f"spec.volumeClaimPolicies[{index}]"
        if "templates" not in policy:
            yield _not_evaluated(path, "templates", NO_CLAIM_NAMESPACE)
        # compat: CEL's all() is false as soon as one is false, and only else an error counts.
        elif (place := _first(policy["templates"], _has_namespace)) is not None:
            yield _broken(path, NO_CLAIM_NAMESPACE, f"{path}.templates[{place}].metadata.namespace")
        elif _first(policy["templates"], lambda template: "metadata" not in template) is not None:
            yield _not_evaluated(path, "metadata", NO_CLAIM_NAMESPACE)


def _first(items: Iterable[Mapping[str, Any]], is_meant: Callable[[Mapping[str, Any]], bool]) -> int | None:
    return next((place for place, item in enumerate(items) if is_meant(item)), None)


def _has_namespace(template: Mapping[str, Any]) -> bool:
    return bool(template.get("metadata", {}).get("namespace"))


def _broken(path: str, message: str, at: str = "") -> FieldError:
    # compat: an API server tells the value of a rule only where that is neither an object nor a list.
    return invalid(path, OMITTED, message, at)


def _not_evaluated(path: str, key: str, message: str) -> FieldError:
    return invalid(path, "object", f"no such key: {key} evaluating rule: {message}")


def _cel_equal(one: Any, other: Any, schema: Schema) -> bool:
    """Equality as CEL has it: the order of a map list or a set does not count."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        fields = schema.get("properties", {})
        return one.keys() == other.keys() and all(
            _cel_equal(item, other[name], fields.get(name, {})) for name, item in one.items()
        )
    if not isinstance(one, list) or not isinstance(other, list):
        return bool(one == other)
    if len(one) != len(other):
        return False
    if keys := schema.get("x-kubernetes-list-map-keys"):
        one, other = _by_keys(one, keys), _by_keys(other, keys)
    return all(_cel_equal(a, b, schema.get("items", {})) for a, b in zip(one, other, strict=True))


def _by_keys(items: Iterable[Mapping[str, Any]], keys: Iterable[str]) -> list[Mapping[str, Any]]:
    return sorted(items, key=lambda item: [str(item.get(key)) for key in keys])


def _spec_schema() -> Mapping[str, Any]:
    properties: Mapping[str, Any] = jobset_schema()["properties"]["spec"]["properties"]
    return properties
