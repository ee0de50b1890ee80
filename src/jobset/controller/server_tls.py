"""What our servers accept of TLS: the versions and the cipher suites that may be configured."""

import ssl
from collections.abc import Iterable

from jobset.admission.field_errors import invalid
from jobset.controller.configuration import TlsSettings

_VERSIONS = {
    "": ssl.TLSVersion.TLSv1_2,
    "VersionTLS12": ssl.TLSVersion.TLSv1_2,
    "VersionTLS13": ssl.TLSVersion.TLSv1_3,
}
_OLD_VERSIONS = ("VersionTLS10", "VersionTLS11")
_GOOD_VERSIONS = "Please use VersionTLS12 or VersionTLS13"

# Suites of TLS 1.3 cannot be chosen: neither in Go nor here.
_SUITES_OF_TLS_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_SECURE_SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
# Taken when asked for by name. OpenSSL of today knows some of them no more, and those are not offered.
_WEAK_SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA": "ECDHE-ECDSA-RC4-SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA": "ECDHE-RSA-DES-CBC3-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA": "ECDHE-RSA-RC4-SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": "DES-CBC3-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_RC4_128_SHA": "RC4-SHA",
}
_SUITES = _SECURE_SUITES | _WEAK_SUITES


def validate_tls(tls: TlsSettings) -> list[str]:
    """Everything that is wrong with a `tls` section."""
    details = [
        detail for detail in (_wrong_version(tls.min_version), _wrong_suite(tls.cipher_suites)) if detail
    ]
    problems = [str(invalid("tls", _section(tls), "; ".join(details)))] if details else []
    if tls.min_version == "VersionTLS13" and tls.cipher_suites:
        detail = "may not be specified when `minVersion` is 'VersionTLS13'"
        problems.append(str(invalid("tls.cipherSuites", list(tls.cipher_suites), detail)))
    return problems


def build_server_context(tls: TlsSettings | None) -> ssl.SSLContext:
    """A context for a server, still without a certificate; TLS 1.2 and later unless `tls` says otherwise."""
    settings = tls or TlsSettings()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    if settings.cipher_suites:
        try:
            context.set_ciphers(":".join(_openssl_names(settings.cipher_suites)))
        except ssl.SSLError:
            # None is left for TLS 1.2: all were of TLS 1.3, or OpenSSL knows none of them.
            context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _openssl_names(suites: Iterable[str]) -> list[str]:
    return [_SUITES[suite] for suite in suites if suite in _SUITES]


def _wrong_version(version: str) -> str | None:
    if version in _OLD_VERSIONS:
        return f"invalid minVersion: {version} is not supported. {_GOOD_VERSIONS}"
    if version not in _VERSIONS:
        return f'invalid minVersion: unknown tls version "{version}". {_GOOD_VERSIONS}'
    return None


def _wrong_suite(suites: Iterable[str]) -> str | None:
    """About the first that is wrong, as in the libraries of Kubernetes."""
    for suite in suites:
        if suite not in _SUITES and suite not in _SUITES_OF_TLS_13:
            secure = " ".join(sorted((*_SECURE_SUITES, *_SUITES_OF_TLS_13)))
            return (
                f"invalid cipher suites: Cipher suite {suite} not supported or doesn't exist. "
                f"Please use the secure cipher names: [{secure}]"
            )
    return None


def _section(tls: TlsSettings) -> dict[str, object]:
    section = {"minVersion": tls.min_version, "cipherSuites": list(tls.cipher_suites)}
    return {name: value for name, value in section.items() if value}
