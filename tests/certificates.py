"""Certificates for tests: an authority, what it signs for servers and users, and TLS for a server of ours."""

import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=2)
_SKEW = timedelta(hours=1)
_API_SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key in PEM form."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates; kept as PEM, so that several processes can share one."""

    pair: Pair

    @classmethod
    def new(cls, name: str = "test-ca") -> Self:
        """An authority with all that strict checks ask for."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(_pair(builder.sign(key, hashes.SHA256()), key))

    @classmethod
    def plain(cls, name: str = "test-ca") -> Self:
        """An authority as that of many clusters: it lacks what strict checks ask for."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = _builder(subject, subject, key.public_key()).add_extension(constraints, critical=True)
        return cls(_pair(builder.sign(key, hashes.SHA256()), key))

    @property
    def certificate(self) -> bytes:
        """What those have to know who believe it."""
        return self.pair.certificate

    def issue(self, name: str, *addresses: str) -> Pair:
        """A certificate for a server with that DNS name and those addresses, or for a client."""
        return self._sign(_name(name), _alternatives((name,), addresses))

    def api_server(self) -> Pair:
        """A certificate for an API server on this machine."""
        names = _alternatives(_API_SERVER_NAMES, (_LOOPBACK,))
        return self._sign(_name("kube-apiserver"), names, _usage(ExtendedKeyUsageOID.SERVER_AUTH))

    def client(self, user: str, groups: Sequence[str]) -> Pair:
        """A certificate that an API server takes for a user in groups."""
        return self._sign(_name(user, groups), _usage(ExtendedKeyUsageOID.CLIENT_AUTH))

    def server_context(self, folder: Path, name: str, *addresses: str) -> ssl.SSLContext:
        """TLS for a server of that name, which takes client certificates of this authority."""
        pair = self.issue(name, *addresses)
        (folder / "server.crt").write_bytes(pair.certificate)
        (folder / "server.key").write_bytes(pair.key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=self.certificate.decode())
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as a server in Go
        return context

    def _sign(self, subject: x509.Name, *extensions: x509.ExtensionType) -> Pair:
        issuer = x509.load_pem_x509_certificate(self.pair.certificate)
        signer = load_pem_private_key(self.pair.key, None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, issuer.subject, key.public_key())
        for extension in (*extensions, *_identifier(issuer)):
            builder = builder.add_extension(extension, critical=False)
        return _pair(builder.sign(signer, hashes.SHA256()), key)


def a_signing_key() -> bytes:
    """A private key for service-account tokens, PEM."""
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def certificate_shown(server: ssl.SSLContext) -> bytes:
    """The certificate that a client of `server` sees, in PEM form."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    answering = server.wrap_bio(there, back, server_side=True)
    for side in (asking, answering, asking, answering):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    der = asking.getpeercert(binary_form=True)
    assert der is not None
    return ssl.DER_cert_to_PEM_cert(der).encode()


def encrypted(key: bytes) -> bytes:
    """The same key, under a password."""
    loaded = load_pem_private_key(key, None)
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def _name(common: str, groups: Sequence[str] = ()) -> x509.Name:
    # Go reads every organization as a group, each an attribute of its own.
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternatives(names: Sequence[str], addresses: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [
            *(x509.DNSName(name) for name in names),
            *(x509.IPAddress(ip_address(address)) for address in addresses),
        ]
    )


def _usage(usage: x509.ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([usage])


def _signs() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _identifier(issuer: x509.Certificate) -> tuple[x509.AuthorityKeyIdentifier, ...]:
    """Which key of the issuer it was, where the issuer names its key."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return ()
    return (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value),)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFE)
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(certificate.public_bytes(Encoding.PEM), _pem(key))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # Go's service-account signer reads SEC 1 as well as PKCS 8; all our readers know the former.
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
