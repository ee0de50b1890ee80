"""The certificates of the webhooks: from somebody else, or made, kept and renewed by ourselves."""

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from jobset.controller.certificates.external import ExternalCertificates
from jobset.controller.certificates.keeper import InternalCertificates
from jobset.controller.certificates.rotation import Pace
from jobset.controller.configuration import Configuration
from jobset.controller.server_tls import build_server_context
from jobset.controller.serving_certificate import CertificateFolder, CertificateReads
from jobset.kube.client import Client
from jobset.kube.in_cluster import pod_namespace
from jobset.kube.surroundings import SERVICE_ACCOUNT

EXTERNAL_CERTIFICATES = Path("/tmp/k8s-webhook-server/serving-certs")
DEFAULT_NAMESPACE = "jobset-system"


class WebhookCertificates(Protocol):
    """The certificate of the webhook server, kept current."""

    context: ssl.SSLContext
    """What to serve with; new connections get what is current, without a restart."""

    async def run(self) -> None:
        """Keep it current, until cancelled."""
        ...

    async def ready(self) -> None:
        """Returns when a certificate is shown, and one of our own is believed by the API server."""
        ...

    def problem(self) -> str | None:
        """Why we are not ready; None from the first time on that we were."""
        ...


def webhook_certificates(
    configuration: Configuration,
    client: Client,
    namespace: str,
    clock: Callable[[], datetime],
    counts: CertificateReads,
    pace: Pace = Pace(),
) -> WebhookCertificates:
    """As configured: our own, with their Secret in `namespace`, or those of a folder.

    `client` must be one that may write also while another replica leads.
    """
    context = build_server_context(configuration.tls)
    names = configuration.internal_cert_management
    if not names.enable:
        folder = Path(configuration.webhook.cert_dir or EXTERNAL_CERTIFICATES)
        return ExternalCertificates(files=CertificateFolder(folder, counts), context=context)
    # Both have defaults where certificates are our own.
    assert names.webhook_secret_name is not None
    assert names.webhook_service_name is not None
    return InternalCertificates(
        client=client,
        namespace=namespace,
        secret_name=names.webhook_secret_name,
        dns_name=f"{names.webhook_service_name}.{namespace}.svc",
        clock=clock,
        counts=counts,
        context=context,
        pace=pace,
    )


def certificate_namespace(service_account: Path = SERVICE_ACCOUNT) -> str:
    """Where the Secret and the Service of the webhooks are: where we run, or the usual namespace."""
    return pod_namespace(service_account) or DEFAULT_NAMESPACE
