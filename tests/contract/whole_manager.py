"""A whole manager on a real connection, and somebody who looks at it."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from jobset.api.gates import FeatureGates
from jobset.controller.configuration import (
    Configuration,
    HealthSettings,
    LeaderElectionSettings,
    MetricsSettings,
    WebhookSettings,
)
from jobset.controller.manager import Manager, ManagerOptions
from jobset.kube.http import HttpSettings
from jobset.kube.resources import LEASES
from tests.contract.http_front import Front, an_api_server
from tests.control_plane.managers import OF_SOMEBODY_ELSE

LEASE = "6d4f6a47.jobset.x-k8s.io"
READS = {"Authorization": "Bearer reads"}


@dataclass
class World:
    """A manager, its API server, and somebody who looks at both."""

    api: Front
    manager: Manager
    session: aiohttp.ClientSession

    async def get(self, url: str, **headers: str) -> tuple[int, str]:
        async with self.session.get(url, headers=headers, ssl=False) as answer:
            return answer.status, await answer.text()

    async def metrics(self) -> str:
        address = self.manager.options.configuration.metrics.bind_address
        code, text = await self.get(f"https://{address}/metrics", **READS)
        assert code == 200
        return text

    async def health(self, path: str) -> tuple[int, str]:
        address = self.manager.options.configuration.health.health_probe_bind_address
        return await self.get(f"http://{address}{path}")

    async def debug(self, path: str) -> Any:
        address = self.manager.options.configuration.health.health_probe_bind_address
        async with self.session.get(f"http://{address}/debug/jobsets{path}") as answer:
            return answer.status, await answer.json() if answer.status == 200 else await answer.text()

    async def until(self, pattern: str) -> str:
        """The metrics, once a line of them looks like that."""
        async with asyncio.timeout(20):
            while not re.search(f"^{pattern}$", text := await self.metrics(), re.MULTILINE):
                await asyncio.sleep(0.05)
        return text


@asynccontextmanager
async def a_manager(
    *,
    debug: bool = False,
    elects: bool = True,
    holder: str = "",
    metrics: str = "",
    certificates: Path = Path("/nowhere"),
) -> AsyncIterator[World]:
    async with an_api_server() as api, aiohttp.ClientSession() as session:
        api.users["reads"] = {"username": "ann"}
        api.readers.add("ann")
        if holder:
            await api.client.create(LEASES, held_by(holder))
        options = ManagerOptions(
            configuration=Configuration(
                metrics=MetricsSettings(bind_address=metrics or free_address()),
                health=HealthSettings(health_probe_bind_address=free_address()),
                leader_election=LeaderElectionSettings(leader_elect=elects),
                internal_cert_management=OF_SOMEBODY_ELSE,
                webhook=WebhookSettings(host="127.0.0.1", port=free_port(), cert_dir=str(certificates)),
            ),
            gates=FeatureGates(),
            access=api.access,
            http=HttpSettings(user_agent="test"),
            host="here",
            identity="here_1",
            lease_namespace="default",
            namespace="default",
            debug_endpoints=debug,
        )
        manager = Manager(options)
        running = asyncio.create_task(manager.run())
        await reached(options.configuration.health.health_probe_bind_address, running)
        try:
            yield World(api, manager, session)
        finally:
            manager.stop()
            await asyncio.wait_for(running, 20)


def held_by(holder: str) -> dict[str, Any]:
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": LEASE, "namespace": "default"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 3600},
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def free_address() -> str:
    return f"127.0.0.1:{free_port()}"


async def reached(address: str, running: "asyncio.Task[None]") -> None:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(20):
        while not running.done():
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
    running.result()
