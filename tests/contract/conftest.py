"""The API server that the contract is checked on, a namespace for every test; starters of containers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from jobset.kube.client import Client
from jobset.kube.resources import NAMESPACES
from jobset.kube.transport import Transport
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import wall_clock
from jobset.local.garbage import GarbageCollector
from jobset.local.namespaces import NamespaceController
from jobset.local.plugins import Plugin
from jobset.local.processes.client import ProcessStarter
from jobset.local.processes.fork import fork_starter
from tests.contract.containers import Output
from tests.control_plane.processes import ControlPlane


@pytest.fixture(params=["local", pytest.param("real", marks=pytest.mark.control_plane)])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """Every API server that the contract holds for."""
    if request.param == "real":
        plane: ControlPlane = request.getfixturevalue("control_plane")
        # What the server says is asked about, not what a client makes of it.
        transport = plane.transport(retries=0)
        yield transport
        await transport.close()
    else:
        async with a_local_server() as transport:
            yield transport


@asynccontextmanager
async def a_local_server(admission: Sequence[Plugin] | None = None) -> AsyncIterator[Transport]:
    server = ApiServer(clock=wall_clock, random=Random(1), admission=admission)
    transport = LocalTransport(server)
    client = Client(transport)
    controllers = (GarbageCollector(client), NamespaceController(client))
    tasks = [asyncio.create_task(controller.run()) for controller in controllers]
    yield transport
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await transport.close()


@pytest.fixture
def client(transport: Transport) -> Client:
    return Client(transport)


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    name = f"contract-{uuid4()}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    await client.delete(NAMESPACES, None, name)


@pytest.fixture(
    params=[
        pytest.param(True, id="namespaces", marks=pytest.mark.namespaces),
        pytest.param(False, id="plain"),
    ]
)
async def starter(request: pytest.FixtureRequest) -> AsyncIterator[ProcessStarter]:
    starter = ProcessStarter(fork_starter(use_namespaces=request.param))
    if request.param and not starter.abilities.own_processes:
        await starter.close()
        pytest.skip(f"no namespaces here: {starter.abilities.missing}")
    yield starter
    await starter.close()


@pytest.fixture
async def isolating() -> AsyncIterator[ProcessStarter]:
    starter = ProcessStarter(fork_starter())
    if not starter.abilities.own_mounts:
        await starter.close()
        pytest.skip(f"no mount namespaces here: {starter.abilities.missing}")
    yield starter
    await starter.close()


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")
