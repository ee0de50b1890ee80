"""Readings: caches of what concerns JobSets, and the snapshot of one of them."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from jobset.api import keys
from jobset.api.children import ChildJob, StrayJob, read_child, read_pod
from jobset.api.gates import FeatureGates
from jobset.api.jobset import JobSet, read_jobset
from jobset.controller.parts import (
    CLAIM_PART,
    IN_PLACE_POD_PART,
    JOB_PART,
    JOBSET_PART,
    SERVICE_PART,
    is_of_jobset,
)
from jobset.core.snapshot import Snapshot
from jobset.core.volumes import wanted_claims
from jobset.kube.cache import Index, Key, Part, WatchCache, controller_of
from jobset.kube.client import Client, Object, Selection
from jobset.kube.resources import JOBS, JOBSETS, PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES, Resource

_OWNER = "owner"
_JOBSET_NAME = "jobset-name"
_LABELLED = Selection(label_selector=keys.JOBSET_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One JobSet as stored, and the snapshot that a decision gets."""

    raw: Object
    snapshot: Snapshot


@dataclass(slots=True)
class Observer:
    """Caches of JobSets, Jobs, Services, claims, and pods where a gate needs them."""

    client: Client
    gates: FeatureGates
    clock: Callable[[], datetime]
    jobsets: WatchCache = field(init=False)
    jobs: WatchCache = field(init=False)
    services: WatchCache = field(init=False)
    claims: WatchCache = field(init=False)
    pods: WatchCache = field(init=False)
    _readings: dict[str, tuple[str, ChildJob | StrayJob]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jobsets = self._cache(JOBSETS, JOBSET_PART)
        self.jobs = self._cache(JOBS, JOB_PART, {_OWNER: _jobset_uid})
        self.services = self._cache(SERVICES, SERVICE_PART)
        self.claims = self._cache(PERSISTENT_VOLUME_CLAIMS, CLAIM_PART, selection=_LABELLED)
        self.pods = self._cache(PODS, IN_PLACE_POD_PART, {_JOBSET_NAME: _jobset_label}, _LABELLED)
        self.jobs.listen(self._forget_reading)

    def watch(self, touch: Callable[[Key], None]) -> None:
        """Call `touch` with the key of each JobSet that something happened to."""
        self.jobsets.listen(lambda before, after: touch(_key(after or before)))
        for cache in (self.jobs, self.services):
            cache.listen(lambda before, after: _touch_owners(touch, before, after))
        if self.gates.in_place_restart:
            self.pods.listen(lambda before, after: _touch_labelled(touch, before, after))

    async def run(self) -> None:
        """Keep the caches current, for ever."""
        async with asyncio.TaskGroup() as group:
            for cache in self.caches():
                group.create_task(cache.run())

    async def synced(self) -> None:
        """Returns when every cache has been filled."""
        for cache in self.caches():
            await cache.synced()

    def count_jobs(self, key: Key) -> int:
        """How many Jobs the JobSet of that key has now."""
        raw = self.jobsets.get(*key)
        return 0 if raw is None else len(self.jobs.indexed(_OWNER, raw["metadata"]["uid"]))

    def read(self, key: Key) -> Reading | None:
        """The JobSet of that key with its children, or None when it is gone.

        Raises:
            msgspec.ValidationError: the stored JobSet breaks its own schema.
        """
        raw = self.jobsets.get(*key)
        if raw is None:
            return None
        jobset = read_jobset(raw)
        snapshot = Snapshot(
            jobset=jobset,
            now=self.clock(),
            jobs=tuple(self._read_job(job) for job in self.jobs.indexed(_OWNER, jobset.metadata.uid)),
            pods=tuple(read_pod(pod) for pod in self._pods_of(jobset)),
            service_exists=self.services.get(jobset.namespace, jobset.subdomain) is not None,
            claims=frozenset(
                name for name in wanted_claims(jobset) if self.claims.get(jobset.namespace, name)
            ),
            gates=self.gates,
        )
        return Reading(raw=raw, snapshot=snapshot)

    def caches(self) -> Iterable[WatchCache]:
        """Those that are used; pods only where a gate needs them."""
        always = (self.jobsets, self.jobs, self.services, self.claims)
        return (*always, self.pods) if self.gates.in_place_restart else always

    def _cache(
        self,
        resource: Resource,
        part: Part,
        indexes: dict[str, Index] | None = None,
        selection: Selection = Selection(),
    ) -> WatchCache:
        return WatchCache(
            client=self.client, resource=resource, part=part, selection=selection, indexes=indexes or {}
        )

    def _pods_of(self, jobset: JobSet) -> Iterable[Object]:
        return self.pods.indexed(_JOBSET_NAME, f"{jobset.namespace}/{jobset.name}")

    def _read_job(self, raw: Object) -> ChildJob | StrayJob:
        """A typed reading, kept until the Job changes: it is read again in each turn."""
        metadata = raw["metadata"]
        known = self._readings.get(metadata["uid"])
        if known is not None and known[0] == metadata["resourceVersion"]:
            return known[1]
        reading = read_child(raw)
        self._readings[metadata["uid"]] = (metadata["resourceVersion"], reading)
        return reading

    def _forget_reading(self, before: Object | None, after: Object | None) -> None:
        if before is not None and (after is None or after["metadata"]["uid"] != before["metadata"]["uid"]):
            self._readings.pop(before["metadata"]["uid"], None)


def _jobset_uid(job: Object) -> Iterable[str]:
    owner = controller_of(job)
    if owner and owner.get("apiVersion") == keys.API_VERSION and owner.get("kind") == JOBSETS.kind:
        yield owner.get("uid", "")


def _jobset_label(pod: Object) -> Iterable[str]:
    metadata = pod["metadata"]
    yield f"{metadata.get('namespace', '')}/{(metadata.get('labels') or {}).get(keys.JOBSET_NAME, '')}"


def _key(obj: Object | None) -> Key:
    assert obj is not None
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _touch_owners(touch: Callable[[Key], None], *versions: Object | None) -> None:
    for key in {key for obj in versions if obj is not None for key in _owner_key(obj)}:
        touch(key)


def _owner_key(obj: Object) -> Iterable[Key]:
    if (owner := controller_of(obj)) and is_of_jobset(obj):
        yield obj["metadata"].get("namespace", ""), owner["name"]


def _touch_labelled(touch: Callable[[Key], None], *versions: Object | None) -> None:
    for key in {_labelled_key(pod) for pod in versions if pod is not None}:
        touch(key)


def _labelled_key(pod: Object) -> Key:
    metadata = pod["metadata"]
    return metadata.get("namespace", ""), metadata["labels"][keys.JOBSET_NAME]
