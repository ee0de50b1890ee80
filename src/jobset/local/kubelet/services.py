"""What the parts of the kubelet share: settings of the node, and the ports to everything else."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec

from jobset.local.clock import Clock
from jobset.local.kubelet.devices import Devices
from jobset.local.kubelet.directories import Paths
from jobset.local.kubelet.mounts import Links
from jobset.local.kubelet.objects import Objects
from jobset.local.kubelet.ports import Accounts, Addresses, LogListener, Names, Recorder, Tell
from jobset.local.kubelet.stopwatch import ForgivingTime
from jobset.local.processes.starter import Starter

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the kubelet of one node is told at its start."""

    node_name: str
    host_address: str = "127.0.0.1"
    caller_environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The environment of the caller; what containers get of it: `environment.PASSED_THROUGH`."""
    pass_environment: tuple[str, ...] = ()
    """More names to pass through."""
    allocatable: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What the node can give: the value of limits that are not set, for resourceFieldRef."""
    wait_scale: float = 1.0
    """Back-off times are multiplied by this; 1 is what Kubernetes does."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a pod's life on this node needs from outside."""

    settings: NodeSettings
    paths: Paths
    starter: Starter
    clock: Clock
    nanos: Callable[[], int]
    time: ForgivingTime
    addresses: Addresses
    names: Names
    accounts: Accounts
    recorder: Recorder
    tell: Tell
    log_listeners: tuple[LogListener, ...]
    devices: Devices
    links: Links
    objects: Objects
    spawn: Spawn
    wake: Callable[[str], None]
    """The pod with this uid needs a turn."""
