"""From the settings of a user and a cluster to credentials that renew themselves."""

import base64
import binascii
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from jobset.kube.contents import Content, FileContent, GivenContent
from jobset.kube.errors import AccessError
from jobset.kube.exec_call import read_plugin_call
from jobset.kube.exec_plugin import (
    TIME_LIMIT_SECONDS,
    TIME_LIMIT_WITH_A_PERSON_SECONDS,
    ExecPlugin,
    find_program,
)
from jobset.kube.headers import basic, bearer
from jobset.kube.in_cluster import PodAccount
from jobset.kube.kubeconfig import Cluster, Entry, Exec, User
from jobset.kube.surroundings import Surroundings
from jobset.kube.tls import ClientCertificate, Pem, TlsContexts

log = logging.getLogger(__name__)


class HeaderSource(Protocol):
    """Where the Authorization header comes from."""

    async def authorization(self) -> str | None:
        """Its value, good now."""
        ...

    def refused(self, authorization: str | None, /) -> None:
        """That value was refused."""
        ...


@dataclass(frozen=True, slots=True)
class FixedHeader:
    """A header that never changes, or none."""

    value: str | None = field(repr=False)

    async def authorization(self) -> str | None:
        """The header."""
        return self.value

    def refused(self, _authorization: str | None, /) -> None:
        """Nothing can be done about it."""


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A token in a file that somebody renews."""

    content: FileContent

    async def authorization(self) -> str | None:
        """The header for the token that the file holds."""
        return bearer(self.content.read().decode("ascii", errors="replace"), self.content.where)

    def refused(self, _authorization: str | None, /) -> None:
        """Look into the file at once, not after a minute."""
        self.content.forget()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedCredentials:
    """Credentials of a header and, for https, of TLS contexts."""

    header: HeaderSource
    tls: TlsContexts | None

    async def authorization(self) -> str | None:
        """The value of the Authorization header, or None."""
        return await self.header.authorization()

    def ssl_context(self) -> ssl.SSLContext | None:
        """What connections are made with; None for plain http."""
        return self.tls.current() if self.tls else None

    def refused(self, authorization: str | None = None) -> None:
        """A 401 came for a request with this header."""
        self.header.refused(authorization)


def pod_credentials(account: PodAccount, surroundings: Surroundings) -> SourcedCredentials:
    """Those of the account that a pod runs as."""
    token = FileContent("service account token", account.token, surroundings.clock)
    token.read()
    authority = account.authority and FileContent(
        "service account certificate authority", account.authority, surroundings.clock
    )
    credentials = SourcedCredentials(
        header=TokenFile(token),
        tls=TlsContexts(authority=authority or None, client_certificate=_none),
    )
    credentials.ssl_context()
    return credentials


def build_credentials(
    server: str, cluster: Entry[Cluster], user: Entry[User], surroundings: Surroundings
) -> SourcedCredentials:
    """Those of a user at a cluster of a kubeconfig, each file read once to see that it is good.

    In plain http everybody on the way could read them: nobody is told who we are there.
    """
    refuse_contradictions(user)
    if not server.startswith("https:"):
        if user.value != User():
            log.warning("not sending credentials in plain http", extra={"server": server})
        return SourcedCredentials(header=FixedHeader(None), tls=None)
    authority = _authority(cluster, surroundings)
    header: HeaderSource
    certificate: Callable[[], ClientCertificate | None]
    if user.value.exec:
        header = plugin = _plugin(user, user.value.exec, cluster, authority, surroundings)
        certificate = plugin.client_certificate
    else:
        header = _header(user, surroundings)
        certificate = _certificate_source(user, surroundings)
    tls = TlsContexts(
        authority=authority,
        verify=not cluster.value.insecure_skip_tls_verify,
        client_certificate=certificate,
    )
    tls.current()
    return SourcedCredentials(header=header, tls=tls)


def refuse_contradictions(entry: Entry[User]) -> None:
    """Raise AccessError when it is not clear how the user proves who they are."""
    user = entry.value
    if user.auth_provider is not None:
        raise AccessError(
            f"{entry.where('auth-provider')}: Kubernetes has given these up: use exec, with the plugin "
            "of your provider (such as gke-gcloud-auth-plugin or kubelogin)"
        )
    ways = {
        "token": user.token or user.token_file,
        "username": user.username or user.password,
        "exec": user.exec,
    }
    given = [name for name, value in ways.items() if value]
    if user.exec and (user.client_certificate or user.client_certificate_data):
        given.append("client-certificate")
    if len(given) > 1:
        raise AccessError(f"{entry.where()}: {' and '.join(given)} are given: keep one of them")
    if (user.client_certificate or user.client_certificate_data) and not (
        user.client_key or user.client_key_data
    ):
        raise AccessError(
            f"{entry.where()}: client-certificate needs client-key or client-key-data beside it"
        )


def _none() -> None:
    return None


def _authority(cluster: Entry[Cluster], surroundings: Surroundings) -> Content | None:
    given = cluster.value.certificate_authority, cluster.value.certificate_authority_data
    authority = _content(cluster, "certificate-authority", *given, surroundings)
    if authority and cluster.value.insecure_skip_tls_verify:
        raise AccessError(
            f"{authority.where}: does nothing beside insecure-skip-tls-verify: keep one of them"
        )
    return authority


def _header(user: Entry[User], surroundings: Surroundings) -> HeaderSource:
    value = user.value
    if value.token_file:
        path = user.path(value.token_file)
        content = FileContent(user.where("tokenFile"), path, surroundings.clock, value.token.encode())
        content.read()
        return TokenFile(content)
    if value.token:
        return FixedHeader(bearer(value.token, user.where("token")))
    if value.username or value.password:
        return FixedHeader(basic(value.username, value.password))
    return FixedHeader(None)


def _certificate_source(
    user: Entry[User], surroundings: Surroundings
) -> Callable[[], ClientCertificate | None]:
    value = user.value
    certificate = _content(
        user, "client-certificate", value.client_certificate, value.client_certificate_data, surroundings
    )
    key = _content(user, "client-key", value.client_key, value.client_key_data, surroundings)
    if not certificate or not key:
        return _none
    return lambda: ClientCertificate(certificate=Pem.of(certificate), key=Pem.of(key))


def _content(
    entry: Entry[Cluster] | Entry[User], name: str, path: str, data: str, surroundings: Surroundings
) -> Content | None:
    if path and data:
        raise AccessError(f"{entry.where()}: {name} and {name}-data are given: keep one of them")
    if path:
        return FileContent(entry.where(name), entry.path(path), surroundings.clock)
    if not data:
        return None
    try:
        return GivenContent(
            entry.where(f"{name}-data"), base64.b64decode("".join(data.split()), validate=True)
        )
    except (binascii.Error, ValueError) as error:
        raise AccessError(f"{entry.where(f'{name}-data')}: is not base64: {error}") from None


def _plugin(
    user: Entry[User],
    plugin: Exec,
    cluster: Entry[Cluster],
    authority: Content | None,
    surroundings: Surroundings,
) -> ExecPlugin:
    call = read_plugin_call(user, plugin, cluster, authority, terminal=surroundings.terminal)
    find_program(call, surroundings)
    limit = TIME_LIMIT_WITH_A_PERSON_SECONDS if surroundings.terminal else TIME_LIMIT_SECONDS
    return ExecPlugin(call=call, surroundings=surroundings, time_limit_seconds=limit)
