"""Scripted pods: outcomes in place of processes, for tests and simulation in virtual time."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from jobset.api.times import format_time
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, DeleteOptions, Object, Selection
from jobset.kube.errors import Conflict, Invalid, NotFound
from jobset.kube.resources import PODS
from jobset.kube.transport import STRATEGIC_MERGE_PATCH
from jobset.local.kubelet.statuses import LOST

OUTCOME_SECONDS = 0.7
LATE_SECONDS = 3.0
SLOW_STOP_SECONDS = 3.0
STOPPED = 143
"""The exit code of a container that SIGTERM ended."""

Script = Callable[[Object], str]
"""The outcome of a pod, asked once when it starts.

`succeed`, `fail:N`, `fail-late:N`, `disrupt`, `restart:N` (that many container restarts, then it runs on),
`hang`, `hang-slow` (takes three seconds to stop) or `never-ready`. With `@S` behind it, it shows S seconds
after the start: `fail:1@10`.
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a script, taken apart."""

    verb: str
    number: int = 0
    seconds: float = OUTCOME_SECONDS
    """How long after its start it shows."""

    @property
    def stop_seconds(self) -> float:
        """How long the pod takes to stop when it is deleted."""
        return SLOW_STOP_SECONDS if self.verb == "hang-slow" else 0.0


def parse_outcome(text: str) -> Outcome:
    """An outcome from its text, such as `fail:3`."""
    what, _, seconds = text.partition("@")
    verb, _, number = what.partition(":")
    usual = LATE_SECONDS if verb == "fail-late" else OUTCOME_SECONDS
    return Outcome(verb=verb, number=int(number or 0), seconds=float(seconds or usual))


@dataclass(slots=True, kw_only=True)
class ScriptedPods:
    """Stands in for the kubelets of all nodes; `run` lasts until it is cancelled."""

    client: Client
    clock: Callable[[], datetime]
    script: Script
    start_seconds: float = 0.0
    """How long a pod with a node takes to run."""
    ready_seconds: float = 0.0
    """How long a pod that runs takes to be ready."""
    selection: Selection = Selection()
    """Which pods are played."""
    addresses: Iterator[str] | None = None
    """The address of each pod that starts; none: pods have no address."""
    _pods: WatchCache = field(init=False)
    _deleted: dict[str, asyncio.Event] = field(default_factory=dict)
    _group: asyncio.TaskGroup = field(init=False)

    def __post_init__(self) -> None:
        self._pods = WatchCache(client=self.client, resource=PODS, selection=self.selection)

    async def run(self) -> None:
        """Play every pod that has a node, for ever."""
        async with asyncio.TaskGroup() as self._group:
            self._pods.listen(self._changed)
            await self._pods.run()

    def _changed(self, _: Object | None, after: Object | None) -> None:
        if after is None:
            return
        uid = after["metadata"]["uid"]
        if after["spec"].get("nodeName") and uid not in self._deleted:
            self._deleted[uid] = asyncio.Event()
            if not _is_over(after):
                self._group.create_task(self._live(after))
        if "deletionTimestamp" in after["metadata"] and uid in self._deleted:
            self._deleted[uid].set()

    async def _live(self, pod: Object) -> None:
        outcome = parse_outcome(self.script(pod))
        try:
            if await self._was_deleted_within(pod, self.start_seconds):
                await self._write(pod, _never_started(pod, self.clock()))
            elif await self._run(pod, outcome):
                return
            else:
                await self._deleted[pod["metadata"]["uid"]].wait()
                await asyncio.sleep(outcome.stop_seconds)
                await self._write(pod, _ended(pod, self.clock(), STOPPED))
            await self._remove(pod)
        except (NotFound, Conflict, Invalid):
            return

    async def _run(self, pod: Object, outcome: Outcome) -> bool:
        """Start a pod; whether it is over before it is deleted."""
        is_ready = outcome.verb != "never-ready" and not self.ready_seconds
        status = running_status(pod, self.clock(), is_ready=is_ready)
        if self.addresses is not None:
            address = next(self.addresses)
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        await self._write(pod, status)
        if outcome.verb != "never-ready" and not is_ready:
            if await self._was_deleted_within(pod, self.ready_seconds):
                return False
            await self._write(pod, running_status(pod, self.clock()))
        if await self._was_deleted_within(pod, outcome.seconds):
            return False
        return await self._play(pod, outcome)

    async def _was_deleted_within(self, pod: Object, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._deleted[pod["metadata"]["uid"]].wait()
        except TimeoutError:
            return False
        return True

    async def _play(self, pod: Object, outcome: Outcome) -> bool:
        """Let the outcome show; whether the pod is over with it."""
        now = self.clock()
        match outcome.verb:
            case "succeed":
                await self._write(pod, _ended(pod, now, 0))
            case "fail" | "fail-late":
                await self._write(pod, _ended(pod, now, outcome.number))
            case "disrupt":
                await self._write(pod, _disrupted(_ended(pod, now, STOPPED), now))
            case "restart":
                await self._write(pod, running_status(pod, now, restarts=outcome.number))
                return False
            case _:
                return False
        return True

    async def _write(self, pod: Object, status: Mapping[str, Any]) -> None:
        metadata = pod["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        await self.client.patch(
            PODS,
            metadata["namespace"],
            metadata["name"],
            patch,
            content_type=STRATEGIC_MERGE_PATCH,
            subresource="status",
        )

    async def _remove(self, pod: Object) -> None:
        metadata = pod["metadata"]
        options = DeleteOptions(grace_period_seconds=0, uid=metadata["uid"])
        await self.client.delete(PODS, metadata["namespace"], metadata["name"], options)


def _is_over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def running_status(pod: Object, now: datetime, *, is_ready: bool = True, restarts: int = 0) -> dict[str, Any]:
    """The status of a pod all of whose containers run."""
    state = {"running": {"startedAt": format_time(now)}}
    return {
        "phase": "Running",
        "startTime": format_time(now),
        "conditions": _conditions(now, is_ready=is_ready),
        "containerStatuses": _containers(pod, state, is_ready=is_ready, restarts=restarts),
    }


def _ended(pod: Object, now: datetime, exit_code: int) -> dict[str, Any]:
    reason = "Error" if exit_code else "Completed"
    terminated = {"exitCode": exit_code, "reason": reason, "finishedAt": format_time(now)}
    return _over(pod, now, "Failed" if exit_code else "Succeeded", terminated)


def _never_started(pod: Object, now: datetime) -> dict[str, Any]:
    """How a pod ends that is deleted before its containers run: it has failed, as with any kubelet."""
    return _over(pod, now, "Failed", LOST)


def _over(pod: Object, now: datetime, phase: str, terminated: Mapping[str, Any]) -> dict[str, Any]:
    state = {"terminated": terminated}
    return {
        "phase": phase,
        "conditions": _conditions(now, is_ready=False),
        "containerStatuses": _containers(pod, state, is_ready=False, restarts=0),
    }


def _disrupted(status: dict[str, Any], now: datetime) -> dict[str, Any]:
    condition = _condition("DisruptionTarget", "True", now) | {"reason": "DeletionByScript"}
    return {**status, "conditions": [*status["conditions"], condition]}


def _conditions(now: datetime, *, is_ready: bool) -> list[dict[str, Any]]:
    ready = "True" if is_ready else "False"
    return [
        _condition("Initialized", "True", now),
        _condition("ContainersReady", ready, now),
        _condition("Ready", ready, now),
    ]


def _condition(type_: str, status: str, now: datetime) -> dict[str, Any]:
    return {"type": type_, "status": status, "lastProbeTime": None, "lastTransitionTime": format_time(now)}


def _containers(
    pod: Object, state: Mapping[str, Any], *, is_ready: bool, restarts: int
) -> list[dict[str, Any]]:
    return [
        {
            "name": container["name"],
            "image": container.get("image", ""),
            "imageID": "",
            "ready": is_ready,
            "started": is_ready,
            "restartCount": restarts,
            "state": state,
        }
        for container in pod["spec"]["containers"]
    ]
