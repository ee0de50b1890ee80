"""The success policy: when a JobSet is complete."""

from collections.abc import Sequence

from jobset.api.children import ChildJob
from jobset.api.jobset import JobSet, Operator, SuccessPolicy


def is_complete(jobset: JobSet, succeeded: Sequence[ChildJob]) -> bool:
    """Whether enough Jobs have succeeded. Without any success a JobSet is never complete."""
    return bool(succeeded) and matching_count(jobset, succeeded) >= required_count(jobset)


def matching_count(jobset: JobSet, succeeded: Sequence[ChildJob]) -> int:
    """How many of the succeeded Jobs count."""
    policy = _policy(jobset)
    return sum(is_target(policy, job.replicated_job) for job in succeeded)


def required_count(jobset: JobSet) -> int:
    """How many Jobs must succeed; zero when `All` names replicated jobs without replicas only."""
    policy = _policy(jobset)
    match policy.operator:
        case Operator.ANY:
            return 1
        case Operator.ALL:
            return sum(rjob.replicas for rjob in jobset.replicated_jobs if is_target(policy, rjob.name))
        case _:
            # compat: an operator that no admission let through requires nothing.
            return 0


def is_target(policy: SuccessPolicy, replicated_job: str | None) -> bool:
    """Whether Jobs of this replicated job count; all do when the policy names none."""
    return not policy.target_replicated_jobs or replicated_job in policy.target_replicated_jobs


def _policy(jobset: JobSet) -> SuccessPolicy:
    return jobset.spec.success_policy or SuccessPolicy()
