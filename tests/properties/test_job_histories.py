"""Whatever moment the Job controller dies in, and however late it reads, a Job ends as it would have."""

import asyncio
import functools
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobset.kube.client import Client
from jobset.kube.resources import JOBS, NODES, PODS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import run_virtual
from jobset.local.garbage import GarbageCollector
from jobset.local.jobs.controller import JobController
from jobset.local.kubelet.ports import NoRecorder
from jobset.local.scheduling.scheduler import Scheduler
from jobset.local.scripted import ScriptedPods
from tests.worlds import Killer

INDEX = "batch.kubernetes.io/job-completion-index"
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "n"},
    "status": {"allocatable": {"pods": "100"}},
}


@dataclass(frozen=True, kw_only=True)
class Story:
    """A Job, what becomes of its pods by index one after the other, and what a user does meanwhile."""

    spec: Mapping[str, Any]
    ends: tuple[str, int, int]
    """Terminal condition, succeeded and failed."""
    script: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timeline: Sequence[tuple[float, Mapping[str, Any]]] = ()
    seconds: float = 200


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is left of a story, without times."""

    status: Any
    crowded: frozenset[str]
    """Indexes that had two active pods at once."""
    finalizers: int
    """How many pods of a finished Job can still not go."""
    requests: int = field(compare=False)

    @property
    def end(self) -> tuple[str, int, int]:
        found = [c["type"] for c in self.status.get("conditions", ()) if c["status"] == "True"]
        return found[-1] if found else "", self.status.get("succeeded", 0), self.status.get("failed", 0)


def indexed(completions, parallelism=None, **more):
    scale = {"completions": completions, "parallelism": parallelism or completions}
    return {"completionMode": "Indexed", **scale, **more}


FAIL_42 = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}
IGNORE = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
STORIES = {
    "all succeed": Story(spec=indexed(3), ends=("Complete", 3, 0)),
    "one after the other": Story(spec=indexed(4, 1), ends=("Complete", 4, 0)),
    "not indexed": Story(spec={"completions": 4, "parallelism": 2}, ends=("Complete", 4, 0)),
    "a work queue": Story(spec={"parallelism": 3}, ends=("Complete", 3, 0)),
    "failures within the limit": Story(
        spec=indexed(2, backoffLimit=3),
        script={"0": ["fail:1", "fail:1", "succeed"], "1": ["fail:1", "succeed"]},
        ends=("Complete", 2, 3),
    ),
    "failures above the limit": Story(
        spec=indexed(2, backoffLimit=1), script={"0": ["fail:1"], "1": ["hang"]}, ends=("Failed", 0, 3)
    ),
    "slow to stop": Story(
        spec=indexed(2, backoffLimit=0), script={"0": ["fail:1"], "1": ["hang-slow"]}, ends=("Failed", 0, 2)
    ),
    "limits per index": Story(
        spec=indexed(3, backoffLimitPerIndex=1),
        script={"0": ["fail:1", "succeed"], "1": ["fail:1"]},
        ends=("Failed", 2, 3),
    ),
    "an exit code ends it": Story(
        spec=indexed(2, podFailurePolicy=FAIL_42),
        script={"0": ["fail:42"], "1": ["hang"]},
        ends=("Failed", 0, 2),
    ),
    "ignored disruptions": Story(
        spec=indexed(2, backoffLimit=0, podFailurePolicy=IGNORE),
        script={"0": ["disrupt", "disrupt", "succeed"]},
        ends=("Complete", 2, 0),
    ),
    "enough succeeded": Story(
        spec=indexed(3, successPolicy={"rules": [{"succeededIndexes": "0"}]}),
        script={"1": ["hang"], "2": ["hang-slow"]},
        ends=("Complete", 1, 0),
    ),
    "suspended and resumed": Story(
        spec=indexed(3),
        script={"0": ["succeed"], "1": ["hang", "succeed"], "2": ["hang-slow", "succeed"]},
        timeline=[(5, {"suspend": True}), (20, {"suspend": False})],
        ends=("Complete", 3, 0),
    ),
    "scaled down and up": Story(
        spec=indexed(4),
        script={"3": ["succeed", "hang"], "*": ["hang"]},
        timeline=[(5, {"completions": 2, "parallelism": 2}), (20, {"completions": 4, "parallelism": 4})],
        ends=("", 0, 0),
    ),
    "too late": Story(
        spec=indexed(2, activeDeadlineSeconds=10), script={"*": ["hang"]}, ends=("Failed", 0, 2)
    ),
}


def play(story, *, deadly=frozenset(), refused=frozenset(), lag=0.0) -> Outcome:
    """The outcome when the controller dies after some requests, is refused some, and reads late."""

    async def main(clock):
        server = ApiServer(clock=clock, random=random.Random(1))
        client, killer = Client(LocalTransport(server)), Killer(LocalTransport(server), deadly, refused, lag)
        await client.create(NODES, NODE)
        watcher, script = Crowds(), Attempts(story.script)
        workers = (
            GarbageCollector(client).run(),
            Scheduler(client=client, clock=clock, recorder=NoRecorder()).run(),
            ScriptedPods(client=client, clock=clock, script=script).run(),
            watcher.run(client),
            keep_alive(killer, clock),
            act(client, story),
        )
        tasks = [asyncio.create_task(worker) for worker in workers]
        await asyncio.sleep(story.seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        job = await client.get(JOBS, "default", "job")
        pods = (await client.list(PODS)).items
        is_over = "Complete" in str(job["status"]) or "'Failed'" in str(job["status"])
        return Outcome(
            status=timeless(job["status"]),
            crowded=frozenset(watcher.crowded),
            finalizers=sum(bool(pod["metadata"].get("finalizers")) for pod in pods) if is_over else 0,
            requests=killer.sent,
        )

    return run_virtual(main)


class Attempts:
    """The outcome of each pod by its index and by how many its index had before."""

    def __init__(self, script) -> None:
        self.script, self.made = script, Counter()

    def __call__(self, pod) -> str:
        index = index_of(pod)
        outcomes = self.script.get(index, self.script.get("*", ["succeed"]))
        self.made[index] += 1
        return outcomes[min(self.made[index], len(outcomes)) - 1]


class Crowds:
    """Sees two active pods of one index."""

    def __init__(self) -> None:
        self.active, self.crowded = defaultdict(set), set()

    async def run(self, client) -> None:
        listed = await client.list(PODS)
        async for event in client.watch(PODS, listed.resource_version):
            pod, index = event.object, index_of(event.object)
            is_over = pod["status"]["phase"] in ("Succeeded", "Failed")
            if event.type == "DELETED" or is_over or "deletionTimestamp" in pod["metadata"]:
                self.active[index].discard(pod["metadata"]["uid"])
            else:
                self.active[index].add(pod["metadata"]["uid"])
            if index != "-" and len(self.active[index]) > 1:
                self.crowded.add(index)


def index_of(pod) -> str:
    return pod["metadata"].get("annotations", {}).get(INDEX, "-")


async def keep_alive(killer, clock) -> None:
    """Run the controller; when it dies begin anew with nothing but what the API tells."""
    while True:
        killer.died.clear()
        controller = JobController(client=Client(killer), clock=clock, recorder=NoRecorder())
        task = asyncio.create_task(controller.run())
        try:
            await killer.died.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)


async def act(client, story) -> None:
    container = {"name": "c", "image": "x", "command": ["true"]}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 5, "containers": [container]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job", "namespace": "default"},
        "spec": {**story.spec, "template": {"spec": pod}},
    }
    await client.create(JOBS, job)
    begun = asyncio.get_running_loop().time()
    for second, change in story.timeline:
        await asyncio.sleep(begun + second - asyncio.get_running_loop().time())
        await client.patch(JOBS, "default", "job", {"spec": change})


def timeless(value):
    if isinstance(value, Mapping):
        return {key: timeless(item) for key, item in value.items() if not key.endswith("Time")}
    return [timeless(item) for item in value] if isinstance(value, list) else mask_pods(value)


def mask_pods(value):
    """Names of pods have random parts."""
    is_about_a_pod = isinstance(value, str) and "for pod default/" in value
    return value.partition("for pod")[0] if is_about_a_pod else value


@functools.cache
def calm(name):
    return play(STORIES[name])


@pytest.mark.parametrize("name", STORIES)
def test_a_calm_job_ends_as_its_story_says(name):
    outcome = calm(name)

    assert outcome.end == STORIES[name].ends
    assert outcome.crowded == frozenset()
    assert outcome.finalizers == 0


@given(
    name=st.sampled_from(sorted(STORIES)),
    deadly=st.frozensets(st.integers(1, 60), max_size=4),
    refused=st.frozensets(st.integers(1, 60), max_size=3),
    lag=st.sampled_from([0.0, 0.0, 0.3, 1.1]),
)
@settings(max_examples=60)
def test_crashes_refusals_and_late_reads_count_each_pod_once(name, deadly, refused, lag):
    shaken = play(STORIES[name], deadly=deadly, refused=refused, lag=lag)

    assert shaken == calm(name)


@pytest.mark.parametrize("name", STORIES)
def test_a_crash_after_any_single_request_changes_nothing_in_the_end(name):
    requests = calm(name).requests

    differing = [
        n for n in range(1, requests + 1) if play(STORIES[name], deadly=frozenset({n})) != calm(name)
    ]

    assert differing == []
