"""Certificates of our own: kept in a Secret, shown by our server, and believed by the API server."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol, TypeAlias, assert_never

from jobset.controller.certificates.authority import make_authority, make_server, new_key
from jobset.controller.certificates.contents import (
    Contents,
    read_bundles,
    read_contents,
    with_bundle,
    with_contents,
)
from jobset.controller.certificates.rotation import (
    Memory,
    NewAuthority,
    NewServer,
    Pace,
    Plan,
    Reading,
    SecretStep,
    Write,
    decide,
)
from jobset.controller.serving_certificate import CertificateReads, KeyPair, install_key_pair
from jobset.kube.cache import WatchCache, back_off
from jobset.kube.client import Client, Object, Selection
from jobset.kube.errors import ApiError, Conflict, TransportError
from jobset.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS, Resource

log = logging.getLogger(__name__)

CONFIGURATIONS: Mapping[Resource, str] = {
    VALIDATING_WEBHOOKS: "jobset-validating-webhook-configuration",
    MUTATING_WEBHOOKS: "jobset-mutating-webhook-configuration",
}
NOT_READY = "certificates are not ready"

_CALM_SECONDS = 60.0
_SHORTEST_WAIT = 0.05


class Maker(Protocol):
    """Makes authorities and certificates, which takes a while."""

    async def authority(self, now: datetime) -> KeyPair:
        """A new authority."""
        ...

    async def server(self, authority: KeyPair, dns_name: str, now: datetime) -> KeyPair:
        """A new certificate for a server, signed by an authority."""
        ...


class ThreadMaker:
    """Makes them in a thread, so that the loop goes on."""

    async def authority(self, now: datetime) -> KeyPair:
        """A new authority."""
        return await asyncio.to_thread(lambda: make_authority(new_key(), now))

    async def server(self, authority: KeyPair, dns_name: str, now: datetime) -> KeyPair:
        """A new certificate for a server, signed by an authority."""
        return await asyncio.to_thread(lambda: make_server(authority, dns_name, new_key(), now))


@dataclass(slots=True)
class Target:
    """An object that we write into, and how often that was tried lately.

    What fails is tried again later and later; so is what somebody else overwrites as soon as we have written.
    """

    cache: WatchCache
    namespace: str
    name: str
    _tries: int = 0
    _tried_at: float = float("-inf")
    _problem: str = ""

    @property
    def object(self) -> Object | None:
        """The object as we last heard of it; None where there is none."""
        return self.cache.get(self.namespace, self.name)

    def seconds_left(self, elapsed: float) -> float:
        """Until the next try; the first after a calm time goes at once."""
        if elapsed - self._tried_at >= _CALM_SECONDS:
            return 0.0
        return max(0.0, self._tried_at + back_off(self._tries) - elapsed)

    async def write(self, build: "Build", elapsed: float) -> None:
        """Try to write the object; why that fails is logged once."""
        self._tries = self._tries + 1 if elapsed - self._tried_at < _CALM_SECONDS else 1
        self._tried_at = elapsed
        client, resource = self.cache.client, self.cache.resource
        try:
            try:
                self.cache.note(await client.update(resource, await build()))
            except Conflict:
                # Somebody was faster: what they wrote may be just what we wanted.
                self.cache.note(await client.get(resource, self.namespace, self.name))
        except (ApiError, TransportError) as error:
            if str(error) != self._problem:
                log.warning("certificates: %s: %s", self.name, error)
            self._problem = str(error)
        else:
            self._problem = ""


Build: TypeAlias = Callable[[], Awaitable[Object]]


@dataclass(slots=True, kw_only=True)
class InternalCertificates:
    """Keeps the Secret filled and current, shows its certificate, and puts its authority into all webhooks.

    Every replica does so for itself, whether or not it leads: `client` must be one that may always write. The
    Secret and the configurations of the webhooks are never created, only waited for. Ready is a replica that
    shows a certificate and has seen its authority in each webhook of those configurations that exist long
    enough for the API server to know; one that comes later gets the authority when it comes.

    When the API server cannot be reached or refuses, what is shown stays, and what failed is tried again.
    """

    client: Client
    namespace: str
    secret_name: str
    dns_name: str
    clock: Callable[[], datetime]
    counts: CertificateReads
    context: ssl.SSLContext
    pace: Pace = Pace()
    maker: Maker = field(default_factory=ThreadMaker)
    _secret: Target = field(init=False)
    _configurations: tuple[Target, ...] = field(init=False)
    _memory: Memory = Memory()
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._secret = self._target(SECRETS, self.namespace, self.secret_name)
        self._configurations = tuple(self._target(kind, "", name) for kind, name in CONFIGURATIONS.items())

    async def ready(self) -> None:
        """Returns when the API server takes what we show."""
        await self._ready.wait()

    def problem(self) -> str | None:
        """Why we are not ready; None from the first time on that we were."""
        return None if self._ready.is_set() else NOT_READY

    async def run(self) -> None:
        """Keep everything in order, until cancelled."""
        caches = [target.cache for target in (self._secret, *self._configurations)]
        async with asyncio.TaskGroup() as group:
            for cache in caches:
                group.create_task(cache.run())
            for cache in caches:
                await cache.synced()
            if self._secret.object is None:
                log.warning("waiting for the Secret of the certificates", extra={"secret": self.secret_name})
            await self._keep()

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            plan = decide(self._read(), self._memory, self.pace)
            self._take_in(plan)
            wait = await self._carry_out(plan)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait, _SHORTEST_WAIT)):
                    await self._changed.wait()

    def _read(self) -> Reading:
        secret = self._secret.object
        configurations = [target.object for target in self._configurations]
        return Reading(
            now=self.clock(),
            elapsed=_elapsed(),
            dns_name=self.dns_name,
            secret=read_contents(secret) if secret is not None else None,
            bundles=tuple(
                bundle for each in configurations if each is not None for bundle in read_bundles(each)
            ),
        )

    def _take_in(self, plan: Plan) -> None:
        served, before = plan.memory.served, self._memory.served
        self._memory = plan.memory
        if served is not None and (before is None or served.server != before.server):
            install_key_pair(self.context, served.server)
            self.counts.reads += 1
            log.info("certificate loaded", extra={"secret": self.secret_name})
        if plan.is_ready and not self._ready.is_set():
            log.info("certificates are ready", extra={"secret": self.secret_name})
            self._ready.set()

    async def _carry_out(self, plan: Plan) -> float:
        """Write what the plan says; returns the seconds until something is due again."""
        wait = plan.look_again.total_seconds()
        for target, build in self._writes(plan):
            if not target.seconds_left(_elapsed()):
                await target.write(build, _elapsed())
            wait = min(wait, target.seconds_left(_elapsed()))
        return wait

    def _writes(self, plan: Plan) -> tuple[tuple[Target, Build], ...]:
        """What to write, with the objects as they were when the plan was made."""
        found: list[tuple[Target, Build]] = []
        secret = self._secret.object
        if plan.secret is not None and secret is not None:
            found.append((self._secret, partial(self._filled, secret, plan.secret)))
        for target in self._configurations:
            configuration = target.object
            if plan.bundle is None or configuration is None:
                continue
            if any(bundle != plan.bundle for bundle in read_bundles(configuration)):
                found.append((target, partial(_injected, configuration, plan.bundle)))
        return tuple(found)

    async def _filled(self, secret: Object, step: SecretStep) -> Object:
        return with_contents(secret, await self._contents(step))

    async def _contents(self, step: SecretStep) -> Contents:
        match step:
            case Write(contents=contents):
                log.info("writing certificates", extra={"secret": self.secret_name})
                return contents
            case NewServer(authority=authority, previous=previous, because=because):
                log.info("new certificate", extra={"secret": self.secret_name, "because": because})
            case NewAuthority(previous=previous, because=because):
                log.info("new authority", extra={"secret": self.secret_name, "because": because})
                authority = await self.maker.authority(self.clock())
            case _:
                assert_never(step)
        server = await self.maker.server(authority, self.dns_name, self.clock())
        return Contents(authority=authority, server=server, previous=previous)

    def _target(self, resource: Resource, namespace: str, name: str) -> Target:
        selection = Selection(namespace=namespace or None, field_selector=f"metadata.name={name}")
        cache = WatchCache(client=self.client, resource=resource, selection=selection)
        cache.listen(lambda *_: self._changed.set())
        return Target(cache, namespace, name)


async def _injected(configuration: Object, bundle: bytes) -> Object:
    return with_bundle(configuration, bundle)


def _elapsed() -> float:
    return asyncio.get_running_loop().time()
