"""Play scenarios of the Job controller with scripted pods."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jobset.kube.errors import NotFound
from jobset.kube.resources import JOBS, PODS
from jobset.kube.transport import WatchEvent
from jobset.local.clock import Clock
from tests.golden.outcome import Outcome
from tests.golden.timelines import Timeline
from tests.golden.worlds import Pace, Stage, a_local_stage, at_some_pace, seconds, until

INDEX = "batch.kubernetes.io/job-completion-index"


def check(case: Mapping[str, Any]) -> Outcome:
    """None when the scenario ends as recorded, else the differences."""

    async def play_at(pace: Pace, clock: Clock) -> Outcome:
        async with a_local_stage(clock, pace) as stage:
            return await play(case, stage)

    return at_some_pace(play_at)


async def play(case: Mapping[str, Any], stage: Stage) -> Outcome:
    """None when the scenario ends as recorded, else the differences."""
    return await Scenario(case, stage).play()


class Scenario:
    """One Job, its script and what was seen of it."""

    def __init__(self, case: Mapping[str, Any], stage: Stage) -> None:
        self.case = case
        self.stage = stage
        self.conditions = Timeline()
        self.pods: dict[str, list[str]] = {}
        """Pod names by index, `-` for a NonIndexed Job, in order of creation."""

    async def play(self) -> Outcome:
        case, stage = self.case, self.stage
        await stage.watch(JOBS, self.see_job)
        await stage.watch(PODS, self.see_pod)
        stage.run_beside(stage.play_pods(self.outcome))
        await stage.client.create(JOBS, self.job())
        start = seconds()
        for moment, action in case["timeline"]:
            await until(start + moment)
            await self.act(action)
        await until(start + case["seconds"])
        try:
            job = await stage.client.get(JOBS, stage.namespace, case["id"])
            status = job.get("status") or {}
        except NotFound:
            status = "gone"
        events = await stage.counted_events("Job", lambda e: f"{e['type']} {e['reason']}")
        return self.compare(status, events, start + case["seconds"])

    def job(self) -> dict[str, Any]:
        container = {"name": "c", "image": "x", "command": ["true"]}
        pod = {
            "restartPolicy": self.case["restartPolicy"],
            "terminationGracePeriodSeconds": 5,
            "containers": [container],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": self.case["id"], "namespace": self.stage.namespace},
            "spec": {**self.case["spec"], "template": {"spec": pod}},
        }

    async def act(self, action: Mapping[str, Any]) -> None:
        client, namespace = self.stage.client, self.stage.namespace
        if "delete_pod" in action:
            await client.delete(PODS, namespace, self.pods[str(action["delete_pod"])][-1])
        else:
            await client.patch(JOBS, namespace, self.case["id"], action)

    def outcome(self, pod: Mapping[str, Any]) -> str:
        index = index_of(pod)
        script = self.case["script"]
        listed = script.get(index, script.get("*")) or ["hang"]
        attempt = self.names_of(pod).index(pod["metadata"]["name"])
        return str(listed[min(attempt, len(listed) - 1)])

    def see_job(self, event: WatchEvent) -> None:
        if event.type == "DELETED":
            self.conditions.see(seconds(), "gone")
            return
        conditions = (event.object.get("status") or {}).get("conditions") or ()
        told = [[c["type"], c["status"], c["reason"], self.masked(c["message"])] for c in conditions]
        self.conditions.see(seconds(), told)

    def see_pod(self, event: WatchEvent) -> None:
        self.names_of(event.object)

    def names_of(self, pod: Mapping[str, Any]) -> list[str]:
        """All pods of its index so far; one may be asked about before the watch here has told it."""
        names, name = self.pods.setdefault(index_of(pod), []), pod["metadata"]["name"]
        if name not in names:
            names.append(name)
        return names

    def masked(self, message: str) -> str:
        for names in self.pods.values():
            for name in names:
                message = message.replace(f"{self.stage.namespace}/{name}", "<pod>")
        return message

    def compare(self, status: Any, events: Counter[str], end: float) -> Outcome:
        expect = any_pod(self.case["expect"])
        created = {index: len(names) for index, names in self.pods.items() if names}
        found = [
            difference("status", mask_times(status, self), expect["status"]),
            difference("pods created", created, expect["pods_created"]),
            difference("events", dict(events), expect["events"]),
            self.conditions.difference(expect["conditions_over_time"], end),
        ]
        return "; ".join(text for text in found if text) or None


def index_of(pod: Mapping[str, Any]) -> str:
    """The completion index as text, `-` without one."""
    return str((pod["metadata"].get("annotations") or {}).get(INDEX, "-"))


def any_pod(value: Any) -> Any:
    """The recording with pods by one name: of several that failed together any may be told."""
    if isinstance(value, str):
        return re.sub(r"<ns>/<pod [^>]*>", "<pod>", value)
    if isinstance(value, list):
        return [any_pod(item) for item in value]
    if isinstance(value, Mapping):
        return {key: any_pod(item) for key, item in value.items()}
    return value


def mask_times(value: Any, scenario: Scenario) -> Any:
    """A status with times and pod names masked as in the recording."""
    if isinstance(value, Mapping):
        return {
            key: "<time>" if key.endswith("Time") else mask_times(item, scenario)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [mask_times(item, scenario) for item in value]
    return scenario.masked(value) if isinstance(value, str) else value


def difference(what: str, found: Any, wanted: Any) -> str | None:
    """How two readings differ, in one line: what is equal in both is left out."""
    if found == wanted:
        return None
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        missing = object()
        both = {key: (found.get(key, missing), wanted.get(key, missing)) for key in {**found, **wanted}}
        parts = (
            difference(f"{what}.{key}", *("(none)" if v is missing else v for v in pair))
            for key, pair in both.items()
        )
        return ", ".join(part for part in parts if part)
    return f"{what}: {found} instead of {wanted}"
