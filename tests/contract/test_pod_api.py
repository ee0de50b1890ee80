"""The local API as pods meet it: who gets an account, and what it is worth."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobset.agent.account import read_account
from jobset.agent.transport import AgentTransport
from jobset.kube.client import Client, Selection
from jobset.kube.errors import ApiError, Forbidden
from jobset.kube.resources import JOBSETS
from tests.agent_process import LocalAgentWorld, a_local_agent_world, a_pod

RECREATE = {"failurePolicy": {"restartStrategy": "Recreate"}}
OWN = Selection(namespace="default", field_selector="metadata.name=js")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[LocalAgentWorld]:
    async with a_local_agent_world(tmp_path) as world:
        yield world


async def client_of(world: LocalAgentWorld, pod: str) -> Client:
    return Client(AgentTransport(read_account(await world.account(pod)), "test/1"))


async def test_a_pod_hears_of_its_jobset_alone(world: LocalAgentWorld) -> None:
    await world.create("p")
    client = await client_of(world, "p")

    (jobset,) = (await client.list(JOBSETS, OWN)).items
    with pytest.raises(Forbidden):
        await client.list(JOBSETS, Selection(namespace="default"))

    assert jobset["metadata"]["name"] == "js"


async def test_a_pod_that_is_over_is_nobody(world: LocalAgentWorld) -> None:
    await world.create("p")
    client = await client_of(world, "p")
    world.api.close((await world.pod("p"))["metadata"]["uid"])

    with pytest.raises(ApiError, match="Unauthorized"):
        await client.list(JOBSETS, OWN)


async def test_only_who_may_read_the_folder_knows_the_token(world: LocalAgentWorld) -> None:
    await world.create("p")
    folder = Path((await world.account("p"))["JOBSET_ACCOUNT_FOLDER"])

    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    assert {oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} == {"0o600"}


async def test_pods_of_a_jobset_that_is_recreated_get_no_account(
    world: LocalAgentWorld, tmp_path: Path
) -> None:
    await world.create("p", spec=RECREATE)
    pod = await world.pod("p")

    assert await world.api.open(pod, "127.0.0.1", str(tmp_path / "account")) == {}
    assert not (tmp_path / "account").exists()


NOBODYS = {"of a JobSet that is gone": a_pod("default", "p"), "of no JobSet": {"metadata": {"name": "p"}}}


@pytest.mark.parametrize("pod", NOBODYS.values(), ids=NOBODYS)
async def test_pods_of_nobody_get_no_account(world: LocalAgentWorld, pod: dict, tmp_path: Path) -> None:
    assert await world.api.open(pod, "127.0.0.1", str(tmp_path / "account")) == {}
