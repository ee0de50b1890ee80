"""A configuration from what the file says, read strictly."""

from collections.abc import Mapping
from typing import Any

from jobset.controller.configuration import (
    API_VERSION,
    KIND,
    CertificateSettings,
    ClientConnectionSettings,
    Configuration,
    ConfigurationError,
    HealthSettings,
    LeaderElectionSettings,
    MetricsSettings,
    TlsSettings,
    WebhookSettings,
)
from jobset.controller.configuring.fields import Fields
from jobset.controller.configuring.rules import validate_configuration


def read_configuration(mapping: Mapping[str, Any]) -> Configuration:
    """The configuration of a file, with a default for everything that is absent, null or zero.

    Raises:
        ConfigurationError: fields are unknown, have a wrong type or break a rule; it tells all of them.
    """
    problems: list[str] = []
    file = Fields(mapping, problems)
    _expect(file, "apiVersion", API_VERSION)
    _expect(file, "kind", KIND)
    configuration = Configuration(
        webhook=_webhook(file.section("webhook")),
        metrics=_metrics(file.section("metrics")),
        health=_health(file.section("health")),
        leader_election=_leader_election(file.section("leaderElection")),
        internal_cert_management=_certificates(file.section("internalCertManagement")),
        client_connection=_client_connection(file.section("clientConnection")),
        tls=_tls(file.section("tls"), is_given=mapping.get("tls") is not None),
        feature_gates=file.truths("featureGates"),
    )
    file.refuse_the_rest()
    problems += validate_configuration(configuration)
    if problems:
        raise ConfigurationError(problems)
    return configuration


def _expect(file: Fields, name: str, right: str) -> None:
    # compat: the existing manager takes a file that does not say what it is.
    if (value := file.text(name, right)) != right:
        file.refuse(name, value, f'must be "{right}"')


def _webhook(given: Fields) -> WebhookSettings:
    settings = WebhookSettings(
        port=given.integer("port") or WebhookSettings().port,
        host=given.text("host"),
        cert_dir=given.text("certDir"),
    )
    given.refuse_the_rest()
    return settings


def _metrics(given: Fields) -> MetricsSettings:
    settings = MetricsSettings(
        bind_address=given.text("bindAddress", MetricsSettings().bind_address),
        cert_dir=given.text("certDir"),
    )
    given.refuse_the_rest()
    return settings


def _health(given: Fields) -> HealthSettings:
    settings = HealthSettings(
        health_probe_bind_address=given.text(
            "healthProbeBindAddress", HealthSettings().health_probe_bind_address
        ),
        readiness_endpoint_name=given.text("readinessEndpointName"),
        liveness_endpoint_name=given.text("livenessEndpointName"),
    )
    given.refuse_the_rest()
    return settings


def _leader_election(given: Fields) -> LeaderElectionSettings:
    default = LeaderElectionSettings()
    settings = LeaderElectionSettings(
        leader_elect=given.truth("leaderElect", default.leader_elect),
        lease_duration=given.duration("leaseDuration", default.lease_duration),
        renew_deadline=given.duration("renewDeadline", default.renew_deadline),
        retry_period=given.duration("retryPeriod", default.retry_period),
        resource_lock=given.text("resourceLock", default.resource_lock),
        resource_name=given.text("resourceName", default.resource_name),
        resource_namespace=given.text("resourceNamespace"),
    )
    given.refuse_the_rest()
    return settings


def _certificates(given: Fields) -> CertificateSettings:
    """Names have a default only where we make the certificates."""
    enable = given.truth("enable", True)
    default = CertificateSettings()
    settings = CertificateSettings(
        enable=enable,
        webhook_service_name=given.text("webhookServiceName")
        or (default.webhook_service_name if enable else None),
        webhook_secret_name=given.text("webhookSecretName")
        or (default.webhook_secret_name if enable else None),
    )
    given.refuse_the_rest()
    return settings


def _client_connection(given: Fields) -> ClientConnectionSettings:
    settings = ClientConnectionSettings(qps=given.number("qps"), burst=given.integer("burst"))
    given.refuse_the_rest()
    return settings


def _tls(given: Fields, *, is_given: bool) -> TlsSettings | None:
    settings = TlsSettings(
        min_version=given.text("minVersion"),
        cipher_suites=given.texts("cipherSuites"),
    )
    given.refuse_the_rest()
    return settings if is_given else None
