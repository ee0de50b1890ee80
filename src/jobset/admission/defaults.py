"""What JobSet fills in when a JobSet is created, beyond the defaults of its schema."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from jobset.admission.empty_structs import with_empty_structs

Raw: TypeAlias = Mapping[str, Any]


def default_jobset(raw: Raw) -> Raw:
    """The JobSet with everything filled in that is missing or null; given values are never changed.

    It runs before the schema is checked, so parts of the wrong type are left for the schema to refuse.
    The same value where nothing is missing.
    """
    return with_empty_structs(_with_defaults(raw))


def _with_defaults(raw: Raw) -> Raw:
    given = raw.get("spec")
    if not isinstance(given, Mapping | None):
        return raw
    filled = _fill(
        given or {},
        {
            "successPolicy": {"operator": "All"},
            "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
            "network": {},
        },
    )
    spec = {
        **filled,
        "network": _default_network(filled["network"]),
        **_changed(filled, "replicatedJobs", lambda jobs: _each(jobs, _default_replicated_job)),
        **_changed(filled, "failurePolicy", _default_failure_policy),
        **_changed(filled, "volumeClaimPolicies", lambda policies: _each(policies, _default_claim_policy)),
    }
    return raw if spec == given else {**raw, "spec": spec}


def _fill(given: Raw, defaults: Raw) -> Raw:
    missing = {name: value for name, value in defaults.items() if given.get(name) is None}
    return {**given, **missing}


def _changed(obj: Raw, name: str, change: Callable[[Any], Any]) -> Raw:
    return {name: change(obj[name])} if name in obj else {}


def _default_network(network: Any) -> Any:
    defaults = {"enableDNSHostnames": True, "publishNotReadyAddresses": True}
    return _fill(network, defaults) if isinstance(network, Mapping) else network


def _default_replicated_job(job: Raw) -> Raw:
    template = job.get("template")
    if not isinstance(template, Mapping) or not isinstance(job_spec := _given(template, "spec"), Mapping):
        return job
    filled = _fill(job_spec, {"completionMode": "Indexed"})
    pod_template = _given(job_spec, "template")
    if isinstance(pod_template, Mapping) and isinstance(pod_spec := _given(pod_template, "spec"), Mapping):
        restart_policy = pod_spec.get("restartPolicy") or "OnFailure"
        pod_spec = {**pod_spec, "restartPolicy": restart_policy}
        filled = {**filled, "template": {**pod_template, "spec": pod_spec}}
    return {**job, "template": {**template, "spec": filled}}


def _given(obj: Raw, name: str) -> Any:
    """A part that counts as empty where it is missing or null."""
    return {} if obj.get(name) is None else obj[name]


def _default_failure_policy(policy: Any) -> Any:
    if not isinstance(policy, Mapping) or not isinstance(policy.get("rules"), list):
        return policy
    return {**policy, "rules": [_default_rule(rule, index) for index, rule in enumerate(policy["rules"])]}


def _default_rule(rule: Any, index: int) -> Any:
    if not isinstance(rule, Mapping) or rule.get("name"):
        return rule
    return {**rule, "name": f"failurePolicyRule{index}"}


def _default_claim_policy(policy: Raw) -> Raw:
    return _fill(policy, {"retentionPolicy": {"whenDeleted": "Delete"}})


def _each(items: Any, change: Callable[[Raw], Raw]) -> Any:
    if not isinstance(items, list):
        return items
    return [change(item) if isinstance(item, Mapping) else item for item in items]
