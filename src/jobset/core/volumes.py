"""PersistentVolumeClaims that the replicated jobs of a JobSet share."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from jobset.api import keys
from jobset.api.jobset import JobSet, VolumeClaimPolicy
from jobset.api.names import claim_name

Raw: TypeAlias = dict[str, Any]


def wanted_claims(jobset: JobSet) -> frozenset[str]:
    """The names of all claims the JobSet asks for."""
    return frozenset(
        claim_name(_name(template), jobset.name)
        for policy in jobset.spec.volume_claim_policies or ()
        for template in policy.templates or ()
    )


def missing_claims(jobset: JobSet, existing: frozenset[str], owner: Raw) -> tuple[tuple[Raw, ...], ...]:
    """The claims to create, a tuple for each policy that misses any. Existing ones are used as they are."""
    by_policy = (
        tuple(
            _build_claim(jobset, policy, template, owner)
            for template in policy.templates or ()
            if claim_name(_name(template), jobset.name) not in existing
        )
        for policy in jobset.spec.volume_claim_policies or ()
    )
    return tuple(bodies for bodies in by_policy if bodies)


def claim_volumes(jobset: JobSet, pod_spec: Mapping[str, Any]) -> list[Raw]:
    """The volumes for the claims that a pod's containers mount."""
    mounted = {
        mount.get("name")
        for field in ("initContainers", "containers")
        for container in pod_spec.get(field) or ()
        for mount in container.get("volumeMounts") or ()
    }
    if not mounted:
        return []
    return [
        {"name": name, "persistentVolumeClaim": {"claimName": claim_name(name, jobset.name)}}
        for policy in jobset.spec.volume_claim_policies or ()
        for template in policy.templates or ()
        if (name := _name(template)) in mounted
    ]


def _build_claim(jobset: JobSet, policy: VolumeClaimPolicy, template: Raw, owner: Raw) -> Raw:
    given = template.get("metadata") or {}
    metadata: Raw = {
        "name": claim_name(_name(template), jobset.name),
        "namespace": jobset.namespace,
        "labels": (given.get("labels") or {}) | {keys.JOBSET_NAME: jobset.name},
    }
    if given.get("annotations"):
        metadata["annotations"] = given["annotations"]
    # compat: a policy that is absent when we read it, for want of the webhook, retains its claims.
    if policy.retention_policy is not None and policy.retention_policy.when_deleted == "Delete":
        metadata["ownerReferences"] = [owner]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": template.get("spec") or {},
    }


def _name(template: Raw) -> str:
    return (template.get("metadata") or {}).get("name") or ""
