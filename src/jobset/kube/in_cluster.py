"""What a pod knows of its cluster: the address of the API server and the account that it runs as."""

import os
from dataclasses import dataclass
from pathlib import Path

from jobset.kube.errors import AccessError
from jobset.kube.surroundings import SERVICE_ACCOUNT, Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAccount:
    """The API server of the pod's cluster, and the files that prove who the pod is.

    `authority` None: the server's certificate is one that any system believes.
    """

    server: str
    token: Path
    authority: Path | None
    namespace: str | None


def find_pod_account(surroundings: Surroundings) -> PodAccount:
    """That of the pod that this process runs in.

    Raises:
        AccessError: it runs in none, or the pod has no account.
    """
    host, port = (surroundings.environ.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
    if not host or not port:
        raise AccessError(
            "this is not a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set)"
        )
    folder = surroundings.service_account
    if not os.path.isfile(folder / "token"):
        raise AccessError(f"this pod has no service account token ({folder / 'token'})")
    authority = folder / "ca.crt"
    return PodAccount(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        token=folder / "token",
        authority=authority if os.path.isfile(authority) else None,
        namespace=pod_namespace(folder),
    )


def pod_namespace(service_account: Path = SERVICE_ACCOUNT) -> str | None:
    """The namespace of the pod that this process runs in; None outside a cluster."""
    try:
        return (service_account / "namespace").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
