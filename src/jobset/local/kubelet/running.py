"""One attempt that runs: follows its process, runs hooks and probes beside it, stops it with grace."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from jobset.local.kubelet.facts import Object
from jobset.local.kubelet.logs import ContainerLog
from jobset.local.kubelet.plan import StopContainer
from jobset.local.kubelet.probes import ProbeState, after_answer, gave_up, read_probe
from jobset.local.kubelet.probing import Answer, Target, ask, ask_hook
from jobset.local.kubelet.services import Spawn
from jobset.local.kubelet.stopwatch import SLACK, ForgivingTime
from jobset.local.processes.starter import Exit

_NO_TIMEOUT = 86400.0
_LAST_WINDOW = 2.0
"""compat: after a long preStop hook a container still gets this many seconds for SIGTERM."""


class Reports(Protocol):
    """Takes what happens to a running container."""

    def ended(self, running: "RunningContainer", exit: Exit) -> None: ...
    def hooked(self, running: "RunningContainer") -> None: ...
    def post_start_failed(self, running: "RunningContainer") -> None: ...
    def started(self, running: "RunningContainer") -> None: ...
    def ready(self, running: "RunningContainer", ready: bool) -> None: ...
    def sick(self, running: "RunningContainer", probe: str) -> None: ...
    def event(self, type: str, reason: str, note: str, container: str = "") -> None: ...


@dataclass(slots=True, kw_only=True, eq=False)
class RunningContainer:
    """A started container of a pod."""

    container: Object
    number: int
    target: Target
    log: ContainerLog
    message_file: str
    time: ForgivingTime
    spawn: Spawn
    reports: Reports
    open_fds: list[int] = field(default_factory=list)
    """Ours, closed when the container has ended: the writing end of its stdin."""
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)
    _beside: list[asyncio.Task[None]] = field(default_factory=list)
    _deadline: float = 0.0
    _grace: timedelta | None = None
    """What the stop that is under way was given; None while nobody stops it."""

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container["name"])

    def begin(self) -> None:
        """Follow the process; run the postStart hook and probes beside it."""
        self.spawn(self._follow())
        lifecycle = self.container.get("lifecycle") or {}
        if lifecycle.get("postStart"):
            self._beside.append(self.spawn(self._post_start(lifecycle["postStart"])))
        if any(self.container.get(f"{kind}Probe") for kind in ("startup", "liveness", "readiness")):
            self._beside.append(self.spawn(self._probe_all()))

    def stop(self, action: StopContainer, left: float) -> None:
        """Stop it within `left` seconds from now; asked again, a shorter grace counts."""
        deadline = self.time.now() + left
        if self._grace is not None:
            if action.grace < self._grace:
                self._grace, self._deadline = action.grace, min(deadline, self._deadline)
                self._hurry.set()
            return
        self._grace, self._deadline = action.grace, deadline
        self.reports.event("Normal", "Killing", action.message, self.name)
        self.spawn(self._stop(action))

    async def _follow(self) -> None:
        exit = await self.target.process.wait()
        self._gone.set()
        for task in self._beside:
            task.cancel()
        self.log.finish()
        for fd in self.open_fds:
            os.close(fd)
        self.reports.ended(self, exit)

    async def _stop(self, action: StopContainer) -> None:
        lifecycle = self.container.get("lifecycle") or {}
        hook = lifecycle.get("preStop")
        if hook and action.hook and self._deadline > self.time.now():
            await self._within_grace(self._pre_stop(hook))
        if action.hook:
            window = min(action.grace.total_seconds(), _LAST_WINDOW)
            self._deadline = max(self._deadline, self.time.now() + window)
            self.target.process.signal(_stop_signal(lifecycle))
            await self._within_grace(self._wait_gone())
        if not self._gone.is_set():
            self.target.process.kill()

    async def _wait_gone(self) -> None:
        await self._gone.wait()

    async def _within_grace(self, work: Coroutine[Any, Any, None]) -> None:
        """Returns when the work is done, the container is gone, or the grace is over."""
        waits: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(work),
            asyncio.ensure_future(self._wait_gone()),
        }
        try:
            while (left := self._deadline - self.time.now()) > SLACK:
                hurry = asyncio.ensure_future(self._hurry.wait())
                waits.add(hurry)
                done, _ = await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                hurry.cancel()
                waits.discard(hurry)
                self._hurry.clear()
                if done - {hurry}:
                    return
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _post_start(self, hook: Object) -> None:
        answer = await self._run_hook(hook)
        if answer.success:
            self.reports.hooked(self)
            return
        self.reports.event(
            "Warning", "FailedPostStartHook", f"PostStartHook failed: {answer.output}", self.name
        )
        self.reports.post_start_failed(self)

    async def _pre_stop(self, hook: Object) -> None:
        answer = await self._run_hook(hook)
        if not answer.success and not self._gone.is_set():
            self.reports.event(
                "Warning", "FailedPreStopHook", f"PreStopHook failed: {answer.output}", self.name
            )

    async def _run_hook(self, hook: Object) -> Answer:
        if hook.get("sleep"):
            await self.time.sleep(hook["sleep"].get("seconds") or 0)
            return Answer(True)
        return await ask_hook(hook, self.target, _NO_TIMEOUT)

    async def _probe_all(self) -> None:
        """The startup probe holds the others back."""
        born = self.time.now()
        startup = self.container.get("startupProbe")
        if startup:
            last = await self._probe("startup", startup, born, self._on_startup)
            if not last.passing:
                return
        others = (("liveness", self._on_liveness), ("readiness", self._on_readiness))
        async with asyncio.TaskGroup() as group:
            for kind, on_state in others:
                probe = self.container.get(f"{kind}Probe")
                if probe:
                    group.create_task(self._probe(kind, probe, born, on_state))

    async def _probe(
        self, kind: str, probe: Object, born: float, on_state: Callable[[ProbeState, Object], bool]
    ) -> ProbeState:
        """Ask again and again until `on_state` says that it is enough; the last state."""
        spec, state = read_probe(probe), ProbeState(passing=kind == "liveness")
        await self.time.sleep(born + spec.initial_delay - self.time.now())
        while True:
            asked, gaps = self.time.now(), self.time.gaps
            answer = await ask(probe, self.target, spec.timeout)
            # An answer that spans a stop of this process says nothing about the container.
            if not self.time.has_gap_since(gaps):
                state = after_answer(state, spec, answer.success)
                self._tell_failure(kind, answer)
                if on_state(state, probe):
                    return state
            await self.time.sleep(asked + spec.period - self.time.now())

    def _tell_failure(self, kind: str, answer: Answer) -> None:
        if not answer.success and self._grace is None:
            note = f"{kind.capitalize()} probe failed: {answer.output}"
            self.reports.event("Warning", "Unhealthy", note, self.name)

    def _on_startup(self, state: ProbeState, probe: Object) -> bool:
        if state.passing:
            self.reports.started(self)
        return state.passing or self._on_giving_up("startup", state, probe)

    def _on_liveness(self, state: ProbeState, probe: Object) -> bool:
        return self._on_giving_up("liveness", state, probe)

    def _on_giving_up(self, kind: str, state: ProbeState, probe: Object) -> bool:
        if not gave_up(state, read_probe(probe)):
            return False
        self.reports.sick(self, kind)
        return True

    def _on_readiness(self, state: ProbeState, _probe: Object) -> bool:
        self.reports.ready(self, state.passing)
        return False


def _stop_signal(lifecycle: Object) -> int:
    return int(signal.Signals.__members__.get(lifecycle.get("stopSignal") or "SIGTERM", signal.SIGTERM))
