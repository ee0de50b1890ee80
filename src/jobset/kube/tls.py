"""TLS contexts: whom we believe to be the server, and the certificate that we show."""

import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jobset.kube.contents import Content
from jobset.kube.errors import AccessError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pem:
    """Text in PEM form, and the setting that it comes from."""

    where: str = field(compare=False)
    content: bytes = field(repr=False)

    @classmethod
    def of(cls, content: Content) -> "Pem":
        """As it is now."""
        return cls(where=content.where, content=content.read())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A certificate with its chain, and its private key."""

    certificate: Pem
    key: Pem


@dataclass(slots=True, kw_only=True)
class TlsContexts:
    """The TLS context of one cluster, made anew when an authority, a certificate or a key has changed.

    `authority` None stands for the authorities of this system, `verify` False believes any server.
    """

    authority: Content | None
    verify: bool = True
    client_certificate: Callable[[], ClientCertificate | None]
    _material: tuple[Pem | None, ClientCertificate | None] | None = None
    _context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext:
        """The context for new connections; the same object as long as nothing has changed.

        Raises:
            AccessError: certificates or key are no good, and never were.
        """
        material = (Pem.of(self.authority) if self.authority else None, self.client_certificate())
        if self._context and material == self._material:
            return self._context
        try:
            self._context = build_context(*material, verify=self.verify)
        except AccessError as error:
            if not self._context:
                raise
            # A key is replaced a moment after its certificate: a minute later they fit again.
            log.warning("keeping the certificates of before", extra={"problem": str(error)})
        self._material = material
        return self._context


def build_context(
    authority: Pem | None, client_certificate: ClientCertificate | None = None, *, verify: bool = True
) -> ssl.SSLContext:
    """A TLS context for the client side."""
    if not verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authority is None:
        context = ssl.create_default_context()
    else:
        context = _believing(authority)
    # As Go does: authorities of clusters often lack extensions that the strict check of Python 3.13 asks for,
    # and may be intermediate ones.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["http/1.1"])
    if client_certificate:
        _show(context, client_certificate)
    return context


def _believing(authority: Pem) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority.content.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise AccessError(f"{authority.where}: holds no certificate in PEM form") from None


def _show(context: ssl.SSLContext, shown: ClientCertificate) -> None:
    _believing(shown.certificate)  # tells a bad certificate from a bad key, which OpenSSL does not
    try:
        with as_file(shown.certificate.content) as certificate, as_file(shown.key.content) as key:
            context.load_cert_chain(certificate, key, password=lambda: _refuse_password(shown.key))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise AccessError(
                f"{shown.key.where}: this key does not belong to the certificate of {shown.certificate.where}"
            ) from None
        raise AccessError(f"{shown.key.where}: holds no private key in PEM form") from None


def _refuse_password(key: Pem) -> str:
    # Without this, OpenSSL would ask on the terminal.
    raise AccessError(f"{key.where}: the private key is encrypted: give one that is not")


@contextmanager
def as_file(content: bytes) -> Iterator[str]:
    """A path to read `content` from, once: OpenSSL takes keys from files alone.

    In memory where the system can, so that a key touches no disk and a read-only one is no hindrance.
    """
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("pem")
        path = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, path = tempfile.mkstemp()
    try:
        os.write(descriptor, content)
        yield path
    finally:
        os.close(descriptor)
        if not path.startswith("/proc/"):
            os.unlink(path)
