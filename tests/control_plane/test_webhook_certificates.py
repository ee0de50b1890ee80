"""Certificates of the webhooks on a real API server, which asks servers that show them."""

import asyncio
import contextlib
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from jobset.controller.certificates.authority import make_authority, make_server, new_key
from jobset.controller.certificates.contents import Contents, read_bundles, read_contents, with_contents
from jobset.controller.certificates.keeper import CONFIGURATIONS, InternalCertificates
from jobset.controller.certificates.rotation import Pace
from jobset.controller.serving_certificate import CertificateReads
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError
from jobset.kube.resources import (
    CONFIG_MAPS,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    SECRETS,
    SERVICES,
    VALIDATING_WEBHOOKS,
    Resource,
)
from tests.certificates import certificate_shown
from tests.control_plane.fixtures import require_programs
from tests.control_plane.processes import BARE, ControlPlane, a_control_plane

pytestmark = pytest.mark.control_plane

USER = "jobset-certificates"
SERVICE, SECRET = "jobset-webhook-service", "jobset-webhook-server-cert"
PACE = Pace(introduction=timedelta(seconds=1), settling=timedelta(seconds=2), retiring=timedelta(seconds=4))
DAY = timedelta(days=1)
BOTH_KINDS = (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS)

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane for this file alone: the names of the configurations are the same for everybody."""
    require_programs()
    with a_control_plane(BARE) as plane:
        yield plane


@dataclass
class Replica:
    """A server that shows our certificates and says yes to everything."""

    certificates: InternalCertificates
    port: int

    @property
    def shown(self) -> bytes:
        return certificate_shown(self.certificates.context)


@dataclass
class World:
    """A namespace with an empty Secret, two configurations whose webhooks ask replicas, and replicas."""

    plane: ControlPlane
    client: Client
    namespace: str
    stack: AsyncExitStack
    ahead: timedelta = timedelta()
    replicas: list[Replica] = field(default_factory=list)

    @property
    def dns_name(self) -> str:
        return f"{SERVICE}.{self.namespace}.svc"

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def start(self) -> Replica:
        """A replica that may do no more than the manager may."""
        transport = self.plane.transport(USER, ())
        self.stack.push_async_callback(transport.close)
        certificates = InternalCertificates(
            client=Client(transport, page_size=500, streams_lists=True),
            namespace=self.namespace,
            secret_name=SECRET,
            dns_name=self.dns_name,
            clock=self.now,
            counts=CertificateReads(),
            context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            pace=PACE,
        )
        port = await self.stack.enter_async_context(serving(certificates))
        self.replicas.append(Replica(certificates, port))
        return self.replicas[-1]

    async def ready(self) -> None:
        async with asyncio.timeout(20):
            for replica in self.replicas:
                await replica.certificates.ready()

    async def install(self) -> None:
        """Two configurations, each with a webhook that asks a replica about ConfigMaps of the namespace."""
        for resource, replica in zip(BOTH_KINDS, itertools.cycle(self.replicas), strict=False):
            await self.client.create(resource, self._configuration(resource, replica.port))

    def _configuration(self, resource: Resource, port: int) -> Object:
        service = {"name": SERVICE, "namespace": self.namespace, "path": "/review", "port": port}
        rule = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "resources": ["configmaps"],
            "operations": ["CREATE"],
        }
        webhook = {
            "name": "configmap.kb.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"service": service},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
        }
        return {"metadata": {"name": CONFIGURATIONS[resource]}, "webhooks": [webhook]}

    async def create_secret(self, contents: Contents | None = None) -> None:
        secret: Object = {"metadata": {"name": SECRET, "namespace": self.namespace}}
        await self.client.create(SECRETS, secret if contents is None else with_contents(secret, contents))

    async def contents(self) -> Contents:
        return read_contents(await self.client.get(SECRETS, self.namespace, SECRET))

    async def bundles(self) -> set[bytes]:
        found = [await self.client.get(kind, None, CONFIGURATIONS[kind]) for kind in BOTH_KINDS]
        return {bundle for each in found for bundle in read_bundles(each)}

    async def create_config_map(self) -> None:
        metadata = {"generateName": "asked-", "namespace": self.namespace}
        await self.client.create(CONFIG_MAPS, {"metadata": metadata})

    async def until(self, holds: Callable[[], Any], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.05)

    async def is_at_rest(self) -> bool:
        """Whether all agree: the Secret, the bundles, and what every replica shows."""
        contents = await self.contents()
        shown = {replica.shown for replica in self.replicas}
        authority = contents.authority.certificate
        return (
            not contents.previous
            and bool(authority)
            and await self.bundles() == {authority}
            and shown == {contents.server.certificate}
        )


@asynccontextmanager
async def serving(certificates: InternalCertificates) -> AsyncIterator[int]:
    """The port of a webhook that is asked over a new connection each time."""

    async def answer(request: web.Request) -> web.Response:
        asked = (await request.json())["request"]
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        response = web.json_response({**body, "response": {"uid": asked["uid"], "allowed": True}})
        response.force_close()
        return response

    app = web.Application()
    app.router.add_post("/review", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    running = asyncio.create_task(certificates.run())
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.context).start()
        yield runner.addresses[0][1]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        # A TLS connection takes a moment to close.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while runner.server is not None and runner.server.connections:
                    await asyncio.sleep(0.01)
        await runner.cleanup()


@pytest.fixture
async def world(plane: ControlPlane) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        transport = plane.transport()
        stack.push_async_callback(transport.close)
        client, namespace = Client(transport), f"certificates-{next(_numbers)}"
        await client.create(NAMESPACES, {"metadata": {"name": namespace}})
        service = {"type": "ExternalName", "externalName": "localhost"}
        metadata = {"name": SERVICE, "namespace": namespace}
        await client.create(SERVICES, {"metadata": metadata, "spec": service})
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(permissions(namespace)))
        stack.push_async_callback(uninstall, client)
        yield World(plane, client, namespace, stack)


async def uninstall(client: Client) -> None:
    for kind in BOTH_KINDS:
        await client.delete(kind, None, CONFIGURATIONS[kind])


def permissions(namespace: str) -> dict[str, Any]:
    """What the roles of the manager allow: nothing is created, nothing is patched."""
    group = "rbac.authorization.k8s.io"
    verbs = ["get", "list", "update", "watch"]
    kinds = [resource.plural for resource in BOTH_KINDS]
    hooks = {"apiGroups": [VALIDATING_WEBHOOKS.group], "resources": kinds, "verbs": verbs}
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}
    items = [
        part
        for prefix, rule, scope in (("Cluster", hooks, {}), ("", secrets, {"namespace": namespace}))
        for part in (
            {
                "apiVersion": f"{group}/v1",
                "kind": f"{prefix}Role",
                "metadata": {"name": USER, **scope},
                "rules": [rule],
            },
            {
                "apiVersion": f"{group}/v1",
                "kind": f"{prefix}RoleBinding",
                "metadata": {"name": USER, **scope},
                "roleRef": {"apiGroup": group, "kind": f"{prefix}Role", "name": USER},
                "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
            },
        )
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


async def test_an_empty_secret_is_filled_and_the_api_server_believes_what_is_shown(world: World) -> None:
    await world.create_secret()
    await world.start()
    await world.start()
    await world.install()

    await world.ready()

    assert await world.is_at_rest()
    await world.create_config_map()
    secret = await world.client.get(SECRETS, world.namespace, SECRET)
    assert sorted(secret["data"]) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]


async def test_a_bundle_that_was_overwritten_and_a_secret_that_was_emptied_are_restored(world: World) -> None:
    await world.create_secret()
    await world.start()
    await world.install()
    await world.ready()
    before = await world.contents()

    for kind in BOTH_KINDS:
        change = [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": "Cg=="}]
        name = f"{kind.plural}/{CONFIGURATIONS[kind]}"
        world.plane.kubectl("patch", name, "--type=json", f"-p={json.dumps(change)}")
    await world.until(world.is_at_rest)
    await world.client.patch(SECRETS, world.namespace, SECRET, {"data": None})
    await world.until(world.is_at_rest)
    await world.client.delete(SECRETS, world.namespace, SECRET)
    await world.create_config_map()
    await world.create_secret()
    await world.until(world.is_at_rest)

    assert await world.contents() == before
    await world.create_config_map()


@dataclass
class Load:
    """Requests without a pause, each of which has to be admitted by every webhook."""

    world: World
    refusals: list[str] = field(default_factory=list)
    admitted: int = 0
    is_over: bool = False

    async def run(self) -> None:
        while not self.is_over:
            try:
                await self.world.create_config_map()
            except ApiError as error:
                self.refusals.append(str(error))
            else:
                self.admitted += 1


async def test_no_request_is_refused_while_one_authority_follows_another(world: World) -> None:
    began = datetime.now(UTC)
    authority = make_authority(new_key(), began - 3565 * DAY)
    server = make_server(authority, world.dns_name, new_key(), began - 11 * DAY)
    await world.create_secret(Contents(authority=authority, server=server))
    # On this clock the authority has more than 90 days left.
    world.ahead = -10 * DAY
    await world.start()
    await world.start()
    await world.install()
    await world.ready()
    load = Load(world)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(load.run())
        await asyncio.sleep(1)
        assert await world.contents() == Contents(authority=authority, server=server)

        world.ahead = timedelta()
        looked = {"metadata": {"annotations": {"looked": "yes"}}}
        await world.client.patch(SECRETS, world.namespace, SECRET, looked)
        await world.until(lambda: is_renewed(world, authority.certificate))
        renewed = load.admitted
        await asyncio.sleep(1)
        load.is_over = True

    assert load.refusals == []
    assert load.admitted > renewed > 10


async def is_renewed(world: World, before: bytes) -> bool:
    return (await world.contents()).authority.certificate != before and await world.is_at_rest()


async def test_no_request_is_refused_while_a_certificate_follows_another(world: World) -> None:
    began = datetime.now(UTC)
    authority = make_authority(new_key(), began)
    first, second = (make_server(authority, world.dns_name, new_key(), began) for _ in range(2))
    await world.create_secret(Contents(authority=authority, server=first))
    await world.start()
    await world.install()
    await world.ready()
    load = Load(world)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        secret = await world.client.get(SECRETS, world.namespace, SECRET)
        contents = Contents(authority=authority, server=second)
        await world.client.update(SECRETS, with_contents(secret, contents))
        await world.until(world.is_at_rest)
        await asyncio.sleep(0.5)
        load.is_over = True

    assert load.refusals == []
    assert load.admitted > 0
    assert world.replicas[0].shown == second.certificate
