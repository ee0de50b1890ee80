"""A configuration in the form of its file."""

from typing import Any

from jobset.controller.configuration import (
    API_VERSION,
    DEFAULT_BURST,
    DEFAULT_QPS,
    KIND,
    CertificateSettings,
    ClientConnectionSettings,
    Configuration,
    LeaderElectionSettings,
)
from jobset.controller.configuring.durations import render_go_duration


def encode_configuration(configuration: Configuration) -> dict[str, Any]:
    """What a file with all of it would say.

    compat: the keys that the existing manager writes: values that are empty are left out, except in
    `leaderElection`; the sections of addresses stay when nothing is left in them.
    """
    health, webhook, metrics = configuration.health, configuration.webhook, configuration.metrics
    encoded: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "clientConnection": _client_connection(configuration.client_connection),
        "health": _given(
            healthProbeBindAddress=health.health_probe_bind_address,
            readinessEndpointName=health.readiness_endpoint_name,
            livenessEndpointName=health.liveness_endpoint_name,
        ),
        "internalCertManagement": _certificates(configuration.internal_cert_management),
        "leaderElection": _leader_election(configuration.leader_election),
        "metrics": _given(bindAddress=metrics.bind_address, certDir=metrics.cert_dir),
        "webhook": _given(port=webhook.port, host=webhook.host, certDir=webhook.cert_dir),
    }
    if (tls := configuration.tls) is not None:
        encoded["tls"] = _given(minVersion=tls.min_version, cipherSuites=list(tls.cipher_suites))
    if configuration.feature_gates:
        encoded["featureGates"] = dict(configuration.feature_gates)
    return encoded


def _client_connection(connection: ClientConnectionSettings) -> dict[str, Any]:
    qps = DEFAULT_QPS if connection.qps is None else connection.qps
    burst = DEFAULT_BURST if connection.burst is None else connection.burst
    return {"qps": int(qps) if qps.is_integer() else qps, "burst": burst}


def _certificates(certificates: CertificateSettings) -> dict[str, Any]:
    names = _given(
        webhookServiceName=certificates.webhook_service_name,
        webhookSecretName=certificates.webhook_secret_name,
    )
    return {"enable": certificates.enable, **names}


def _leader_election(election: LeaderElectionSettings) -> dict[str, Any]:
    return {
        "leaderElect": election.leader_elect,
        "leaseDuration": render_go_duration(election.lease_duration),
        "renewDeadline": render_go_duration(election.renew_deadline),
        "retryPeriod": render_go_duration(election.retry_period),
        "resourceLock": election.resource_lock,
        "resourceName": election.resource_name,
        "resourceNamespace": election.resource_namespace,
    }


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
