"""What a history remembers of failures: bounded records of container runs, pods and Jobs."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from jobset.local.runs.views import ContainerView, JobView, ObjectKey, PodView, Termination

KEPT_RUNS = 3
KEPT_PODS = 3
KEPT_RESTARTS = 50
KEPT_JOBS = 2_000


class ContainerRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one container; `attempt` counts its restarts from 0."""

    namespace: str
    pod: str
    uid: str
    container: str
    attempt: int


@dataclass(slots=True, kw_only=True)
class RunRecord:
    """A container run that failed, or (`ended` is None) that ran when its Job was stopped."""

    run: ContainerRun
    at: datetime
    ended: Termination | None
    log_lines: tuple[str, ...] = ()
    log_file: str | None = None
    explanation: str = ""
    restarted: bool = False
    """Whether the container ran again after it."""


@dataclass(slots=True, kw_only=True)
class PodRecord:
    """A pod in which something failed; of many runs the first and the last ones are kept."""

    view: PodView
    at: datetime
    runs: list[RunRecord] = field(default_factory=list)
    more_runs: int = 0
    has_failed: bool = False

    def add(self, record: RunRecord) -> None:
        """Keep the run; drops one from the middle when there are many."""
        self.runs.append(record)
        if len(self.runs) > 2 * KEPT_RUNS:
            del self.runs[KEPT_RUNS]
            self.more_runs += 1

    def find(self, container: ContainerView, attempt: int) -> RunRecord | None:
        """The record of one run, when it is kept."""
        return next(
            (r for r in self.runs if r.run.container == container.name and r.run.attempt == attempt), None
        )


@dataclass(slots=True, kw_only=True)
class JobRecord:
    """A Job in which something failed; of many pods the first and the last ones are kept."""

    namespace: str
    name: str
    jobset: str
    restart_attempt: int
    job_restart_attempt: int = 0
    failed: JobView | None = None
    """The Job as it was when it was sure to fail."""
    pods: list[PodRecord] = field(default_factory=list)
    more_pods: int = 0

    def add(self, record: PodRecord) -> None:
        """Keep the pod; drops one from the middle when there are many."""
        self.pods.append(record)
        if len(self.pods) > 2 * KEPT_PODS:
            del self.pods[KEPT_PODS]
            self.more_pods += 1


class RestartRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A restart that a failure policy ordered, of a JobSet or of one Job."""

    kind: str
    name: str
    at: datetime
    number: int
    action: str
    rule: str
    message: str
    blamed_job: str
    restart_attempt: int
    """Of the Job that is blamed."""
    job_restart_attempt: int | None = None
    """Of the Job that is blamed, when this Job alone restarts."""


@dataclass(slots=True, kw_only=True)
class RestartLog:
    """The restarts of one JobSet: the first and the last ones, and how many there were between them."""

    kept: list[RestartRecord] = field(default_factory=list)
    dropped: int = 0

    def add(self, record: RestartRecord) -> None:
        """Keep the restart; drops one from the middle when there are many."""
        self.kept.append(record)
        if len(self.kept) > KEPT_RESTARTS:
            del self.kept[KEPT_RESTARTS // 2]
            self.dropped += 1


def belongs_to(record: JobRecord, jobset: ObjectKey) -> bool:
    """Whether the Job is a child of that JobSet."""
    return (record.namespace, record.jobset) == jobset
