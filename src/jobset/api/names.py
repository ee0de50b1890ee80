"""How children of a JobSet are called."""

import hashlib


def job_name(jobset: str, replicated_job: str, index: int) -> str:
    """The child Job of one replica index."""
    return f"{jobset}-{replicated_job}-{index}"


def job_key(namespace: str, job: str) -> str:
    """The value of the job-key label: 40 hex digits that name a Job across namespaces."""
    return hashlib.sha1(f"{namespace}/{job}".encode(), usedforsecurity=False).hexdigest()


def claim_name(template: str, jobset: str) -> str:
    """The PersistentVolumeClaim of one claim template."""
    return f"{template}-{jobset}"


def pod_hostname(job: str, completion_index: int) -> str:
    """The hostname of one pod of an Indexed Job."""
    return f"{job}-{completion_index}"
