"""Carry a new size of a replicated job's Jobs to the Jobs that run."""

from collections.abc import Iterable

from jobset.api.children import ChildJob
from jobset.api.jobset import ReplicatedJob
from jobset.core.plan import PatchJob, PatchPurpose, Step


def scale_jobs(rjobs: Iterable[ReplicatedJob], active: Iterable[ChildJob]) -> tuple[Step, ...]:
    """One step that scales the active Jobs whose size differs from what the JobSet wants.

    Only a size with equal parallelism and completions is carried over.
    """
    sizes = {
        rjob.name: (rjob.parallelism, rjob.completions)
        for rjob in rjobs
        if rjob.parallelism == rjob.completions
    }
    step = tuple(
        _scale(job, size)
        for job in active
        if (size := sizes.get(job.replicated_job or "")) is not None
        and (job.parallelism, job.completions) != size
    )
    return (step,) if step else ()


def _scale(job: ChildJob, size: tuple[int | None, int | None]) -> PatchJob:
    parallelism, completions = size
    return PatchJob(
        name=job.name,
        purpose=PatchPurpose.SCALE,
        patch={"spec": {"parallelism": parallelism, "completions": completions}},
    )
