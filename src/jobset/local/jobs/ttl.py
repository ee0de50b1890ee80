"""ttlSecondsAfterFinished: when a finished Job is due to go."""

from datetime import datetime, timedelta

from jobset.api.times import parse_time
from jobset.local.jobs.snapshot import JobFacts
from jobset.local.jobs.status import COMPLETE, FAILED


def time_to_live(job: JobFacts, now: datetime) -> timedelta | None:
    """How long a finished Job may still exist, zero or less when it is due; None when nothing removes it."""
    end = job.status.condition(COMPLETE) or job.status.condition(FAILED)
    if end is None or job.ttl is None or job.is_deleting or not end.last_transition_time:
        return None
    return parse_time(end.last_transition_time) + job.ttl - now
