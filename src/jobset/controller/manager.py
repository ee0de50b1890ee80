"""The manager: controllers, leader election and servers as one process on a real cluster."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from jobset.api.gates import FeatureGates
from jobset.controller.certificates import WebhookCertificates, webhook_certificates
from jobset.controller.configuration import Configuration
from jobset.controller.debug import add_debug_endpoints
from jobset.controller.health import Check, Unhealthy, health_app
from jobset.controller.leader import Election, LeadershipLost, LeaseSettings
from jobset.controller.metrics import RequestMetrics
from jobset.controller.metrics_server import CertificateSource, metrics_app, metrics_tls
from jobset.controller.placement import PlacementController
from jobset.controller.plan_history import PlanHistory
from jobset.controller.reconcile import JobSetController
from jobset.controller.scrapers import Scrapers
from jobset.controller.series import ControllerSource, Sources
from jobset.controller.serving_certificate import CertificateReads
from jobset.controller.settings import Settings
from jobset.controller.webhooks.paths import jobset_webhooks
from jobset.controller.webhooks.reachable import check_reachable
from jobset.controller.webhooks.server import WebhookServer
from jobset.kube.access import ClusterAccess
from jobset.kube.client import Client
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.in_flight import InFlight
from jobset.kube.rate_limit import RateLimited
from jobset.kube.transport import Transport

log = logging.getLogger(__name__)

_GRACE_SECONDS = 30.0
_PAGE = 500
_WORKERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerOptions:
    """One manager: what was configured, and who and where it is.

    `identity` tells candidates for the lease apart; `host` is what events say they come from; `namespace` is
    where the Secret of the webhooks' certificate is.
    """

    configuration: Configuration
    gates: FeatureGates
    access: ClusterAccess
    http: HttpSettings
    host: str
    identity: str
    lease_namespace: str
    namespace: str
    debug_endpoints: bool = False


@dataclass(slots=True)
class Manager:
    """Runs until it is told to stop, or may not go on."""

    options: ManagerOptions
    in_flight: InFlight = field(default_factory=InFlight)
    requests: RequestMetrics = field(default_factory=RequestMetrics)
    certificate_reads: CertificateReads = field(default_factory=CertificateReads)
    election: Election | None = field(init=False)
    client: Client = field(init=False)
    aside: Client = field(init=False)
    """For what also those do who do not lead, and what may not wait for the controllers."""
    jobsets: JobSetController = field(init=False)
    placement: PlacementController = field(init=False)
    webhooks: WebhookServer = field(init=False)
    certificates: WebhookCertificates = field(init=False)
    history: PlanHistory | None = field(init=False)
    _serves_webhooks: bool = False
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        options = self.options
        self.election = self._new_election() if options.configuration.leader_election.leader_elect else None
        self.client = Client(self._transport(), page_size=_PAGE, streams_lists=True)
        settings = Settings(gates=options.gates, host=options.host, workers=_WORKERS)
        self.history = PlanHistory(_now) if options.debug_endpoints else None
        self.jobsets = JobSetController(self.client, _now, settings, history=self.history)
        self.placement = PlacementController(self.client, _now)
        self.aside = Client(self._http_transport())
        self.webhooks = jobset_webhooks(options.gates, self.aside, self.placement)
        self.certificates = webhook_certificates(
            options.configuration, self.aside, options.namespace, _now, self.certificate_reads
        )

    async def run(self) -> None:
        """Work until a signal comes; turns that have begun are carried to their end.

        Raises:
            LeadershipLost: another may lead by now.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            async with self._serving():
                await self._work()
        finally:
            self.webhooks.offload.close()
            await self.client.close()
            await self.aside.close()
            if self.election is not None:
                await self.election.client.close()

    def stop(self) -> None:
        """End as soon as the turns that have begun are over; asked twice, end at once."""
        if self._stopping.is_set():
            log.warning("stopped at once")
            raise SystemExit(1)
        log.info("stopping")
        self._stopping.set()
        self.jobsets.queue.shut()
        self.placement.queue.shut()

    async def _work(self) -> None:
        background = [
            asyncio.create_task(worker)
            for worker in (
                self.jobsets.watch(),
                self.placement.watch(),
                self.jobsets.recorder.run(),
                self.certificates.run(),
                self._serve_webhooks(),
            )
        ]
        leading = asyncio.create_task(self._lead())
        told = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([*background, leading, told], return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                await self._finish(leading)
            for task in (*background, leading):
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            for task in (*background, leading):
                task.cancel()
            told.cancel()
            await asyncio.gather(*background, leading, told, return_exceptions=True)

    async def _finish(self, leading: "asyncio.Task[None]") -> None:
        """Let turns end and events go out, while the lease is kept; then let a successor begin."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                if self.election is None or self.election.leads:
                    await leading
                await self.jobsets.recorder.drain()
        if self.election is not None:
            await self.election.release()

    async def _lead(self) -> None:
        """Reconcile as long as we lead; returns when both queues are shut."""
        if self.election is not None:
            await self.election.win()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self.election.keep()) if self.election is not None else None
            working = (
                group.create_task(self.jobsets.work()),
                group.create_task(self.placement.work()),
            )
            await asyncio.wait(working)
            if keeping is not None:
                keeping.cancel()

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        health = self.options.configuration.health
        live: dict[str, Check] = {"healthz": _pass}
        ready: dict[str, Check] = {"readyz": self._is_ready}
        endpoints = {health.liveness_path: live, health.readiness_path: ready}
        app = health_app(endpoints)
        if self.history is not None:
            add_debug_endpoints(app, self.sources, self.history)
        async with serve(app, health.health_probe_bind_address), self._serving_metrics():
            yield

    async def _serve_webhooks(self) -> None:
        """Answer reviews as soon as there is a certificate, whoever leads, until cancelled."""
        await self.certificates.ready()
        settings = self.options.configuration.webhook
        address = f"{settings.host}:{settings.port}"
        async with serve(self.webhooks.app(), address, ssl_context=self.certificates.context):
            log.info("serving webhooks", extra={"address": address})
            self._serves_webhooks = True
            await asyncio.Event().wait()

    async def _is_ready(self) -> None:
        if (problem := self.certificates.problem()) is not None:
            raise Unhealthy(problem)
        if not self._serves_webhooks:
            raise Unhealthy("webhook server has not been started yet")
        settings = self.options.configuration.webhook
        await check_reachable(settings.host, settings.port)

    @contextlib.asynccontextmanager
    async def _serving_metrics(self) -> AsyncIterator[None]:
        configuration = self.options.configuration
        address = configuration.metrics.bind_address
        if address == "0":
            yield
            return
        app = metrics_app(self.sources, Scrapers(client=self.aside, elapsed=time.monotonic))
        source = CertificateSource.of(configuration)
        async with (
            metrics_tls(source, configuration.tls, self.certificate_reads, _now) as context,
            serve(app, address, ssl_context=context),
        ):
            yield

    @property
    def sources(self) -> Sources:
        """Where the numbers are that metrics tell."""
        jobsets, placement = self.jobsets, self.placement
        return Sources(
            jobsets=jobsets.metrics,
            controllers=(
                ControllerSource(
                    name="jobset",
                    turns=jobsets.turns,
                    queue=jobsets.queue,
                    caches=tuple(jobsets.observer.caches()),
                ),
                ControllerSource(
                    name="pod",
                    turns=placement.turns,
                    queue=placement.queue,
                    caches=(placement.pods, placement.nodes),
                ),
            ),
            requests=self.requests,
            in_flight=self.in_flight,
            events=jobsets.recorder,
            certificates=self.certificate_reads,
            reviews=self.webhooks.metrics,
            election=self.election,
        )

    def _transport(self) -> Transport:
        limit = self.options.configuration.client_connection.limit
        election = self.election
        transport: Transport = HttpTransport(
            self.options.access,
            self.options.http,
            self.in_flight,
            may_write=(lambda: election.leads) if election is not None else (lambda: True),
            answered=self.requests.answered,
        )
        return transport if limit is None else RateLimited(transport, *limit)

    def _new_election(self) -> Election:
        settings = self.options.configuration.leader_election
        return Election(
            client=Client(self._http_transport()),
            settings=LeaseSettings(
                name=settings.resource_name,
                namespace=self.options.lease_namespace,
                lease_duration=settings.lease_duration,
                renew_deadline=settings.renew_deadline,
                retry_period=settings.retry_period,
            ),
            identity=self.options.identity,
            clock=_now,
            elapsed=_elapsed,
        )

    def _http_transport(self) -> HttpTransport:
        """Connections of their own, that nothing else has to wait for."""
        return HttpTransport(self.options.access, self.options.http, answered=self.requests.answered)


@contextlib.asynccontextmanager
async def serve(app: web.Application, address: str, **site: Any) -> AsyncIterator[None]:
    """Serve on `host:port`, with an empty host on all interfaces; on `0` not at all."""
    if address == "0":
        yield
        return
    host, _, port = address.rpartition(":")
    # Slow readers do not hold up the end.
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=5.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]") or None, int(port), **site).start()
        yield
    finally:
        await runner.cleanup()


async def _pass() -> None:
    """Whoever answers is alive."""


def _now() -> datetime:
    return datetime.now(UTC)


def _elapsed() -> float:
    """Seconds that also pass while the machine sleeps, where the system can tell them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def run_manager(manager: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """The exit code of a manager: 0 after a signal, 1 when it could not go on."""
    code = 0
    try:
        asyncio.run(manager())
    except* LeadershipLost as lost:
        log.error("leader election lost: %s", "; ".join(str(error) for error in lost.exceptions))
        code = 1
    return code
