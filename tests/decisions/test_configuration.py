"""How the configuration file of the manager is read, judged and written."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobset.api.gates import FeatureGates
from jobset.controller.configuration import (
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
from jobset.controller.configuring.durations import parse_go_duration, render_go_duration
from jobset.controller.configuring.gates import read_gates
from jobset.controller.configuring.reading import read_configuration
from jobset.controller.configuring.writing import encode_configuration

SECURE = (
    "[TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 "
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 "
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 "
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 "
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 "
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]"
)
OLD_TLS = "is not supported. Please use VersionTLS12 or VersionTLS13"
UNKNOWN_SUITE = (
    "invalid cipher suites: Cipher suite RC5 not supported or doesn't exist. "
    f"Please use the secure cipher names: {SECURE}"
)
GATES = "AllAlpha, AllBeta, ElasticJobSet, InPlaceRestart, RestartJob, TLSOptions"


def problems_of(given: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as refused:
        read_configuration(given)
    return refused.value.problems


DEFAULTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "only what it is": {"apiVersion": "config.jobset.x-k8s.io/v1alpha1", "kind": "Configuration"},
    "empty sections": {
        "webhook": {},
        "metrics": {},
        "health": {},
        "leaderElection": {},
        "internalCertManagement": {},
        "clientConnection": {},
        "featureGates": {},
    },
    "sections of null": dict.fromkeys(("webhook", "metrics", "health", "leaderElection", "tls")),
    "values of zero": {
        "webhook": {"port": 0, "host": "", "certDir": ""},
        "metrics": {"bindAddress": "", "certDir": ""},
        "health": {"healthProbeBindAddress": "", "readinessEndpointName": "", "livenessEndpointName": ""},
        "leaderElection": {
            "leaderElect": True,
            "leaseDuration": "0s",
            "renewDeadline": "0s",
            "retryPeriod": "0s",
            "resourceLock": "",
            "resourceName": "",
            "resourceNamespace": "",
        },
        "internalCertManagement": {"webhookServiceName": "", "webhookSecretName": ""},
        "clientConnection": {"qps": 0, "burst": 0},
    },
    "values of null": {
        "webhook": {"port": None},
        "leaderElection": {"leaderElect": None, "leaseDuration": None},
        "clientConnection": {"qps": None, "burst": None},
    },
}


@pytest.mark.parametrize("given", DEFAULTS.values(), ids=DEFAULTS)
def test_what_is_absent_empty_or_zero_has_its_default(given):
    assert read_configuration(given) == Configuration()


VALUES: dict[str, tuple[dict[str, Any], Configuration]] = {
    "a webhook elsewhere": (
        {"webhook": {"port": 9444, "host": "127.0.0.1", "certDir": "/certs"}},
        Configuration(webhook=WebhookSettings(port=9444, host="127.0.0.1", cert_dir="/certs")),
    ),
    "metrics elsewhere": (
        {"metrics": {"bindAddress": "127.0.0.1:9000", "certDir": "/certs"}},
        Configuration(metrics=MetricsSettings(bind_address="127.0.0.1:9000", cert_dir="/certs")),
    ),
    "no metrics": (
        {"metrics": {"bindAddress": "0"}},
        Configuration(metrics=MetricsSettings(bind_address="0")),
    ),
    "health elsewhere": (
        {"health": {"healthProbeBindAddress": "[::1]:80", "readinessEndpointName": "/ready"}},
        Configuration(
            health=HealthSettings(health_probe_bind_address="[::1]:80", readiness_endpoint_name="/ready")
        ),
    ),
    "no leader": (
        {"leaderElection": {"leaderElect": False}},
        Configuration(leader_election=LeaderElectionSettings(leader_elect=False)),
    ),
    "a patient leader": (
        {"leaderElection": {"leaseDuration": "1m30s", "renewDeadline": "1m", "resourceNamespace": "ours"}},
        Configuration(
            leader_election=LeaderElectionSettings(
                lease_duration=timedelta(seconds=90),
                renew_deadline=timedelta(minutes=1),
                resource_namespace="ours",
            )
        ),
    ),
    "times that no leader keeps": (
        {"leaderElection": {"leaderElect": False, "leaseDuration": "1s"}},
        Configuration(
            leader_election=LeaderElectionSettings(leader_elect=False, lease_duration=timedelta(seconds=1))
        ),
    ),
    "certificates of somebody else": (
        {"internalCertManagement": {"enable": False}},
        Configuration(
            internal_cert_management=CertificateSettings(
                enable=False, webhook_service_name=None, webhook_secret_name=None
            )
        ),
    ),
    "wrong names that nobody uses": (
        {"internalCertManagement": {"enable": False, "webhookServiceName": "Not A Name"}},
        Configuration(
            internal_cert_management=CertificateSettings(
                enable=False, webhook_service_name="Not A Name", webhook_secret_name=None
            )
        ),
    ),
    "a limit": (
        {"clientConnection": {"qps": 50, "burst": 100}},
        Configuration(client_connection=ClientConnectionSettings(qps=50.0, burst=100)),
    ),
    "no suites": ({"tls": {"cipherSuites": []}}, Configuration(tls=TlsSettings())),
    "a weak suite that was asked for": (
        {"tls": {"minVersion": "VersionTLS12", "cipherSuites": ["TLS_RSA_WITH_AES_128_CBC_SHA"]}},
        Configuration(
            tls=TlsSettings(min_version="VersionTLS12", cipher_suites=("TLS_RSA_WITH_AES_128_CBC_SHA",))
        ),
    ),
    "gates": (
        {"featureGates": {"RestartJob": True, "TLSOptions": True, "AllBeta": True}},
        Configuration(feature_gates={"RestartJob": True, "TLSOptions": True, "AllBeta": True}),
    ),
}


@pytest.mark.parametrize(("given", "configuration"), VALUES.values(), ids=VALUES)
def test_what_a_file_says(given, configuration):
    assert read_configuration(given) == configuration


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another version": (
        {"apiVersion": "config.x-k8s.io/v1alpha1"},
        'apiVersion: Invalid value: "config.x-k8s.io/v1alpha1": must be "config.jobset.x-k8s.io/v1alpha1"',
    ),
    "another kind": (
        {"kind": "KubeletConfiguration"},
        'kind: Invalid value: "KubeletConfiguration": must be "Configuration"',
    ),
    "an unknown field": ({"invalidField": 1}, 'strict decoding error: unknown field "invalidField"'),
    "an unknown field of a section": (
        {"webhook": {"foo": 1}},
        'strict decoding error: unknown field "webhook.foo"',
    ),
    "a known field in other letters": (
        {"Webhook": {}},
        'strict decoding error: unknown field "Webhook"',
    ),
    "a section that is a list": ({"health": [1]}, "health: Invalid value: [1]: must be a mapping"),
    "a port in quotes": (
        {"webhook": {"port": "9443"}},
        'webhook.port: Invalid value: "9443": must be an integer',
    ),
    "a port that is true": (
        {"webhook": {"port": True}},
        "webhook.port: Invalid value: true: must be an integer",
    ),
    "a port too high": (
        {"webhook": {"port": 70000}},
        "webhook.port: Invalid value: 70000: must be between 1 and 65535, inclusive",
    ),
    "a port below zero": (
        {"webhook": {"port": -1}},
        "webhook.port: Invalid value: -1: must be between 1 and 65535, inclusive",
    ),
    "a host that is a number": ({"webhook": {"host": 1}}, "webhook.host: Invalid value: 1: must be a string"),
    "an address without a port": (
        {"metrics": {"bindAddress": "localhost"}},
        'metrics.bindAddress: Invalid value: "localhost": must be HOST:PORT or :PORT, or "0" for none',
    ),
    "an address with a port too high": (
        {"health": {"healthProbeBindAddress": ":70000"}},
        'health.healthProbeBindAddress: Invalid value: ":70000": must be HOST:PORT or :PORT, or "0" for none',
    ),
    "an endpoint that is no path": (
        {"health": {"livenessEndpointName": "live"}},
        'health.livenessEndpointName: Invalid value: "live": must be a path, such as "/ready"',
    ),
    "one endpoint for both": (
        {"health": {"livenessEndpointName": "/x", "readinessEndpointName": "/x/"}},
        'health.readinessEndpointName: Invalid value: "/x/": must differ from the path of liveness',
    ),
    "a bool in quotes": (
        {"leaderElection": {"leaderElect": "false"}},
        'leaderElection.leaderElect: Invalid value: "false": must be true or false',
    ),
    "a duration without a unit": (
        {"leaderElection": {"leaseDuration": "20"}},
        'leaderElection.leaseDuration: Invalid value: "20": must be a duration, such as "15s" or "1m30s"',
    ),
    "a duration that is a number": (
        {"leaderElection": {"retryPeriod": 2}},
        'leaderElection.retryPeriod: Invalid value: 2: must be a duration, such as "15s" or "1m30s"',
    ),
    "a lease shorter than its renewal": (
        {"leaderElection": {"leaseDuration": "10s"}},
        'leaderElection.leaseDuration: Invalid value: "10s": must be greater than renewDeadline, 10s',
    ),
    "a lease of half a second": (
        {"leaderElection": {"leaseDuration": "500ms", "renewDeadline": "300ms", "retryPeriod": "100ms"}},
        'leaderElection.leaseDuration: Invalid value: "500ms": must be at least 1s',
    ),
    "a renewal as short as its tries": (
        {"leaderElection": {"retryPeriod": "9s"}},
        'leaderElection.renewDeadline: Invalid value: "10s": must be greater than 1.2 times retryPeriod, 9s',
    ),
    "tries of less than nothing": (
        {"leaderElection": {"retryPeriod": "-2s"}},
        'leaderElection.retryPeriod: Invalid value: "-2s": must be greater than zero',
    ),
    "another lock": (
        {"leaderElection": {"resourceLock": "endpoints"}},
        'leaderElection.resourceLock: Unsupported value: "endpoints": supported values: "leases"',
    ),
    "a lease with a wrong name": (
        {"leaderElection": {"resourceName": "Lease"}},
        'leaderElection.resourceName: Invalid value: "Lease": a lowercase RFC 1123 subdomain must',
    ),
    "a lease in a wrong namespace": (
        {"leaderElection": {"resourceNamespace": "a.b"}},
        'leaderElection.resourceNamespace: Invalid value: "a.b": a lowercase RFC 1123 label must',
    ),
    "a service that is none": (
        {"internalCertManagement": {"webhookServiceName": "1-service"}},
        'internalCertManagement.webhookServiceName: Invalid value: "1-service": a DNS-1035 label must '
        "consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end "
        "with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
        "'[a-z]([-a-z0-9]*[a-z0-9])?')",
    ),
    "a service with two faults": (
        {"internalCertManagement": {"webhookServiceName": "A" * 64}},
        "must be no more than 63 characters,a DNS-1035 label must consist",
    ),
    "a secret that is none": (
        {"internalCertManagement": {"webhookSecretName": "a_b"}},
        'internalCertManagement.webhookSecretName: Invalid value: "a_b": a lowercase RFC 1123 subdomain must '
        "consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ),
    "a rate in words": (
        {"clientConnection": {"qps": "many"}},
        'clientConnection.qps: Invalid value: "many": must be a number',
    ),
    "a burst with a fraction": (
        {"clientConnection": {"burst": 1.5}},
        "clientConnection.burst: Invalid value: 1.5: must be an integer",
    ),
    "a burst below zero": (
        {"clientConnection": {"burst": -1}},
        "clientConnection.burst: Invalid value: -1: must be 0 or more",
    ),
    "TLS 1.0": (
        {"tls": {"minVersion": "VersionTLS10"}},
        'tls: Invalid value: {"minVersion":"VersionTLS10"}: invalid minVersion: VersionTLS10 ' + OLD_TLS,
    ),
    "TLS 1.1": (
        {"tls": {"minVersion": "VersionTLS11"}},
        'tls: Invalid value: {"minVersion":"VersionTLS11"}: invalid minVersion: VersionTLS11 ' + OLD_TLS,
    ),
    "an unknown TLS": (
        {"tls": {"minVersion": "TLS12"}},
        'tls: Invalid value: {"minVersion":"TLS12"}: invalid minVersion: unknown tls version "TLS12". '
        "Please use VersionTLS12 or VersionTLS13",
    ),
    "an unknown suite": (
        {"tls": {"cipherSuites": ["TLS_AES_128_GCM_SHA256", "RC5"]}},
        f'tls: Invalid value: {{"cipherSuites":["TLS_AES_128_GCM_SHA256","RC5"]}}: {UNKNOWN_SUITE}',
    ),
    "an unknown suite of an unknown TLS": (
        {"tls": {"minVersion": "VersionTLS11", "cipherSuites": ["RC5"]}},
        'tls: Invalid value: {"minVersion":"VersionTLS11","cipherSuites":["RC5"]}: '
        f"invalid minVersion: VersionTLS11 {OLD_TLS}; {UNKNOWN_SUITE}",
    ),
    "suites of TLS 1.3": (
        {"tls": {"minVersion": "VersionTLS13", "cipherSuites": ["TLS_AES_128_GCM_SHA256"]}},
        'tls.cipherSuites: Invalid value: ["TLS_AES_128_GCM_SHA256"]: '
        "may not be specified when `minVersion` is 'VersionTLS13'",
    ),
    "suites in one text": (
        {"tls": {"cipherSuites": "A,B"}},
        'tls.cipherSuites: Invalid value: "A,B": must be a list of strings',
    ),
    "an unknown gate": (
        {"featureGates": {"Magic": True}},
        f"featureGates.Magic: Invalid value: true: unrecognized feature gate: Magic (there are {GATES})",
    ),
    "the locked gate": (
        {"featureGates": {"TLSOptions": False}},
        "featureGates.TLSOptions: Invalid value: false: "
        "cannot set feature gate TLSOptions to false, feature is locked to true",
    ),
    "a gate in quotes": (
        {"featureGates": {"RestartJob": "true"}},
        'featureGates.RestartJob: Invalid value: "true": must be true or false',
    ),
    "gates in a list": (
        {"featureGates": ["RestartJob"]},
        'featureGates: Invalid value: ["RestartJob"]: must be a mapping of names to true or false',
    ),
}


@pytest.mark.parametrize(("given", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_told_with_field_and_value(given, problem):
    (told,) = problems_of(given)

    assert problem in told


def test_everything_that_is_wrong_is_told_at_once():
    told = problems_of(
        {
            "kind": "Else",
            "webhook": {"port": "a", "foo": 1},
            "leaderElection": {"resourceLock": "x"},
            "tls": {"minVersion": "VersionTLS13", "cipherSuites": ["RC5"]},
            "featureGates": {"Magic": True, "TLSOptions": False},
            "bar": {},
        }
    )

    assert [problem.partition(": Invalid")[0].partition(": Unsupported")[0] for problem in told] == [
        "kind",
        "webhook.port",
        'strict decoding error: unknown field "webhook.foo"',
        'strict decoding error: unknown field "bar"',
        "leaderElection.resourceLock",
        "tls",
        "tls.cipherSuites",
        "featureGates.Magic",
        "featureGates.TLSOptions",
    ]


DEFAULT_FILE = {
    "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
    "kind": "Configuration",
    "webhook": {"port": 9443},
    "metrics": {"bindAddress": ":8443"},
    "health": {"healthProbeBindAddress": ":8081"},
    "leaderElection": {
        "leaderElect": True,
        "leaseDuration": "15s",
        "renewDeadline": "10s",
        "retryPeriod": "2s",
        "resourceLock": "leases",
        "resourceName": "6d4f6a47.jobset.x-k8s.io",
        "resourceNamespace": "",
    },
    "internalCertManagement": {
        "enable": True,
        "webhookServiceName": "jobset-webhook-service",
        "webhookSecretName": "jobset-webhook-server-cert",
    },
    "clientConnection": {"qps": 500, "burst": 500},
}


def test_the_default_is_written_with_exactly_these_keys():
    assert encode_configuration(Configuration()) == DEFAULT_FILE


def test_sections_of_addresses_are_written_even_when_nothing_is_in_them():
    empty = replace(
        Configuration(),
        webhook=WebhookSettings(port=0),
        metrics=MetricsSettings(bind_address=""),
        health=HealthSettings(health_probe_bind_address=""),
    )

    written = encode_configuration(empty)

    assert [written[section] for section in ("webhook", "metrics", "health")] == [{}, {}, {}]


WHOLE_FILE: dict[str, Any] = {
    **DEFAULT_FILE,
    "webhook": {"port": 1, "host": "a", "certDir": "b"},
    "metrics": {"bindAddress": "0", "certDir": "c"},
    "health": {
        "healthProbeBindAddress": "0",
        "readinessEndpointName": "/ready",
        "livenessEndpointName": "/live",
    },
    "internalCertManagement": {"enable": False},
    "clientConnection": {"qps": 0.5, "burst": 7},
    "tls": {"minVersion": "VersionTLS12", "cipherSuites": ["TLS_RSA_WITH_AES_128_CBC_SHA"]},
    "featureGates": {"AllAlpha": True},
}


def test_what_is_written_is_what_was_read():
    assert encode_configuration(read_configuration(WHOLE_FILE)) == WHOLE_FILE


LIMITS: dict[str, tuple[dict[str, Any], tuple[float, int] | None]] = {
    "nothing said": ({}, None),
    "both": ({"qps": 50, "burst": 100}, (50.0, 100)),
    "the default, but said": ({"qps": 500, "burst": 500}, (500.0, 500)),
    "only a rate": ({"qps": 50}, (50.0, 500)),
    "only a burst": ({"burst": 100}, (500.0, 100)),
    "a rate below zero": ({"qps": -1, "burst": 100}, None),
}


@pytest.mark.parametrize(("given", "limit"), LIMITS.values(), ids=LIMITS)
def test_only_a_limit_that_was_asked_for_is_kept(given, limit):
    assert read_configuration({"clientConnection": given}).client_connection.limit == limit


ON = FeatureGates(in_place_restart=True, restart_job=True, elastic_jobset=True)
ON_GATES = {
    "none": ({}, FeatureGates()),
    "one": ({"RestartJob": True}, FeatureGates(restart_job=True)),
    "all alpha ones": ({"AllAlpha": True}, ON),
    "all alpha ones but one": (
        {"ElasticJobSet": False, "AllAlpha": True},
        FeatureGates(in_place_restart=True, restart_job=True),
    ),
    "none but one": ({"AllAlpha": False, "InPlaceRestart": True}, FeatureGates(in_place_restart=True)),
    "all beta ones": ({"AllBeta": True}, FeatureGates()),
    "the locked one": ({"TLSOptions": True}, FeatureGates()),
}


@pytest.mark.parametrize(("given", "gates"), ON_GATES.values(), ids=ON_GATES)
def test_which_gates_are_on(given, gates):
    assert read_gates(read_configuration({"featureGates": given}).feature_gates) == gates


DURATIONS = {
    "15s": ("15s", 15),
    "90s": ("1m30s", 90),
    "1h": ("1h0m0s", 3600),
    "1.5h": ("1h30m0s", 5400),
    "1500ms": ("1.5s", 1.5),
    "100ms": ("100ms", 0.1),
    "1.5ms": ("1.5ms", 0.0015),
    "2us": ("2µs", 2e-6),
    ".5s": ("500ms", 0.5),
    "1m.5s": ("1m0.5s", 60.5),
    "0": ("0s", 0),
    "-5s": ("-5s", -5),
    "+5s": ("5s", 5),
}


@pytest.mark.parametrize(("text", "form", "seconds"), [(text, *row) for text, row in DURATIONS.items()])
def test_durations_are_read_and_written_as_go_does(text, form, seconds):
    span = parse_go_duration(text)

    assert span == timedelta(seconds=seconds)
    assert render_go_duration(span) == form


@pytest.mark.parametrize("text", ["", "5", "s", ".s", "1d", "1 s", "1e3s", "5s ", "--5s", "2562048h"])
def test_what_is_no_duration_in_go(text):
    assert parse_go_duration(text) is None
