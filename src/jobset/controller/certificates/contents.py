"""What the Secret and the configurations of the webhooks say of certificates: read, and written into them."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any

from jobset.controller.certificates.authority import first_certificate, split_certificates
from jobset.controller.serving_certificate import CERTIFICATE_FILE, KEY_FILE, KeyPair
from jobset.kube.client import Object

AUTHORITY_CERTIFICATE, AUTHORITY_KEY = "ca.crt", "ca.key"
PREVIOUS_AUTHORITIES = "ca-previous.crt"
"""Only there while an authority is replaced: those that some replica may still show a certificate of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The authority, what it signed for the server, and those of authorities before it; all in PEM form."""

    authority: KeyPair = field(repr=False)
    server: KeyPair = field(repr=False)
    previous: bytes = b""

    @property
    def bundle(self) -> bytes:
        """Whom the API server has to believe."""
        own = self.authority.certificate
        if not self.previous:
            return own
        return own + (b"" if own.endswith(b"\n") else b"\n") + self.previous

    @property
    def issuer(self) -> bytes | None:
        """The certificate of the authority, in a form that can be compared."""
        return first_certificate(self.authority.certificate)


def read_contents(secret: Object) -> Contents:
    """What a Secret holds, whether or not it makes sense; what is absent is empty."""

    def part(key: str) -> bytes:
        return b64decode((secret.get("data") or {}).get(key) or "")

    return Contents(
        authority=KeyPair(part(AUTHORITY_CERTIFICATE), part(AUTHORITY_KEY)),
        server=KeyPair(part(CERTIFICATE_FILE), part(KEY_FILE)),
        previous=part(PREVIOUS_AUTHORITIES),
    )


def with_contents(secret: Object, contents: Contents) -> Object:
    """The Secret with other contents; what else is in it stays."""
    parts = {
        AUTHORITY_CERTIFICATE: contents.authority.certificate,
        AUTHORITY_KEY: contents.authority.key,
        CERTIFICATE_FILE: contents.server.certificate,
        KEY_FILE: contents.server.key,
        PREVIOUS_AUTHORITIES: contents.previous,
    }
    others = {key: value for key, value in (secret.get("data") or {}).items() if key not in parts}
    ours = {key: b64encode(value).decode() for key, value in parts.items() if value}
    return {**secret, "data": {**others, **ours}}


def read_bundles(configuration: Object) -> tuple[bytes, ...]:
    """The CA bundle of each webhook of a configuration; empty where there is none."""
    return tuple(
        b64decode((webhook.get("clientConfig") or {}).get("caBundle") or "")
        for webhook in configuration.get("webhooks") or ()
    )


def with_bundle(configuration: Object, bundle: bytes) -> Object:
    """The configuration with this CA bundle in each webhook, and nothing else changed."""
    encoded = b64encode(bundle).decode()

    def injected(webhook: Object) -> dict[str, Any]:
        return {**webhook, "clientConfig": {**(webhook.get("clientConfig") or {}), "caBundle": encoded}}

    return {**configuration, "webhooks": [injected(each) for each in configuration.get("webhooks") or ()]}


def trusts(bundle: bytes, issuer: bytes | None) -> bool:
    """Whether whoever believes a bundle believes an authority."""
    return issuer in split_certificates(bundle)
