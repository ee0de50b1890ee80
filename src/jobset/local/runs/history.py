"""What happened in a run: a reducer over watch events that remembers failures and forgets the rest.

Time comes in with each event, log tails come in when asked for. Memory is bounded by what is alive and by the
`KEPT_…` numbers, however long a run lasts.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from jobset.api.names import job_name
from jobset.api.status import ConditionType, ReplicatedJobStatus
from jobset.local.runs.changes import Change, Level, Said, job_changes, jobset_changes, pod_changes
from jobset.local.runs.records import (
    KEPT_JOBS,
    ContainerRun,
    JobRecord,
    PodRecord,
    RestartLog,
    RestartRecord,
    RunRecord,
)
from jobset.local.runs.views import (
    ContainerView,
    JobSetView,
    JobView,
    Object,
    ObjectKey,
    PodView,
    Termination,
    read_job,
    read_jobset_view,
    read_pod,
)

_BLAMED = re.compile(r"\(first failed job: ([^)\s]+)\)")
_ACTION = re.compile(r"^applying (\w+) failure policy action")
_KEPT_WARNINGS = 3
_KEPT_WARNED_OBJECTS = 500
# What these say is told by the objects themselves.
_REPEATS = frozenset(
    {"FailedScheduling", "BackOff", "Failed", "BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy"}
)
_JOBSET_WARNINGS = frozenset({"JobCreationFailed", "HeadlessServiceCreationFailed", "PVCCreationFailed"})


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One watch event: an object of a kind as it is now, or as it last was when it is gone."""

    kind: str
    object: Object
    gone: bool = False
    at: datetime


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What one event added: lines for people, and the container runs whose log tails are wanted."""

    changes: tuple[Change, ...] = ()
    tails_wanted: tuple[ContainerRun, ...] = ()


@dataclass(slots=True, kw_only=True)
class History:
    """The state of everything alive and the record of everything that failed."""

    jobsets: dict[ObjectKey, JobSetView] = field(default_factory=dict)
    """The last reading of each, also after it is gone."""
    deleted: set[ObjectKey] = field(default_factory=set)
    jobs: dict[ObjectKey, JobView] = field(default_factory=dict)
    pods: dict[ObjectKey, PodView] = field(default_factory=dict)
    began: dict[ObjectKey, datetime] = field(default_factory=dict)
    """When each JobSet was first seen; finer than the whole seconds of the API, as is `ended`."""
    ended: dict[ObjectKey, datetime] = field(default_factory=dict)
    restarts: dict[ObjectKey, RestartLog] = field(default_factory=dict)
    job_records: OrderedDict[str, JobRecord] = field(default_factory=OrderedDict)
    """By uid of the Job, the oldest first."""
    warnings: OrderedDict[tuple[str, str, str], deque[tuple[str, str]]] = field(default_factory=OrderedDict)
    """The last warning events, reason and message, by kind, namespace and name."""
    _pod_records: dict[str, PodRecord] = field(default_factory=dict)
    _runs: dict[ContainerRun, RunRecord] = field(default_factory=dict)

    def record(self, seen: Seen) -> Recorded:
        """Take in one event."""
        match seen.kind:
            case "JobSet":
                return self._jobset(seen)
            case "Job":
                return self._job(seen)
            case "Pod":
                return self._pod(seen)
            case "Event":
                return self._event(seen)
            case _:
                return Recorded()

    def add_log_tail(
        self, run: ContainerRun, lines: tuple[str, ...], file: str | None, explanation: str = ""
    ) -> None:
        """The last lines of a run that `tails_wanted` named."""
        record = self._runs.pop(run, None)
        if record is not None:
            record.log_lines, record.log_file, record.explanation = lines, file, explanation

    def _jobset(self, seen: Seen) -> Recorded:
        view = read_jobset_view(seen.object)
        before = self.jobsets.get(view.key)
        self.jobsets[view.key] = view
        self.began.setdefault(view.key, seen.at)
        if view.jobset.status.finished is not None:
            self.ended.setdefault(view.key, seen.at)
        if seen.gone:
            self.deleted.add(view.key)
            return Recorded(changes=_said(seen, jobset_changes(view, None)))
        log = self.restarts.setdefault(view.key, RestartLog())
        for restart in _restarts(before, view, seen.at):
            log.add(restart)
        return Recorded(changes=_said(seen, jobset_changes(before, view)))

    def _job(self, seen: Seen) -> Recorded:
        view = read_job(seen.object)
        before = self.jobs.get(view.key)
        if seen.gone:
            self.jobs.pop(view.key, None)
            return Recorded()
        self.jobs[view.key] = view
        wanted: tuple[ContainerRun, ...] = ()
        if view.has_failed and not (before and before.uid == view.uid and before.has_failed):
            wanted = self._job_failed(view, seen.at)
        elif view.has_failed:
            self._job_record(view.uid, view.key, view).failed = view
        same = before if before and before.uid == view.uid else None
        return Recorded(changes=_said(seen, job_changes(same, view)), tails_wanted=wanted)

    def _job_failed(self, job: JobView, at: datetime) -> tuple[ContainerRun, ...]:
        record = self._job_record(job.uid, job.key, job)
        record.failed = job
        if record.pods:
            return ()
        # Nothing failed by itself: what was running when the Job was stopped tells most.
        wanted = []
        alive = [pod for pod in self.pods.values() if pod.job_uid == job.uid and pod.phase == "Running"]
        for pod in sorted(alive, key=lambda pod: pod.name)[:2]:
            pod_record = PodRecord(view=pod, at=at)
            record.add(pod_record)
            wanted += [
                self._add_run(pod_record, container, container.restarts, None, at)
                for container in pod.containers
                if container.state == "running" and not container.is_init
            ]
        return tuple(wanted)

    def _pod(self, seen: Seen) -> Recorded:
        view = read_pod(seen.object)
        before = self.pods.get(view.key)
        if seen.gone:
            self.pods.pop(view.key, None)
            self._pod_records.pop(view.uid, None)
            return Recorded(changes=_said(seen, pod_changes(before, None)))
        self.pods[view.key] = view
        wanted = tuple(self._new_failures(view, seen.at))
        same = before if before and before.uid == view.uid else None
        return Recorded(changes=_said(seen, pod_changes(same, view)), tails_wanted=wanted)

    def _new_failures(self, pod: PodView, at: datetime) -> Iterator[ContainerRun]:
        known = self._pod_records.get(pod.uid)
        if known is not None:
            known.view = pod
        for container in pod.containers:
            for attempt, ended in _ends(container):
                if ended.exit_code and self._is_own_failure(pod, ended):
                    record = self._pod_record(pod, at)
                    if record.find(container, attempt) is None and not _is_older(record, container, attempt):
                        yield self._add_run(record, container, attempt, ended, at)
            self._mark_restarts(pod, container)
        if pod.phase == "Failed" and (pod.uid in self._pod_records or self._fails_by_itself(pod)):
            self._pod_record(pod, at).has_failed = True

    def _is_own_failure(self, pod: PodView, ended: Termination) -> bool:
        """Whether the container failed, rather than being stopped together with its pod."""
        if pod.deletion_requested_at is None or pod.disruption is not None:
            return True
        job = self.jobs.get((pod.namespace, pod.job))
        if pod.uid in self._pod_records or (job is not None and job.has_failed):
            return False
        return ended.finished_at is not None and ended.finished_at < pod.deletion_requested_at

    def _fails_by_itself(self, pod: PodView) -> bool:
        return pod.deletion_requested_at is None or pod.disruption is not None

    def _mark_restarts(self, pod: PodView, container: ContainerView) -> None:
        record = self._pod_records.get(pod.uid)
        for run in record.runs if record else ():
            if run.run.container == container.name and run.run.attempt < container.restarts:
                run.restarted = True

    def _add_run(
        self,
        record: PodRecord,
        container: ContainerView,
        attempt: int,
        ended: Termination | None,
        at: datetime,
    ) -> ContainerRun:
        pod = record.view
        run = ContainerRun(
            namespace=pod.namespace, pod=pod.name, uid=pod.uid, container=container.name, attempt=attempt
        )
        run_record = RunRecord(run=run, at=at, ended=ended)
        record.add(run_record)
        self._runs[run] = run_record
        return run

    def _pod_record(self, pod: PodView, at: datetime) -> PodRecord:
        record = self._pod_records.get(pod.uid)
        if record is None:
            record = self._pod_records[pod.uid] = PodRecord(view=pod, at=at)
            self._job_record(pod.job_uid, (pod.namespace, pod.job), pod).add(record)
        return record

    def _job_record(self, uid: str, key: ObjectKey, child: JobView | PodView) -> JobRecord:
        record = self.job_records.get(uid)
        if record is None:
            record = JobRecord(
                namespace=key[0], name=key[1], jobset=child.jobset, restart_attempt=child.restart_attempt
            )
            self.job_records[uid] = record
            self._forget_old_records()
        if isinstance(child, JobView):
            record.job_restart_attempt = child.job_restart_attempt
        return record

    def _forget_old_records(self) -> None:
        if len(self.job_records) <= KEPT_JOBS:
            return
        blamed = {
            (namespace, restart.blamed_job, restart.restart_attempt)
            for (namespace, _), log in self.restarts.items()
            for restart in log.kept
        }
        for uid, record in list(self.job_records.items())[: KEPT_JOBS // 2]:
            if (record.namespace, record.name, record.restart_attempt) not in blamed:
                del self.job_records[uid]

    def _event(self, seen: Seen) -> Recorded:
        event = seen.object
        if seen.gone or event.get("type") != "Warning":
            return Recorded()
        about: Mapping[str, str] = event.get("regarding") or event.get("involvedObject") or {}
        kind, reason = about.get("kind", ""), event.get("reason", "")
        if reason in _REPEATS or (kind == "JobSet" and reason not in _JOBSET_WARNINGS):
            return Recorded()
        said = (reason, event.get("note") or event.get("message") or "")
        key = (kind, about.get("namespace", ""), about.get("name", ""))
        known = self.warnings.setdefault(key, deque(maxlen=_KEPT_WARNINGS))
        self.warnings.move_to_end(key)
        if len(self.warnings) > _KEPT_WARNED_OBJECTS:
            self.warnings.popitem(last=False)
        if said in known:
            return Recorded()
        known.append(said)
        change = Change(
            at=seen.at, kind=kind, namespace=key[1], name=key[2], text=": ".join(said), level=Level.WARNING
        )
        return Recorded(changes=(change,))


def _restarts(before: JobSetView | None, after: JobSetView, at: datetime) -> Iterator[RestartRecord]:
    """The restarts that the status counts now and did not count before."""
    status = after.jobset.status
    old = before.jobset.status if before else None
    if status.restarts > (old.restarts if old else 0):
        condition = status.condition(ConditionType.RESTARTING)
        message = condition.message if condition else ""
        yield RestartRecord(
            kind="JobSet",
            name=after.jobset.name,
            at=at,
            number=status.restarts,
            action=_first(_ACTION, message),
            rule=(condition.reason if condition else "").partition("FailurePolicy_")[2],
            message=message,
            blamed_job=_first(_BLAMED, message),
            restart_attempt=status.restarts - 1,
        )
    known = {entry.name: entry for entry in (old.replicated_jobs_status if old else None) or ()}
    for entry in status.replicated_jobs_status or ():
        for index, number in _grown(known.get(entry.name), entry):
            name = job_name(after.jobset.name, entry.name, index)
            yield RestartRecord(
                kind="Job",
                name=name,
                at=at,
                number=number,
                action=_job_action(known.get(entry.name), entry, index),
                rule="",
                message=f"only this Job restarts (restart {number})",
                blamed_job=name,
                restart_attempt=status.restarts,
                job_restart_attempt=number - 1,
            )


def _grown(before: ReplicatedJobStatus | None, after: ReplicatedJobStatus) -> Iterator[tuple[int, int]]:
    old = (before.job_restarts if before else None) or ()
    for index, number in enumerate(after.job_restarts or ()):
        if number > (old[index] if index < len(old) else 0):
            yield index, number


def _job_action(before: ReplicatedJobStatus | None, after: ReplicatedJobStatus, index: int) -> str:
    def counted(entry: ReplicatedJobStatus | None) -> int:
        numbers = (entry.job_restarts_count_towards_max if entry else None) or ()
        return numbers[index] if index < len(numbers) else 0

    return "RestartJob" if counted(after) > counted(before) else "RestartJobAndIgnoreMaxRestarts"


def _ends(container: ContainerView) -> Iterator[tuple[int, Termination]]:
    """The ended runs that a container's status tells of, with their attempts."""
    if container.last and container.restarts:
        yield container.restarts - 1, container.last
    if container.ended:
        yield container.restarts, container.ended
    elif container.last and container.state == "waiting" and not container.restarts:
        yield 0, container.last


def _is_older(record: PodRecord, container: ContainerView, attempt: int) -> bool:
    """Whether a later run is recorded already; then this one was and has been dropped."""
    return any(r.run.container == container.name and r.run.attempt > attempt for r in record.runs)


def _said(seen: Seen, texts: Iterator[Said]) -> tuple[Change, ...]:
    metadata = seen.object["metadata"]
    return tuple(
        Change(
            at=seen.at,
            kind=seen.kind,
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            text=text,
            level=level,
        )
        for text, level in texts
    )


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found.group(1) if found else ""
