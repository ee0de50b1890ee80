"""Which Jobs belong to the current attempt, and how many are in which state."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobset.api import keys
from jobset.api.children import ChildJob, JobState, StrayJob
from jobset.api.jobset import JobSet, ReplicatedJob
from jobset.api.status import ReplicatedJobStatus
from jobset.core.plan import DeleteJob, Problem, Step
from jobset.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """The Jobs of a JobSet by what they mean for it.

    `superseded` are Jobs of an earlier attempt, in whatever state. A Job keeps its name across attempts, so
    its successor cannot exist until it is gone; `names` are those that are taken, by any Job.
    """

    superseded: tuple[ChildJob, ...] = ()
    active: tuple[ChildJob, ...] = ()
    succeeded: tuple[ChildJob, ...] = ()
    failed: tuple[ChildJob, ...] = ()
    names: frozenset[str] = frozenset()


def sort_jobs(snapshot: Snapshot) -> Buckets | Problem:
    """The Jobs in their buckets, in the order they were read; failed ones by name, as an API server lists."""
    # compat: one Job that does not tell its attempt stops its JobSet, whatever the others say.
    targets = _individual_restarts(snapshot.jobset) if snapshot.gates.restart_job else None
    superseded: list[ChildJob] = []
    by_state: dict[JobState, list[ChildJob]] = {state: [] for state in JobState}
    restarts = snapshot.jobset.status.restarts
    for job in snapshot.jobs:
        if isinstance(job, StrayJob):
            return Problem(job.problem)
        is_old: bool | Problem = job.restart_attempt < restarts
        if targets is not None and not is_old:
            is_old = _is_superseded_alone(job, targets)
            if isinstance(is_old, Problem):
                return is_old
        (superseded if is_old else by_state[job.state]).append(job)
    return Buckets(
        superseded=tuple(superseded),
        active=tuple(by_state[JobState.ACTIVE]),
        succeeded=tuple(by_state[JobState.SUCCEEDED]),
        # Of several that failed in the same second the first is blamed: the same one in every turn.
        failed=tuple(sorted(by_state[JobState.FAILED], key=_job_name)),
        names=frozenset(job.name for job in snapshot.jobs),
    )


def delete_jobs(jobs: Iterable[ChildJob]) -> tuple[Step, ...]:
    """One step that deletes the Jobs which are not being deleted yet."""
    step = tuple(DeleteJob(job.name, job.uid) for job in jobs if not job.is_being_deleted)
    return (step,) if step else ()


def count_jobs(jobset: JobSet, buckets: Buckets, *, restart_job: bool) -> tuple[ReplicatedJobStatus, ...]:
    """What each replicated job has reached, by name in descending order.

    Superseded Jobs and Jobs of unknown replicated jobs are not counted. Individual restarts are carried over
    while the gate `restart_job` is on.
    """
    ready = _count(job for job in buckets.active if job.is_ready)
    running = _count(job for job in buckets.active if job.active > 0)
    suspended = _count(job for job in buckets.active if job.is_suspended)
    succeeded, failed = _count(buckets.succeeded), _count(buckets.failed)
    stored = (jobset.status.replicated_jobs_status or ()) if restart_job else ()
    before = {entry.name: entry for entry in stored}
    counts = (
        ReplicatedJobStatus(
            name=rjob.name,
            ready=ready[rjob.name],
            succeeded=succeeded[rjob.name],
            failed=failed[rjob.name],
            active=running[rjob.name],
            suspended=suspended[rjob.name],
            job_restarts=entry.job_restarts if (entry := before.get(rjob.name)) else None,
            job_restarts_count_towards_max=entry.job_restarts_count_towards_max if entry else None,
        )
        for rjob in jobset.replicated_jobs
    )
    return tuple(sorted(counts, key=_name, reverse=True))


def same_counts(
    stored: Iterable[ReplicatedJobStatus] | None, counted: tuple[ReplicatedJobStatus, ...]
) -> bool:
    """Whether the stored counts say what was counted, in whatever order."""
    return tuple(sorted(stored or (), key=_name, reverse=True)) == counted


def all_ready(rjobs: Iterable[ReplicatedJob], counts: Iterable[ReplicatedJobStatus]) -> bool:
    """Whether as many Jobs are ready or have succeeded as there should be."""
    return sum(rjob.replicas for rjob in rjobs) == sum(entry.ready + entry.succeeded for entry in counts)


def _count(jobs: Iterable[ChildJob]) -> Counter[str | None]:
    return Counter(job.replicated_job for job in jobs)


def _job_name(job: ChildJob) -> str:
    return job.name


def _name(entry: ReplicatedJobStatus) -> str:
    return entry.name


def _individual_restarts(jobset: JobSet) -> Mapping[str, tuple[int, tuple[int, ...]]]:
    """How many Jobs each replicated job has, and the attempt that each should have, where one is told."""
    told = {entry.name: entry.job_restarts or () for entry in jobset.status.replicated_jobs_status or ()}
    targets = {rjob.name: (rjob.replicas, told.get(rjob.name, ())) for rjob in jobset.replicated_jobs}
    return {name: (len(restarts) or size, restarts) for name, (size, restarts) in targets.items()}


def _is_superseded_alone(job: ChildJob, targets: Mapping[str, tuple[int, tuple[int, ...]]]) -> bool | Problem:
    if not job.replicated_job:
        return Problem(f"missing label {keys.REPLICATED_JOB_NAME}")
    if job.index is None:
        return _bad_label(job, keys.JOB_INDEX)
    if job.job_restart_attempt is None:
        # A Job from before the gate was on has no such label, and stays.
        return _bad_label(job, keys.JOB_RESTART_ATTEMPT) if keys.JOB_RESTART_ATTEMPT in job.labels else False
    size, restarts = targets.get(job.replicated_job, (0, ()))
    if not 0 <= job.index < size:
        return Problem(f"job index {job.index} is out of bounds for replicated job {job.replicated_job}")
    return job.job_restart_attempt < (restarts[job.index] if restarts else 0)


def _bad_label(job: ChildJob, key: str) -> Problem:
    text = job.labels.get(key)
    if text is None:
        return Problem(f"missing label {key}")
    return Problem(f'job {job.name} has a bad label {key}: "{text}" is not an integer')
