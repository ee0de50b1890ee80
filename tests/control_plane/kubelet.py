"""Nodes without machines: they stay Ready, and their pods live as a script says."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

from jobset.kube.client import Client, Selection
from jobset.kube.errors import AlreadyExists, ApiError, TransportError
from jobset.kube.resources import LEASES, NODES
from jobset.kube.transport import Request, Response, Transport
from jobset.local.clock import wall_clock
from jobset.local.scripted import Script, ScriptedPods

_LEASE_NAMESPACE = "kube-node-lease"
_LEASE_SECONDS = 40
_RENEWAL_SECONDS = 10.0
_AGAIN_SECONDS = 0.2
_FIRST_ADDRESS = IPv4Address("10.244.0.1")


def a_node(name: str, **labels: str) -> dict[str, Any]:
    """A roomy node that is ready."""
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "1Ti"}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [ready],
            "addresses": [{"type": "Hostname", "address": name}],
        },
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeKubelet:
    """Keeps nodes and plays pods that have a node; `run` lasts until it is cancelled.

    With a `namespace` only the pods there are played, on whatever node: tests that share a control plane
    share its nodes, and each plays its own pods.
    """

    transport: Transport
    script: Script
    nodes: tuple[Mapping[str, Any], ...] = (a_node("node-1"),)
    namespace: str | None = None
    start_seconds: float = 0.1
    ready_seconds: float = 0.0
    _registered: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Register the nodes, then keep them and play pods, for ever."""
        client = Client(PersistentTransport(self.transport))
        for node in self.nodes:
            await _register(client, node)
        self._registered.set()
        pods = ScriptedPods(
            client=client,
            clock=wall_clock,
            script=self.script,
            start_seconds=self.start_seconds,
            ready_seconds=self.ready_seconds,
            selection=Selection(namespace=self.namespace),
            addresses=_addresses(),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew(client))
            group.create_task(pods.run())

    async def registered(self) -> None:
        """Returns when the nodes can take pods."""
        await self._registered.wait()

    async def _renew(self, client: Client) -> None:
        while True:
            for node in self.nodes:
                patch = {"spec": {"renewTime": _micro_time()}}
                await client.patch(LEASES, _LEASE_NAMESPACE, node["metadata"]["name"], patch)
            await asyncio.sleep(_RENEWAL_SECONDS)


@dataclass(frozen=True, slots=True)
class PersistentTransport:
    """Asks again until the server answers: a kubelet outlives its API server.

    Only for a kubelet's writes, which mean the same when they are repeated.
    """

    inner: Transport

    async def send(self, request: Request) -> Response:
        while True:
            try:
                answer = await self.inner.send(request)
            except TransportError:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            if answer.code < 500 and answer.code != 429:
                return answer
            await asyncio.sleep(_AGAIN_SECONDS)

    def watch(self, request: Request) -> Any:
        return self.inner.watch(request)

    async def close(self) -> None:
        await self.inner.close()


async def register_nodes(transport: Transport, nodes: Iterable[Mapping[str, Any]]) -> None:
    """Give a control plane nodes that stay ready, as long as nobody there judges them by their leases."""
    for node in nodes:
        await _register(Client(PersistentTransport(transport)), node)


async def _register(client: Client, node: Mapping[str, Any]) -> None:
    name = node["metadata"]["name"]
    lease = {
        "metadata": {"name": name, "namespace": _LEASE_NAMESPACE},
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": _LEASE_SECONDS,
            "renewTime": _micro_time(),
        },
    }
    for resource, body in ((LEASES, lease), (NODES, node)):
        try:
            await client.create(resource, body)
        except AlreadyExists:
            continue
    # Admission taints every new node as not ready; it is for others than a kubelet to take that away.
    try:
        await client.patch(NODES, None, name, {"spec": {"taints": None}})
    except ApiError as error:
        raise AssertionError(f"node {name} cannot be used: {error}") from error


def _addresses() -> Iterator[str]:
    number = 0
    while True:
        yield str(_FIRST_ADDRESS + number)
        number += 1


def _micro_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
