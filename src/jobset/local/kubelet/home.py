"""A pod's home on this machine: address, hosts file, volumes, devices; made before its first container."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobset.api.quantity import parse_quantity
from jobset.kube.resources import PERSISTENT_VOLUME_CLAIMS
from jobset.local.kubelet.directories import (
    bytes_used,
    empty_tree,
    make_volume,
    remove_tree,
    write_files,
)
from jobset.local.kubelet.facts import Eviction, Object, Problem
from jobset.local.kubelet.pod_sources import PodSources
from jobset.local.kubelet.pods import all_containers, hostname_of
from jobset.local.kubelet.services import Services
from jobset.local.kubelet.volumes import FILE_KINDS, NotYet, volume_files, volume_kind

_SIZE_CHECK_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class PodHome:
    """What a pod has on this machine."""

    services: Services
    pod: Object
    address: str = ""
    account: Mapping[str, str] = field(default_factory=dict)
    """The variables with which its programs find the API."""
    hosts_file: str | None = None
    volume_paths: Mapping[str, str] = field(default_factory=dict)
    read_only_volumes: frozenset[str] = frozenset()
    is_ready: bool = False
    is_released: bool = False
    problem: Problem | None = None
    """Why it is not ready yet."""
    eviction: Eviction | None = None
    """Why the pod must go from here."""

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return str(self.pod["metadata"]["uid"])

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return str(self.pod["metadata"].get("namespace", ""))

    @property
    def volumes(self) -> list[Object]:
        """The pod's volumes."""
        return list(self.pod["spec"].get("volumes") or ())

    async def make(self) -> None:
        """Make everything that can be made now; then it is ready, or there is a problem or an eviction."""
        services = self.services
        refused = services.devices.assign(self.pod)
        if refused is not None:
            self.eviction = Eviction(
                reason="UnexpectedAdmissionError", message=refused.message, is_disruption=False
            )
            return
        await services.objects.follow(self.pod)
        try:
            self.address = services.addresses.assign(self.uid)
            self.problem = self._make_volumes()
            if self.problem is None:
                folder = services.paths.account(self.uid)
                self.account = await services.accounts.open(self.pod, self.address, folder)
                self.hosts_file = services.names.open(self.pod, hostname_of(self.pod), self.address)
                await services.names.settled(self.pod)
                self.is_ready = True
        except Exception as error:
            # Whatever is lacking (addresses, disk, handles), the pod waits and says so.
            self.problem = Problem(reason="FailedCreatePodSandBox", message=str(error))

    def refresh(self) -> Problem | None:
        """Bring the files of its volumes up to date; what could not be."""
        sources = self.sources()
        for volume in self.volumes:
            if volume_kind(volume) in FILE_KINDS:
                try:
                    write_files(self.volume_paths[volume["name"]], volume_files(volume, sources))
                except (NotYet, OSError) as error:
                    return _mount_problem(volume, error)
        return None

    def sources(self) -> PodSources:
        """Where values for the pod come from."""
        return PodSources(
            pod=self.pod,
            objects=self.services.objects,
            address=self.address,
            host_address=self.services.settings.host_address,
            allocatable=self.services.settings.allocatable,
            volume_paths=self.volume_paths,
            now=lambda: self.services.clock().timestamp(),
        )

    @property
    def has_size_limits(self) -> bool:
        """Whether some volume must be watched."""
        return any(_size_limit(volume) is not None for volume in self.volumes)

    async def watch_sizes(self) -> None:
        """Returns when an emptyDir outgrew its limit, with an eviction, or when the home is released."""
        while not self.is_released:
            await self.services.time.sleep(_SIZE_CHECK_SECONDS)
            for volume in self.volumes:
                limit = _size_limit(volume)
                if limit is None or await self._bytes_in(volume) <= parse_quantity(limit).value:
                    continue
                message = f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{limit}". '
                self.eviction = Eviction(reason="Evicted", message=message)
                return

    def release(self) -> None:
        """Give back everything but the logs; nothing of the pod runs any more."""
        if self.is_released:
            return
        self.is_released = True
        services = self.services
        services.names.close(self.uid)
        services.accounts.close(self.uid)
        services.addresses.release(self.uid)
        services.devices.release(self.uid)
        services.links.release(self.uid)
        for container in all_containers(self.pod):
            services.links.release(f"{self.uid}/{container['name']}")
        services.objects.forget(self.pod)
        if self.volume_paths:
            services.spawn(self._remove_slowly())
        else:
            self.remove_directories()

    def remove_directories(self) -> None:
        """Remove what the pod had on disk; no error when it is gone."""
        for path in self._directories:
            remove_tree(path)

    async def _remove_slowly(self) -> None:
        # Volumes may hold very many files: other pods go on meanwhile.
        for path in self._directories:
            await empty_tree(path)
        self.remove_directories()

    @property
    def _directories(self) -> set[str]:
        paths = self.services.paths
        return {paths.pod(self.uid), paths.in_memory(self.uid)}

    async def _bytes_in(self, volume: Object) -> int:
        return await bytes_used(self.volume_paths[volume["name"]])

    def _make_volumes(self) -> Problem | None:
        paths: dict[str, str] = {}
        read_only: set[str] = set()
        sources = self.sources()
        for volume in self.volumes:
            name, kind = volume["name"], volume_kind(volume)
            try:
                self._check_claim(volume)
                paths[name] = make_volume(volume, self.pod, self.services.paths, sources)
            except (NotYet, OSError) as error:
                return _mount_problem(volume, error)
            if kind in FILE_KINDS or (volume.get(kind) or {}).get("readOnly"):
                read_only.add(name)
        self.volume_paths, self.read_only_volumes = paths, frozenset(read_only)
        return None

    def _check_claim(self, volume: Object) -> None:
        claim = volume.get("persistentVolumeClaim")
        if claim and not self.services.objects.get(
            PERSISTENT_VOLUME_CLAIMS, self.namespace, claim["claimName"]
        ):
            raise NotYet(f'persistentvolumeclaim "{claim["claimName"]}" not found')


def _mount_problem(volume: Object, error: Exception) -> Problem:
    text = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
    return Problem(reason="FailedMount", message=text)


def _size_limit(volume: Object) -> str | None:
    limit = (volume.get("emptyDir") or {}).get("sizeLimit")
    return None if limit is None else str(limit)
