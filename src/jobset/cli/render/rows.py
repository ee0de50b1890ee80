"""The live table as data: JobSets, roles, Jobs and pods, folded until they fit the height there is."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from jobset.cli.render.times import render_span
from jobset.local.runs.history import History
from jobset.local.runs.views import JobSetView, JobView, PodView
from jobset.local.runs.waiting import pod_waits


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table; all cells are text."""

    depth: int
    name: str
    state: str
    ready: str = ""
    restarts: str = ""
    node: str = ""
    age: str = ""
    reason: str = ""


class _World(msgspec.Struct, frozen=True, kw_only=True):
    """The living objects of one JobSet, in the order of the table."""

    view: JobSetView
    jobs: dict[str, list[JobView]]
    """By role."""
    pods: dict[str, list[PodView]]
    """By uid of their Job."""
    now: datetime

    def pods_of_role(self, role: str) -> list[PodView]:
        """All pods of the Jobs of one role."""
        return [pod for job in self.jobs.get(role, ()) for pod in self.pods.get(job.uid, ())]


_Fold = Callable[[_World], Iterator[Row]]


def build_rows(history: History, now: datetime, height: int) -> tuple[Row, ...]:
    """At most `height` rows that say the most: pods fold into their Job first, Jobs into their role then."""
    worlds = [
        _world(history, view, now) for key, view in history.jobsets.items() if key not in history.deleted
    ]
    rows: list[Row] = []
    for fold in _FOLDS:
        rows = [row for world in worlds for row in fold(world)]
        if len(rows) <= height:
            return tuple(rows)
    if height < 1:
        return ()
    hidden = Row(depth=0, name=f"… {len(rows) - height + 1} more rows …", state="")
    return (*rows[: height - 1], hidden)


def _world(history: History, view: JobSetView, now: datetime) -> _World:
    jobs: dict[str, list[JobView]] = {}
    pods: dict[str, list[PodView]] = {}
    for job in history.jobs.values():
        if (job.namespace, job.jobset) == view.key:
            jobs.setdefault(job.role, []).append(job)
    for pod in history.pods.values():
        if (pod.namespace, pod.jobset) == view.key:
            pods.setdefault(pod.job_uid, []).append(pod)
    for role in jobs.values():
        role.sort(key=lambda job: (job.index if job.index is not None else -1, job.name))
    for group in pods.values():
        group.sort(key=lambda pod: pod.name)
    return _World(view=view, jobs=jobs, pods=pods, now=now)


def _everything(world: _World) -> Iterator[Row]:
    yield from _fold(world, _always)


def _without_settled_pods(world: _World) -> Iterator[Row]:
    """Pods that run well or succeeded are told by their Job."""
    yield from _fold(world, lambda pod: not _is_settled(pod))


def _jobs_only(world: _World) -> Iterator[Row]:
    yield from _fold(world, _never)


def _troubled_jobs_only(world: _World) -> Iterator[Row]:
    yield _jobset_row(world)
    for rjob in world.view.jobset.replicated_jobs:
        yield _role_row(world, rjob.name, rjob.replicas)
        for job in world.jobs.get(rjob.name, ()):
            if job.has_failed or any(_reason(pod) for pod in world.pods.get(job.uid, ())):
                yield _job_row(world, job)


def _roles_only(world: _World) -> Iterator[Row]:
    yield _jobset_row(world)
    for rjob in world.view.jobset.replicated_jobs:
        yield _role_row(world, rjob.name, rjob.replicas)


_FOLDS: Sequence[_Fold] = (_everything, _without_settled_pods, _jobs_only, _troubled_jobs_only, _roles_only)


def _always(pod: PodView) -> bool:  # noqa: ARG001
    return True


def _never(pod: PodView) -> bool:  # noqa: ARG001
    return False


def _fold(world: _World, is_shown: Callable[[PodView], bool]) -> Iterator[Row]:
    yield _jobset_row(world)
    for rjob in world.view.jobset.replicated_jobs:
        yield _role_row(world, rjob.name, rjob.replicas)
        for job in world.jobs.get(rjob.name, ()):
            yield _job_row(world, job)
            yield from (_pod_row(world, pod) for pod in world.pods.get(job.uid, ()) if is_shown(pod))


def _jobset_row(world: _World) -> Row:
    jobset = world.view.jobset
    end = jobset.status.finished
    state = end.type if end else "Suspended" if jobset.is_suspended else "Running"
    return Row(
        depth=0,
        name=jobset.name,
        state=state,
        restarts=_number(jobset.status.restarts),
        age=_age(world.view.created_at, world.now),
        reason=end.reason if end and end.type == "Failed" else "",
    )


def _role_row(world: _World, role: str, replicas: int) -> Row:
    jobs = world.jobs.get(role, [])
    pods = world.pods_of_role(role)
    states = Counter(job.state for job in jobs)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return Row(
        depth=1,
        name=role,
        state=told or "not started",
        ready=f"{sum(map(_is_ready, jobs))}/{replicas}",
        restarts=_number(sum(pod.restarts for pod in pods)),
        reason=_common_reason(pods),
    )


def _is_ready(job: JobView) -> bool:
    """As a JobSet counts; a Job that is complete has nothing left to become ready."""
    return not job.has_failed and job.ready + job.succeeded >= job.wanted


def _job_row(world: _World, job: JobView) -> Row:
    pods = world.pods.get(job.uid, [])
    return Row(
        depth=2,
        name=job.name,
        state=job.state,
        ready=f"{job.ready}/{job.wanted}",
        restarts=_number(sum(pod.restarts for pod in pods)),
        age=_age(job.created_at, world.now),
        reason=job.reason if job.has_failed else _phases(pods),
    )


def _pod_row(world: _World, pod: PodView) -> Row:
    ready, containers = pod.ready_count
    return Row(
        depth=3,
        name=pod.name,
        state="Terminating" if pod.deletion_requested_at and not pod.is_finished else pod.phase,
        ready=f"{ready}/{containers}" if containers else "",
        restarts=_number(pod.restarts),
        node=pod.node,
        age=_age(pod.created_at, world.now),
        reason=_reason(pod) or _exit(pod),
    )


def _phases(pods: Iterable[PodView]) -> str:
    counts = Counter(pod.phase for pod in pods)
    return ", ".join(f"{count} {phase}" for phase, count in sorted(counts.items()))


def _common_reason(pods: Iterable[PodView]) -> str:
    reasons = Counter(reason for pod in pods if (reason := _reason(pod)))
    return ", ".join(f"{count}× {reason}" for reason, count in reasons.most_common(2))


def _reason(pod: PodView) -> str:
    waits = [wait for wait in pod_waits(pod) if wait.reason not in ("Pending", "NotReady")]
    return f"{waits[0].reason}: {waits[0].message}".rstrip(": ") if waits else ""


def _exit(pod: PodView) -> str:
    codes = [c.ended.exit_code for c in pod.containers if c.ended and c.ended.exit_code]
    return f"exit code {codes[0]}" if codes else ""


def _is_settled(pod: PodView) -> bool:
    return pod.phase == "Succeeded" or (pod.phase == "Running" and pod.is_ready)


def _age(since: datetime | None, now: datetime) -> str:
    return render_span(now - since) if since else ""


def _number(count: int) -> str:
    return str(count) if count else ""
