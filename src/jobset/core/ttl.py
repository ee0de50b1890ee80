"""How long a finished JobSet may exist."""

from datetime import datetime, timedelta

from jobset.api.jobset import JobSet
from jobset.core.plan import Problem


def time_left(finished_at: datetime, ttl: timedelta, now: datetime) -> timedelta:
    """How long a finished JobSet may still exist; zero or less: delete it now."""
    # The last day that there is, and a TTL, would be no time any more.
    return finished_at - now + ttl


def finish_time(jobset: JobSet) -> datetime | Problem:
    """When the JobSet finished."""
    name = f"{jobset.namespace}/{jobset.name}"
    finished = jobset.status.finished
    if finished is None:
        return Problem(f"unable to find the status of the finished JobSet {name}")
    return finished.since or Problem(f"unable to find the time when the JobSet {name} finished")


def judge_ttl(jobset: JobSet, now: datetime) -> timedelta | Problem | None:
    """The time a finished JobSet has left, zero or less when it is up; None when we shall not delete it."""
    if jobset.spec.ttl_seconds_after_finished is None or jobset.metadata.deletion_timestamp is not None:
        return None
    finished_at = finish_time(jobset)
    if isinstance(finished_at, Problem):
        return Problem(f"error checking if ttl expired: {finished_at.message}")
    return time_left(finished_at, timedelta(seconds=jobset.spec.ttl_seconds_after_finished), now)
