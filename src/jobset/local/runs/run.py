"""A run: apply objects, follow what happens to them, wait for the end, stop, report."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias

import msgspec
from msgspec import structs

from jobset.kube.cache import WatchCache, key_of
from jobset.kube.client import Client, DeleteOptions, Object
from jobset.kube.errors import ApiError, NotFound, TransportError
from jobset.kube.resources import EVENTS, JOBS, JOBSETS, PODS, Resource
from jobset.local.clock import Clock
from jobset.local.runs.apply import apply_objects
from jobset.local.runs.build_report import build_report
from jobset.local.runs.changes import Change
from jobset.local.runs.control import Control
from jobset.local.runs.history import History, Seen
from jobset.local.runs.records import ContainerRun
from jobset.local.runs.report import Notice, Outcome, Report, Waiting
from jobset.local.runs.tails import LogTails
from jobset.local.runs.views import ObjectKey
from jobset.local.runs.waiting import waiting_of

LogFile: TypeAlias = Callable[[ContainerRun], str | None]
"""The file that keeps the log of a container run, when there is one."""
Explain: TypeAlias = Callable[[ContainerRun, Sequence[str]], str]
"""What the last lines of a failed container tell in this world, such as who holds a port; empty: nothing."""

_QUIET_SECONDS = 10.0
"""After so long without a change people want to know what is being waited for."""
_RETRY_SECONDS = 0.5


class Observer(Protocol):
    """Whoever shows the run to people; never slows it down."""

    def changed(self, change: Change) -> None:
        """Something happened to an object."""
        ...

    def failed(self, run: ContainerRun, log_lines: Sequence[str]) -> None:
        """A container failed by itself; its last log lines."""
        ...

    def waits(self, waiting: Sequence[tuple[ObjectKey, Waiting]]) -> None:
        """Nothing has happened for a while, and this is why."""
        ...

    def said(self, text: str) -> None:
        """A sentence about the run itself."""
        ...


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a user can choose about a run, apart from the plane."""

    namespace: str = "default"
    timeout: timedelta | None = None
    notices: tuple[Notice, ...] = ()
    logs: str | None = None
    run_directory: str | None = None


def _no_file(run: ContainerRun) -> str | None:  # noqa: ARG001
    return None


def _no_explanation(run: ContainerRun, lines: Sequence[str]) -> str:  # noqa: ARG001
    return ""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run on a plane that works already; `history` may be read at any time, for a live view."""

    client: Client
    clock: Clock
    observer: Observer
    options: RunOptions = RunOptions()
    control: Control = field(default_factory=Control)
    history: History = field(default_factory=History)
    tails: LogTails = field(default_factory=LogTails)
    log_file: LogFile = _no_file
    explain: Explain = _no_explanation
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _jobsets: tuple[ObjectKey, ...] = ()
    _stopped: bool = False

    async def jobsets(self, objects: Sequence[Object]) -> Report:
        """The report of the run, once everything has ended, or was stopped as `control` or the timeout asked.

        When `control` asks for a kill it returns at once: processes are then the caller's to kill.

        Raises:
            Refused: the API does not take one of the objects.
        """
        started_at = self.clock()
        async with AsyncExitStack() as stack:
            await self._follow(stack)
            created = await apply_objects(self.client, objects, self.options.namespace)
            self._jobsets = tuple(key_of(obj) for obj in created)
            outcome, message = await self._wait_for_end()
            report = self._report(outcome, message, started_at)
            if outcome in (Outcome.COMPLETED, Outcome.FAILED):
                await self._until(self._pods_are_done)
                return self._report(outcome, message, started_at)
            self._stopped = True
            await self._stop(created)
        return _finished_at(report, self.clock())

    async def _follow(self, stack: AsyncExitStack) -> None:
        caches = [
            (resource, WatchCache(client=self.client, resource=resource))
            for resource in (JOBSETS, JOBS, PODS)
        ]
        for resource, cache in caches:
            cache.listen(self._listener(resource))
            await _in_background(stack, cache.run())
        await _in_background(stack, self._follow_events())
        for _, cache in caches:
            await cache.synced()

    def _listener(self, resource: Resource) -> Callable[[Object | None, Object | None], None]:
        def listen(before: Object | None, after: Object | None) -> None:
            obj = after if after is not None else before
            assert obj is not None
            self._record(Seen(kind=resource.kind, object=obj, gone=after is None, at=self.clock()))

        return listen

    async def _follow_events(self) -> None:
        # Not a cache: events are many and each is read once.
        version = ""
        while True:
            with suppress(ApiError, TransportError):
                version = version or (await self.client.list(EVENTS)).resource_version
                async for event in self.client.watch(EVENTS, version):
                    version = event.object.get("metadata", {}).get("resourceVersion", "")
                    if event.type in ("ADDED", "MODIFIED"):
                        self._record(Seen(kind="Event", object=event.object, at=self.clock()))
                continue
            version = ""
            await asyncio.sleep(_RETRY_SECONDS)

    def _record(self, seen: Seen) -> None:
        if self._stopped and seen.kind != "Pod":
            return
        recorded = self.history.record(seen)
        for run in recorded.tails_wanted:
            self._add_tail(run)
        for change in recorded.changes:
            self.observer.changed(change)
        if seen.kind == "Pod" and seen.gone:
            self.tails.forget(seen.object["metadata"].get("uid", ""))
        self._moved.set()

    def _add_tail(self, run: ContainerRun) -> None:
        lines = self.tails.of(run)
        self.history.add_log_tail(run, lines, self.log_file(run), self.explain(run, lines))
        if not self._stopped:
            self.observer.failed(run, lines)

    async def _wait_for_end(self) -> tuple[Outcome, str]:
        try:
            async with asyncio.timeout(
                self.options.timeout.total_seconds() if self.options.timeout else None
            ):
                await self._until_stopped_or(self._all_ended)
        except TimeoutError:
            self.control.stop(Outcome.TIMED_OUT)
        if self._all_ended():
            return self._verdict()
        assert self.control.outcome is not None
        return self.control.outcome, self._why_stopped(self.control.outcome)

    def _verdict(self) -> tuple[Outcome, str]:
        ends = [self.history.jobsets[key].jobset.status.finished for key in self._jobsets]
        bad = [
            key for key, end in zip(self._jobsets, ends, strict=True) if not end or end.type != "Completed"
        ]
        if not bad:
            return Outcome.COMPLETED, f"{_count(len(ends), 'JobSet')} completed"
        names = ", ".join(name for _, name in bad[:3]) + (", …" if len(bad) > 3 else "")
        return Outcome.FAILED, f"{len(bad)} of {_count(len(ends), 'JobSet')} failed: {names}"

    def _why_stopped(self, outcome: Outcome) -> str:
        match outcome:
            case Outcome.TIMED_OUT:
                return f"not finished after {_seconds(self.options.timeout)}"
            case Outcome.TERMINATED:
                return "stopped by SIGTERM"
            case _:
                return "interrupted"

    async def _stop(self, jobsets: Sequence[Object]) -> None:
        alive = [pod for pod in self.history.pods.values() if not pod.is_finished]
        if alive:
            self.observer.said(
                f"Stopping: grace period for {_count(len(alive), 'pod')}; press Ctrl-C again to kill at once"
            )
        for jobset in jobsets:
            namespace, name = key_of(jobset)
            with suppress(NotFound):
                await self.client.delete(
                    JOBSETS, namespace, name, DeleteOptions(propagation_policy="Background")
                )
        if not await self._until(self._pods_are_done):
            self.observer.said("Killing what still runs")

    def _waiting(self) -> tuple[tuple[ObjectKey, Waiting], ...]:
        known = [key for key in self._jobsets if key in self.history.jobsets]
        return tuple((key, wait) for key in known for wait in waiting_of(self.history, key))

    def _all_ended(self) -> bool:
        return all(
            key in self.history.deleted
            or (key in self.history.jobsets and self.history.jobsets[key].jobset.status.finished is not None)
            for key in self._jobsets
        )

    def _pods_are_done(self) -> bool:
        return all(pod.is_finished for pod in self.history.pods.values())

    async def _until(self, is_so: Callable[[], bool]) -> bool:
        """Whether it came to be so before a kill was asked for."""
        while not is_so() and not self.control.killing.is_set():
            await self._next_move(self.control.killing)
        return is_so()

    async def _until_stopped_or(self, is_so: Callable[[], bool]) -> None:
        told: object = None
        while not is_so() and not self.control.stopping.is_set():
            moved = await self._next_move(self.control.stopping, _QUIET_SECONDS)
            waiting = () if moved else self._waiting()
            if waiting and waiting != told:
                told = waiting
                self.observer.waits(waiting)

    async def _next_move(self, stopper: asyncio.Event, seconds: float | None = None) -> bool:
        """Whether something happened within the time."""
        self._moved.clear()
        tasks = [asyncio.ensure_future(self._moved.wait()), asyncio.ensure_future(stopper.wait())]
        try:
            done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        return bool(done)

    def _report(self, outcome: Outcome, message: str, started_at: datetime) -> Report:
        return build_report(
            self.history,
            outcome=outcome,
            message=message,
            started_at=started_at,
            finished_at=self.clock(),
            notices=self.options.notices,
            logs=self.options.logs,
            run_directory=self.options.run_directory,
        )


async def _in_background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


def _finished_at(report: Report, moment: datetime) -> Report:
    return structs.replace(report, finished_at=moment)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _seconds(span: timedelta | None) -> str:
    return f"{span.total_seconds():g} s" if span else "0 s"
