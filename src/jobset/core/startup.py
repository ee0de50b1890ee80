"""In which order replicated jobs start: startup policy and dependencies."""

from collections.abc import Mapping
from dataclasses import dataclass

from jobset.api.jobset import DependencyStatus, DependsOn, JobSet, ReplicatedJob, StartupOrder, StartupPolicy
from jobset.api.status import ReplicatedJobStatus
from jobset.core.explain import Wait, WaitReason

Counts = Mapping[str, ReplicatedJobStatus]
"""What each replicated job has reached, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """Which replicated jobs may have their Jobs created or resumed now.

    `in_progress` tells whether an ordered startup has stopped at one of them, `waits` what the others wait
    for.
    """

    open: tuple[ReplicatedJob, ...]
    in_progress: bool
    waits: tuple[Wait, ...]


def judge_startup(jobset: JobSet, counts: Counts) -> Startup:
    """Whose turn it is, in spec order. While suspended, the startup order does not matter."""
    in_order = is_in_order(jobset.spec.startup_policy) and not jobset.is_suspended
    replicas: dict[str, int] = {}
    open_rjobs: list[ReplicatedJob] = []
    waits: list[Wait] = []
    for rjob in jobset.replicated_jobs:
        # compat: a replicated job further down counts as having no replicas.
        replicas[rjob.name] = rjob.replicas
        if wait := start_gate(rjob, replicas, counts):
            waits.append(wait)
        elif in_order and open_rjobs:
            waits.append(_after(open_rjobs[0], rjob, counts))
        elif not (in_order and has_started(rjob.replicas, counts.get(rjob.name))):
            open_rjobs.append(rjob)
    return Startup(open=tuple(open_rjobs), in_progress=in_order and bool(open_rjobs), waits=tuple(waits))


def is_in_order(policy: StartupPolicy | None) -> bool:
    """Whether replicated jobs start one after the other."""
    return policy is not None and policy.startup_policy_order == StartupOrder.IN_ORDER


def has_started(replicas: int, reached: ReplicatedJobStatus | None) -> bool:
    """Whether all Jobs of a replicated job have come up at least, or ended."""
    return reached is not None and _started(reached) == replicas


def start_gate(rjob: ReplicatedJob, replicas: Mapping[str, int], counts: Counts) -> Wait | None:
    """The first dependency that `rjob` still waits for, or None when its Jobs may be created."""
    for need in rjob.depends_on or ():
        reached = counts.get(need.name)
        have, want = _reached(need, reached), replicas.get(need.name, 0)
        if reached is None or have != want:
            return Wait(
                replicated_job=rjob.name,
                reason=WaitReason.DEPENDENCY,
                on=need.name,
                until=need.status,
                have=have,
                want=want,
            )
    return None


def _reached(need: DependsOn, reached: ReplicatedJobStatus | None) -> int:
    if reached is None:
        return 0
    return reached.succeeded if need.status == DependencyStatus.COMPLETE else _started(reached)


def _started(reached: ReplicatedJobStatus) -> int:
    return reached.failed + reached.ready + reached.succeeded


def _after(current: ReplicatedJob, rjob: ReplicatedJob, counts: Counts) -> Wait:
    reached = counts.get(current.name)
    return Wait(
        replicated_job=rjob.name,
        reason=WaitReason.EARLIER_REPLICATED_JOB,
        on=current.name,
        have=_started(reached) if reached else 0,
        want=current.replicas,
    )
