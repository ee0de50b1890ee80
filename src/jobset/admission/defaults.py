"""What JobSet fills in when a JobSet is created, beyond the defaults of its schema."""

from collections.abc import Mapping
from typing import Any, TypeAlias

Raw: TypeAlias = Mapping[str, Any]


def default_jobset(raw: Raw) -> Raw:
    """The JobSet with everything filled in that is missing; given values are never changed.

    It runs before the schema is checked, so parts of the wrong type are left for the schema to refuse.
    """
    given = raw.get("spec", {})
    if not isinstance(given, Mapping):
        return raw
    spec = {name: value for name, value in given.items() if value is not None}
    filled = {
        "successPolicy": {"operator": "All"},
        "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
        **spec,
    }
    filled["network"] = _default_network(spec.get("network", {}))
    if "replicatedJobs" in spec:
        filled["replicatedJobs"] = _each(spec["replicatedJobs"], _default_replicated_job)
    if isinstance(policy := spec.get("failurePolicy"), Mapping) and isinstance(policy.get("rules"), list):
        rules = [_default_rule(rule, index) for index, rule in enumerate(policy["rules"])]
        filled["failurePolicy"] = {**policy, "rules": rules}
    if "volumeClaimPolicies" in spec:
        filled["volumeClaimPolicies"] = _each(spec["volumeClaimPolicies"], _default_claim_policy)
    return raw if filled == given else {**raw, "spec": filled}


def _default_network(network: Any) -> Any:
    defaults = {"enableDNSHostnames": True, "publishNotReadyAddresses": True}
    return {**defaults, **network} if isinstance(network, Mapping) else network


def _default_replicated_job(job: Raw) -> Raw:
    template = job.get("template")
    if not isinstance(template, Mapping) or not isinstance(job_spec := template.get("spec", {}), Mapping):
        return job
    filled = {"completionMode": "Indexed", **job_spec}
    pod_template = job_spec.get("template", {})
    if isinstance(pod_template, Mapping) and isinstance(pod_spec := pod_template.get("spec", {}), Mapping):
        restart_policy = pod_spec.get("restartPolicy") or "OnFailure"
        filled["template"] = {**pod_template, "spec": {**pod_spec, "restartPolicy": restart_policy}}
    return {**job, "template": {**template, "spec": filled}}


def _default_rule(rule: Any, index: int) -> Any:
    if not isinstance(rule, Mapping) or rule.get("name"):
        return rule
    return {**rule, "name": f"failurePolicyRule{index}"}


def _default_claim_policy(policy: Raw) -> Raw:
    return {"retentionPolicy": {"whenDeleted": "Delete"}, **policy}


def _each(items: Any, change: Any) -> Any:
    if not isinstance(items, list):
        return items
    return [change(item) if isinstance(item, Mapping) else item for item in items]
