"""The certificate of a server: from files that are read again when they change, or made at the start."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from jobset.kube.tls import as_file

log = logging.getLogger(__name__)

CERTIFICATE_FILE, KEY_FILE = "tls.crt", "tls.key"


class UnusableCertificate(OSError):
    """Certificate and key cannot be used; the text says why, and where they are."""


@dataclass(slots=True)
class CertificateReads:
    """How often certificates were read from files, and how often that failed."""

    reads: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its chain, and its key, in PEM form."""

    certificate: bytes
    key: bytes


@dataclass(slots=True)
class CertificateFolder:
    """A folder with `tls.crt` and `tls.key`, which somebody else writes; looked at every `look_seconds`."""

    folder: Path
    counts: CertificateReads
    look_seconds: float = 10.0
    _loaded: KeyPair | None = None

    def load(self, context: ssl.SSLContext) -> bool:
        """Give `context` the pair that the files hold, if there are files; whether it has one now.

        Raises:
            UnusableCertificate: the files are no good; the context is as it was.
        """
        self.counts.reads += 1
        try:
            pair = self._read()
            if pair is not None and pair != self._loaded:
                _install(context, pair, self.folder)
                self._loaded = pair
        except UnusableCertificate:
            self.counts.errors += 1
            raise
        return self._loaded is not None

    async def follow(self, context: ssl.SSLContext) -> None:
        """Look for changes, for ever: new connections get what is in the files."""
        problem = ""
        while True:
            await asyncio.sleep(self.look_seconds)
            before = self._loaded
            try:
                self.load(context)
            except UnusableCertificate as error:
                # A key is written a moment after its certificate: the next look finds them in order.
                if str(error) != problem:
                    log.warning("keeping the certificate of before", extra={"problem": str(error)})
                problem = str(error)
                continue
            problem = ""
            if self._loaded is not before:
                log.info("certificate loaded", extra={"folder": str(self.folder)})

    def _read(self) -> KeyPair | None:
        certificate, key = self.folder / CERTIFICATE_FILE, self.folder / KEY_FILE
        try:
            return KeyPair(certificate.read_bytes(), key.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnusableCertificate(f"{error.filename}: {error.strerror}") from error


def install_key_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Let new connections of `context`, also one that serves already, show this certificate."""
    with as_file(pair.certificate) as certificate, as_file(pair.key) as key:
        context.load_cert_chain(certificate, key, password=_refuse_password)


def _install(context: ssl.SSLContext, pair: KeyPair, folder: Path) -> None:
    try:
        # On trial first: a pair that does not fit would leave the context without any.
        install_key_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
        install_key_pair(context, pair)
    except (ssl.SSLError, ValueError) as error:
        told = getattr(error, "reason", None) or str(error)
        raise UnusableCertificate(
            f"{folder}: {CERTIFICATE_FILE} and {KEY_FILE} are no certificate with its key: {told}"
        ) from error


def _refuse_password() -> str:
    # Without this, OpenSSL would ask on the terminal.
    raise ValueError("the key is encrypted")
