"""The metrics server on real sockets: who may read, with which certificate, and in which form."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jobset.controller.configuration import (
    CertificateSettings,
    Configuration,
    MetricsSettings,
    TlsSettings,
)
from jobset.controller.events import EventRecorder, SeriesEvents
from jobset.controller.metrics import Metrics, RequestMetrics
from jobset.controller.metrics_server import CertificateSource, metrics_app, metrics_tls
from jobset.controller.scrapers import Scrapers
from jobset.controller.series import Sources
from jobset.controller.serving_certificate import (
    CertificateFolder,
    CertificateReads,
    UnusableCertificate,
    install_key_pair,
)
from jobset.controller.webhooks.metrics import ReviewMetrics
from jobset.kube.client import Client
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.in_flight import InFlight
from tests.certificates import Authority, Pair, certificate_shown, encrypted
from tests.contract.http_front import Front, an_api_server

ANN = {"username": "ann", "uid": "u1", "groups": ["system:authenticated"], "extra": {"k": ["v"]}}
READS, LOOKS_ONLY = {"Authorization": "Bearer reads"}, {"Authorization": "Bearer looks-only"}


@dataclass
class World:
    """A metrics server and the API server that it asks; `now` is what its cache takes for the time."""

    api: Front
    jobsets: Metrics
    url: str = ""
    now: float = 0.0
    session: aiohttp.ClientSession = field(init=False)

    async def get(self, path: str = "/metrics", **headers: str) -> tuple[int, str]:
        async with self.session.get(self.url + path, headers=headers, ssl=False) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def a_metrics_server(
    folder: Path | None = None, tls: TlsSettings | None = None
) -> AsyncIterator[World]:
    async with an_api_server() as api, aiohttp.ClientSession() as session:
        api.users |= {"reads": ANN, "looks-only": {"username": "bob"}}
        api.readers.add("ann")
        world = World(api, Metrics())
        world.session = session
        reviews = Client(HttpTransport(api.access, HttpSettings(user_agent="test", request=2.0)))
        app = metrics_app(some_sources(world.jobsets), Scrapers(client=reviews, elapsed=lambda: world.now))
        source = CertificateSource(folder, look_seconds=0.02)
        async with metrics_tls(source, tls, CertificateReads(), lambda: datetime.now(UTC)) as context:
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            world.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
            yield world
            await runner.cleanup()
        await reviews.close()


def some_sources(jobsets: Metrics) -> Sources:
    return Sources(
        jobsets=jobsets,
        controllers=(),
        requests=RequestMetrics(),
        in_flight=InFlight(),
        events=EventRecorder(
            client=Client(transport=None),
            clock=lambda: datetime.now(UTC),
            form=SeriesEvents(controller="c", instance="i"),
        ),
        certificates=CertificateReads(),
        reviews=ReviewMetrics(()),
    )


# --- access ---------------------------------------------------------------------------------------

ACCESS = {
    "nobody": ({}, 401, "Unauthorized\n"),
    "an unknown token": ({"Authorization": "Bearer guessed"}, 401, "Unauthorized\n"),
    "no token": ({"Authorization": "Bearer "}, 401, "Unauthorized\n"),
    "another scheme": ({"Authorization": "Basic cmVhZHM="}, 401, "Unauthorized\n"),
    "who may not": (LOOKS_ONLY, 403, "Authorization denied for user bob\n"),
}


@pytest.mark.parametrize(("headers", "code", "text"), ACCESS.values(), ids=ACCESS)
async def test_who_may_not_read_hears_why(headers, code, text):
    async with a_metrics_server() as world:
        assert await world.get(**headers) == (code, text)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_reader_gets_the_metrics(scheme):
    async with a_metrics_server() as world:
        world.jobsets.finished("Completed", "default", "train")
        code, body = await world.get(Authorization=f"{scheme} reads")

    assert code == 200
    assert 'jobset_completed_total{jobset_name="train",namespace="default"} 1.0\n' in body
    assert "process_resident_memory_bytes" in body


async def test_the_api_server_is_asked_about_the_path_with_all_that_it_said_of_the_user():
    async with a_metrics_server() as world:
        await world.get(**READS)
        token, access = world.api.reviews

    assert (token["apiVersion"], token["spec"]) == ("authentication.k8s.io/v1", {"token": "reads"})
    assert (access["apiVersion"], access["kind"]) == ("authorization.k8s.io/v1", "SubjectAccessReview")
    assert access["spec"] == {
        "user": "ann",
        "uid": "u1",
        "groups": ["system:authenticated"],
        "extra": {"k": ["v"]},
        "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
    }


async def test_a_reader_is_believed_for_a_minute_and_nobody_else():
    async with a_metrics_server() as world:
        for world.now in (0, 30, 59.9):
            assert (await world.get(**READS))[0] == 200
        assert len(world.api.reviews) == 2
        world.api.readers.clear()
        world.now = 60.1
        assert (await world.get(**READS))[0] == 403
        world.api.readers.add("bob")
        assert (await world.get(**LOOKS_ONLY))[0] == 200


async def test_what_a_get_was_allowed_says_nothing_of_a_head():
    async with a_metrics_server() as world:
        await world.get(**READS)
        async with world.session.head(world.url + "/metrics", headers=READS, ssl=False) as answer:
            assert answer.status == 200

    verbs = [it["spec"]["nonResourceAttributes"]["verb"] for it in world.api.reviews if "user" in it["spec"]]
    assert verbs == ["get", "head"]


async def test_few_readers_are_remembered():
    async with a_metrics_server() as world:
        for number in range(70):
            world.api.users[f"t{number}"] = ANN
            await world.get(Authorization=f"Bearer t{number}")
        before = len(world.api.reviews)
        await world.get(Authorization="Bearer t69")
        assert len(world.api.reviews) == before
        await world.get(Authorization="Bearer t0")
        assert len(world.api.reviews) == before + 2


async def test_an_api_server_in_trouble_is_no_reason_to_let_anybody_in():
    async with a_metrics_server() as world:
        world.api.is_broken = True

        assert await world.get(**READS) == (500, "Authentication failed\n")


async def test_other_paths_are_not_there():
    async with a_metrics_server() as world:
        assert (await world.get("/", **READS))[0] == 404


# --- form -----------------------------------------------------------------------------------------

FORMS = {
    "nothing said": ("", "text/plain; version=0.0.4; charset=utf-8", False),
    "anything": ("*/*", "text/plain; version=0.0.4; charset=utf-8", False),
    "OpenMetrics": ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text; ", True),
    "as Prometheus asks": (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        True,
    ),
}


@pytest.mark.parametrize(("accept", "content_type", "is_open"), FORMS.values(), ids=FORMS)
async def test_the_form_is_the_one_that_was_asked_for(accept, content_type, is_open):
    headers = READS | ({"Accept": accept} if accept else {})
    async with (
        a_metrics_server() as world,
        world.session.get(world.url + "/metrics", headers=headers, ssl=False) as answer,
    ):
        body = await answer.text()

    assert answer.headers["Content-Type"].startswith(content_type)
    assert body.endswith("# EOF\n") is is_open


async def test_many_series_are_told_whole_and_compressed_while_the_loop_goes_on():
    async with a_metrics_server() as world:
        for number in range(20_000):
            world.jobsets.finished("Failed", "default", f"train-{number}")
        ticks = asyncio.create_task(tick())
        headers = READS | {"Accept-Encoding": "gzip"}
        async with world.session.get(world.url + "/metrics", headers=headers, ssl=False) as answer:
            took, longest = sum(GAPS), max(GAPS)
            body = await answer.text()
        ticks.cancel()

    assert answer.headers["Content-Encoding"] == "gzip"
    assert body.count("\njobset_failed_total{") == 20_000
    assert longest < took / 2


GAPS: list[float] = []


async def tick() -> None:
    """How long others had to wait for the loop."""
    GAPS.clear()
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.005)
        GAPS.append(loop.time() - before)


# --- certificates ---------------------------------------------------------------------------------


def shown_by(world: World, *, protocols: list[str] | None = None, **versions) -> "asyncio.Future[Shown]":
    return asyncio.ensure_future(shake_hands(int(world.url.rpartition(":")[2]), protocols, **versions))


@dataclass(frozen=True)
class Shown:
    """What a client learns from a handshake."""

    certificate: x509.Certificate
    protocol: str | None
    version: str | None

    @property
    def name(self) -> str:
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


async def shake_hands(port: int, protocols: list[str] | None, highest: ssl.TLSVersion | None = None) -> Shown:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    if highest:
        context.maximum_version = highest
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    socket = writer.get_extra_info("ssl_object")
    der = socket.getpeercert(binary_form=True)
    shown = Shown(x509.load_der_x509_certificate(der), socket.selected_alpn_protocol(), socket.version())
    writer.close()
    return shown


def write_pair(folder: Path, pair: Pair) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)


async def test_without_files_the_certificate_signs_itself():
    async with a_metrics_server() as world:
        shown = await shown_by(world)

    certificate = shown.certificate
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert (shown.name, certificate.issuer) == ("localhost", certificate.subject)
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc


async def test_the_certificate_comes_from_the_folder(tmp_path):
    write_pair(tmp_path, Authority.new().issue("metrics.example"))

    async with a_metrics_server(tmp_path) as world:
        assert (await shown_by(world)).name == "metrics.example"


async def test_changed_files_are_shown_to_new_connections_and_the_old_ones_stay(tmp_path):
    authority = Authority.new()
    write_pair(tmp_path, authority.issue("first.example"))

    async with a_metrics_server(tmp_path) as world:
        assert (await world.get(**READS))[0] == 200
        write_pair(tmp_path, authority.issue("second.example"))
        await until(world, "second.example")
        assert (await world.get(**READS))[0] == 200


async def test_files_that_do_not_fit_yet_change_nothing(tmp_path):
    authority = Authority.new()
    first, second = authority.issue("first.example"), authority.issue("second.example")
    write_pair(tmp_path, first)

    async with a_metrics_server(tmp_path) as world:
        write_pair(tmp_path, Pair(second.certificate, first.key))
        await asyncio.sleep(0.2)
        assert (await shown_by(world)).name == "first.example"
        write_pair(tmp_path, second)
        await until(world, "second.example")


async def test_files_that_come_later_replace_what_stood_in_for_them(tmp_path):
    async with a_metrics_server(tmp_path / "later") as world:
        assert (await shown_by(world)).name == "localhost"
        write_pair(tmp_path / "later", Authority.new().issue("late.example"))
        await until(world, "late.example")


async def until(world: World, name: str) -> None:
    async with asyncio.timeout(5):
        while (await shown_by(world)).name != name:
            await asyncio.sleep(0.01)


GOOD, OTHER = Authority.new().issue("a.example"), Authority.new().issue("b.example")
BAD = {
    "another's key": Pair(GOOD.certificate, OTHER.key),
    "no certificate": Pair(b"", GOOD.key),
    "no key": Pair(GOOD.certificate, b""),
    "a key under a password": Pair(GOOD.certificate, encrypted(GOOD.key)),
}


@pytest.mark.parametrize("pair", BAD.values(), ids=BAD)
def test_a_pair_that_is_no_good_is_refused_with_its_folder_and_the_context_keeps_its_own(tmp_path, pair):
    write_pair(tmp_path, pair)
    counts, context = CertificateReads(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    install_key_pair(context, GOOD)

    with pytest.raises(UnusableCertificate, match=str(tmp_path)):
        CertificateFolder(tmp_path, counts).load(context)

    assert (counts.reads, counts.errors) == (1, 1)
    assert certificate_shown(context) == GOOD.certificate


def test_what_has_not_changed_is_read_but_not_loaded_again(tmp_path):
    write_pair(tmp_path, GOOD)
    counts = CertificateReads()
    files, context = CertificateFolder(tmp_path, counts), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    assert [files.load(context) for _ in range(3)] == [True, True, True]

    assert (counts.reads, counts.errors) == (3, 0)


CERTS = {
    "a folder that was given": ({"cert_dir": "/certs"}, True, Path("/certs")),
    "a folder that was given, and certificates from elsewhere": (
        {"cert_dir": "/certs"},
        False,
        Path("/certs"),
    ),
    "certificates from elsewhere": ({}, False, Path("/tmp/k8s-metrics-server/serving-certs")),
    "certificates of our own": ({}, True, None),
}


@pytest.mark.parametrize(("given", "internal", "folder"), CERTS.values(), ids=CERTS)
def test_where_the_certificate_comes_from(given, internal, folder):
    configuration = Configuration(
        metrics=MetricsSettings(**given),
        internal_cert_management=CertificateSettings(enable=internal),
    )

    assert CertificateSource.of(configuration).folder == folder


@pytest.mark.parametrize("offered", [["h2", "http/1.1"], ["h2"], ["http/1.1"]], ids=" ".join)
async def test_http2_is_not_negotiated(offered):
    async with a_metrics_server() as world:
        assert (await shown_by(world, protocols=offered)).protocol in (None, "http/1.1")


async def test_the_tls_settings_count():
    async with a_metrics_server(tls=TlsSettings(min_version="VersionTLS13")) as world:
        assert (await shown_by(world)).version == "TLSv1.3"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shown_by(world, highest=ssl.TLSVersion.TLSv1_2)
    async with a_metrics_server() as world:
        assert (await shown_by(world, highest=ssl.TLSVersion.TLSv1_2)).version == "TLSv1.2"
