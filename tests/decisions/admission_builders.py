"""JobSets and pods for admission tests; only what matters is said."""

from typing import Any

from jobset.api.gates import FeatureGates

OFF = FeatureGates()
ALL_ON = FeatureGates(in_place_restart=True, restart_job=True, elastic_jobset=True)

Raw = dict[str, Any]


def a_role(name: str = "workers", job: Raw | None = None, pod: Raw | None = None, **fields: Any) -> Raw:
    """One replicated job; `job` goes into its Job spec, `pod` into its pod spec."""
    container = {"name": "main", "image": "tool:1", "command": ["true"]}
    pod_spec = {"restartPolicy": "OnFailure", "containers": [container], **(pod or {})}
    job_spec = {"completionMode": "Indexed", "template": {"spec": pod_spec}, **(job or {})}
    return {"name": name, "groupName": "default", "replicas": 1, "template": {"spec": job_spec}, **fields}


def a_jobset(*roles: Raw, name: str = "js", metadata: Raw | None = None, **spec: Any) -> Raw:
    """A JobSet with these roles (one by default)."""
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name, "namespace": "default", **(metadata or {})},
        "spec": {"replicatedJobs": list(roles or (a_role(),)), **spec},
    }


def a_claim_template(name: str = "data", **fields: Any) -> Raw:
    """One entry of `volumeClaimPolicies[].templates`."""
    return {"metadata": {"name": name}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}, **fields}


def mounting(*names: str) -> Raw:
    """A pod spec whose container mounts these volumes."""
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in names]
    return {"containers": [{"name": "main", "image": "tool:1", "volumeMounts": mounts}]}
