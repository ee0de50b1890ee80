"""The API server that an agent speaks to, and the account that its pod runs as."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from jobset.kube.contents import FileContent
from jobset.kube.errors import AccessError
from jobset.kube.in_cluster import PodAccount, find_pod_account
from jobset.kube.surroundings import SERVICE_ACCOUNT, Surroundings
from jobset.kube.tls import TlsContexts

ACCOUNT_FOLDER = "JOBSET_ACCOUNT_FOLDER"
"""The variable that names the folder of the account where no cluster mounts one, as on one machine.

It also holds the address of the API server, in the file `server`.
"""
_SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the API server is and how to show who we are; the files are read again as they change."""

    host: str
    port: int
    namespace: str
    token: FileContent
    tls: TlsContexts | None

    def authorization(self) -> str:
        """The value of the Authorization header, good now.

        Raises:
            AccessError: there is no token.
        """
        return f"Bearer {self.token.read().decode('ascii', errors='replace').strip()}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """What connections are made with; None for plain http.

        Raises:
            AccessError: there is no certificate to believe.
        """
        return self.tls.current() if self.tls else None


def read_account(environ: Mapping[str, str]) -> Account:
    """The account of this pod. Proxies are for the worker: an API server is near.

    Raises:
        AccessError: this is no pod, or something is missing from it.
    """
    if folder := environ.get(ACCOUNT_FOLDER):
        return _account(_local_account(Path(folder)), Path(folder))
    return read_pod_account(environ, SERVICE_ACCOUNT)


def read_pod_account(environ: Mapping[str, str], folder: Path) -> Account:
    """The account in the folder that a cluster mounts into each pod.

    Raises:
        AccessError: something is missing.
    """
    surroundings = Surroundings(environ=environ, home=None, clock=_now, service_account=folder)
    return _account(find_pod_account(surroundings), folder)


def _local_account(folder: Path) -> PodAccount:
    authority = folder / "ca.crt"
    return PodAccount(
        server=_read(folder / _SERVER).strip(),
        token=folder / "token",
        authority=authority if authority.is_file() else None,
        namespace=None,
    )


def _account(found: PodAccount, folder: Path) -> Account:
    url = urlsplit(found.server)
    # compat: as it stands there, also with a line end behind it.
    namespace = _read(folder / "namespace")
    account = Account(
        host=url.hostname or "",
        port=url.port or 443,
        namespace=namespace,
        token=FileContent("service account token", found.token, _now),
        tls=_tls(found) if url.scheme == "https" else None,
    )
    account.authorization()
    account.ssl_context()
    return account


def _tls(found: PodAccount) -> TlsContexts:
    authority = found.authority and FileContent(
        "service account certificate authority", found.authority, _now
    )
    return TlsContexts(authority=authority or None, client_certificate=_no_certificate)


def _no_certificate() -> None:
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise AccessError(f"cannot read {path}: {error.strerror}") from None


def _now() -> datetime:
    return datetime.now(UTC)
