"""Metrics over HTTPS, for those who may read them."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiohttp import web

from jobset.controller.configuration import Configuration, TlsSettings
from jobset.controller.exposition import read_series, render_series
from jobset.controller.scrapers import Scrapers
from jobset.controller.self_signed import make_self_signed
from jobset.controller.series import Sources
from jobset.controller.server_tls import build_server_context
from jobset.controller.serving_certificate import CertificateFolder, CertificateReads, install_key_pair

log = logging.getLogger(__name__)

PATH = "/metrics"
EXTERNAL_CERTIFICATES = Path("/tmp/k8s-metrics-server/serving-certs")
_MANY_SERIES = 500
"""More of them are rendered in a thread: the loop has Jobs to look after."""
_WORTH_COMPRESSING = 1400
_REVIEWS_AT_ONCE = 8


def metrics_app(sources: Sources, scrapers: Scrapers) -> web.Application:
    """Serves `/metrics`; of those who may not, the API server decides."""
    # Nobody who knocks at this port may keep the API server busy.
    reviewing = asyncio.Semaphore(_REVIEWS_AT_ONCE)

    async def answer(request: web.Request) -> web.Response:
        async with reviewing:
            refusal = await scrapers.refuse(
                request.headers.get("Authorization"), request.method.lower(), request.path
            )
        if refusal is not None:
            if refusal.cause:
                log.error("%s", refusal.text, extra={"error": refusal.cause})
            return web.Response(status=refusal.code, text=refusal.text + "\n")
        return await _render(sources, request)

    app = web.Application()
    app.router.add_get(PATH, answer)
    return app


async def _render(sources: Sources, request: web.Request) -> web.Response:
    reading, accept = read_series(sources), request.headers.get("Accept", "")
    if reading.size > _MANY_SERIES:
        body, content_type = await asyncio.to_thread(render_series, reading, accept)
    else:
        body, content_type = render_series(reading, accept)
    answer = web.Response(body=body, headers={"Content-Type": content_type})
    if len(body) > _WORTH_COMPRESSING:
        answer.enable_compression()
    return answer


@dataclass(frozen=True, slots=True)
class CertificateSource:
    """Where the certificate comes from: a folder, looked at every `look_seconds`, or nowhere."""

    folder: Path | None
    look_seconds: float = 10.0

    @classmethod
    def of(cls, configuration: Configuration) -> "CertificateSource":
        """What was configured: a folder, that of certificates from elsewhere, or none."""
        if configuration.metrics.cert_dir:
            return cls(Path(configuration.metrics.cert_dir))
        return cls(None if configuration.internal_cert_management.enable else EXTERNAL_CERTIFICATES)


@contextlib.asynccontextmanager
async def metrics_tls(
    source: CertificateSource,
    tls: TlsSettings | None,
    counts: CertificateReads,
    clock: Callable[[], datetime],
) -> AsyncIterator[ssl.SSLContext]:
    """The context of the server, which follows its files as long as this is open.

    Where a folder has no files yet, a certificate that signs itself stands in for them.

    Raises:
        UnusableCertificate: the files of the folder are no good.
    """
    context = build_server_context(tls)
    # No HTTP/2: what only serves a few numbers needs none of its weaknesses.
    context.set_alpn_protocols(["http/1.1"])
    files = None
    if source.folder is not None:
        files = CertificateFolder(source.folder, counts, source.look_seconds)
    if files is None or not files.load(context):
        if files is not None:
            log.warning(
                "no certificate yet: one that signs itself is used", extra={"folder": str(files.folder)}
            )
        install_key_pair(context, make_self_signed(clock()))
    following = asyncio.create_task(files.follow(context)) if files is not None else None
    try:
        yield context
    finally:
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
