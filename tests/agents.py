"""Jobs whose pods restart in place: the real agent in each pod, and a scripted worker behind its barrier."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from jobset.agent.agent import Agent
from jobset.agent.settings import Settings, Worker
from jobset.api import keys
from jobset.api.times import format_time
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, DeleteOptions
from jobset.kube.errors import ApiError
from jobset.kube.resources import JOBS, JOBSETS, PODS
from jobset.kube.transport import Request, Response, Transport, WatchEvent
from jobset.local.pod_permissions import Asked, Caller, permit

PREVIOUS, CURRENT = "previousInPlaceRestartAttempt", "currentInPlaceRestartAttempt"
APART = 3.0
"""Seconds between the pods of a Job: longer than any controller of a story is blind or dead."""
SECONDS = {"crash": 0.5, "lose": 0.5, "succeed": 15.0}
"""How long a worker takes; it succeeds much later than any controller hears of a crash."""
CODES = {"succeed": 0, "crash": 7, "lose": 8}
LEFT_BEHIND = 42
"""The exit code of a container that restarts for the others."""
AT_ONCE = DeleteOptions(grace_period_seconds=0)


class ScriptedAgents:
    """Stands for the Job controller, the kubelets and the workers; the agents are real.

    `script`: `<role>-<job index>-<pod index>` to what its worker does each time that its barrier is lifted,
    the last one repeats: `succeed`, `hang`, `crash` (its container restarts) or `lose` (its Job fails).
    `out_of_step` gathers the barriers that were lifted while not all pods told this attempt.
    """

    def __init__(self, transport: Transport, clock, script: Mapping[str, Sequence[str]]) -> None:
        self.transport, self.client, self.clock, self.script = transport, Client(transport), clock, script
        self.out_of_step: list[str] = []
        self._lifts: Counter[str] = Counter()
        self._pods: dict[str, list[Any]] = {}
        self._lives: dict[str, asyncio.Task] = {}

    async def run(self) -> None:
        jobs = WatchCache(client=self.client, resource=JOBS)
        jobs.listen(self._job_changed)
        try:
            await jobs.run()
        finally:
            for life in self._lives.values():
                life.cancel()

    def _job_changed(self, before: Any, after: Any) -> None:
        """A Job has pods while it exists, is not suspended and has not ended."""
        job = after or before
        uid, is_suspended = job["metadata"]["uid"], bool(job["spec"].get("suspend"))
        if after is not None and not is_suspended and uid not in self._pods:
            self._pods[uid] = [a_pod(job, index) for index in range(job["spec"]["parallelism"])]
            self._become(uid, self._live(job, self._pods[uid]))
        elif uid in self._pods and after is None:
            self._lives[uid].cancel()
        elif uid in self._pods and is_suspended:
            self._become(uid, self._stop(job, self._pods.pop(uid)))

    def _become(self, uid: str, life: Coroutine[Any, Any, None]) -> None:
        if (known := self._lives.get(uid)) is not None:
            known.cancel()
        self._lives[uid] = asyncio.create_task(life)

    async def _live(self, job: Any, pods: Sequence[Any]) -> None:
        name = job["metadata"]["name"]
        lives = [asyncio.create_task(self._live_in_pod(pod, index)) for index, pod in enumerate(pods)]
        try:
            with suppress(ApiError):
                started = {"startTime": format_time(self.clock()), "active": len(pods), "ready": len(pods)}
                await self._write(JOBS, name, {"status": started}, "status")
                outcomes = [await life for life in asyncio.as_completed(lives)]
                if outcomes == ["succeed"] * len(pods):
                    await self._write(JOBS, name, end_of_job("succeed", self.clock), "status")
        except JobLostError:
            with suppress(ApiError):
                await self._write(JOBS, name, end_of_job("BackoffLimitExceeded", self.clock), "status")
                await self._delete(pods)
        finally:
            for life in lives:
                life.cancel()

    async def _stop(self, job: Any, pods: Sequence[Any]) -> None:
        """A suspended Job loses its pods, and the time when it started."""
        with suppress(ApiError):
            idle = {"startTime": None, "active": 0, "ready": 0}
            await self._write(JOBS, job["metadata"]["name"], {"status": idle}, "status")
        await self._delete(pods)

    async def _delete(self, pods: Sequence[Any]) -> None:
        for pod in pods:
            with suppress(ApiError):
                await self.client.delete(PODS, "default", pod["metadata"]["name"], AT_ONCE)

    async def _live_in_pod(self, pod: Any, index: int) -> str:
        name = pod["metadata"]["name"]
        await asyncio.sleep(0.5 + APART * index)
        try:
            pod = await self.client.create(PODS, pod)
            restarts, outcome = 0, ""
            while outcome not in ("succeed", "lose"):
                await self._write(PODS, name, running(restarts), "status")
                outcome = await self._run_container(pod)
                await asyncio.sleep(0.2)
                restarts += 1
            await self._write(PODS, name, {"status": {"phase": PHASES[outcome]}}, "status")
        except ApiError:
            return "gone"
        if outcome == "lose":
            raise JobLostError(name)
        return outcome

    async def _run_container(self, pod: Any) -> str:
        """One run: the agent holds the worker back, and ends with it or for the next attempt."""
        name = pod["metadata"]["name"]
        barrier = ScriptedBarrier(lambda: self._lifted(pod))
        agent = Agent(a_setting(name), "default", Client(AgentsTransport(self.transport, pod)), barrier)
        try:
            code = await agent.run()
        finally:
            barrier.close()
        return "left behind" if code == LEFT_BEHIND else await barrier.work

    async def _lifted(self, pod: Any) -> str:
        """What the worker does from now on."""
        await self._note_lift(pod)
        role = role_of(pod)
        outcomes = self.script.get(role, ["succeed"])
        outcome = outcomes[min(self._lifts[role], len(outcomes) - 1)]
        self._lifts[role] += 1
        if outcome == "hang":
            await asyncio.Event().wait()
        await asyncio.sleep(SECONDS[outcome])
        return outcome

    async def _note_lift(self, pod: Any) -> None:
        rjobs = (await self.client.get(JOBSETS, "default", "js"))["spec"]["replicatedJobs"]
        wanted = sum(rjob["replicas"] * rjob["template"]["spec"]["parallelism"] for rjob in rjobs)
        pods = (await self.client.list(PODS)).items
        told = {found["metadata"]["name"]: attempt_of(found) for found in pods}
        name = pod["metadata"]["name"]
        if list(told.values()) != [told[name]] * wanted:
            self.out_of_step.append(f"{name} at {told[name]}: {sorted(told.items())}")

    async def _write(self, resource, name: str, patch: Mapping[str, Any], subresource: str) -> None:
        await self.client.patch(resource, "default", name, patch, subresource=subresource)


class ScriptedBarrier:
    """Lifting it begins some work, whose outcome is told by an exit code."""

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, str]]) -> None:
        self._begin = begin
        self._lifted: asyncio.Future[asyncio.Task[str]] = asyncio.get_running_loop().create_future()

    @property
    def work(self) -> "asyncio.Task[str]":
        return self._lifted.result()

    async def lift(self) -> None:
        self._lifted.set_result(asyncio.create_task(self._begin()))

    async def ended(self) -> int:
        return CODES[await asyncio.shield(await self._lifted)]

    def close(self) -> None:
        if self._lifted.done():
            self.work.cancel()


class AgentsTransport:
    """The API as the agent of one pod may use it."""

    def __init__(self, inner: Transport, pod: Any) -> None:
        self._inner = inner
        self._pod = pod["metadata"]

    async def send(self, request: Request) -> Response:
        return await self._inner.send(self._permitted(request))

    def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        return self._inner.watch(self._permitted(request))

    async def close(self) -> None:
        pass

    def _permitted(self, request: Request) -> Request:
        caller = Caller(namespace="default", pod=self._pod["name"], uid=self._pod["uid"], jobset="js")
        asked = Asked(
            method=request.method,
            path=request.path,
            query=request.query,
            content_type=request.content_type,
            body=json.dumps(request.body).encode(),
        )
        return permit(caller, asked)


class JobLostError(Exception):
    """A worker failed in a way that its Job does not survive."""


def a_setting(pod: str) -> Settings:
    return Settings(jobset="js", pod=pod, exit_code=LEFT_BEHIND, behind=Worker("work", "sh"))


def role_of(pod: Any) -> str:
    labels, annotations = pod["metadata"]["labels"], pod["metadata"]["annotations"]
    place = labels[keys.REPLICATED_JOB_NAME], labels[keys.JOB_INDEX], annotations[keys.JOB_COMPLETION_INDEX]
    return "-".join(place)


def attempt_of(pod: Any) -> str | None:
    return pod["metadata"]["annotations"].get(keys.IN_PLACE_RESTART_ATTEMPT)


PHASES = {"succeed": "Succeeded", "lose": "Failed"}


def running(restarts: int) -> dict[str, Any]:
    state = {"name": "c", "restartCount": restarts, "ready": True, "image": "x", "imageID": ""}
    return {"status": {"phase": "Running", "containerStatuses": [state]}}


def a_pod(job: Any, index: int) -> dict[str, Any]:
    metadata, template = job["metadata"], job["spec"]["template"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
    given = template["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-{index}-{metadata['resourceVersion']}",
            "namespace": "default",
            "labels": given["labels"],
            "annotations": given["annotations"] | {keys.JOB_COMPLETION_INDEX: str(index)},
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        },
        "spec": template["spec"],
    }


def end_of_job(outcome: str, clock) -> dict[str, Any]:
    """The status of a Job that succeeded, or failed for a reason."""
    now = format_time(clock())
    if outcome == "succeed":
        kinds, reason, message = ("SuccessCriteriaMet", "Complete"), "CompletionsReached", "done"
        rest = {"succeeded": 1, "completionTime": now}
    else:
        kinds, reason, message, rest = ("FailureTarget", "Failed"), outcome, f"because of {outcome}", {}
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": now,
            "lastProbeTime": now,
        }
        for kind in kinds
    ]
    return {"status": {"conditions": conditions, "active": 0, "ready": 0, **rest}}
