"""The authority of the webhooks and the certificate of their server: what is in them, and which are good."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jobset.controller.certificates.authority import authority_problem, make_server, server_problem
from jobset.controller.serving_certificate import KeyPair
from tests.certificates import Authority, encrypted
from tests.webhook_certificates import DNS_NAME, a_key, a_server, an_authority

BORN = datetime(2026, 1, 1, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
NINETY = timedelta(days=90)


def read(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def names(name: x509.Name) -> dict[str, str]:
    kinds = {NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATION_NAME: "O"}
    return {kinds[each.oid]: each.value for each in name}


def dns_names(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)


def usages(certificate: x509.Certificate) -> set[str]:
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    kinds = ("digital_signature", "key_encipherment", "data_encipherment", "key_cert_sign", "crl_sign")
    return {kind for kind in kinds if getattr(usage, kind)}


def test_the_authority():
    certificate = read(an_authority())

    assert names(certificate.subject) == names(certificate.issuer) == {"CN": "jobset-ca", "O": "jobset"}
    assert dns_names(certificate) == ["jobset-ca"]
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert usages(certificate) == {"digital_signature", "key_encipherment", "key_cert_sign"}
    assert certificate.not_valid_before_utc == BORN - HOUR
    assert certificate.not_valid_after_utc == BORN + timedelta(days=3650)


def test_the_server():
    certificate = read(a_server())

    assert names(certificate.subject) == {"CN": DNS_NAME}
    assert names(certificate.issuer) == {"CN": "jobset-ca", "O": "jobset"}
    assert dns_names(certificate) == [DNS_NAME]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert certificate.not_valid_before_utc == BORN - HOUR
    assert certificate.not_valid_after_utc == BORN + timedelta(days=365)


@pytest.mark.parametrize("pair", [an_authority(), a_server()], ids=["authority", "server"])
def test_keys_are_of_rsa_with_2048_bits_in_the_form_of_pkcs1(pair):
    key = load_pem_private_key(pair.key, None)

    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert pair.key.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
    assert pair.certificate.startswith(b"-----BEGIN CERTIFICATE-----\n")


def test_a_name_that_is_longer_than_a_common_name_may_be_is_in_the_alternatives():
    long = f"{'s' * 63}.{'n' * 63}.svc"

    certificate = read(make_server(an_authority(), long, a_key(0), BORN))

    assert names(certificate.subject) == {"CN": "s" * 63}
    assert dns_names(certificate) == [long]


ELSEWHERE = Authority.new("somebody")
EC_SIGNED = make_server(KeyPair(ELSEWHERE.pair.certificate, ELSEWHERE.pair.key), DNS_NAME, a_key(0), BORN)
OURS = an_authority()
END = BORN + timedelta(days=3650)

AUTHORITIES: dict[str, tuple[KeyPair, datetime, timedelta, str | None]] = {
    "ours": (OURS, BORN, NINETY, None),
    "ours in its last days": (OURS, END - DAY, timedelta(), None),
    "ours with exactly 90 days left": (OURS, END - NINETY, NINETY, None),
    "ours with less than 90 days left": (OURS, END - NINETY + SECOND, NINETY, "only until 2035-12-30"),
    "ours when it is over": (OURS, END + SECOND, timedelta(), "only until 2035-12-30"),
    "ours before its time": (OURS, BORN - 2 * HOUR, NINETY, "only from 2025-12-31"),
    "nothing": (KeyPair(b"", b""), BORN, NINETY, "no certificate"),
    "rubbish": (KeyPair(b"rubbish", b"rubbish"), BORN, NINETY, "no certificate"),
    "no key": (replace(OURS, key=b""), BORN, NINETY, "not the key"),
    "the key of another": (replace(OURS, key=an_authority(1).key), BORN, NINETY, "not the key"),
    "a key under a password": (replace(OURS, key=encrypted(OURS.key)), BORN, NINETY, "not the key"),
    "a server": (a_server(), BORN, NINETY, "not the certificate of an authority"),
}


@pytest.mark.parametrize(("pair", "now", "ahead", "problem"), AUTHORITIES.values(), ids=AUTHORITIES)
def test_who_may_sign(pair, now, ahead, problem):
    found = authority_problem(pair, now, ahead)

    assert (found is None) is (problem is None)
    assert problem is None or problem in found


def test_an_authority_with_another_kind_of_key_signs_as_well():
    pair = KeyPair(ELSEWHERE.pair.certificate, ELSEWHERE.pair.key)
    now = datetime.now(UTC)

    signed = make_server(pair, DNS_NAME, a_key(0), now)

    assert authority_problem(pair, now) is None
    assert server_problem(signed, pair.certificate, DNS_NAME, now) is None


def odd(**how: object) -> KeyPair:
    """A certificate of our authority that is not quite what a server needs."""
    key = how.get("key", a_key(0))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DNS_NAME)]))
        .issuer_name(read(OURS).subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(BORN - HOUR)
        .not_valid_after(BORN + timedelta(days=365))
    )
    for extension in how.get("extensions", (x509.SubjectAlternativeName([x509.DNSName(DNS_NAME)]),)):
        builder = builder.add_extension(extension, critical=False)
    pem = builder.sign(a_key(2), hashes.SHA256()).public_bytes(Encoding.PEM)
    return KeyPair(pem, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


SERVER = a_server()
SERVER_END = BORN + timedelta(days=365)
CLIENT_ONLY = (
    x509.SubjectAlternativeName([x509.DNSName(DNS_NAME)]),
    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
)

SERVERS: dict[str, tuple[KeyPair, datetime, timedelta, str | None]] = {
    "ours": (SERVER, BORN, NINETY, None),
    "with no usages at all": (odd(), BORN, NINETY, None),
    "with others after it": (
        replace(SERVER, certificate=SERVER.certificate + OURS.certificate),
        BORN,
        NINETY,
        None,
    ),
    "in its last days": (SERVER, SERVER_END - DAY, timedelta(), None),
    "with exactly 90 days left": (SERVER, SERVER_END - NINETY, NINETY, None),
    "with less than 90 days left": (SERVER, SERVER_END - NINETY + SECOND, NINETY, "only until 2027-01-01"),
    "when it is over": (SERVER, SERVER_END + SECOND, timedelta(), "only until 2027-01-01"),
    "before its time": (SERVER, BORN - 2 * HOUR, NINETY, "only from 2025-12-31"),
    "nothing": (KeyPair(b"", b""), BORN, NINETY, "no certificate"),
    "rubbish": (KeyPair(b"rubbish", SERVER.key), BORN, NINETY, "no certificate"),
    "the key of another": (replace(SERVER, key=a_server(1).key), BORN, NINETY, "not the key"),
    "of another authority with our name": (a_server(authority=1), BORN, NINETY, "not signed by ca.crt"),
    "of another authority": (EC_SIGNED, BORN, NINETY, "not signed by ca.crt"),
    "for another name": (a_server(name="other.jobset-system.svc"), BORN, NINETY, "the name jobset-webhook"),
    "for no name": (odd(extensions=()), BORN, NINETY, "the name jobset-webhook"),
    "for clients": (odd(extensions=CLIENT_ONLY), BORN, NINETY, "not for a server"),
    "with another kind of key": (odd(key=ec.generate_private_key(ec.SECP256R1())), BORN, NINETY, "RSA"),
}


@pytest.mark.parametrize(("pair", "now", "ahead", "problem"), SERVERS.values(), ids=SERVERS)
def test_which_certificate_a_server_may_show(pair, now, ahead, problem):
    found = server_problem(pair, OURS.certificate, DNS_NAME, now, ahead)

    assert (found is None) is (problem is None)
    assert problem is None or problem in found
