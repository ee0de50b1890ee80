"""Certificates of webhooks for tests, of keys that are kept; replicas of the manager in virtual time."""

import asyncio
import itertools
import random
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from jobset.controller.certificates.authority import make_authority, make_server, new_key
from jobset.controller.certificates.contents import (
    Contents,
    read_bundles,
    read_contents,
    with_bundle,
    with_contents,
)
from jobset.controller.certificates.keeper import CONFIGURATIONS, InternalCertificates
from jobset.controller.certificates.rotation import Pace
from jobset.controller.serving_certificate import CertificateReads, KeyPair
from jobset.kube.client import Client, Object
from jobset.kube.errors import TransportError
from jobset.kube.resources import SECRETS, Resource
from jobset.kube.transport import Request, Response, WatchEvent
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import EPOCH

SERVICE, NAMESPACE, SECRET = "jobset-webhook-service", "jobset-system", "jobset-webhook-server-cert"
DNS_NAME = f"{SERVICE}.{NAMESPACE}.svc"
LATE_SECONDS = 20
_SERVER_KEYS = 2
_MAKING_SECONDS = 0.1


@cache
def a_key(number: int) -> rsa.RSAPrivateKey:
    """Always the same key for a number."""
    return new_key()


@cache
def an_authority(number: int = 0, born: datetime = EPOCH) -> KeyPair:
    """An authority that is told apart by its number."""
    return make_authority(a_key(_SERVER_KEYS + number), born)


@cache
def a_server(number: int = 0, born: datetime = EPOCH, name: str = DNS_NAME, authority: int = 0) -> KeyPair:
    """A certificate for the server, signed by an authority that was born at EPOCH."""
    return make_server(an_authority(authority), name, a_key(number % _SERVER_KEYS), born)


@cache
def some_contents(number: int = 0, *before: int) -> Contents:
    """An authority and its server, made at EPOCH, after authorities with other numbers."""
    return Contents(
        authority=an_authority(number),
        server=a_server(authority=number),
        previous=b"".join(an_authority(each).certificate for each in before),
    )


@dataclass
class QuickMaker:
    """Makes certificates in virtual time, each authority with another key."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def authority(self, now: datetime) -> KeyPair:
        key = a_key(_SERVER_KEYS + next(self.numbers))
        await asyncio.sleep(_MAKING_SECONDS)
        return make_authority(key, now)

    async def server(self, authority: KeyPair, dns_name: str, now: datetime) -> KeyPair:
        await asyncio.sleep(_MAKING_SECONDS)
        return make_server(authority, dns_name, a_key(0), now)


class ShownContext(ssl.SSLContext):
    """TLS of a server that tells which certificate it shows."""

    shown: bytes = b""

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        super().load_cert_chain(certfile, keyfile, password)
        self.shown = Path(certfile).read_bytes()


@dataclass
class Road:
    """The way of a replica to the API server.

    It is open, cut, refused (writes are), deaf (writes are done, answers lost) or late (watches are).
    """

    inner: LocalTransport
    state: str = "open"
    writes: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        if self.state == "cut":
            raise TransportError("connection refused")
        if self.state == "refused" and request.method != "GET":
            status = {"code": 403, "reason": "Forbidden", "message": "secrets is forbidden"}
            return Response(code=403, body=status)
        if request.method != "GET":
            self.writes.append(request)
        answer = await self.inner.send(request)
        if self.state == "deaf" and request.method != "GET":
            raise TransportError("connection reset")
        return answer

    async def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        if self.state == "cut":
            raise TransportError("connection refused")
        async for event in self.inner.watch(request):
            if self.state == "cut":
                raise TransportError("connection reset")
            if self.state == "late":
                await asyncio.sleep(LATE_SECONDS)
            yield event

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Replica:
    """One replica of the manager, as far as it is about certificates."""

    road: Road
    context: ShownContext
    certificates: InternalCertificates
    task: asyncio.Task[None]

    @property
    def is_ready(self) -> bool:
        return self.certificates.problem() is None

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class World:
    """An API server with a Secret, two configurations with webhooks, and replicas; in virtual time."""

    def __init__(self, clock: Callable[[], datetime], pace: Pace = Pace()) -> None:
        self.server = ApiServer(clock=clock, random=random.Random(1))
        self.client = Client(LocalTransport(self.server))
        self.replicas: list[Replica] = []
        self.pace = pace
        self.ahead = timedelta()
        """How far the clocks of the replicas are before that of the server."""
        self._clock = clock
        self._maker = QuickMaker()
        self.server.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])

    def now(self) -> datetime:
        return self._clock() + self.ahead

    def start(self) -> Replica:
        road, context = Road(LocalTransport(self.server)), ShownContext(ssl.PROTOCOL_TLS_SERVER)
        certificates = InternalCertificates(
            client=Client(road),
            namespace=NAMESPACE,
            secret_name=SECRET,
            dns_name=DNS_NAME,
            clock=self.now,
            counts=CertificateReads(),
            context=context,
            pace=self.pace,
            maker=self._maker,
        )
        replica = Replica(road, context, certificates, asyncio.create_task(certificates.run()))
        self.replicas.append(replica)
        return replica

    async def stop(self, replica: Replica) -> None:
        self.replicas.remove(replica)
        await replica.end()

    async def end(self) -> None:
        for replica in list(self.replicas):
            await self.stop(replica)

    # --- what somebody else does ---

    async def create_secret(self, contents: Contents | None = None, **parts: object) -> None:
        metadata = {"name": SECRET, "namespace": NAMESPACE}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **parts}
        await self.client.create(SECRETS, secret if contents is None else with_contents(secret, contents))

    async def edit_secret(self, data: dict[str, str] | None) -> None:
        await self.client.patch(SECRETS, NAMESPACE, SECRET, {"data": None})
        await self.client.patch(SECRETS, NAMESPACE, SECRET, {"data": data})

    async def delete_secret(self) -> None:
        await self.client.delete(SECRETS, NAMESPACE, SECRET)

    async def create_configuration(self, resource: Resource) -> None:
        await self.client.create(resource, a_configuration(resource))

    async def overwrite(self, resource: Resource, bundle: bytes) -> Object:
        configuration = await self.client.get(resource, None, CONFIGURATIONS[resource])
        return await self.client.update(resource, with_bundle(configuration, bundle))

    # --- what there is ---

    def secret(self) -> Object | None:
        return self.server.read(SECRETS, NAMESPACE, SECRET)

    def contents(self) -> Contents:
        secret = self.secret()
        assert secret is not None
        return read_contents(secret)

    def configuration(self, resource: Resource) -> Object | None:
        return self.server.read(resource, "", CONFIGURATIONS[resource])

    def bundles(self) -> list[bytes]:
        found = [self.configuration(resource) for resource in CONFIGURATIONS]
        return [bundle for each in found if each is not None for bundle in read_bundles(each)]


def a_configuration(resource: Resource) -> Object:
    """Two webhooks of one kind, as they are installed: nobody is believed yet."""
    service = {"name": SERVICE, "namespace": NAMESPACE, "path": "/p", "port": 443}
    webhooks = [
        {
            "name": f"{name}.kb.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"service": service},
        }
        for name in ("jobset", "pod")
    ]
    metadata = {"name": CONFIGURATIONS[resource], "labels": {"app": "jobset"}}
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    return {**kind, "metadata": metadata, "webhooks": webhooks}
