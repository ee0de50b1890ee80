"""The authority of the webhooks and the certificate of their server: how they are made, and how judged.

Names, usages and times of life are those of the existing manager, so that each can go on with what the other
has made.
"""

import ssl
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jobset.controller.serving_certificate import KeyPair, install_key_pair

AUTHORITY_NAME, ORGANIZATION = "jobset-ca", "jobset"
AUTHORITY_LIFE, SERVER_LIFE = timedelta(days=3650), timedelta(days=365)
BACK_DATED = timedelta(hours=1)
"""By how much certificates begin in the past: the clocks of a cluster differ."""

_KEY_SIZE = 2048
_LONGEST_COMMON_NAME = 64
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)
"""What reading a certificate or a part of it raises when it is malformed."""

ExtensionValue = TypeVar("ExtensionValue", bound=x509.ExtensionType)


def new_key() -> rsa.RSAPrivateKey:
    """A key for an authority or a server; takes about a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_SIZE)


def make_authority(key: rsa.RSAPrivateKey, now: datetime) -> KeyPair:
    """A new authority with this key."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY_NAME),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(AUTHORITY_NAME)]), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def make_server(authority: KeyPair, dns_name: str, key: rsa.RSAPrivateKey, now: datetime) -> KeyPair:
    """A certificate for a server of that name with this key, signed by a good authority."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    signer = serialization.load_pem_private_key(authority.key, None)
    assert isinstance(signer, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
    # A common name has no room for what a DNS name may be; nobody reads it where there are other names.
    common = dns_name if len(dns_name) <= _LONGEST_COMMON_NAME else dns_name.partition(".")[0]
    builder = (
        _builder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]),
            issuer.subject,
            key,
            now,
            SERVER_LIFE,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(dns_name)]), critical=False)
    )
    return _pair(builder.sign(signer, hashes.SHA256()), key)


def authority_problem(pair: KeyPair, now: datetime, ahead: timedelta = timedelta()) -> str | None:
    """Why a pair is no authority to sign with, now or some time ahead; None: it is one."""
    certificate = _read(pair.certificate)
    if certificate is None:
        return "ca.crt holds no certificate"
    if not _fits(pair):
        return "ca.key is not the key of ca.crt"
    try:
        if not _may_sign(certificate):
            return "ca.crt is not the certificate of an authority"
    except _UNREADABLE as error:
        return f"ca.crt cannot be read: {error}"
    return _untimely("ca.crt", certificate, now, ahead)


def server_problem(
    pair: KeyPair, authority: bytes, dns_name: str, now: datetime, ahead: timedelta = timedelta()
) -> str | None:
    """Why we cannot go on with a pair for the server, now or some time ahead; None: we can."""
    if problem := serving_problem(pair, authority, dns_name, now, ahead):
        return problem
    # A TLS context keeps a certificate for each kind of key, and would go on to show the other one.
    certificate = _read(pair.certificate)
    is_rsa = certificate is not None and isinstance(certificate.public_key(), rsa.RSAPublicKey)
    return None if is_rsa else "tls.key is not an RSA key"


def serving_problem(
    pair: KeyPair, authority: bytes, dns_name: str, now: datetime, ahead: timedelta = timedelta()
) -> str | None:
    """Why nobody takes a pair for the server, now or some time ahead; None: they do.

    `authority`: whom they believe, a certificate in PEM form.
    """
    certificate, issuer = _read(pair.certificate), _read(authority)
    if certificate is None or issuer is None:
        return "tls.crt holds no certificate"
    if not _fits(pair):
        return "tls.key is not the key of tls.crt"
    try:
        if not _is_signed_by(certificate, issuer):
            return "tls.crt is not signed by ca.crt"
        if not _is_for_server(certificate, dns_name):
            return f"tls.crt is not for a server with the name {dns_name}"
    except _UNREADABLE as error:
        return f"tls.crt cannot be read: {error}"
    return _untimely("tls.crt", certificate, now, ahead)


def split_certificates(text: bytes) -> tuple[bytes, ...]:
    """Each certificate of a PEM text, in a form that can be compared; none where anything is malformed."""
    try:
        found = x509.load_pem_x509_certificates(text)
    except _UNREADABLE:
        return ()
    return tuple(certificate.public_bytes(Encoding.PEM) for certificate in found)


def first_certificate(text: bytes) -> bytes | None:
    """The first certificate of a PEM text, in a form that can be compared."""
    certificate = _read(text)
    return None if certificate is None else certificate.public_bytes(Encoding.PEM)


def still_valid(certificates: Iterable[bytes], now: datetime) -> tuple[bytes, ...]:
    """Those certificates that have not expired."""
    return tuple(each for each in certificates if not _has_expired(each, now))


def _has_expired(text: bytes, now: datetime) -> bool:
    certificate = _read(text)
    return certificate is None or certificate.not_valid_after_utc < now


def _read(text: bytes) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(text)
    except _UNREADABLE:
        return None


def _fits(pair: KeyPair) -> bool:
    """Whether OpenSSL takes the two for a certificate and its key, none of them too weak."""
    try:
        install_key_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _may_sign(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    signs = constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)
    return signs and isinstance(certificate.public_key(), (rsa.RSAPublicKey, ec.EllipticCurvePublicKey))


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return True


def _is_for_server(certificate: x509.Certificate, dns_name: str) -> bool:
    names = _extension(certificate, x509.SubjectAlternativeName)
    usages = _extension(certificate, x509.ExtendedKeyUsage)
    if names is None or dns_name not in names.get_values_for_type(x509.DNSName):
        return False
    return usages is None or ExtendedKeyUsageOID.SERVER_AUTH in usages


def _untimely(name: str, certificate: x509.Certificate, now: datetime, ahead: timedelta) -> str | None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        return f"{name} is valid only from {begin:%Y-%m-%dT%H:%M:%SZ}"
    if end < now + ahead:
        return f"{name} is valid only until {end:%Y-%m-%dT%H:%M:%SZ}"
    return None


def _extension(certificate: x509.Certificate, kind: type[ExtensionValue]) -> ExtensionValue | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACK_DATED)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> KeyPair:
    # compat: the existing manager writes and reads keys in the form of PKCS#1 (cert-controller).
    return KeyPair(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
    )
