"""What a configuration must keep to, wherever its values come from."""

import re
from collections.abc import Iterator
from datetime import timedelta

from jobset.admission.field_errors import FieldError, invalid, not_supported
from jobset.admission.names import dns1035_label, dns1123_label, dns1123_subdomain
from jobset.controller.configuration import (
    CertificateSettings,
    ClientConnectionSettings,
    Configuration,
    HealthSettings,
    LeaderElectionSettings,
)
from jobset.controller.configuring.durations import render_go_duration
from jobset.controller.configuring.gates import validate_gates
from jobset.controller.server_tls import validate_tls

_LOCKS = ("leases",)
# compat: client-go waits up to 1.2 times the period between two tries.
_JITTER = 1.2
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[^:\[\]\s]*):(\d{1,5})")
_PATH = re.compile(r"/[-A-Za-z0-9._~/]*")


def validate_configuration(configuration: Configuration) -> list[str]:
    """Everything that is wrong with it."""
    errors = [
        *_check_port(configuration.webhook.port),
        *_check_address("metrics.bindAddress", configuration.metrics.bind_address),
        *_check_health(configuration.health),
        *_check_certificates(configuration.internal_cert_management),
        *_check_client(configuration.client_connection),
    ]
    if configuration.leader_election.leader_elect:
        errors += _check_election(configuration.leader_election)
    return [
        *map(str, errors),
        *(validate_tls(configuration.tls) if configuration.tls else ()),
        *validate_gates(configuration.feature_gates),
    ]


def _check_port(port: int) -> Iterator[FieldError]:
    if not 1 <= port <= 65535:
        yield invalid("webhook.port", port, "must be between 1 and 65535, inclusive")


def _check_address(field: str, address: str) -> Iterator[FieldError]:
    matched = _ADDRESS.fullmatch(address)
    if address != "0" and (matched is None or int(matched[2]) > 65535):
        yield invalid(field, address, 'must be HOST:PORT or :PORT, or "0" for none')


def _check_health(health: HealthSettings) -> Iterator[FieldError]:
    yield from _check_address("health.healthProbeBindAddress", health.health_probe_bind_address)
    for field, path in (
        ("health.readinessEndpointName", health.readiness_path),
        ("health.livenessEndpointName", health.liveness_path),
    ):
        if not _PATH.fullmatch(path):
            yield invalid(field, path, 'must be a path, such as "/ready"')
    if health.readiness_path.rstrip("/") == health.liveness_path.rstrip("/"):
        yield invalid(
            "health.readinessEndpointName", health.readiness_path, "must differ from the path of liveness"
        )


def _check_certificates(certificates: CertificateSettings) -> Iterator[FieldError]:
    if not certificates.enable:
        return
    service, secret = certificates.webhook_service_name or "", certificates.webhook_secret_name or ""
    if problems := dns1035_label(service):
        yield invalid("internalCertManagement.webhookServiceName", service, ",".join(problems))
    if problems := dns1123_subdomain(secret):
        yield invalid("internalCertManagement.webhookSecretName", secret, ",".join(problems))


def _check_client(connection: ClientConnectionSettings) -> Iterator[FieldError]:
    if connection.burst is not None and connection.burst < 0:
        yield invalid("clientConnection.burst", connection.burst, "must be 0 or more")


def _check_election(election: LeaderElectionSettings) -> Iterator[FieldError]:
    if election.resource_lock not in _LOCKS:
        yield not_supported("leaderElection.resourceLock", election.resource_lock, _LOCKS)
    if problems := dns1123_subdomain(election.resource_name):
        yield invalid("leaderElection.resourceName", election.resource_name, ",".join(problems))
    namespace = election.resource_namespace
    if namespace and (problems := dns1123_label(namespace)):
        yield invalid("leaderElection.resourceNamespace", namespace, ",".join(problems))
    yield from _check_times(election)


def _check_times(election: LeaderElectionSettings) -> Iterator[FieldError]:
    lease, deadline = election.lease_duration, election.renew_deadline
    lease_text, deadline_text = render_go_duration(lease), render_go_duration(deadline)
    period_text = render_go_duration(election.retry_period)
    if lease < timedelta(seconds=1):
        yield invalid("leaderElection.leaseDuration", lease_text, "must be at least 1s")
    elif lease <= deadline:
        detail = f"must be greater than renewDeadline, {deadline_text}"
        yield invalid("leaderElection.leaseDuration", lease_text, detail)
    if election.retry_period <= timedelta(0):
        yield invalid("leaderElection.retryPeriod", period_text, "must be greater than zero")
    if deadline <= election.retry_period * _JITTER or deadline <= timedelta(0):
        detail = f"must be greater than {_JITTER} times retryPeriod, {period_text}"
        yield invalid("leaderElection.renewDeadline", deadline_text, detail)
