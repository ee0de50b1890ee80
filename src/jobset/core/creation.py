"""Which child Jobs should exist and do not."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from jobset.api.jobset import JobSet, ReplicatedJob, RestartStrategy
from jobset.api.names import job_name
from jobset.core.attempts import Buckets
from jobset.core.child_job import build_recipe, lay_out
from jobset.core.explain import Wait, WaitReason
from jobset.core.plan import CreateJob, Step

MOST_JOBS = 10_000
"""How many Jobs one turn creates at most: their events bring the next one, and `replicas` may be anything."""


def create_jobs(
    jobset: JobSet, rjobs: Iterable[ReplicatedJob], buckets: Buckets, *, restart_job: bool
) -> tuple[Step, ...]:
    """A step for each of the replicated jobs that misses Jobs, so that failures hold back later ones.

    At most `MOST_JOBS` in all.
    """
    if _is_blocked(jobset, buckets):
        return ()
    missing: list[tuple[ReplicatedJob, list[tuple[int, str]]]] = []
    room = MOST_JOBS
    for rjob in rjobs:
        if names := _missing(jobset, rjob, buckets.names, room):
            missing.append((rjob, names))
            room -= len(names)
    if not missing:
        return ()
    layout = lay_out(jobset.replicated_jobs)
    recipes = [build_recipe(jobset, rjob, layout, restart_job=restart_job) for rjob, _ in missing]
    return tuple(
        tuple(CreateJob(name, index, recipe) for index, name in names)
        for (_, names), recipe in zip(missing, recipes, strict=True)
    )


def waits_for_old_jobs(jobset: JobSet, rjobs: Iterable[ReplicatedJob], buckets: Buckets) -> tuple[Wait, ...]:
    """Which of the replicated jobs cannot have their new Jobs because old ones are still there."""
    if _is_blocked(jobset, buckets):
        left = len(buckets.superseded)
        return tuple(
            Wait(replicated_job=rjob.name, reason=WaitReason.ANY_OLD_JOB, want=left) for rjob in rjobs
        )
    old = Counter(job.replicated_job for job in buckets.superseded)
    return tuple(
        Wait(replicated_job=rjob.name, reason=WaitReason.OLD_JOB, want=old[rjob.name])
        for rjob in rjobs
        if old[rjob.name]
    )


def _is_blocked(jobset: JobSet, buckets: Buckets) -> bool:
    policy = jobset.spec.failure_policy
    waits = policy is not None and policy.restart_strategy == RestartStrategy.BLOCKING_RECREATE
    return waits and bool(buckets.superseded)


def _missing(jobset: JobSet, rjob: ReplicatedJob, taken: frozenset[str], most: int) -> list[tuple[int, str]]:
    """Index and name of the first Jobs that do not exist, by index."""
    names = ((index, job_name(jobset.name, rjob.name, index)) for index in range(rjob.replicas))
    return list(islice(((index, name) for index, name in names if name not in taken), most))
