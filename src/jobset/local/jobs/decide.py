"""Decide what to do next about one Job: the order of the rules, on one screen."""

from datetime import timedelta

from msgspec.structs import replace

from jobset.local.jobs.back_off import next_back_off, remembered_back_off
from jobset.local.jobs.counting import Closing, count_finished
from jobset.local.jobs.endings import COMPLETIONS_REACHED, Ending, is_complete, judge_end, time_to_deadline
from jobset.local.jobs.plan import JobEvent, JobPlan
from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.scaling import STEADY, Scaling, decide_scaling
from jobset.local.jobs.snapshot import BUILT_IN_MANAGER, BackOff, JobFacts, JobSnapshot
from jobset.local.jobs.status import SUSPENDED, JobStatus, with_condition
from jobset.local.jobs.tally import Tally, take_tally
from jobset.local.jobs.ttl import time_to_live

NOTHING = JobPlan()


def decide_job(snapshot: JobSnapshot) -> JobPlan:
    """What should happen next to the Job; equal snapshots give equal plans."""
    job = snapshot.job
    if job.status.is_finished:
        return _finished(snapshot)
    if job.managed_by != BUILT_IN_MANAGER:
        return NOTHING
    tally = take_tally(snapshot)
    back_off = _back_off(snapshot, tally)
    ending = judge_end(snapshot, tally)
    if ending is not None:
        return _end(snapshot, tally, back_off, ending)
    is_managed = snapshot.may_scale and not job.is_deleting
    scaling = decide_scaling(snapshot, tally, back_off) if is_managed else STEADY
    active = len(tally.active) + len(scaling.create) - len(scaling.remove)
    if is_complete(job, tally, active):
        return _end(snapshot, tally, back_off, COMPLETIONS_REACHED)
    return _go_on(snapshot, tally, back_off, scaling, is_managed=is_managed)


def _finished(snapshot: JobSnapshot) -> JobPlan:
    """Nothing but to let pods and, in time, the Job go."""
    job = snapshot.job
    left = time_to_live(job, snapshot.now)
    if left is not None and left <= timedelta(0):
        return JobPlan(expire=True)
    is_ours = job.managed_by == BUILT_IN_MANAGER
    return JobPlan(release=tuple(pod for pod in snapshot.pods if pod.is_tracked and is_ours), look_again=left)


def _back_off(snapshot: JobSnapshot, tally: Tally) -> BackOff:
    new = frozenset(pod.uid for pod in (*tally.new_succeeded, *tally.new_failed))
    known = snapshot.back_off or remembered_back_off(pod for pod in snapshot.pods if pod.uid not in new)
    return next_back_off(known, tally.new_succeeded, tally.new_failed)


def _end(snapshot: JobSnapshot, tally: Tally, back_off: BackOff, ending: Ending) -> JobPlan:
    """Say why, count and release what is left, stop what runs, conclude: each after what it rests on.

    What runs is stopped only when the reason is written: else a crash would take its end for a failure.
    """
    job = snapshot.job
    count = count_finished(snapshot, tally, Closing(counts_rest_as_failed=not ending.is_success))
    is_announced = job.status.condition(ending.announced_as) is not None
    is_ready_to_stop = is_announced and not count.released
    stopped = tally.active if is_ready_to_stop else ()
    status = _started(count.status, snapshot)
    status = with_condition(status, ending.announced_as, True, ending.reason, ending.message, snapshot.now)
    status = _with_pods(status, tally, gone=stopped)
    events: tuple[JobEvent, ...] = ()
    if is_ready_to_stop and _may_conclude(job, status):
        status, events = _concluded(status, ending, snapshot)
    return JobPlan(
        delete=stopped,
        status=status if status != job.status else None,
        release=count.released,
        events=events,
        back_off=back_off,
        # Once it is concluded, its time to live begins.
        goes_on=not is_announced or bool(count.released or events),
    )


def _may_conclude(job: JobFacts, status: JobStatus) -> bool:
    """Whether nothing is left to wait for.

    # compat: the API server takes no end of a Job that has not started, and none starts while suspended.
    """
    has_started = status.start_time is not None or job.completions == 0
    return has_started and not (status.terminating or status.uncounted_succeeded or status.uncounted_failed)


def _concluded(
    status: JobStatus, ending: Ending, snapshot: JobSnapshot
) -> tuple[JobStatus, tuple[JobEvent, ...]]:
    status = with_condition(status, ending.concluded_as, True, ending.reason, ending.message, snapshot.now)
    if not ending.is_success:
        return status, (JobEvent(type="Warning", reason=ending.reason, message=ending.message),)
    status = replace(status, completion_time=snapshot.now)
    return status, (JobEvent(type="Normal", reason="Completed", message="Job completed"),)


def _go_on(
    snapshot: JobSnapshot, tally: Tally, back_off: BackOff, scaling: Scaling, *, is_managed: bool
) -> JobPlan:
    """Keep the wanted number of pods and count what has finished."""
    job = snapshot.job
    count = count_finished(snapshot, tally, None)
    status = _started(count.status, snapshot)
    events: tuple[JobEvent, ...] = ()
    if is_managed:
        status, events = _suspended_or_resumed(status, snapshot)
    status = _with_pods(status, tally, gone=scaling.remove, new=len(scaling.create))
    return JobPlan(
        remove=scaling.remove,
        create=scaling.create,
        status=status if status != job.status else None,
        release=count.released,
        events=events,
        back_off=back_off,
        look_again=_earliest(scaling.look_again, time_to_deadline(snapshot)),
        goes_on=scaling.is_partial or bool(count.released),
    )


def _with_pods(status: JobStatus, tally: Tally, *, gone: tuple[PodFacts, ...], new: int = 0) -> JobStatus:
    """The status with the numbers of pods as they are once the plan is carried out."""
    return replace(
        status,
        active=len(tally.active) + new - len(gone),
        ready=sum(pod.is_ready for pod in tally.active) - sum(pod.is_ready for pod in gone),
        terminating=len(tally.terminating) + len(gone),
    )


def _started(status: JobStatus, snapshot: JobSnapshot) -> JobStatus:
    if status.start_time is not None or snapshot.job.is_suspended:
        return status
    return replace(status, start_time=snapshot.now)


def _suspended_or_resumed(status: JobStatus, snapshot: JobSnapshot) -> tuple[JobStatus, tuple[JobEvent, ...]]:
    """The clock of activeDeadlineSeconds stops with suspension and starts anew with resumption."""
    if snapshot.job.is_suspended:
        after = with_condition(status, SUSPENDED, True, "JobSuspended", "Job suspended", snapshot.now)
        told = JobEvent(type="Normal", reason="Suspended", message="Job suspended")
        return replace(after, start_time=None), (told,) if after is not status else ()
    after = with_condition(status, SUSPENDED, False, "JobResumed", "Job resumed", snapshot.now)
    if after is status:
        return status, ()
    told = JobEvent(type="Normal", reason="Resumed", message="Job resumed")
    return replace(after, start_time=snapshot.now), (told,)


def _earliest(*waits: timedelta | None) -> timedelta | None:
    return min((wait for wait in waits if wait is not None), default=None)
