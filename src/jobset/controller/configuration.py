"""The configuration of the manager: the types behind `config.jobset.x-k8s.io/v1alpha1`, with their defaults.

Names, defaults and meanings are those of the existing manager.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

API_VERSION = "config.jobset.x-k8s.io/v1alpha1"
KIND = "Configuration"

DEFAULT_QPS = 500.0
DEFAULT_BURST = 500


class ConfigurationError(Exception):
    """A configuration that cannot be used: all fields and values that are wrong, and what would be right."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where admission reviews are answered; an empty host means all interfaces."""

    port: int = 9443
    host: str = ""
    cert_dir: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where metrics are served; the address `0` means nowhere."""

    bind_address: str = ":8443"
    cert_dir: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """Where and under which paths health is told; the address `0` means nowhere."""

    health_probe_bind_address: str = ":8081"
    readiness_endpoint_name: str = ""
    liveness_endpoint_name: str = ""

    @property
    def readiness_path(self) -> str:
        """Where readiness is told."""
        return self.readiness_endpoint_name or "/readyz"

    @property
    def liveness_path(self) -> str:
        """Where liveness is told."""
        return self.liveness_endpoint_name or "/healthz"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderElectionSettings:
    """Whether and how a leader is elected; an empty namespace means that of the pod."""

    leader_elect: bool = True
    lease_duration: timedelta = timedelta(seconds=15)
    renew_deadline: timedelta = timedelta(seconds=10)
    retry_period: timedelta = timedelta(seconds=2)
    resource_lock: str = "leases"
    resource_name: str = "6d4f6a47.jobset.x-k8s.io"
    resource_namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """Whether we make the certificates of the webhooks, and under which names; None where we do not."""

    enable: bool = True
    webhook_service_name: str | None = "jobset-webhook-service"
    webhook_secret_name: str | None = "jobset-webhook-server-cert"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConnectionSettings:
    """How many requests we send; None where nothing was said.

    Only a limit that was asked for is kept: without one the server's own fairness decides, although the
    configuration is told with the existing manager's defaults, 500 and 500.
    """

    qps: float | None = None
    burst: int | None = None

    @property
    def limit(self) -> tuple[float, int] | None:
        """Requests a second, and how many may go at once before that; None: as many as the server takes."""
        # compat: client-go does not limit where the rate is negative.
        if (self.qps is None and self.burst is None) or (self.qps or 0) < 0:
            return None
        return self.qps or DEFAULT_QPS, self.burst or DEFAULT_BURST


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """What our servers accept; cipher suites in the names of Go's crypto/tls."""

    min_version: str = ""
    cipher_suites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that the configuration file can say."""

    webhook: WebhookSettings = WebhookSettings()
    metrics: MetricsSettings = MetricsSettings()
    health: HealthSettings = HealthSettings()
    leader_election: LeaderElectionSettings = LeaderElectionSettings()
    internal_cert_management: CertificateSettings = CertificateSettings()
    client_connection: ClientConnectionSettings = ClientConnectionSettings()
    tls: TlsSettings | None = None
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
