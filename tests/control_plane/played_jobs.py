"""One JobSet on a real API server, and its Jobs as played by the test in place of the Job controller."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jobset.api import keys
from jobset.api.times import format_time
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, Object, Selection
from jobset.kube.errors import Conflict, NotFound
from jobset.kube.resources import EVENTS, JOBS, JOBSETS, NAMESPACES, SERVICES
from jobset.kube.transport import Request, Transport
from tests.control_plane.kubelet import PersistentTransport

NAME = "train"
_PATIENCE = 30.0
_POLL = 0.02
_HOLDS = "foregroundDeletion"


@dataclass(slots=True)
class PlayedJobs:
    """The JobSet `train` in a namespace of its own.

    By itself every Job that is made becomes ready, stands still while it is suspended, and goes when it is
    deleted; that one fails or completes is for the test to say.
    """

    client: Client
    namespace: str
    jobs: WatchCache = field(init=False)
    jobsets: WatchCache = field(init=False)
    made: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """The uids of all Jobs that ever were, by name and attempt."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        here = Selection(namespace=self.namespace)
        self.jobs = WatchCache(client=self.client, resource=JOBS, selection=here)
        self.jobsets = WatchCache(client=self.client, resource=JOBSETS, selection=here)
        self.jobs.listen(self._notice)

    async def run(self) -> None:
        """Play, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.jobs.run())
            group.create_task(self.jobsets.run())
            group.create_task(self._play())

    async def create(self, replicas: int, max_restarts: int = 1, **spec: Any) -> None:
        """Make the JobSet, with one replicated job of so many Jobs."""
        await self.client.create(JOBSETS, _jobset(self.namespace, replicas, max_restarts, spec))

    async def suspend(self, suspend: bool) -> None:
        """Suspend or resume the JobSet."""
        await self.client.patch(JOBSETS, self.namespace, NAME, {"spec": {"suspend": suspend}})

    async def fail(self, index: int) -> None:
        """One Job fails."""
        await self._end(f"{NAME}-w-{index}", "FailureTarget", "Failed", "BackoffLimitExceeded")

    async def complete(self) -> None:
        """Every Job succeeds."""
        names = [job["metadata"]["name"] for job in self.jobs.all()]
        await asyncio.gather(*(self._end(name, "SuccessCriteriaMet", "Complete", "") for name in names))

    @property
    def status(self) -> Mapping[str, Any]:
        """The status of the JobSet."""
        jobset = self.jobsets.get(self.namespace, NAME)
        return {} if jobset is None else jobset.get("status") or {}

    @property
    def conditions(self) -> dict[str, tuple[str, str]]:
        """Status and reason of each condition of the JobSet."""
        found = self.status.get("conditions") or ()
        return {told["type"]: (told["status"], told.get("reason", "")) for told in found}

    @property
    def attempts(self) -> dict[str, str]:
        """Which attempt each Job belongs to; a Job that goes has a minus behind it."""
        return {job["metadata"]["name"]: _attempt(job) for job in self.jobs.all()}

    def count(self, state: str) -> int:
        """How many Jobs the status of the JobSet says to be in a state."""
        return sum(entry.get(state, 0) for entry in self.status.get("replicatedJobsStatus") or ())

    def runs(self, attempt: int, replicas: int) -> bool:
        """Whether this attempt is at work and the JobSet says so."""
        restarting = self.conditions.get("RestartingJobSet", ("False", ""))[0]
        return (
            list(self.attempts.values()) == [str(attempt)] * replicas
            and self.status.get("restarts") == attempt
            and self.count("ready") == self.count("active") == replicas
            and self.conditions.get("Suspended", ("False", ""))[0] == "False"
            and restarting == "False"
        )

    def stands_still(self, replicas: int) -> bool:
        """Whether the JobSet and all its Jobs are suspended, and the JobSet says so."""
        is_quiet = self.count("suspended") == replicas and self.count("active") == 0
        return is_quiet and self.conditions.get("Suspended", ("",))[0] == "True"

    @property
    def is_over(self) -> bool:
        """Whether the JobSet has ended, and its last count is right."""
        return bool(self.status.get("terminalState")) and self.count("ready") == 0

    async def until(self, holds: Callable[[], bool], seconds: float = _PATIENCE) -> None:
        """Returns when something holds.

        Raises:
            AssertionError: it does not, after so long.
        """
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise AssertionError(f"status {dict(self.status)}, Jobs {self.attempts}") from None

    async def events(self) -> Counter[str]:
        """How often each reason was told in events about the JobSet."""
        found = await self.client.list(EVENTS, Selection(namespace=self.namespace))
        told: Counter[str] = Counter()
        for event in found.items:
            told[event["reason"]] += (event.get("series") or {}).get("count", 1)
        return told

    async def until_told(self, expected: Mapping[str, int], seconds: float = _PATIENCE) -> None:
        """Returns when each of these reasons has been told at least so often.

        Raises:
            AssertionError: one was not, after so long.
        """
        try:
            async with asyncio.timeout(seconds):
                while not Counter(expected) <= await self.events():
                    await asyncio.sleep(_POLL * 5)
        except TimeoutError:
            raise AssertionError(f"only these events came: {dict(await self.events())}") from None

    def _notice(self, before: Object | None, after: Object | None) -> None:
        self._changed.set()
        if after is not None:
            metadata = after["metadata"]
            self.made[metadata["name"], metadata["labels"][keys.RESTART_ATTEMPT]].add(metadata["uid"])

    async def _play(self) -> None:
        while True:
            self._changed.clear()
            await asyncio.gather(*(self._step(job) for job in list(self.jobs.all())))
            await self._changed.wait()

    async def _step(self, job: Object) -> None:
        """The next thing that a Job controller would write."""
        metadata, status = job["metadata"], job.get("status") or {}
        if "deletionTimestamp" in metadata:
            left = [name for name in metadata.get("finalizers", ()) if name != _HOLDS]
            await self._patch(job, {"metadata": {"finalizers": left}})
        elif job["spec"].get("suspend"):
            if status.get("active"):
                await self._patch(job, {"status": {"active": None, "ready": 0}}, "status")
        elif not status.get("active") and not status.get("conditions"):
            now = format_time(datetime.now(UTC))
            running = {"active": 1, "ready": 1, "startTime": status.get("startTime", now)}
            await self._patch(job, {"status": running}, "status")

    async def _patch(self, job: Object, patch: dict[str, Any], subresource: str | None = None) -> None:
        metadata = job["metadata"]
        version = {"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]}
        bound = {**patch, "metadata": {**patch.get("metadata", {}), **version}}
        try:
            await self.client.patch(JOBS, self.namespace, metadata["name"], bound, subresource=subresource)
        except (Conflict, NotFound):
            # It has changed meanwhile, and is looked at again for that.
            return

    async def _end(self, name: str, first: str, last: str, reason: str) -> None:
        now = format_time(datetime.now(UTC))
        conditions = [
            {
                "type": type,
                "status": "True",
                "reason": reason,
                "message": "as the test said",
                "lastTransitionTime": now,
                "lastProbeTime": now,
            }
            for type in (first, last)
        ]
        counts: dict[str, Any] = {"failed": 1}
        if last == "Complete":
            counts = {"succeeded": 1, "completedIndexes": "0", "completionTime": now}
        status = {"active": None, "ready": 0, "conditions": conditions, **counts}
        await self.client.patch(JOBS, self.namespace, name, {"status": status}, subresource="status")


@asynccontextmanager
async def played_jobs(transport: Transport, namespace: str) -> AsyncIterator[PlayedJobs]:
    """A namespace for one JobSet, whose Jobs are played for as long as the block lasts."""
    client = Client(PersistentTransport(transport), streams_lists=True)
    await client.create(NAMESPACES, {"metadata": {"name": namespace}})
    played = PlayedJobs(client, namespace)
    playing = asyncio.create_task(played.run())
    try:
        yield played
        assert not playing.done(), playing.exception()
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        for resource in (JOBSETS, JOBS, SERVICES):
            body = {"propagationPolicy": "Background"}
            await transport.send(Request(method="DELETE", path=resource.path(namespace), body=body))


def _jobset(namespace: str, replicas: int, max_restarts: int, spec: Mapping[str, Any]) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}
    job = {"parallelism": 1, "completions": 1, "completionMode": "Indexed", "template": {"spec": pod}}
    return {
        "apiVersion": JOBSETS.api_version,
        "kind": JOBSETS.kind,
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "replicatedJobs": [{"name": "w", "replicas": replicas, "template": {"spec": job}}],
            "failurePolicy": {"maxRestarts": max_restarts},
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            **spec,
        },
    }


def _attempt(job: Object) -> str:
    goes = "-" if "deletionTimestamp" in job["metadata"] else ""
    return job["metadata"]["labels"][keys.RESTART_ATTEMPT] + goes
