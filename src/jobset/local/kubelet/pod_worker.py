"""One pod on this node: what is known of its containers; carries out the actions of a plan."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, assert_never

from msgspec.structs import replace

from jobset.api.times import parse_time
from jobset.local.kubelet.adoption import facts_from_status
from jobset.local.kubelet.decide import start_over
from jobset.local.kubelet.environment import CannotResolve
from jobset.local.kubelet.facts import Attempt, ContainerFacts, Ended, Object, PodSnapshot, Problem
from jobset.local.kubelet.home import PodHome
from jobset.local.kubelet.launching import Started, start_container
from jobset.local.kubelet.mounts import MountRefused
from jobset.local.kubelet.plan import Action, Release, RemovePod, StartContainer, StartOver, StopContainer
from jobset.local.kubelet.pods import all_containers, has_post_start, is_deleted, is_over
from jobset.local.kubelet.probing import Target
from jobset.local.kubelet.restarts import delay_before_restart, next_delay
from jobset.local.kubelet.running import RunningContainer
from jobset.local.kubelet.services import Services
from jobset.local.kubelet.termination import longest_message, read_message, termination_message
from jobset.local.processes.starter import Exit, StartFailed

RETRY_SECONDS = 5.0
"""How often something that blocks a pod is tried again, besides when an object it needs changes."""


@dataclass(slots=True, kw_only=True, eq=False)
class PodWorker:
    """The pod's life here. Answers its own snapshot; is told what to do by a plan."""

    services: Services
    pod: Object
    home: PodHome = field(init=False)
    is_gone: bool = False
    """The object no longer exists: nothing is written about it any more."""
    removal_asked: bool = False
    _facts: dict[str, ContainerFacts] = field(default_factory=dict)
    _running: dict[str, RunningContainer] = field(default_factory=dict)
    _seen_at: float = 0.0
    _active_before: timedelta = timedelta(0)
    _ending_since: float | None = None
    _stale: bool = False
    """Something that its volumes or variables show may have changed."""
    _said: set[str] = field(default_factory=set)
    _retry: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.home = PodHome(services=self.services, pod=self.pod)
        self._seen_at = self.services.time.now()
        now = self.services.clock()
        self._facts = facts_from_status(self.pod, now)
        started = (self.pod.get("status") or {}).get("startTime")
        if started:
            self._active_before = max(now - parse_time(started), timedelta(0))

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return str(self.pod["metadata"]["uid"])

    @property
    def is_idle(self) -> bool:
        """Whether none of its containers runs."""
        return not self._running

    def take(self, pod: Object) -> None:
        """The pod as it is stored now."""
        before, after = self.pod["metadata"], pod["metadata"]
        self.pod = self.home.pod = pod
        if any(before.get(key) != after.get(key) for key in ("labels", "annotations")):
            self._stale = True

    def touch(self) -> None:
        """An object that the pod refers to has changed, or it is time to try again."""
        self._stale = True
        self.services.wake(self.uid)

    def snapshot(self) -> PodSnapshot:
        """What a decision may look at now."""
        services = self.services
        return PodSnapshot(
            pod=self.pod,
            now=services.clock(),
            containers=dict(self._facts),
            address=self.home.address,
            host_address=services.settings.host_address,
            active_for=self._active_before + timedelta(seconds=services.time.now() - self._seen_at),
            blocked=self.home.problem,
            eviction=self.home.eviction,
            removal_asked=self.removal_asked,
            wait_scale=services.settings.wait_scale,
        )

    async def prepare(self) -> None:
        """Give the pod its home as far as that is possible now, and keep its files current."""
        if is_over(self.pod) or self.is_gone or self.home.is_released:
            return
        if self.home.is_ready:
            if self._stale:
                self._refresh()
        elif not is_deleted(self.pod) and self.home.eviction is None:
            await self._move_in()

    async def execute(self, actions: tuple[Action, ...]) -> bool:
        """Carry out a plan's actions; whether another decision is due at once."""
        again = False
        starts: list[StartContainer] = []
        for action in actions:
            match action:
                case StartContainer():
                    starts.append(action)
                case StopContainer():
                    self._stop(action)
                case StartOver():
                    self._facts = {name: start_over(facts) for name, facts in self._facts.items()}
                    again = True
                case Release():
                    self.home.release()
                case RemovePod():
                    pass  # the kubelet does that, after everything else
                case _:
                    assert_never(action)
        if len(starts) == 1:
            await self._start(starts[0])
        elif starts:
            await asyncio.gather(*(self._start(action) for action in starts))
        return again or bool(starts)

    def kill(self) -> None:
        """End every container at once."""
        for running in self._running.values():
            running.target.process.kill()

    # Its home.

    async def _move_in(self) -> None:
        self._stale = False
        await self.home.make()
        if self.home.problem is not None:
            self._say_once("Warning", self.home.problem.reason, self.home.problem.message)
            self._try_again_later()
        elif self.home.has_size_limits:
            self.services.spawn(self._watch_sizes())

    def _refresh(self) -> None:
        """Bring files up to date, and let containers that waited for an object try again."""
        self._stale = False
        for name, facts in self._facts.items():
            if facts.blocked is not None:
                self._facts[name] = replace(facts, blocked=None)
        problem = self.home.refresh()
        if problem is not None:
            self._say_once("Warning", problem.reason, problem.message)

    async def _watch_sizes(self) -> None:
        await self.home.watch_sizes()
        if self.home.eviction is not None:
            self.event("Warning", "Evicted", self.home.eviction.message)
            self.services.wake(self.uid)

    def _try_again_later(self) -> None:
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self.touch()

    # Starting and stopping.

    async def _start(self, action: StartContainer) -> None:
        container = next(item for item in all_containers(self.pod) if item["name"] == action.name)
        try:
            started = await start_container(self.home, container, action.number)
        except CannotResolve as error:
            self._block(container, str(error))
        except StartFailed as error:
            self._never_ran(container, action.number, error.code, str(error))
        except (MountRefused, OSError) as error:
            self._never_ran(container, action.number, 128, str(error))
        else:
            self._follow(container, action.number, started)

    def _follow(self, container: Object, number: int, started: Started) -> None:
        name = container["name"]
        for sentence in started.skipped_variables:
            self.event("Warning", "InvalidEnvironmentVariableNames", sentence, name)
        running = RunningContainer(
            container=container,
            number=number,
            target=Target(
                process=started.process,
                env=started.env,
                address=self.home.address,
                ports=container.get("ports") or (),
            ),
            log=started.log,
            message_file=started.message_file,
            time=self.services.time,
            spawn=self.services.spawn,
            reports=self,
            open_fds=list(started.open_fds),
        )
        self._note_attempt(container, number, None)
        self._running[name] = running
        self.event("Normal", "Started", f"Started container {name}", name)
        running.begin()

    def _note_attempt(self, container: Object, number: int, ended: Ended | None) -> None:
        old = self._known(container["name"])
        attempt = Attempt(
            number=number,
            id=f"jobset://{self.uid}/{old.name}/{number}",
            started_at=self.services.clock(),
            ended=ended,
            never_ran=ended is not None,
        )
        back_off = old.back_off if old.ended is None else next_delay(delay_before_restart(old))
        self._facts[old.name] = ContainerFacts(
            name=old.name,
            attempt=attempt,
            previous=old.attempt or old.previous,
            attempts=number + 1,
            back_off=back_off,
            hooked=not has_post_start(container),
            started=not container.get("startupProbe"),
            ready=not container.get("readinessProbe"),
        )

    def _never_ran(self, container: Object, number: int, code: int, message: str) -> None:
        reason = "StartError" if code == 128 else "ContainerCannotRun"
        ended = Ended(code=code, reason=reason, message=message, finished_at=self.services.clock())
        self._note_attempt(container, number, ended)
        self.event("Warning", "Failed", f"Error: {message}", container["name"])

    def _block(self, container: Object, message: str) -> None:
        name = container["name"]
        problem = Problem(reason="CreateContainerConfigError", message=message)
        self._facts[name] = replace(self._known(name), blocked=problem)
        self._say_once("Warning", "Failed", f"Error: {message}", name)
        self._try_again_later()

    def _stop(self, action: StopContainer) -> None:
        running = self._running.get(action.name)
        if running is None:
            return
        grace = action.grace.total_seconds()
        if action.shared_grace:
            now = self.services.time.now()
            self._ending_since = now if self._ending_since is None else self._ending_since
            grace -= now - self._ending_since
        running.stop(action, max(grace, 0.0))

    # What running containers report.

    def ended(self, running: RunningContainer, exit: Exit) -> None:
        """The container's processes are gone."""
        name = running.name
        facts = self._facts[name]
        assert facts.attempt is not None
        longest = longest_message(len(all_containers(self.pod)))
        written = read_message(running.message_file, longest)
        ended = Ended(
            code=exit.code,
            signal=exit.signal,
            reason="Completed" if exit.code == 0 else "Error",
            message=termination_message(running.container, exit.code, written, running.log.tail(), longest),
            finished_at=self.services.clock(),
        )
        del self._running[name]
        attempt = replace(facts.attempt, ended=ended, unhealthy=bool(facts.sick))
        self._learn(name, attempt=attempt, sick="", post_start_failed=False)

    def hooked(self, running: RunningContainer) -> None:
        """The postStart hook is done."""
        self._learn(running.name, hooked=True)

    def post_start_failed(self, running: RunningContainer) -> None:
        """The postStart hook failed."""
        self._learn(running.name, post_start_failed=True)

    def started(self, running: RunningContainer) -> None:
        """The startup probe has passed."""
        self._learn(running.name, started=True)

    def ready(self, running: RunningContainer, ready: bool) -> None:
        """What the readiness probe says now."""
        if self._facts[running.name].ready != ready:
            self._learn(running.name, ready=ready)

    def sick(self, running: RunningContainer, probe: str) -> None:
        """A liveness or startup probe has given up."""
        self._learn(running.name, sick=probe)

    def event(self, type: str, reason: str, note: str, container: str = "") -> None:
        """Record an event about the pod, or about one of its containers."""
        path = f"spec.containers{{{container}}}" if container else ""
        self.services.recorder.event(self.pod, type, reason, note, field_path=path)

    def _known(self, name: str) -> ContainerFacts:
        return self._facts.get(name) or ContainerFacts(name=name)

    def _learn(self, name: str, **changes: Any) -> None:
        self._facts[name] = replace(self._facts[name], **changes)
        self.services.wake(self.uid)

    def _say_once(self, type: str, reason: str, note: str, container: str = "") -> None:
        if note not in self._said:
            self._said.add(note)
            self.event(type, reason, note, container)
