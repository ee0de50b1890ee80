"""The headless Service that gives the pods of a JobSet their names."""

from typing import Any, TypeAlias

from jobset.api import keys
from jobset.api.jobset import JobSet

Raw: TypeAlias = dict[str, Any]


def needs_service(jobset: JobSet) -> bool:
    """Whether the JobSet wants a headless Service, named after its subdomain."""
    return jobset.spec.network is not None and bool(jobset.spec.network.enable_dns_hostnames)


def build_service(jobset: JobSet, owner: Raw) -> Raw:
    """The headless Service."""
    network = jobset.spec.network
    publish = network.publish_not_ready_addresses if network else None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": jobset.subdomain,
            "namespace": jobset.namespace,
            "ownerReferences": [owner],
        },
        "spec": {
            "clusterIP": "None",
            "selector": {keys.JOBSET_NAME: jobset.name},
            "publishNotReadyAddresses": True if publish is None else publish,
        },
    }
