"""The API server that the contract is checked on, and a namespace of its own for every test."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from random import Random

import pytest

from jobset.kube.client import Client
from jobset.kube.resources import NAMESPACES
from jobset.kube.transport import Transport
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import wall_clock
from jobset.local.garbage import GarbageCollector
from jobset.local.namespaces import NamespaceController

_NUMBERS = count()


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    server = ApiServer(clock=wall_clock, random=Random(1))
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
    name = f"contract-{next(_NUMBERS)}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    await client.delete(NAMESPACES, None, name)
