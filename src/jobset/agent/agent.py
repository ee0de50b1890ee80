"""The shell around `decide_agent`: hears of the JobSet, carries steps out, and tries again what failed."""

import asyncio
import logging
import random
from typing import TypedDict, assert_never

from jobset.agent.barrier import Barrier, CannotLift
from jobset.agent.decide import AskForRestart, LiftBarrier, TellAttempt, decide_agent
from jobset.agent.jobset import JobSet, JobSetShape, read_jobset
from jobset.agent.settings import Settings
from jobset.api import keys
from jobset.kube.cache import Part, WatchCache, back_off
from jobset.kube.client import Client, Selection
from jobset.kube.errors import ApiError, TransportError
from jobset.kube.resources import JOBSETS, PODS

FIELD_MANAGER = "in-place-restart-agent"

log = logging.getLogger(__name__)


class Agent:
    """The agent of one pod, for one run of its container."""

    def __init__(self, settings: Settings, namespace: str, client: Client, barrier: Barrier) -> None:
        self._settings = settings
        self._namespace = namespace
        self._client = client
        self._barrier = barrier
        self._attempt: int | None = None
        self._barrier_is_up = True
        self._failures = 0
        self._backs_off = False
        self._news = asyncio.Event()

    async def run(self) -> int:
        """The exit code of the container, once it should end."""
        jobsets = self._jobsets()
        jobsets.listen(lambda *_: self._news.set())
        lives = (jobsets.run(), self._follow(jobsets), self._barrier.ended())
        tasks = [asyncio.ensure_future(life) for life in lives]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(code for task in done if (code := task.result()) is not None)
        finally:
            for task in tasks:
                task.cancel()

    def _jobsets(self) -> WatchCache:
        name = f"metadata.name={self._settings.jobset}"
        return WatchCache(
            client=self._client,
            resource=JOBSETS,
            selection=Selection(namespace=self._namespace, field_selector=name),
            part=Part(shape=JobSetShape),
        )

    async def _follow(self, jobsets: WatchCache) -> int:
        while True:
            await self._news.wait()
            self._news.clear()
            raw = jobsets.get(self._namespace, self._settings.jobset)
            code = await self._turn(None if raw is None else read_jobset(raw))
            if code is not None:
                return code

    async def _turn(self, jobset: JobSet | None) -> int | None:
        """All steps that are due; the exit code, if the last one was to end."""
        while (action := decide_agent(jobset, self._attempt, self._barrier_is_up)) is not None:
            match action:
                case TellAttempt(attempt):
                    if not await self._tell(attempt):
                        return None
                case LiftBarrier():
                    if not await self._lift():
                        return 1
                case AskForRestart():
                    log.info("attempt %s is over: asking for a restart", self._attempt)
                    return self._settings.exit_code
                case _:
                    assert_never(action)
        return None

    async def _tell(self, attempt: int) -> bool:
        """Whether our pod says now which attempt this is; after a failure only time lets us try again."""
        if self._backs_off:
            return False
        try:
            await tell_attempt(self._client, self._namespace, self._settings.pod, attempt)
        except (ApiError, TransportError) as error:
            self._failures += 1
            # Many pods start at once, and are refused at once.
            delay = back_off(self._failures) * random.uniform(0.5, 1.0)
            log.warning("cannot tell attempt %s, trying again in %.1f s: %s", attempt, delay, error)
            self._backs_off = True
            asyncio.get_running_loop().call_later(delay, self._try_again)
            return False
        log.info("this is attempt %s", attempt)
        self._attempt = attempt
        return True

    def _try_again(self) -> None:
        self._backs_off = False
        self._news.set()

    async def _lift(self) -> bool:
        try:
            await self._barrier.lift()
        except CannotLift as error:
            log.error("%s", error)
            return False
        log.info("the barrier is lifted")
        self._barrier_is_up = False
        return True


async def tell_attempt(client: Client, namespace: str, pod: str, attempt: int) -> None:
    """Write on a pod which attempt it is in, as the manager that owns this annotation.

    Raises:
        ApiError: the server refused.
        TransportError: no answer came.
    """
    metadata = {"name": pod, "annotations": {keys.IN_PLACE_RESTART_ATTEMPT: str(attempt)}}
    applied = {"apiVersion": PODS.api_version, "kind": PODS.kind, "metadata": metadata}
    await client.apply(PODS, namespace, name=pod, applied=applied, manager=FIELD_MANAGER, shape=_Nothing)


class _Nothing(TypedDict):
    """Of the answer nothing is read."""
