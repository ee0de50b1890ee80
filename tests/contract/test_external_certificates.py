"""Certificates of the webhooks that somebody else makes: shown when they come, followed when they change."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobset.controller.certificates import certificate_namespace, webhook_certificates
from jobset.controller.certificates.external import ExternalCertificates
from jobset.controller.certificates.keeper import InternalCertificates
from jobset.controller.configuration import (
    CertificateSettings,
    Configuration,
    TlsSettings,
    WebhookSettings,
)
from jobset.controller.serving_certificate import CertificateFolder, CertificateReads
from jobset.kube.client import Client
from tests.certificates import Authority, Pair, certificate_shown

THEIRS = CertificateSettings(enable=False, webhook_service_name=None, webhook_secret_name=None)
AUTHORITY = Authority.new()
FIRST, SECOND = AUTHORITY.issue("first.example"), AUTHORITY.issue("second.example")


def built(configuration: Configuration) -> ExternalCertificates | InternalCertificates:
    # A client without a transport: every request would fail.
    return webhook_certificates(
        configuration, Client(transport=None), "ns", lambda: datetime.now(UTC), CertificateReads()
    )


FOLDERS = {
    "given": ("/certs", Path("/certs")),
    "not given": ("", Path("/tmp/k8s-webhook-server/serving-certs")),
}


@pytest.mark.parametrize(("cert_dir", "folder"), FOLDERS.values(), ids=FOLDERS)
def test_where_certificates_of_somebody_else_are(cert_dir, folder):
    certificates = built(
        Configuration(internal_cert_management=THEIRS, webhook=WebhookSettings(cert_dir=cert_dir))
    )

    assert certificates.files.folder == folder


def test_certificates_of_our_own_have_their_names_from_the_configuration():
    ours = CertificateSettings(webhook_service_name="hooks", webhook_secret_name="cert")

    certificates = built(Configuration(internal_cert_management=ours))

    assert (certificates.namespace, certificates.secret_name) == ("ns", "cert")
    assert certificates.dns_name == "hooks.ns.svc"


@pytest.mark.parametrize("names", [THEIRS, CertificateSettings()], ids=["theirs", "ours"])
def test_the_tls_settings_count(names):
    tls = TlsSettings(min_version="VersionTLS13")

    certificates = built(Configuration(internal_cert_management=names, tls=tls))

    assert certificates.context.minimum_version == ssl.TLSVersion.TLSv1_3


NAMESPACES = {"in a pod": ("there\n", "there"), "not in a pod": (None, "jobset-system")}


@pytest.mark.parametrize(("text", "namespace"), NAMESPACES.values(), ids=NAMESPACES)
def test_the_namespace_is_that_of_the_pod(tmp_path, text, namespace):
    if text is not None:
        (tmp_path / "namespace").write_text(text)

    assert certificate_namespace(tmp_path) == namespace


def write(folder: Path, pair: Pair) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)


@asynccontextmanager
async def following(folder: Path) -> AsyncIterator[ExternalCertificates]:
    certificates = ExternalCertificates(
        files=CertificateFolder(folder, CertificateReads(), look_seconds=0.01),
        context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    running = asyncio.create_task(certificates.run())
    yield certificates
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_is_there_is_shown(tmp_path):
    write(tmp_path, FIRST)

    async with following(tmp_path) as certificates:
        async with asyncio.timeout(5):
            await certificates.ready()
        assert certificates.problem() is None
        assert certificate_shown(certificates.context) == FIRST.certificate


async def test_what_is_not_there_yet_is_waited_for(tmp_path, caplog):
    async with following(tmp_path / "later") as certificates:
        await asyncio.sleep(0.1)
        assert certificates.problem() == "certificates are not ready"
        write(tmp_path / "later", Pair(FIRST.certificate, SECOND.key))
        await asyncio.sleep(0.1)
        assert certificates.problem() == "certificates are not ready"

        write(tmp_path / "later", FIRST)
        async with asyncio.timeout(5):
            await certificates.ready()
        assert certificate_shown(certificates.context) == FIRST.certificate

    told = [record.problem for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == len(set(told)) == 2


async def test_what_changes_is_shown(tmp_path):
    write(tmp_path, FIRST)

    async with following(tmp_path) as certificates:
        await certificates.ready()
        write(tmp_path, SECOND)
        async with asyncio.timeout(5):
            while certificate_shown(certificates.context) != SECOND.certificate:
                await asyncio.sleep(0.01)
        assert certificates.problem() is None
