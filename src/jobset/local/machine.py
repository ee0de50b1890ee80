"""The control plane with a kubelet of this machine beside it: what a run runs on."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from jobset.api.gates import FeatureGates
from jobset.kube.client import Client
from jobset.local.apiserver import LocalTransport
from jobset.local.clock import wall_clock
from jobset.local.event_expiry import EventExpiry
from jobset.local.kubelet.claims import ClaimController
from jobset.local.kubelet.devices import Devices
from jobset.local.kubelet.kubelet import Kubelet
from jobset.local.kubelet.logs import LogSource
from jobset.local.kubelet.ports import Accounts, LogListener, NoAccounts, OneAddress, Tell
from jobset.local.kubelet.services import NodeSettings
from jobset.local.machine_node import MachineFacts, build_node, read_machine
from jobset.local.names.addresses import LoopbackAddresses, take_block
from jobset.local.names.port_conflicts import conflicting_ports, explain_port_conflict, read_holders
from jobset.local.names.ways import Way, WayName, choose_way, find_wrapper_library, read_environment
from jobset.local.plane import Plane, PlaneOptions
from jobset.local.pod_names import PodNames
from jobset.local.processes.client import ProcessStarter
from jobset.local.processes.file_limit import raise_file_limit
from jobset.local.processes.fork import StarterHandle
from jobset.local.processes.starter import Abilities
from jobset.local.runs.directory import RunDirectory
from jobset.local.runs.records import ContainerRun
from jobset.local.runs.report import Notice
from jobset.local.sparing_recorder import SparingRecorder


class MachineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What can be chosen about the machine."""

    gates: FeatureGates = FeatureGates()
    namespace: str = "default"
    names: WayName | None = None
    """The way with names; None: the best one."""
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Of the caller."""
    pass_environment: tuple[str, ...] = ()
    """Variables that containers get besides the usual ones."""
    wait_scale: float = 1.0
    strict_gpus: bool = False


_LOST = {
    "own_mounts": "volumes appear only at paths that this user may create, as links that all programs see",
    "own_processes": "processes are told from each other by descent, so one that hides may outlive its pod",
}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a run needs of the machine while it is open."""

    client: Client
    facts: MachineFacts
    way: Way
    directory: RunDirectory
    starter: ProcessStarter

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What programs must do without on this machine, told before the first pod starts."""
        abilities = self.starter.abilities
        lost = list(self.way.losses)
        lost += [
            f"{_LOST[name]} ({reason})"
            for name, reason in abilities.missing.items()
            if name in _LOST and not getattr(abilities, name)
        ]
        return tuple(Notice(object="this machine", field="", message=text) for text in lost)

    def explain(self, run: ContainerRun, lines: Sequence[str]) -> str:  # noqa: ARG002
        """What this machine knows about why a container failed, judging by its last lines; often nothing."""
        if conflicting_ports(lines) is None:
            return ""
        return explain_port_conflict(lines, read_holders(self.starter.programs())) or ""

    def log_file(self, run: ContainerRun) -> str:
        """The file that keeps the log of a container run."""
        return log_path(self.directory, run)


def log_path(directory: RunDirectory, run: ContainerRun) -> str:
    """Where the log of one run of a container is."""
    source = LogSource(
        namespace=run.namespace,
        pod=run.pod,
        pod_uid=run.uid,
        container=run.container,
        attempt=run.attempt,
    )
    return source.path(directory.logs)


@asynccontextmanager
async def open_machine(
    handle: StarterHandle,
    directory: RunDirectory,
    options: MachineOptions,
    listeners: Sequence[LogListener],
    tell: Tell,
) -> AsyncIterator[Machine]:
    """The machine at work. Leaving it kills what still runs, and nothing of it is left behind.

    Raises:
        WayRefused: the way with names that was asked for is not possible here.
    """
    starter = ProcessStarter(handle)
    raise_file_limit()
    addresses = None
    try:
        starter.remove_afterwards(directory.temporary)
        addresses = take_block()
        environment = read_environment(has_addresses=addresses is not None)
        way = choose_way(starter.abilities, options.names, environment)
        facts = read_machine()
        plane = Plane(_plane_options(facts, options))
        names = _names(plane.client, way, addresses, directory, options, starter.abilities, tell)
        accounts = _accounts(plane, options)
        kubelet = Kubelet(
            client=plane.client,
            starter=starter,
            settings=_settings(facts, options),
            paths=directory.paths,
            addresses=addresses or OneAddress(),
            names=names,
            accounts=accounts,
            recorder=SparingRecorder(inner=plane.recorder("kubelet"), clock=wall_clock),
            devices=Devices(count=facts.gpus, strict=options.strict_gpus),
            log_listeners=listeners,
            tell=tell,
        )
        async with plane:
            names.prepare()
            plane.run_beside(names.run())
            plane.run_beside(EventExpiry(client=plane.client, clock=wall_clock).run())
            plane.run_beside(ClaimController(client=plane.client, paths=directory.paths).run())
            running = plane.run_beside(kubelet.run())
            try:
                yield Machine(client=plane.client, facts=facts, way=way, directory=directory, starter=starter)
            finally:
                # Before the API goes: the last processes end while somebody still looks after them.
                running.cancel()
                await asyncio.wait([running])
    finally:
        await starter.close()
        if addresses is not None:
            addresses.close()


def _accounts(plane: Plane, options: MachineOptions) -> Accounts:
    if not options.gates.in_place_restart:
        return NoAccounts()
    from jobset.local.pod_api import PodApi  # here, because few runs have pods that speak to the API

    accounts = PodApi(transport=LocalTransport(plane.server))
    plane.run_beside(accounts.run())
    return accounts


def _names(
    client: Client,
    way: Way,
    addresses: LoopbackAddresses | None,
    directory: RunDirectory,
    options: MachineOptions,
    abilities: Abilities,
    tell: Tell,
) -> PodNames:
    return PodNames(
        client=client,
        way=way,
        addresses=addresses,
        folder=directory.names,
        namespace=options.namespace,
        wrapper_library=find_wrapper_library() if way.name is WayName.NSS_WRAPPER else None,
        mounts_files=abilities.own_mounts,
        tell=tell,
    )


def _plane_options(facts: MachineFacts, options: MachineOptions) -> PlaneOptions:
    return PlaneOptions(
        gates=options.gates,
        nodes=(build_node(facts),),
        host=facts.name,
        waits_for_claims=True,
        wait_scale=options.wait_scale,
    )


def _settings(facts: MachineFacts, options: MachineOptions) -> NodeSettings:
    return NodeSettings(
        node_name=facts.name,
        caller_environment=options.environment,
        pass_environment=options.pass_environment,
        allocatable=build_node(facts)["status"]["allocatable"],
        wait_scale=options.wait_scale,
    )
