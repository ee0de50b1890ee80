"""How one API server is reached, and as whom."""

import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from jobset.kube.credentials import build_credentials, pod_credentials
from jobset.kube.errors import AccessError
from jobset.kube.headers import impersonation_headers
from jobset.kube.in_cluster import find_pod_account
from jobset.kube.kubeconfig import Kubeconfig, Selected, read_kubeconfig, read_kubeconfigs
from jobset.kube.proxies import check_proxy, choose_proxy
from jobset.kube.surroundings import Surroundings


class Credentials(Protocol):
    """Proves who we are to one API server, and knows which server to believe.

    Ask for `authorization` before `ssl_context`: a plugin that is run by the first may give the certificate
    that the second presents.
    """

    async def authorization(self) -> str | None:
        """The value of the Authorization header, renewed when it has expired; None: send no such header.

        Raises:
            AccessError: it cannot be had now; asking again later may help.
        """
        ...

    def ssl_context(self) -> ssl.SSLContext | None:
        """What connections are made with, None for plain http; the same object as long as nothing changed."""
        ...

    def refused(self, authorization: str | None = None) -> None:
        """A 401 came for a request with this header: nothing that led to it is used again without a renewal.

        Answers to requests in flight come late: a header that was replaced meanwhile changes nothing.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """One API server and our identity there.

    `server` is its URL without a trailing slash, with a path when it is served below one. `headers` go with
    every request, in this order: a name may occur more than once (Impersonate-Group). `namespace` is that of
    the context or of the pod. The URL of the `proxy` may hold a password.
    """

    server: str
    credentials: Credentials
    namespace: str = "default"
    tls_server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = ()


def load_access(
    kubeconfig: str | None, context: str | None = None, *, surroundings: Surroundings
) -> ClusterAccess:
    """The access that the first of these gives: `kubeconfig`, KUBECONFIG, the pod we run in, ~/.kube/config.

    All that can be known to be wrong without asking the server is found here.

    Raises:
        AccessError: there is none, or its settings are wrong.
    """
    if kubeconfig:
        return _select(read_kubeconfig(Path(kubeconfig)), context, surroundings)
    reasons = ["--kubeconfig is not given"]
    if listed := surroundings.environ.get("KUBECONFIG"):
        config = read_kubeconfigs(Path(name) for name in listed.split(os.pathsep) if name)
        if not config.is_empty:
            return _select(config, context, surroundings)
        reasons.append(f"KUBECONFIG ({listed}) names no file that has anything in it")
    else:
        reasons.append("KUBECONFIG is not set")
    if context:
        reasons.append("a pod has no contexts")
    else:
        try:
            return _pod_access(surroundings)
        except AccessError as error:
            reasons.append(str(error))
    usual = None if listed or not surroundings.home else surroundings.home / ".kube" / "config"
    if usual and os.path.exists(usual):
        return _select(read_kubeconfig(usual), context, surroundings)
    reasons += [f"there is no {usual}"] if usual else []
    raise AccessError(f"no cluster to speak to: {', '.join(reasons)}")


def _select(config: Kubeconfig, context: str | None, surroundings: Surroundings) -> ClusterAccess:
    selected = config.select(context)
    cluster = selected.cluster.value
    server = _server(selected)
    if cluster.proxy_url:
        proxy: str | None = check_proxy(cluster.proxy_url, selected.cluster.where("proxy-url"))
    else:
        proxy = choose_proxy(server, surroundings.environ)
    return ClusterAccess(
        server=server,
        credentials=build_credentials(server, selected.cluster, selected.user, surroundings),
        namespace=selected.namespace,
        tls_server_name=cluster.tls_server_name or None,
        proxy=proxy,
        headers=impersonation_headers(selected.user),
    )


def _pod_access(surroundings: Surroundings) -> ClusterAccess:
    account = find_pod_account(surroundings)
    return ClusterAccess(
        server=account.server,
        credentials=pod_credentials(account, surroundings),
        namespace=account.namespace or "default",
        proxy=choose_proxy(account.server, surroundings.environ),
    )


def _server(selected: Selected) -> str:
    """The URL of a cluster's server, with a scheme and without a trailing slash."""
    where, given = selected.cluster.where("server"), selected.cluster.value.server
    # compat: as in client-go, also where certificates would suggest TLS.
    server = given if "://" in given else f"http://{given}"
    try:
        url = urlsplit(server)
        good = (
            url.scheme in ("http", "https")
            and url.hostname
            and url.port != 0
            and not re.search(r"\s", server)
        )
    except ValueError:
        good = False
    if good and "@" in url.netloc:
        raise AccessError(f"{where}: has a user name in it: give username and password to the user instead")
    if not good or url.query or url.fragment:
        raise AccessError(
            f'{where}: "{given}" is no URL of a server: it looks like https://HOST:PORT, perhaps with a path'
        )
    return url._replace(path=url.path.rstrip("/")).geturl()
