"""The Job controller: observes Jobs and their pods, asks `decide_job`, and carries the plan out."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from jobset.controller.queue import WorkQueue
from jobset.controller.turns import Turns, Unfinished
from jobset.kube.cache import Key, WatchCache, controller_of, key_of
from jobset.kube.client import Client, Object
from jobset.kube.errors import NotFound
from jobset.kube.resources import JOBS, PODS
from jobset.local.jobs.claims import Claim, judge_claims, selects
from jobset.local.jobs.decide import decide_job
from jobset.local.jobs.execute import Executor
from jobset.local.jobs.plan import JobPlan
from jobset.local.jobs.pod_facts import PodFacts, read_pod
from jobset.local.jobs.reading import read_job
from jobset.local.jobs.snapshot import BackOff, JobFacts, JobSnapshot
from jobset.local.kubelet.ports import Recorder

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0


def gather_seconds(pods: int) -> float:
    """How long changes of a Job's pods are gathered before a turn: little for few pods, a second for many.

    A turn looks at every pod of the Job, so a turn per change would cost the square of their number.
    """
    return min(pods * 0.001, 1.0)


@dataclass(slots=True, kw_only=True)
class JobController:
    """Runs every Job of one API server; `run` lasts until it is cancelled."""

    client: Client
    clock: Callable[[], datetime]
    recorder: Recorder
    gather_seconds: Callable[[int], float] = gather_seconds
    workers: int = 8
    wait_scale: float = 1.0
    _jobs: WatchCache = field(init=False)
    _pods: WatchCache = field(init=False)
    _executor: Executor = field(init=False)
    _queue: WorkQueue[Key] = field(init=False)
    _orphans: WorkQueue[Key] = field(init=False)
    _facts: dict[str, dict[str, PodFacts]] = field(init=False)
    """By uid of the controlling Job: the facts of its pods by uid, read once per change."""
    _back_offs: dict[str, BackOff] = field(init=False)

    def __post_init__(self) -> None:
        self._jobs = WatchCache(client=self.client, resource=JOBS)
        self._pods = WatchCache(client=self.client, resource=PODS, indexes={"uncontrolled": _uncontrolled})
        self._executor = Executor(
            client=self.client, jobs=self._jobs, pods=self._pods, recorder=self.recorder
        )
        self._queue = WorkQueue(first_back_off=FIRST_RETRY_SECONDS, longest_back_off=LONGEST_RETRY_SECONDS)
        self._orphans = WorkQueue()
        self._facts = defaultdict(dict)
        self._back_offs = {}
        self._jobs.listen(self._job_changed)
        self._pods.listen(self._pod_changed)

    async def run(self) -> None:
        """Work for ever; ends by cancellation."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._jobs.run())
            group.create_task(self._pods.run())
            # A decision on half of the pods would make the other half again.
            await self._jobs.synced()
            await self._pods.synced()
            turns = Turns(name="job", queue=self._queue, reconcile=self._reconcile, workers=self.workers)
            group.create_task(turns.run())
            orphans = Turns(name="job-orphan", queue=self._orphans, reconcile=self._free_orphan, workers=1)
            group.create_task(orphans.run())

    async def _reconcile(self, key: Key) -> timedelta | None:
        raw = self._jobs.get(*key)
        if raw is None:
            return None
        job = read_job(raw)
        await self._claim(job)
        plan = decide_job(self._observe(job))
        refused = await self._executor.scale(job, plan)
        if refused is not None and not plan.create:
            raise Unfinished(refused)
        if refused is not None:
            # Tell the status as far as it has come, then try the rest again later.
            plan = decide_job(replace(self._observe(job), may_scale=False))
        await self._settle(job, plan)
        if refused is not None:
            raise Unfinished(refused)
        return timedelta(0) if plan.goes_on else plan.look_again

    async def _settle(self, job: JobFacts, plan: JobPlan) -> None:
        if plan.expire:
            await self._executor.expire(job)
            return
        await self._executor.record(job, plan)
        # Only now: what no status has recorded will be seen as new again.
        if plan.back_off is not None:
            self._back_offs[job.uid] = plan.back_off
        await self._executor.release(plan.release)

    def _observe(self, job: JobFacts) -> JobSnapshot:
        return JobSnapshot(
            job=job,
            pods=tuple(self._facts.get(job.uid, {}).values()),
            now=self.clock(),
            back_off=self._back_offs.get(job.uid),
            wait_scale=self.wait_scale,
        )

    async def _claim(self, job: JobFacts) -> None:
        """Take in loose pods that the selector matches, and let go of ours that it no longer does."""
        loose = self._pods.indexed("uncontrolled", job.namespace)
        ours = (
            pod
            for facts in self._facts.get(job.uid, {}).values()
            if (pod := self._pods.get(facts.namespace, facts.name)) is not None
        )
        claim: Claim = judge_claims(job, ours, loose)
        await self._executor.claim(job, claim)

    async def _free_orphan(self, key: Key) -> timedelta | None:
        """Take our finalizer from a pod that has lost its Job, or it could never go itself."""
        pod = self._pods.get(*key)
        if pod is not None and (facts := read_pod(pod)).is_tracked and not await self._has_job(pod):
            await self._executor.release((facts,))
        return None

    async def _has_job(self, pod: Object) -> bool:
        owner = controller_of(pod)
        if owner is None:
            return False
        try:
            job = await self.client.get(JOBS, pod["metadata"]["namespace"], owner["name"])
        except NotFound:
            return False
        return bool(job["metadata"]["uid"] == owner["uid"])

    def _job_changed(self, before: Object | None, after: Object | None) -> None:
        if after is None:
            assert before is not None
            self._job_gone(before)
            return
        is_status_only = before is not None and _intent(before) == _intent(after)
        if is_status_only:
            self._gather(after)
        else:
            self._queue.add(key_of(after))

    def _job_gone(self, job: Object) -> None:
        uid = job["metadata"]["uid"]
        self._back_offs.pop(uid, None)
        for facts in self._facts.pop(uid, {}).values():
            if facts.is_tracked:
                self._orphans.add((facts.namespace, facts.name))

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        if before is not None:
            self._pod_left(before, after)
        owner = _job_owner(after)
        if after is None or owner is None:
            if after is not None:
                self._loose_pod_changed(after)
            return
        facts = read_pod(after)
        self._facts[owner["uid"]][facts.uid] = facts
        job = self._jobs.get(facts.namespace, owner["name"])
        if job is not None and job["metadata"]["uid"] == owner["uid"]:
            self._gather(job)
        elif facts.is_tracked:
            self._orphans.add_after(key_of(after), self.gather_seconds(1))

    def _pod_left(self, before: Object, after: Object | None) -> None:
        """Forget a pod that is gone or has another owner now."""
        owner = _job_owner(before)
        if owner is None or (after is not None and (_job_owner(after) or {}).get("uid") == owner["uid"]):
            return
        remaining = self._facts.get(owner["uid"], {})
        remaining.pop(before["metadata"]["uid"], None)
        if not remaining:
            self._facts.pop(owner["uid"], None)
        job = self._jobs.get(before["metadata"].get("namespace", ""), owner["name"])
        if job is not None and job["metadata"]["uid"] == owner["uid"]:
            self._gather(job)

    def _loose_pod_changed(self, pod: Object) -> None:
        if controller_of(pod) is None and read_pod(pod).is_tracked:
            self._orphans.add(key_of(pod))
        for job in self._jobs.all():
            if selects(job, pod):
                self._gather(job)

    def _gather(self, job: Object) -> None:
        pods = len(self._facts.get(job["metadata"]["uid"], ()))
        self._queue.add_after(key_of(job), self.gather_seconds(max(pods, 1)))


def _intent(job: Object) -> tuple[object, ...]:
    metadata = job["metadata"]
    return metadata["uid"], metadata.get("generation"), metadata.get("deletionTimestamp")


def _job_owner(pod: Object | None) -> Object | None:
    owner = controller_of(pod) if pod is not None else None
    return owner if owner is not None and owner.get("kind") == JOBS.kind else None


def _uncontrolled(pod: Object) -> Iterable[str]:
    return () if controller_of(pod) else (pod["metadata"].get("namespace", ""),)
