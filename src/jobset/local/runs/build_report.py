"""From a history to a report: which Job, pod and container are to blame for every restart and for the end."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from jobset.api.status import ConditionType, JobSetStatus, ReplicatedJobStatus
from jobset.local.runs.history import History
from jobset.local.runs.records import JobRecord, PodRecord, RestartRecord, RunRecord, belongs_to
from jobset.local.runs.report import (
    EXIT_CODES,
    SCHEMA,
    Cause,
    ContainerEnd,
    JobEnd,
    JobSetReport,
    Notice,
    Outcome,
    PodEnd,
    Report,
    Restart,
    Role,
)
from jobset.local.runs.signals import explain_end, signal_name
from jobset.local.runs.views import JobSetView, JobView, ObjectKey
from jobset.local.runs.waiting import waiting_of

_BLAMED_JOB = re.compile(r"\(first failed job: ([^)\s]+)\)")
_BLAMED_POD = re.compile(r"\bpod (?:[^\s/]+/)?(\S+) failed\b|\bpod \S*?/(\S+) ")


def build_report(
    history: History,
    *,
    outcome: Outcome,
    message: str,
    started_at: datetime,
    finished_at: datetime,
    notices: tuple[Notice, ...] = (),
    logs: str | None = None,
    run_directory: str | None = None,
) -> Report:
    """Everything that happened, in the order of the JobSets' creation."""
    return Report(
        schema=SCHEMA,
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        message=message,
        started_at=started_at,
        finished_at=finished_at,
        jobsets=tuple(build_jobset_report(history, key) for key in history.jobsets),
        notices=notices,
        logs=logs,
        run_directory=run_directory,
    )


def build_jobset_report(history: History, key: ObjectKey) -> JobSetReport:
    """One JobSet: its end or present state, every restart, and why."""
    view = history.jobsets[key]
    jobset, status = view.jobset, view.jobset.status
    state, reason, message = _state(history, view)
    log = history.restarts[key]
    return JobSetReport(
        namespace=jobset.namespace,
        name=jobset.name,
        state=state,
        reason=reason,
        message=message,
        started_at=history.began[key],
        finished_at=history.ended.get(key),
        restarts=status.restarts,
        restarts_count_towards_max=status.restarts_count_towards_max,
        max_restarts=jobset.max_restarts,
        roles=tuple(_roles(view)),
        history=tuple(_timeline(history, key)),
        more_restarts=log.dropped,
        cause=_final_cause(history, key, status) if state == "Failed" else None,
        waiting=waiting_of(history, key),
    )


def _state(history: History, view: JobSetView) -> tuple[str, str, str]:
    end = view.jobset.status.finished
    if end is not None:
        return end.type, end.reason, end.message
    if view.key in history.deleted:
        return "Deleted", "Deleted", "it was deleted before it had ended"
    suspended = view.jobset.status.condition(ConditionType.SUSPENDED)
    if view.jobset.is_suspended and suspended is not None and suspended.is_true:
        return "Suspended", suspended.reason, suspended.message
    return "Running", "", ""


def _roles(view: JobSetView) -> Iterator[Role]:
    reached = {entry.name: entry for entry in view.jobset.status.replicated_jobs_status or ()}
    for rjob in view.jobset.replicated_jobs:
        entry = reached.get(rjob.name) or ReplicatedJobStatus(name=rjob.name)
        yield Role(
            name=rjob.name,
            replicas=rjob.replicas,
            ready=entry.ready,
            active=entry.active,
            succeeded=entry.succeeded,
            failed=entry.failed,
            suspended=entry.suspended,
        )


def _timeline(history: History, key: ObjectKey) -> Iterator[Restart]:
    """Restarts of the JobSet, of Jobs, of pods and of containers, in the order in which they happened."""
    log = history.restarts[key]
    ordered = [_ordered_restart(history, key, record) for record in log.kept]
    records = [record for record in history.job_records.values() if belongs_to(record, key)]
    yield from sorted([*ordered, *_small_restarts(records)], key=lambda restart: restart.at)


def _ordered_restart(history: History, key: ObjectKey, record: RestartRecord) -> Restart:
    blamed = _find_job(history, key, record)
    return Restart(
        kind=record.kind,
        name=record.name,
        at=record.at,
        number=record.number,
        action=record.action,
        rule=record.rule,
        message=record.message,
        cause=_cause(blamed) if blamed else None,
    )


def _find_job(history: History, key: ObjectKey, restart: RestartRecord) -> JobRecord | None:
    found = [
        record
        for record in history.job_records.values()
        if belongs_to(record, key)
        and record.name == restart.blamed_job
        and record.restart_attempt == restart.restart_attempt
    ]
    exact = [r for r in found if restart.job_restart_attempt in (None, r.job_restart_attempt)]
    candidates = exact or found
    return candidates[-1] if candidates else None


def _small_restarts(records: Iterable[JobRecord]) -> Iterator[Restart]:
    """Pods that were replaced and containers that ran again, in Jobs that went on.

    Those of a Job that failed are part of the cause of its failure.
    """
    for job in (record for record in records if record.failed is None):
        for number, pod in enumerate(job.pods, start=1):
            for run in pod.runs:
                if run.restarted:
                    yield _container_restart(job, pod, run)
            if pod.has_failed:
                yield Restart(
                    kind="Pod",
                    name=pod.view.name,
                    at=pod.at,
                    number=number if number <= len(job.pods) - job.more_pods else number + job.more_pods,
                    action="",
                    rule="",
                    message=f"the pod failed and Job {job.name} replaces it",
                    cause=Cause(job=None, pods=(_pod_end(pod, pod.runs),), more_pods=0),
                )


def _container_restart(job: JobRecord, pod: PodRecord, run: RunRecord) -> Restart:
    return Restart(
        kind="Container",
        name=f"{pod.view.name}/{run.run.container}",
        at=run.at,
        number=run.run.attempt + 1,
        action="",
        rule="",
        message=f"the container of Job {job.name} failed and ran again in its pod",
        cause=Cause(job=None, pods=(_pod_end(pod, [run]),), more_pods=0),
    )


def _final_cause(history: History, key: ObjectKey, status: JobSetStatus) -> Cause | None:
    """The chain under the Failed condition; without a Job's name in it, the Job that failed last."""
    end = status.finished
    named = _BLAMED_JOB.search(end.message) if end else None
    records = [record for record in history.job_records.values() if belongs_to(record, key)]
    blamed = [r for r in records if named and r.name == named.group(1) and r.failed is not None]
    if blamed:
        return _cause(blamed[-1])
    failed = [r for r in records if r.failed is not None] or ([] if named else records)
    return _cause(failed[-1]) if failed else None


def _cause(record: JobRecord) -> Cause:
    job = record.failed
    pods = [pod for pod in record.pods if pod.has_failed] or record.pods
    ordered = sorted(pods, key=_failed_at)
    named = _BLAMED_POD.search(job.message) if job else None
    names = {group for group in named.groups() if group} if named else set()
    ordered.sort(key=lambda pod: pod.view.name not in names)
    return Cause(
        job=_job_end(job) if job else None,
        pods=tuple(_pod_end(pod, pod.runs) for pod in ordered),
        more_pods=record.more_pods,
    )


def _failed_at(pod: PodRecord) -> datetime:
    """When the first of its runs that did not run again ended; times of the API, then our own."""
    return min((_run_end(run, pod) for run in pod.runs if not run.restarted), default=pod.at)


def _run_end(run: RunRecord, pod: PodRecord) -> datetime:
    return (run.ended.finished_at if run.ended else None) or pod.at


def _job_end(job: JobView) -> JobEnd:
    return JobEnd(
        name=job.name,
        role=job.role,
        index=job.index,
        reason=job.reason,
        message=job.message,
        ended_at=job.ended_at,
    )


def _pod_end(pod: PodRecord, runs: Iterable[RunRecord]) -> PodEnd:
    view = pod.view
    reason, message = (view.reason, view.message) if view.reason else view.disruption or ("", view.message)
    # The first failure is told first; earlier runs that were followed by another one come after it.
    ordered = sorted(runs, key=lambda run: (run.restarted, _run_end(run, pod)))
    return PodEnd(
        name=view.name,
        node=view.node,
        phase=view.phase,
        reason=reason,
        message=message,
        containers=tuple(_container_end(run) for run in ordered),
    )


def _container_end(record: RunRecord) -> ContainerEnd:
    ended = record.ended
    explanation = record.explanation
    if ended is not None and not explanation:
        explanation = explain_end(ended.exit_code, ended.signal, ended.reason)
    return ContainerEnd(
        name=record.run.container,
        exit_code=ended.exit_code if ended else None,
        signal=signal_name(ended.signal) if ended and ended.signal is not None else None,
        reason=ended.reason if ended else "StillRunning",
        message=ended.message if ended else "",
        explanation=explanation,
        restart_count=record.run.attempt,
        started_at=ended.started_at if ended else None,
        finished_at=ended.finished_at if ended else None,
        log_lines=record.log_lines,
        log_file=record.log_file,
    )
