"""Names of pods at work: what is published reaches every pod, in the way that this machine allows."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec.structs import replace

from jobset.api.jobset import JobSet, StartupOrder, read_jobset
from jobset.api.names import job_name, pod_hostname
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client
from jobset.kube.resources import JOBSETS, PODS, SERVICES
from jobset.local.names.addresses import SHARED, LoopbackAddresses
from jobset.local.names.hosts import published_lines
from jobset.local.names.hosts_files import HostsFiles
from jobset.local.names.machine_hosts import (
    HOSTS,
    change_file,
    remove_dead_blocks,
    this_process,
    with_block,
    without_blocks,
)
from jobset.local.names.published import Name, own_name, published_names
from jobset.local.names.resolver import ResolverFiles
from jobset.local.names.ways import Way, WayName, substitute_names, wrapper_environment
from jobset.local.processes.starter import Launch, Mount

Object: TypeAlias = Mapping[str, Any]

_GATHER_SECONDS = 0.02
"""Changes that come together are published together."""
_MOST_SECONDS_TO_SETTLE = 1.0
_LOOK_AGAIN_SECONDS = 0.01


@dataclass(slots=True, kw_only=True)
class PodNames:
    """The kubelet's port to names, and the task that keeps them current."""

    client: Client
    way: Way
    addresses: LoopbackAddresses | None
    folder: str
    namespace: str
    """Where the names in the machine's own hosts file are seen from."""
    wrapper_library: str | None
    mounts_files: bool
    """Containers can have files of their own in place of the machine's."""
    tell: Callable[[str], None]
    _hosts: HostsFiles = field(init=False)
    _pods: WatchCache = field(init=False)
    _services: WatchCache = field(init=False)
    _jobsets: WatchCache = field(init=False)
    _resolver: ResolverFiles = field(init=False)
    _mounts: tuple[Mount, ...] = ()
    _files: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Hosts file and hostname by uid, for pods that are told of it by their environment."""
    _expected: dict[str, str] = field(default_factory=dict)
    """Every form of the name of a pod that may come, with its full name."""
    _opened: dict[str, tuple[Name | None, str]] = field(default_factory=dict)
    """Name and address of every pod that is about to run or runs, by uid."""
    _gatherings: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    _written: Mapping[Name, tuple[str, ...]] | None = None
    """What all files tell now."""
    _told: set[str] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        with open(HOSTS, errors="replace") as machine:
            # Whose run a block belongs to does not matter: its names are not ours.
            text = without_blocks(machine.read(), lambda _: True)
        self._hosts = HostsFiles(os.path.join(self.folder, "hosts"), text)
        self._resolver = ResolverFiles(os.path.join(self.folder, "resolver"))
        self._pods = WatchCache(client=self.client, resource=PODS)
        self._services = WatchCache(client=self.client, resource=SERVICES)
        self._jobsets = WatchCache(client=self.client, resource=JOBSETS)

    def prepare(self) -> None:
        """Everything that must be there before the first pod."""
        if self._mounts_settings:
            self._mounts = self._resolver.prepare()
        remove_dead_blocks()
        self._jobsets.listen(self._on_jobset)
        self._pods.listen(self._on_pod)
        self._services.listen(self._on_service)

    async def run(self) -> None:
        """Keep what is published current, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                for cache in (self._jobsets, self._pods, self._services):
                    group.create_task(cache.run())
                group.create_task(self._publish())
                if self._mounts:
                    group.create_task(self._resolver.keep_current())
        finally:
            if self.way.name is WayName.HOSTS_FILE:
                change_file(lambda text: with_block(text, this_process(), ""))

    def open(self, pod: Object, hostname: str, address: str) -> str | None:
        """The file that is the pod's /etc/hosts; None where it cannot have one."""
        self._opened[pod["metadata"]["uid"]] = (own_name(pod), address)
        self._changed.set()
        if pod["spec"].get("dnsConfig") and not self._mounts_settings:
            self._tell_once("dnsConfig is not applied: programs use this machine's resolver")
        if self.way.name not in (WayName.NAMESPACES, WayName.NSS_WRAPPER):
            return None
        path = self._hosts.open(pod, hostname, address)
        self._files[pod["metadata"]["uid"]] = (path, hostname)
        return path if self.way.name is WayName.NAMESPACES else None

    async def settled(self, pod: Object) -> None:
        """Returns when the pods that start together with this one have addresses, and all files tell them."""
        name = own_name(pod)
        if name is None:
            return
        place = (name.namespace, pod["spec"]["subdomain"])
        gathering = self._gatherings.get(place)
        if gathering is None:
            gathering = self._gatherings[place] = asyncio.create_task(self._gather(place))
            gathering.add_done_callback(lambda _: self._gatherings.pop(place, None))
        await asyncio.shield(gathering)

    def close(self, uid: str) -> None:
        """The pod's containers are gone."""
        self._opened.pop(uid, None)
        self._resolver.forget(uid)
        if self._files.pop(uid, None) is not None:
            self._hosts.close(uid)

    def adapt(self, pod: Object, launch: Launch) -> Launch:
        """The launch as this machine's way with names wants it."""
        match self.way.name:
            case WayName.NAMESPACES:
                # Without a host.conf that says so, glibc gives one address of a Service.
                env = {"RESOLV_MULTI": "on", **launch.env}
                return replace(launch, env=env, mounts=(*self._mounts_of(pod), *launch.mounts))
            case WayName.NSS_WRAPPER:
                path, hostname = self._files[pod["metadata"]["uid"]]
                assert self.wrapper_library is not None
                env = wrapper_environment(launch.env, self.wrapper_library, path, hostname)
                return replace(launch, env=env)
            case WayName.SUBSTITUTION:
                return self._substitute(pod, launch)
            case _:
                return launch

    @property
    def _mounts_settings(self) -> bool:
        """Whether pods have resolver settings of their own."""
        return self.mounts_files and self.way.name is WayName.NAMESPACES

    def _mounts_of(self, pod: Object) -> tuple[Mount, ...]:
        config = pod["spec"].get("dnsConfig")
        if not config or not self._mounts_settings:
            return self._mounts
        policy = pod["spec"].get("dnsPolicy") or ""
        own = self._resolver.of_pod(pod["metadata"]["uid"], config, policy)
        return (*(mount for mount in self._mounts if mount.target != own.target), own)

    def _substitute(self, pod: Object, launch: Launch) -> Launch:
        changed = substitute_names(launch.argv, launch.env, self._address_of(pod))
        for sentence in changed.told:
            self._tell_once(f"Name replaced by its address in {_one_line(sentence)}")
        # A hostname that no file resolves would break every program that asks for its own address.
        return replace(launch, argv=changed.argv, env=changed.env, hostname=socket.gethostname())

    def _tell_once(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self.tell(sentence)

    def _address_of(self, pod: Object) -> Callable[[str], str | None]:
        namespace = pod["metadata"].get("namespace", "")

        def address_of(word: str) -> str | None:
            full = self._expected.get(f"{namespace}/{word.lower()}") or self._expected.get(word.lower())
            if full is None:
                return None
            return self.addresses.reserve(full) if self.addresses else SHARED

        return address_of

    def _on_jobset(self, before: Object | None, after: Object | None) -> None:  # noqa: ARG002
        if after is None or self.way.name is not WayName.SUBSTITUTION:
            return
        for name in _pod_names(read_jobset(after)):
            for form in name.forms(name.namespace):
                key = f"{name.namespace}/{form}" if form == name.short else form
                self._expected[key] = name.full

    def _on_pod(self, before: Object | None, after: Object | None) -> None:
        if before is None and after is not None and self.addresses is not None:
            name = own_name(after)
            if name is not None:
                # Before the kubelet asks for the pod's address: it sees a pod when it is bound.
                self.addresses.learn(after["metadata"]["uid"], name.full)
        if _is_news(before, after):
            self._changed.set()

    def _on_service(self, before: Object | None, after: Object | None) -> None:  # noqa: ARG002
        self._changed.set()

    async def _publish(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            with suppress(OSError):
                self._write(self._published())
            await asyncio.sleep(_GATHER_SECONDS)

    def _published(self) -> dict[Name, tuple[str, ...]]:
        return published_names(map(self._with_address, self._pods.all()), self._services.all())

    def _with_address(self, pod: Object) -> Object:
        """The pod with the address that it is given, before its status says so."""
        opened = self._opened.get(pod["metadata"]["uid"])
        if opened is None or (pod.get("status") or {}).get("podIP"):
            return pod
        return {**pod, "status": {**(pod.get("status") or {}), "podIP": opened[1]}}

    async def _gather(self, place: tuple[str, str]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_MOST_SECONDS_TO_SETTLE):
                while self._missing(place):
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        with suppress(OSError):
            self._write(self._published())

    def _missing(self, place: tuple[str, str]) -> set[Name]:
        """Names of pods that are to start now and have no address yet."""
        there = {name for name, _ in self._opened.values()}
        there |= {own_name(pod) for pod in self._pods.all() if _will_not_start(pod)}
        expected = {
            name
            for jobset in map(read_jobset, self._jobsets.all())
            if (jobset.namespace, jobset.subdomain) == place and not jobset.status.finished
            for name in _starting_names(jobset)
        }
        return expected - there

    def _write(self, published: Mapping[Name, tuple[str, ...]]) -> None:
        if published == self._written:
            return
        if self.way.name is WayName.HOSTS_FILE:
            seen = published_lines(published, self.namespace, host_names=True)
            lines = "".join(f"{entry}\n" for entry in seen.values())
            change_file(lambda text: with_block(text, this_process(), lines))
        elif self.way.name is not WayName.SUBSTITUTION:
            self._hosts.publish(published)
        self._written = published


def _pod_names(jobset: JobSet) -> Iterator[Name]:
    """The names that the pods of a JobSet will have."""
    for rjob in jobset.replicated_jobs:
        for index in range(rjob.replicas):
            job = job_name(jobset.name, rjob.name, index)
            for number in range(rjob.completions or rjob.parallelism or 1):
                yield Name(jobset.namespace, f"{pod_hostname(job, number)}.{jobset.subdomain}")


def _starting_names(jobset: JobSet) -> Iterator[Name]:
    """The names of the pods that a JobSet starts without waiting for another role."""
    policy = jobset.spec.startup_policy
    in_order = policy is not None and policy.startup_policy_order == StartupOrder.IN_ORDER
    for rjob in jobset.replicated_jobs[: 1 if in_order else None]:
        if rjob.depends_on or rjob.job_spec.get("completionMode") == "NonIndexed":
            continue
        parallelism = 1 if rjob.parallelism is None else rjob.parallelism
        pods = parallelism if rjob.completions is None else min(parallelism, rjob.completions)
        for index in range(rjob.replicas):
            job = job_name(jobset.name, rjob.name, index)
            for number in range(pods):
                yield Name(jobset.namespace, f"{pod_hostname(job, number)}.{jobset.subdomain}")


def _will_not_start(pod: Object) -> bool:
    """Whether it makes no sense to wait for the pod's address."""
    status = pod.get("status") or {}
    conditions = status.get("conditions") or ()
    is_stuck = any(c["type"] == "PodScheduled" and c["status"] == "False" for c in conditions)
    return is_stuck or status.get("phase") in ("Succeeded", "Failed")


def _is_news(before: Object | None, after: Object | None) -> bool:
    """Whether the change can change what is published."""
    return before is None or after is None or _published_facts(before) != _published_facts(after)


def _published_facts(pod: Object) -> tuple[Any, ...]:
    status, metadata = pod.get("status") or {}, pod["metadata"]
    ready = [c["status"] for c in status.get("conditions") or () if c["type"] == "Ready"]
    return (
        status.get("podIP"),
        status.get("phase"),
        metadata.get("deletionTimestamp"),
        metadata.get("labels"),
        ready,
    )


def _one_line(sentence: str) -> str:
    flat = " ".join(sentence.split())
    return flat if len(flat) <= 200 else f"{flat[:120]} … {flat[-70:]}"
