"""The webhooks of a whole manager: who serves them, with which certificate, and when it is ready."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from jobset.controller.health import Unhealthy
from jobset.controller.webhooks.paths import VALIDATE_JOBSET
from jobset.controller.webhooks.reachable import check_reachable
from tests.certificates import Authority
from tests.contract.whole_manager import World, a_manager, free_port

NOT_READY = "internal server error: certificates are not ready\n"
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "u",
        "operation": "CREATE",
        "namespace": "default",
        "object": {"metadata": {"name": "js"}, "spec": {"managedBy": "me"}},
    },
}


def write_pair(authority: Authority, folder: Path) -> None:
    pair = authority.issue("localhost")
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)


async def until_ready(world: World) -> None:
    async with asyncio.timeout(20):
        while (await world.health("/readyz"))[0] != 200:
            await asyncio.sleep(0.05)


async def ask(world: World, authority: Authority) -> Any:
    """What the validating webhook says, to somebody who believes that authority alone."""
    port = world.manager.options.configuration.webhook.port
    trust = ssl.create_default_context(cadata=authority.certificate.decode())
    trust.check_hostname = False
    url = f"https://127.0.0.1:{port}{VALIDATE_JOBSET}"
    async with world.session.post(url, json=REVIEW, ssl=trust) as answer:
        return (await answer.json())["response"]


async def test_readiness_waits_for_the_certificate_and_the_server(tmp_path):
    authority = Authority.new()
    async with a_manager(certificates=tmp_path) as world:
        early = await world.health("/readyz/readyz")
        write_pair(authority, tmp_path)
        await until_ready(world)
        late = await world.health("/readyz?verbose")

    assert early == (500, NOT_READY)
    assert late == (200, "[+]readyz ok\nhealthz check passed\n")


async def test_reviews_are_answered_and_counted(tmp_path):
    authority = Authority.new()
    write_pair(authority, tmp_path)
    async with a_manager(certificates=tmp_path) as world:
        await until_ready(world)
        response = await ask(world, authority)
        text = await world.metrics()

    assert (response["allowed"], response["status"]["code"]) == (False, 422)
    counter = "controller_runtime_webhook_requests_total"
    assert f'{counter}{{code="200",webhook="{VALIDATE_JOBSET}"}} 1.0' in text
    assert f'{counter}{{code="500",webhook="{VALIDATE_JOBSET}"}} 0.0' in text


async def test_who_does_not_lead_answers_reviews_too(tmp_path):
    authority = Authority.new()
    write_pair(authority, tmp_path)
    async with a_manager(certificates=tmp_path, holder="another") as world:
        await until_ready(world)
        response = await ask(world, authority)

        assert world.manager.election is not None
        assert not world.manager.election.leads
    assert not response["allowed"]


async def test_a_server_that_is_not_there_is_not_reachable():
    with pytest.raises(Unhealthy, match=r"^webhook server is not reachable: "):
        await check_reachable("127.0.0.1", free_port())


async def test_a_server_that_says_nothing_is_not_reachable():
    # Nobody takes what the kernel has taken.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Unhealthy, match=r"^webhook server is not reachable: timed out$"):
            await check_reachable("127.0.0.1", port, seconds=0.05)
