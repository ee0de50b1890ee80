"""The report of a run as data; docs/guides/exit-codes-and-output.md documents its JSON form."""

from datetime import datetime
from enum import StrEnum

import msgspec

SCHEMA = "jobset-run/v1"
"""Changes when a field is renamed, removed or means something else; new fields may come at any time."""


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    INTERRUPTED = "Interrupted"
    TERMINATED = "Terminated"


EXIT_CODES = {
    Outcome.COMPLETED: 0,
    Outcome.FAILED: 1,
    Outcome.TIMED_OUT: 124,
    Outcome.INTERRUPTED: 130,
    Outcome.TERMINATED: 143,
}


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the report; in JSON all its fields are always there."""


class ContainerEnd(_Part, frozen=True):
    """How one run of a container ended, or what it was doing when it was stopped."""

    name: str
    exit_code: int | None
    """None: it was still running."""
    signal: str | None
    reason: str
    message: str
    """The termination message."""
    explanation: str
    """What the code or reason means and what helps; empty when there is nothing to add."""
    restart_count: int
    started_at: datetime | None
    finished_at: datetime | None
    log_lines: tuple[str, ...]
    """The last lines it wrote."""
    log_file: str | None


class PodEnd(_Part, frozen=True):
    """One pod that failed, with the containers that made it fail, the first to fail first."""

    name: str
    node: str
    phase: str
    reason: str
    message: str
    containers: tuple[ContainerEnd, ...]


class JobEnd(_Part, frozen=True):
    """The child Job that is blamed."""

    name: str
    role: str
    index: int | None
    reason: str
    message: str
    ended_at: datetime | None


class Cause(_Part, frozen=True):
    """Why: the Job, then its pods in the order in which they failed."""

    job: JobEnd | None
    pods: tuple[PodEnd, ...]
    more_pods: int
    """How many more pods failed than are listed."""


class Restart(_Part, frozen=True):
    """Something that ran again: the whole JobSet, one Job, one pod or one container."""

    kind: str
    """`JobSet`, `Job`, `Pod` or `Container`."""
    name: str
    at: datetime
    number: int
    """Which restart of this object it was, counted from 1."""
    action: str
    """The failure policy action, for JobSets and Jobs."""
    rule: str
    """The failure policy rule that matched; empty: none did."""
    message: str
    cause: Cause | None


class Role(_Part, frozen=True):
    """One replicated job and its Jobs by state."""

    name: str
    replicas: int
    ready: int
    active: int
    succeeded: int
    failed: int
    suspended: int


class Waiting(_Part, frozen=True):
    """What something unfinished waits for."""

    object: str
    """Kind and name, such as `Pod/train-workers-0-0-x2k4p`."""
    reason: str
    message: str
    count: int
    """How many objects of that kind wait for the same."""


class JobSetReport(_Part, frozen=True):
    """One JobSet of the run."""

    namespace: str
    name: str
    state: str
    """`Completed`, `Failed`, `Suspended`, `Running`, or `Deleted` before it had ended."""
    reason: str
    message: str
    started_at: datetime | None
    finished_at: datetime | None
    restarts: int
    restarts_count_towards_max: int
    max_restarts: int
    roles: tuple[Role, ...]
    history: tuple[Restart, ...]
    more_restarts: int
    """How many restarts are not in `history`, which keeps the first and the last ones."""
    cause: Cause | None
    """Why it failed."""
    waiting: tuple[Waiting, ...]


class Notice(_Part, frozen=True):
    """A field that is ignored or done in another way on one machine."""

    object: str
    field: str
    message: str


class Report(_Part, frozen=True):
    """What happened in one run."""

    schema: str
    """Which form of report this is: `SCHEMA`."""
    outcome: Outcome
    exit_code: int
    message: str
    """One sentence for people, such as what the time ran out for."""
    started_at: datetime
    finished_at: datetime
    jobsets: tuple[JobSetReport, ...]
    notices: tuple[Notice, ...]
    logs: str | None
    """The directory that holds the log files, when they are kept."""
    run_directory: str | None
    """The directory of the run, when it is kept."""
