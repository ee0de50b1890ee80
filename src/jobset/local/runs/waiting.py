"""What unfinished JobSets wait for: every reason that people would otherwise have to look for."""

from collections.abc import Iterable, Iterator, Sequence

from jobset.api import keys
from jobset.api.jobset import JobSet, ReplicatedJob, StartupOrder
from jobset.api.status import ReplicatedJobStatus
from jobset.local.runs.history import History
from jobset.local.runs.report import Waiting
from jobset.local.runs.views import JobSetView, JobView, ObjectKey, PodView


def waiting_of(history: History, key: ObjectKey) -> tuple[Waiting, ...]:
    """Why the JobSet is not finished; equal reasons of several objects are one entry."""
    view = history.jobsets[key]
    if view.jobset.status.finished or key in history.deleted:
        return ()
    jobs = [job for job in history.jobs.values() if (job.namespace, job.jobset) == key]
    pods = [pod for pod in history.pods.values() if (pod.namespace, pod.jobset) == key]
    return merge_waiting(
        [
            *_jobset_waits(history, view),
            *_role_waits(view, jobs),
            *_job_waits(history, jobs, pods),
            *(wait for pod in pods for wait in pod_waits(pod, _warnings(history, "Pod", pod.key))),
        ]
    )


def merge_waiting(waits: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """Entries with the same kind, reason and message become the first of them with their number."""
    merged: dict[tuple[str, str, str], Waiting] = {}
    for wait in waits:
        place = (wait.object.partition("/")[0], wait.reason, wait.message)
        first = merged.get(place, wait)
        count = (first.count if place in merged else 0) + wait.count
        merged[place] = Waiting(object=first.object, reason=wait.reason, message=wait.message, count=count)
    return tuple(merged.values())


def pod_waits(pod: PodView, warnings: Sequence[tuple[str, str]] = ()) -> Iterator[Waiting]:
    """What one pod waits for, when it is neither finished nor running as it should."""
    if pod.is_finished or pod.deletion_requested_at is not None:
        return
    if pod.unscheduled is not None:
        yield _wait("Pod", pod.name, *pod.unscheduled)
        return
    for container in pod.containers:
        if container.state == "waiting" and container.reason not in (
            "",
            "ContainerCreating",
            "PodInitializing",
        ):
            yield _wait("Pod", pod.name, container.reason, container.message)
            return
    if pod.is_ready:
        return
    if pod.phase == "Running" or warnings:
        reason, message = warnings[-1] if warnings else ("NotReady", "its containers are not ready yet")
        yield _wait("Pod", pod.name, reason, message)
    elif pod.phase == "Pending":
        yield _wait("Pod", pod.name, "Pending", _pending(pod))


def _pending(pod: PodView) -> str:
    if not pod.node:
        return "it has not been given a node yet"
    inits = [c.name for c in pod.containers if c.is_init and c.state == "running" and not c.ready]
    return f"init container {inits[0]} is running" if inits else "its containers are being started"


def _jobset_waits(history: History, view: JobSetView) -> Iterator[Waiting]:
    jobset = view.jobset
    manager = jobset.spec.managed_by
    if manager and manager != keys.BUILT_IN_MANAGER:
        yield _wait(
            "JobSet",
            jobset.name,
            "ManagedBy",
            f"spec.managedBy hands it to {manager}, which does not run here",
        )
        return
    if jobset.is_suspended:
        yield _wait(
            "JobSet", jobset.name, "Suspended", "spec.suspend is true: nothing starts until it is false"
        )
    if not sum(rjob.replicas for rjob in jobset.replicated_jobs):
        yield _wait("JobSet", jobset.name, "NoReplicas", "it has no Jobs, and so it never completes")
    for reason, message in _warnings(history, "JobSet", view.key):
        yield _wait("JobSet", jobset.name, reason, message)


def _role_waits(view: JobSetView, jobs: Sequence[JobView]) -> Iterator[Waiting]:
    jobset = view.jobset
    if jobset.is_suspended:
        return
    created = {job.role for job in jobs if job.restart_attempt == jobset.status.restarts}
    reached = {entry.name: entry for entry in jobset.status.replicated_jobs_status or ()}
    for rjob in jobset.replicated_jobs:
        if rjob.name in created or not rjob.replicas:
            continue
        if any(job.role == rjob.name for job in jobs):
            yield _wait(
                "ReplicatedJob",
                rjob.name,
                "Restarting",
                "Jobs of the previous attempt are still being removed",
            )
            continue
        yield from _unmet_dependencies(jobset, rjob, reached)
        yield from _earlier_role(jobset, rjob, reached)


def _unmet_dependencies(
    jobset: JobSet, rjob: ReplicatedJob, reached: dict[str, ReplicatedJobStatus]
) -> Iterator[Waiting]:
    sizes = {other.name: other.replicas for other in jobset.replicated_jobs}
    for need in rjob.depends_on or ():
        entry = reached.get(need.name)
        have = _has_reached(entry, need.status) if entry else 0
        if have < sizes.get(need.name, 0):
            yield _wait(
                "ReplicatedJob",
                rjob.name,
                "DependsOn",
                f"{need.name} must be {need.status}: {have} of {sizes[need.name]} Jobs are",
            )


def _has_reached(entry: ReplicatedJobStatus, status: str) -> int:
    return entry.succeeded if status == "Complete" else entry.ready + entry.succeeded + entry.failed


def _earlier_role(
    jobset: JobSet, rjob: ReplicatedJob, reached: dict[str, ReplicatedJobStatus]
) -> Iterator[Waiting]:
    policy = jobset.spec.startup_policy
    if policy is None or policy.startup_policy_order != StartupOrder.IN_ORDER:
        return
    for earlier in jobset.replicated_jobs:
        if earlier.name == rjob.name:
            return
        entry = reached.get(earlier.name)
        have = _has_reached(entry, "Ready") if entry else 0
        if have < earlier.replicas:
            message = f"{earlier.name} starts first: {have} of {earlier.replicas} Jobs are ready"
            yield _wait("ReplicatedJob", rjob.name, "InOrder", message)
            return


def _job_waits(history: History, jobs: Sequence[JobView], pods: Sequence[PodView]) -> Iterator[Waiting]:
    with_pods = {pod.job_uid for pod in pods if not pod.is_finished}
    for job in jobs:
        if job.state == "Suspended":
            yield _wait("Job", job.name, "Suspended", "the Job is suspended")
        elif job.state == "Active" and job.uid not in with_pods:
            warnings = _warnings(history, "Job", job.key)
            reason, message = warnings[-1] if warnings else ("NoPods", _why_no_pods(job))
            yield _wait("Job", job.name, reason, message)
        elif job.state == "Failing":
            yield _wait("Job", job.name, "Failing", "its last pods are being stopped")


def _why_no_pods(job: JobView) -> str:
    if not job.wanted:
        return "its parallelism is 0"
    if job.failed:
        return "the next pod waits for the back-off after a failed one"
    return "its pods have not been created yet"


def _warnings(history: History, kind: str, key: ObjectKey) -> Sequence[tuple[str, str]]:
    return tuple(history.warnings.get((kind, *key), ()))


def _wait(kind: str, name: str, reason: str, message: str) -> Waiting:
    return Waiting(object=f"{kind}/{name}", reason=reason, message=message, count=1)
