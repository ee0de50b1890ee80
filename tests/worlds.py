"""A world for the JobSet controller: a real API, scripted Jobs, and a controller that can be killed."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.api.times import format_time
from jobset.controller.reconcile import JobSetController
from jobset.controller.settings import Settings
from jobset.kube.client import Client
from jobset.kube.errors import ApiError
from jobset.kube.resources import JOBS, JOBSETS, PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES
from jobset.kube.transport import Response, Transport
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import run_virtual
from jobset.local.garbage import GarbageCollector
from tests.agents import CURRENT, PREVIOUS, ScriptedAgents, end_of_job


def roles(**replicas):
    """Replicated jobs with so many replicas each."""
    return [role(name, count) for name, count in replicas.items()]


def role(name, replicas=1, pods=1, **more):
    container = {"name": "c", "image": "x", "command": ["true"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    sizes = {"parallelism": pods, "completions": pods, "completionMode": "Indexed"}
    return {
        "name": name,
        "replicas": replicas,
        "template": {"spec": {**sizes, "template": {"spec": pod}}},
        **more,
    }


def in_place(name, replicas=1, pods=1):
    """A replicated job whose pods restart in place."""
    found = role(name, replicas, pods)
    found["template"]["spec"] |= {"backoffLimit": 2147483647, "podReplacementPolicy": "Failed"}
    return found


def policy(max_restarts, *rules, **more):
    return {"maxRestarts": max_restarts, "rules": list(rules), **more}


def rule(action, **more):
    return {"action": action, **more}


CLAIM = {
    "templates": [
        {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    ]
}


@dataclass(frozen=True, kw_only=True)
class Story:
    """A JobSet, what becomes of its Jobs in each attempt, and what a user does meanwhile.

    `script`: `<role>-<index>` to the outcomes of its Jobs as they are made one after the other (not by the
    attempt they say they are: a forgotten failure must show), the last one repeats: `succeed`, `hang`,
    or the reason of a failure. `timeline`: second and merge patch of the JobSet, or None: it is deleted
    and created again. `ends`: terminal state and restarts in the end; None when no JobSet is left.

    `agents`: for Jobs whose pods restart in place, what each worker does (see `ScriptedAgents`) instead of
    `script`; `attempts` are the previous and the current attempt in the end.
    """

    spec: Mapping[str, Any]
    ends: tuple[str, int] | None
    script: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timeline: Sequence[tuple[float, Mapping[str, Any] | None]] = ()
    agents: Mapping[str, Sequence[str]] | None = None
    attempts: tuple[int | None, int | None] = (None, None)
    gates: FeatureGates = FeatureGates()
    seconds: float = 60


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is left of a story. Times are left out; lists are in a fixed order."""

    status: Any
    jobs: Any
    services: Any
    claims: Any
    pods: Any
    restarts_seen: tuple[int, ...]
    out_of_step: tuple[str, ...]

    @property
    def end(self) -> tuple[str, int] | None:
        """Terminal state and restarts of the JobSet that is left."""
        return next(((s.get("terminalState", ""), s.get("restarts", 0)) for s in self.status), None)

    @property
    def attempts(self) -> tuple[int | None, int | None]:
        """The previous and the current attempt of in-place restarts."""
        return next(((s.get(PREVIOUS), s.get(CURRENT)) for s in self.status), (None, None))

    crashes: int = field(compare=False, default=0)
    requests: int = field(compare=False, default=0)


@dataclass
class Killer:
    """A transport whose user dies right after the requests with these numbers; the answers are lost.

    Requests with a number in `refused` are answered 500 and do nothing.
    """

    inner: Transport
    deadly: frozenset[int]
    refused: frozenset[int] = frozenset()
    lag: float = 0.0
    sent: int = 0
    died: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, request):
        self.sent += 1
        if self.sent in self.refused:
            return Response(code=500, body={"kind": "Status", "code": 500, "message": "not today"})
        number, response = self.sent, await self.inner.send(request)
        if number in self.deadly:
            self.died.set()
            await asyncio.Event().wait()
        return response

    async def watch(self, request):
        """The same events in the same order, each so much later."""
        late: asyncio.Queue = asyncio.Queue()

        async def pump():
            async for event in self.inner.watch(request):
                late.put_nowait((asyncio.get_running_loop().time() + self.lag, event))

        task = asyncio.create_task(pump())
        try:
            while True:
                due, event = await late.get()
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                yield event
        finally:
            task.cancel()

    async def close(self):
        pass


def play(
    story: Story,
    *,
    deadly: frozenset[int] = frozenset(),
    refused: frozenset[int] = frozenset(),
    lag: float = 0.0,
) -> Outcome:
    """The outcome when the controller dies after some requests, is refused some, and reads late."""

    async def main(clock):
        server = ApiServer(clock=clock, random=random.Random(1), gates=story.gates)
        client = Client(LocalTransport(server))
        killer = Killer(LocalTransport(server), deadly, refused, lag)
        seen: list[int] = []
        agents = ScriptedAgents(LocalTransport(server), clock, story.agents or {})
        jobs = script_jobs(client, clock, story.script) if story.agents is None else agents.run()
        tasks = [
            asyncio.create_task(GarbageCollector(client).run()),
            asyncio.create_task(jobs),
            asyncio.create_task(note_restarts(client, seen)),
            asyncio.create_task(keep_alive(killer, clock, story.gates)),
        ]
        acting = asyncio.create_task(act(client, story))
        await asyncio.sleep(story.seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await acting
        return await read_outcome(client, seen, killer, agents)

    return run_virtual(main)


async def keep_alive(killer: Killer, clock, gates: FeatureGates) -> None:
    """Run the controller; when it dies begin anew with nothing but what the API tells."""
    while True:
        killer.died.clear()
        controller = JobSetController(Client(killer), clock, Settings(gates=gates))
        task = asyncio.create_task(controller.run())
        try:
            await killer.died.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)


async def act(client: Client, story: Story) -> None:
    jobset = {
        "apiVersion": keys.API_VERSION,
        "kind": "JobSet",
        "metadata": {"name": "js", "namespace": "default"},
        "spec": story.spec,
    }
    await client.create(JOBSETS, jobset)
    begun = asyncio.get_running_loop().time()
    for second, patch in story.timeline:
        await asyncio.sleep(begun + second - asyncio.get_running_loop().time())
        if patch is None:
            await client.delete(JOBSETS, "default", "js")
            await client.create(JOBSETS, jobset)
        else:
            await client.patch(JOBSETS, "default", "js", patch)


async def note_restarts(client: Client, seen: list[int]) -> None:
    listed = await client.list(JOBSETS)
    async for event in client.watch(JOBSETS, listed.resource_version):
        if event.type in ("ADDED", "MODIFIED"):
            seen.append(event.object.get("status", {}).get("restarts", 0))


async def script_jobs(client: Client, clock, script: Mapping[str, Sequence[str]]) -> None:
    """Stands for the Job controller and its pods: Jobs become ready after 0.5 s and end after 1 s more."""
    listed = await client.list(JOBS)
    living: dict[str, asyncio.Task] = {}
    made: Counter[str] = Counter()
    try:
        async for event in client.watch(JOBS, listed.resource_version):
            job = event.object
            uid = job["metadata"]["uid"]
            if event.type == "ADDED":
                outcomes = script.get(role_of(job), ["succeed"])
                outcome = outcomes[min(made[role_of(job)], len(outcomes) - 1)]
                made[role_of(job)] += 1
                living[uid] = asyncio.create_task(live(client, clock, job, outcome))
            elif event.type == "DELETED":
                living[uid].cancel()
    finally:
        for task in living.values():
            task.cancel()


def role_of(job) -> str:
    labels = job["metadata"]["labels"]
    return f"{labels[keys.REPLICATED_JOB_NAME]}-{labels[keys.JOB_INDEX]}"


async def live(client: Client, clock, job, outcome: str) -> None:
    name = job["metadata"]["name"]
    with suppress(ApiError):
        ready_for = 0.0
        while True:
            await asyncio.sleep(0.5)
            job = await client.get(JOBS, "default", name)
            if job["spec"].get("suspend"):
                ready_for = 0.0
                status = {"startTime": None, "active": 0, "ready": 0}
                if job.get("status", {}).get("active"):
                    await client.patch(JOBS, "default", name, {"status": status}, subresource="status")
                continue
            started = {"startTime": format_time(clock()), "active": 1, "ready": 1}
            if not job.get("status", {}).get("startTime"):
                await client.patch(JOBS, "default", name, {"status": started}, subresource="status")
            ready_for += 0.5
            if outcome != "hang" and ready_for > 1:
                await client.patch(JOBS, "default", name, end_of_job(outcome, clock), subresource="status")
                return


async def read_outcome(client: Client, seen: list[int], killer: Killer, agents: ScriptedAgents) -> Outcome:
    jobsets = (await client.list(JOBSETS)).items
    pods = (await client.list(PODS)).items
    jobs = (await client.list(JOBS)).items
    return Outcome(
        status=[_timeless(jobset.get("status")) for jobset in jobsets],
        jobs=sorted(_summary(job) for job in jobs),
        services=[service["metadata"]["name"] for service in (await client.list(SERVICES)).items],
        claims=[claim["metadata"]["name"] for claim in (await client.list(PERSISTENT_VOLUME_CLAIMS)).items],
        pods=sorted(_pod_summary(pod) for pod in pods),
        restarts_seen=tuple(dict.fromkeys(seen)),
        out_of_step=tuple(agents.out_of_step),
        crashes=len([number for number in killer.deadly if number <= killer.sent]),
        requests=killer.sent,
    )


def _timeless(status) -> Any:
    known = dict(status or {})
    known["conditions"] = sorted(
        (c["type"], c["status"], c["reason"], c["message"]) for c in known.get("conditions", ())
    )
    return known


def _summary(job) -> tuple[Any, ...]:
    labels = job["metadata"]["labels"]
    ends = [
        c["type"] for c in job.get("status", {}).get("conditions", ()) if c["type"] in ("Complete", "Failed")
    ]
    return (
        job["metadata"]["name"],
        labels[keys.RESTART_ATTEMPT],
        labels.get(keys.JOB_RESTART_ATTEMPT),
        job["spec"].get("suspend"),
        tuple(ends),
        job["spec"].get("parallelism"),
    )


def _pod_summary(pod) -> tuple[Any, ...]:
    (container,) = pod["status"]["containerStatuses"]
    return (
        pod["metadata"]["name"].rpartition("-")[0],
        pod["metadata"]["annotations"][keys.IN_PLACE_RESTART_ATTEMPT],
        container["restartCount"],
        pod["status"]["phase"],
    )
