"""A kubelet whose containers are a script: pods run and end by virtual time, with nothing behind them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from jobset.api.times import format_time
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, DeleteOptions
from jobset.kube.errors import ApiError
from jobset.kube.resources import PODS
from jobset.local.clock import Clock
from jobset.local.kubelet.ports import LogLine, LogListener

Script = Callable[[Mapping[str, Any]], tuple[float, int] | None]
"""For a pod: after how many seconds it ends and with which exit code; None: it runs until it is stopped."""


@dataclass(slots=True, kw_only=True)
class ScriptedKubelet:
    """Runs every bound pod as its script says; a deleted pod takes `stop_seconds` to go."""

    client: Client
    clock: Clock
    script: Script
    listeners: tuple[LogListener, ...] = ()
    stop_seconds: float = 1.0
    lives: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        cache = WatchCache(client=self.client, resource=PODS)
        cache.listen(self._changed)
        await cache.run()

    def _changed(self, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
        if after is None:
            return
        uid, metadata = after["metadata"]["uid"], after["metadata"]
        if metadata.get("deletionTimestamp"):
            self._become(f"stop {uid}", self._stop(after))
        elif after["spec"].get("nodeName") and not (after.get("status") or {}).get("containerStatuses"):
            self._become(uid, self._live(after))

    def _become(self, key: str, life: Any) -> None:
        if key in self.lives:
            life.close()
        else:
            self.lives[key] = asyncio.create_task(life)

    async def _live(self, pod: Mapping[str, Any]) -> None:
        await self._write(pod, "Running", {"running": {"startedAt": format_time(self.clock())}}, ready=True)
        end = self.script(pod)
        if end is None:
            return
        seconds, code = end
        started = self.clock()
        await asyncio.sleep(seconds)
        self._log(pod, f"ends with {code}")
        state = {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "startedAt": format_time(started),
            "finishedAt": format_time(started + timedelta(seconds=seconds)),
        }
        await self._write(pod, "Failed" if code else "Succeeded", {"terminated": state}, ready=False)

    async def _stop(self, pod: Mapping[str, Any]) -> None:
        await asyncio.sleep(self.stop_seconds)
        life = self.lives.get(pod["metadata"]["uid"])
        if life is not None:
            life.cancel()
        phase = (pod.get("status") or {}).get("phase")
        if phase not in ("Succeeded", "Failed"):
            ended = {"exitCode": 143, "reason": "Error", "finishedAt": format_time(self.clock())}
            await self._write(pod, "Failed", {"terminated": ended}, ready=False)
        await self._remove(pod)

    async def _remove(self, pod: Mapping[str, Any]) -> None:
        metadata = pod["metadata"]
        try:
            await self.client.delete(
                PODS, metadata["namespace"], metadata["name"], DeleteOptions(grace_period_seconds=0)
            )
        except ApiError:
            return

    async def _write(
        self, pod: Mapping[str, Any], phase: str, state: Mapping[str, Any], *, ready: bool
    ) -> None:
        names = [container["name"] for container in pod["spec"]["containers"]]
        statuses = [
            {"name": name, "state": state, "ready": ready, "restartCount": 0, "image": "", "imageID": ""}
            for name in names
        ]
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        patch = {"status": {"phase": phase, "containerStatuses": statuses, "conditions": conditions}}
        metadata = pod["metadata"]
        try:
            await self.client.patch(
                PODS, metadata["namespace"], metadata["name"], patch, subresource="status"
            )
        except ApiError:
            return

    def _log(self, pod: Mapping[str, Any], text: str) -> None:
        line = LogLine(
            namespace=pod["metadata"]["namespace"],
            pod=pod["metadata"]["name"],
            pod_uid=pod["metadata"]["uid"],
            container=pod["spec"]["containers"][0]["name"],
            attempt=0,
            stream="stdout",
            time=self.clock(),
            text=text,
        )
        for listener in self.listeners:
            listener(line)
