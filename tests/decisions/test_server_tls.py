"""Which clients a server of ours takes, by its configuration: real handshakes, in memory."""

import ssl
from pathlib import Path

import pytest

from jobset.controller.configuration import TlsSettings
from jobset.controller.server_tls import build_server_context
from tests.certificates import Authority

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
GCM_256 = "ECDHE-ECDSA-AES256-GCM-SHA384"
GCM_128 = "ECDHE-ECDSA-AES128-GCM-SHA256"
REFUSED = None


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate and its key."""
    pair = Authority.new().issue("server")
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(pair.certificate + pair.key)
    return file


def a_client(version: ssl.TLSVersion, suites: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # At security level 0 OpenSSL offers what it thinks little of, so that it is the server that refuses.
    context.set_ciphers(f"{suites or 'ALL'}:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[str, str] | None:
    """The version and the suite that both agree on; None when they do not."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server)
    called = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (caller, called):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return None
    cipher = caller.cipher()
    assert cipher is not None
    return caller.version() or "", cipher[0]


OLD = ssl.TLSVersion.TLSv1_1
HANDSHAKES: dict[str, tuple[TlsSettings | None, tuple[ssl.TLSVersion, str | None], str | None]] = {
    "by default not TLS 1.1": (None, (OLD, None), REFUSED),
    "by default TLS 1.2": (None, (TLS12, GCM_256), GCM_256),
    "by default TLS 1.3": (None, (TLS13, None), "TLS_AES_256_GCM_SHA384"),
    "an empty section is the default": (TlsSettings(), (OLD, None), REFUSED),
    "TLS 1.2 when asked for": (TlsSettings(min_version="VersionTLS12"), (TLS12, GCM_256), GCM_256),
    "TLS 1.3 only": (TlsSettings(min_version="VersionTLS13"), (TLS12, None), REFUSED),
    "TLS 1.3 at least": (
        TlsSettings(min_version="VersionTLS13"),
        (TLS13, None),
        "TLS_AES_256_GCM_SHA384",
    ),
    "a suite that was asked for": (
        TlsSettings(cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",)),
        (TLS12, f"{GCM_256}:{GCM_128}"),
        GCM_128,
    ),
    "another suite": (
        TlsSettings(cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",)),
        (TLS12, GCM_256),
        REFUSED,
    ),
    "suites say nothing of TLS 1.3": (
        TlsSettings(cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",)),
        (TLS13, None),
        "TLS_AES_256_GCM_SHA384",
    ),
    "suites of TLS 1.3 leave none for TLS 1.2": (
        TlsSettings(cipher_suites=("TLS_AES_128_GCM_SHA256",)),
        (TLS12, None),
        REFUSED,
    ),
    "a suite that OpenSSL has lost is not offered": (
        TlsSettings(cipher_suites=("TLS_RSA_WITH_RC4_128_SHA",)),
        (TLS12, None),
        REFUSED,
    ),
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize(("settings", "client", "suite"), HANDSHAKES.values(), ids=HANDSHAKES)
def test_which_clients_a_server_takes(
    certificate: Path,
    settings: TlsSettings | None,
    client: tuple[ssl.TLSVersion, str | None],
    suite: str | None,
) -> None:
    server = build_server_context(settings)
    server.load_cert_chain(certificate)

    agreed = shake_hands(server, a_client(*client))

    assert (agreed and agreed[1]) == suite
