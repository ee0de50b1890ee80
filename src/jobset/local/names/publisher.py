"""Keeps the names of a run: watches Pods and Services and tells programs where the pods are."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from jobset.kube.cache import WatchCache
from jobset.kube.client import Client
from jobset.kube.resources import PODS, SERVICES
from jobset.local.names.addresses import LoopbackAddresses
from jobset.local.names.hosts import published_lines
from jobset.local.names.hosts_files import HostsFiles, Published
from jobset.local.names.machine_hosts import change_file, this_process, with_block
from jobset.local.names.published import Name, Object, is_headless, own_name, published_names
from jobset.local.names.ways import WayName, substitute_names, wrapper_environment
from jobset.local.processes.starter import Launch, Mount

_log = logging.getLogger(__name__)
_SETTLE_SECONDS = 0.02
_WORK_SHARE = 0.1
"""The part of the time that may go into writing names while they change all the time."""
_SLOWEST = 0.5


@dataclass(slots=True, kw_only=True)
class PodNames:
    """How programs in a pod find other pods by name, one way for a whole run.

    `run` must run for as long as pods do.
    """

    client: Client
    way: WayName
    files: HostsFiles
    addresses: LoopbackAddresses | None = None
    mounts: tuple[Mount, ...] = ()
    """The run's resolver settings; only with namespaces."""
    all_addresses: bool = False
    """glibc gives all addresses of a name without being asked to."""
    wrapper_library: str = ""
    tell: Callable[[str], None] = lambda _: None
    pods: WatchCache = field(init=False)
    services: WatchCache = field(init=False)
    published: Published = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pods = WatchCache(client=self.client, resource=PODS)
        self.services = WatchCache(client=self.client, resource=SERVICES)
        self.pods.listen(self._pod_changed)
        self.services.listen(lambda _before, _after: self._changed.set())

    async def run(self) -> None:
        """Follow the API and publish what changes, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pods.run())
            group.create_task(self.services.run())
            group.create_task(self._publish_changes())

    def open(self, pod: Object, hostname: str, address: str) -> str | None:
        """The file that is the pod's /etc/hosts, kept current in place until `close`.

        None where a pod cannot have its own file.
        """
        if self.way not in (WayName.NAMESPACES, WayName.NSS_WRAPPER):
            return None
        return self.files.open(pod, hostname, address)

    def close(self, uid: str) -> None:
        """The pod's containers are gone: its hosts file may go. No error when unknown."""
        self.files.close(uid)

    def adapt(self, pod: Object, launch: Launch) -> Launch:
        """The launch as this machine's way with names wants it."""
        match self.way:
            case WayName.NAMESPACES:
                covered = {mount.target for mount in launch.mounts}
                added = tuple(mount for mount in self.mounts if mount.target not in covered)
                return replace(launch, mounts=launch.mounts + added, env=self._with_all(launch.env))
            case WayName.NSS_WRAPPER if launch.hosts_file is not None:
                env = wrapper_environment(
                    launch.env, self.wrapper_library, launch.hosts_file, launch.hostname
                )
                return replace(launch, env=env)
            case WayName.SUBSTITUTION:
                return self._substitute(pod, launch)
        return launch

    def shut(self) -> None:
        """Take back what is outside the run's own directory."""
        if self.way is WayName.HOSTS_FILE:
            change_file(lambda text: with_block(text, this_process(), ""))

    def _with_all(self, env: Mapping[str, str]) -> Mapping[str, str]:
        if self.all_addresses or "RESOLV_MULTI" in env:
            return env
        return {**env, "RESOLV_MULTI": "on"}

    def _substitute(self, pod: Object, launch: Launch) -> Launch:
        namespace = pod["metadata"]["namespace"]
        changed = substitute_names(launch.argv, launch.env, lambda word: self._address_of(word, namespace))
        for sentence in changed.told:
            # Pods of one role have the same values: one line for all of them.
            if sentence not in self._told:
                self._told.add(sentence)
                self.tell(f"pod {pod['metadata']['name']}: {sentence}")
        return replace(launch, argv=changed.argv, env=changed.env)

    def _address_of(self, word: str, seen_from: str) -> str | None:
        name = self._pod_named(word, seen_from)
        if name is None:
            return None
        if self.addresses is not None:
            # The pod may not exist yet: it will have this address.
            return self.addresses.reserve(name.full)
        return next(iter(self.published.get(name, ())), None)

    def _pod_named(self, word: str, seen_from: str) -> Name | None:
        """The pod that a word names, judging by the Services that exist."""
        labels = word.split(".")
        if len(labels) < 2:
            return None
        namespaces = [seen_from, *labels[2:3]]
        for namespace in namespaces:
            service = self.services.get(namespace, labels[1])
            name = Name(namespace, f"{labels[0]}.{labels[1]}")
            if service is not None and is_headless(service) and word in name.forms(seen_from):
                return name
        return None

    def _pod_changed(self, _before: Object | None, after: Object | None) -> None:
        self._changed.set()
        if after is not None and self.addresses is not None and self.way is WayName.SUBSTITUTION:
            name = own_name(after)
            if name is not None:
                self.addresses.learn(after["metadata"]["uid"], name.full)

    async def _publish_changes(self) -> None:
        await self.pods.synced()
        await self.services.synced()
        loop = asyncio.get_running_loop()
        pause = _SETTLE_SECONDS
        while True:
            await self._changed.wait()
            await asyncio.sleep(pause)
            self._changed.clear()
            began = loop.time()
            self._publish()
            pause = min(max(_SETTLE_SECONDS, (loop.time() - began) / _WORK_SHARE), _SLOWEST)

    def _publish(self) -> None:
        published = published_names(self.pods.all(), self.services.all())
        if published == self.published:
            return
        self.published = published
        try:
            if self.way is WayName.HOSTS_FILE:
                _publish_on_machine(published)
            else:
                self.files.publish(published)
        except (OSError, ExceptionGroup):
            # A full disk: the names of pods stay as they were, the run goes on.
            _log.exception("names could not be written")


def _publish_on_machine(published: Published) -> None:
    """Names of all namespaces in the machine's own file; the first namespace's short forms win."""
    lines: dict[str, str] = {}
    for namespace in sorted({name.namespace for name in published}):
        seen = {name: addresses for name, addresses in published.items() if name.namespace == namespace}
        for text in published_lines(seen, namespace, host_names=True).values():
            lines[text] = f"{text}\n"
    change_file(lambda text: with_block(text, this_process(), "".join(lines.values())))
