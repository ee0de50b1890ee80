"""Certificates that somebody else makes, in files: followed when they change."""

import asyncio
import logging
import ssl
from dataclasses import dataclass, field

from jobset.controller.certificates.keeper import NOT_READY
from jobset.controller.serving_certificate import CertificateFolder, UnusableCertificate

log = logging.getLogger(__name__)

_FIRST_LOOK_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class ExternalCertificates:
    """Shows the pair of a folder as soon as there is one, and what replaces it.

    Who believes it is the business of the one who makes it: nothing in the cluster is touched. The keys
    should stay of one kind: a TLS context goes on to show the certificate of another kind that it had before.
    """

    files: CertificateFolder
    context: ssl.SSLContext
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def ready(self) -> None:
        """Returns when there is a certificate to show."""
        await self._ready.wait()

    def problem(self) -> str | None:
        """Why we are not ready; None from the first time on that we were."""
        return None if self._ready.is_set() else NOT_READY

    async def run(self) -> None:
        """Show what is in the files, until cancelled."""
        problem = ""
        while not self._ready.is_set():
            found = self._load()
            if found is None:
                log.info("certificate loaded", extra={"folder": str(self.files.folder)})
                self._ready.set()
                break
            if found != problem:
                log.warning("waiting for a certificate", extra={"problem": found})
            problem = found
            await asyncio.sleep(min(self.files.look_seconds, _FIRST_LOOK_SECONDS))
        await self.files.follow(self.context)

    def _load(self) -> str | None:
        """Why there is still no certificate; None when there is."""
        try:
            return None if self.files.load(self.context) else f"{self.files.folder}: no certificate yet"
        except UnusableCertificate as error:
            return str(error)
