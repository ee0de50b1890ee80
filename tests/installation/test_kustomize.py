"""`config/` renders to the objects that an administrator of the existing manager knows, name by name."""

from typing import Any

import pytest

from jobset.controller.configuration import (
    CertificateSettings,
    Configuration,
    HealthSettings,
    MetricsSettings,
    WebhookSettings,
)
from jobset.controller.configuring.reading import read_configuration
from jobset.controller.metrics_server import EXTERNAL_CERTIFICATES
from tests.installation.rendering import Objects, kustomize

LABELS = {
    "app.kubernetes.io/name": "jobset",
    "app.kubernetes.io/instance": "jobset",
    "app.kubernetes.io/managed-by": "kustomize",
}
MANAGER = {**LABELS, "control-plane": "controller-manager"}

NAMES = {
    ("Namespace", "jobset-system"),
    ("CustomResourceDefinition", "jobsets.jobset.x-k8s.io"),
    ("ServiceAccount", "jobset-controller-manager"),
    ("Deployment", "jobset-controller-manager"),
    ("ConfigMap", "jobset-manager-config"),
    ("Secret", "jobset-webhook-server-cert"),
    ("Service", "jobset-webhook-service"),
    ("Service", "jobset-controller-manager-metrics-service"),
    ("ClusterRole", "jobset-manager-role"),
    ("ClusterRoleBinding", "jobset-manager-rolebinding"),
    ("ClusterRole", "jobset-proxy-role"),
    ("ClusterRoleBinding", "jobset-proxy-rolebinding"),
    ("ClusterRole", "jobset-metrics-reader"),
    ("ClusterRoleBinding", "jobset-metrics-reader-rolebinding"),
    ("Role", "jobset-leader-election-role"),
    ("RoleBinding", "jobset-leader-election-rolebinding"),
    ("Role", "jobset-manager-secrets-role"),
    ("RoleBinding", "jobset-manager-secrets-rolebinding"),
    ("MutatingWebhookConfiguration", "jobset-mutating-webhook-configuration"),
    ("ValidatingWebhookConfiguration", "jobset-validating-webhook-configuration"),
}


def test_the_default_has_exactly_these_objects(default: Objects) -> None:
    assert sorted(default.names()) == sorted(NAMES)


def test_all_that_has_a_namespace_is_in_that_of_jobset(default: Objects) -> None:
    namespaces = {it["metadata"].get("namespace", "jobset-system") for it in default}

    assert namespaces == {"jobset-system"}


def test_every_object_has_the_common_labels(default: Objects) -> None:
    without = [it["metadata"]["name"] for it in default if not has(it["metadata"]["labels"], LABELS)]

    assert without == []


def has(labels: dict[str, str], some: dict[str, str]) -> bool:
    return some.items() <= labels.items()


def test_the_labels_of_the_manager_are_on_it_its_pods_its_services_and_in_selectors(default: Objects) -> None:
    deployment, services = default.one("Deployment"), default.of("Service")

    assert deployment["metadata"]["labels"] == MANAGER
    assert deployment["spec"]["selector"] == {"matchLabels": MANAGER}
    assert deployment["spec"]["template"]["metadata"]["labels"] == MANAGER
    assert services["jobset-controller-manager-metrics-service"]["metadata"]["labels"] == MANAGER
    assert [it["spec"]["selector"] for it in services.values()] == [MANAGER, MANAGER]


def test_the_deployment(default: Objects) -> None:
    assert default.one("Deployment")["spec"] == {
        "replicas": 1,
        "selector": {"matchLabels": MANAGER},
        "template": {
            "metadata": {
                "annotations": {"kubectl.kubernetes.io/default-container": "manager"},
                "labels": MANAGER,
            },
            "spec": {
                "serviceAccountName": "jobset-controller-manager",
                "terminationGracePeriodSeconds": 10,
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [CONTAINER],
                "volumes": [
                    {
                        "name": "cert",
                        "secret": {"secretName": "jobset-webhook-server-cert", "defaultMode": 420},
                    },
                    {"name": "manager-config", "configMap": {"name": "jobset-manager-config"}},
                ],
            },
        },
    }


CONTAINER = {
    "name": "manager",
    "image": "us-central1-docker.pkg.dev/k8s-staging-images/jobset/jobset:main",
    "command": ["/manager"],
    "args": ["--config=/controller_manager_config.yaml", "--zap-log-level=2"],
    "ports": [
        {"name": "webhook-server", "containerPort": 9443, "protocol": "TCP"},
        {"name": "metrics", "containerPort": 8443, "protocol": "TCP"},
    ],
    "livenessProbe": {
        "httpGet": {"path": "/healthz", "port": 8081},
        "initialDelaySeconds": 30,
        "periodSeconds": 20,
    },
    "readinessProbe": {
        "httpGet": {"path": "/readyz", "port": 8081},
        "initialDelaySeconds": 5,
        "periodSeconds": 10,
    },
    "resources": {"requests": {"cpu": "500m", "memory": "128Mi"}, "limits": {"memory": "4Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "volumeMounts": [
        {"name": "cert", "mountPath": "/tmp/k8s-webhook-server/serving-certs", "readOnly": True},
        {
            "name": "manager-config",
            "mountPath": "/controller_manager_config.yaml",
            "subPath": "controller_manager_config.yaml",
        },
    ],
}


def test_the_manager_listens_where_the_deployment_says(default: Objects) -> None:
    (container,) = default.one("Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    liveness, readiness = (container[f"{probe}Probe"]["httpGet"] for probe in ("liveness", "readiness"))
    settings = read_configuration(default.configuration())

    assert ports == {"webhook-server": settings.webhook.port, "metrics": port_of(settings.metrics)}
    assert (liveness["path"], liveness["port"]) == (
        settings.health.liveness_path,
        port_of_health(settings.health),
    )
    assert (readiness["path"], readiness["port"]) == (
        settings.health.readiness_path,
        port_of_health(settings.health),
    )


def port_of(metrics: MetricsSettings) -> int:
    return int(metrics.bind_address.removeprefix(":"))


def port_of_health(health: HealthSettings) -> int:
    return int(health.health_probe_bind_address.removeprefix(":"))


def test_the_configuration_says_what_is_the_default(default: Objects) -> None:
    (key,) = default.one("ConfigMap")["data"]

    assert key == "controller_manager_config.yaml"
    assert default.configuration() == {
        "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": True},
        "internalCertManagement": {"enable": True},
    }
    assert read_configuration(default.configuration()) == Configuration()


def test_the_secret_has_no_data_and_the_name_that_the_manager_looks_for(default: Objects) -> None:
    secret = default.one("Secret")

    assert secret["metadata"]["name"] == CertificateSettings().webhook_secret_name
    assert set(secret) == {"apiVersion", "kind", "metadata"}


def test_the_services(default: Objects) -> None:
    services = default.of("Service")

    assert services[CertificateSettings().webhook_service_name or ""]["spec"]["ports"] == [
        {"port": 443, "targetPort": WebhookSettings().port, "protocol": "TCP"}
    ]
    assert services["jobset-controller-manager-metrics-service"]["spec"]["ports"] == [
        {"name": "https", "port": 8443, "targetPort": 8443, "protocol": "TCP"}
    ]


BINDINGS = {
    "the manager's rights": ("ClusterRoleBinding", "jobset-manager-rolebinding", "jobset-manager-role"),
    "asking for access": ("ClusterRoleBinding", "jobset-proxy-rolebinding", "jobset-proxy-role"),
    "reading metrics": ("ClusterRoleBinding", "jobset-metrics-reader-rolebinding", "jobset-metrics-reader"),
    "the lease": ("RoleBinding", "jobset-leader-election-rolebinding", "jobset-leader-election-role"),
    "the Secret": ("RoleBinding", "jobset-manager-secrets-rolebinding", "jobset-manager-secrets-role"),
}


@pytest.mark.parametrize(("kind", "name", "role"), BINDINGS.values(), ids=BINDINGS)
def test_the_account_of_the_manager_has(default: Objects, kind: str, name: str, role: str) -> None:
    binding = default.of(kind)[name]

    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": kind.removesuffix("Binding"),
        "name": role,
    }
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "jobset-controller-manager", "namespace": "jobset-system"}
    ]


def test_prometheus_finds_the_metrics(default: Objects) -> None:
    prometheus = kustomize("prometheus")

    assert set(prometheus.names()) == {
        ("ServiceMonitor", "controller-manager-metrics-monitor"),
        ("Role", "prometheus-k8s"),
        ("RoleBinding", "prometheus-k8s"),
    }
    assert {it["metadata"]["namespace"] for it in prometheus} == {"jobset-system"}
    monitor = prometheus.one("ServiceMonitor")["spec"]
    assert monitor["endpoints"] == [
        {
            "port": "https",
            "path": "/metrics",
            "scheme": "https",
            "bearerTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "tlsConfig": {"insecureSkipVerify": True},
        }
    ]
    assert [name for name, it in default.of("Service").items() if is_selected(it, monitor)] == [
        "jobset-controller-manager-metrics-service"
    ]
    assert prometheus.one("RoleBinding")["subjects"] == [
        {"kind": "ServiceAccount", "name": name, "namespace": "monitoring"}
        for name in ("prometheus-k8s", "prometheus-operator")
    ]


def is_selected(service: dict[str, Any], monitor: dict[str, Any]) -> bool:
    return has(service["metadata"]["labels"], monitor["selector"]["matchLabels"])


def test_cert_manager_takes_the_place_of_certificates_of_our_own(
    default: Objects, certmanager: Objects
) -> None:
    assert set(certmanager.names()) == NAMES - {("Secret", "jobset-webhook-server-cert")} | {
        ("Issuer", "jobset-selfsigned-issuer"),
        ("Certificate", "jobset-serving-cert"),
        ("Certificate", "jobset-metrics-cert"),
    }
    assert read_configuration(certmanager.configuration()).internal_cert_management.enable is False


CERTIFICATES = {
    "jobset-serving-cert": ("jobset-webhook", "webhook-server-cert", "jobset-webhook-service"),
    "jobset-metrics-cert": (
        "jobset-metrics",
        "metrics-server-cert",
        "jobset-controller-manager-metrics-service",
    ),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_of_cert_manager(certmanager: Objects, name: str) -> None:
    common_name, secret, service = CERTIFICATES[name]

    assert certmanager.of("Certificate")[name]["spec"] == {
        "commonName": common_name,
        "secretName": secret,
        "dnsNames": [f"{service}.jobset-system.svc", f"{service}.jobset-system.svc.cluster.local"],
        "duration": "8760h",
        "renewBefore": "720h",
        "usages": ["server auth", "client auth"],
        "issuerRef": {"kind": "Issuer", "name": "jobset-selfsigned-issuer"},
    }
    assert service in certmanager.of("Service")


def test_certificates_of_cert_manager_are_where_the_manager_looks(certmanager: Objects) -> None:
    pod = certmanager.one("Deployment")["spec"]["template"]["spec"]
    secrets = {it["name"]: it["secret"]["secretName"] for it in pod["volumes"] if "secret" in it}
    mounted = {
        it["mountPath"]: secrets[it["name"]]
        for it in pod["containers"][0]["volumeMounts"]
        if it["name"] in secrets
    }

    assert mounted == {
        "/tmp/k8s-webhook-server/serving-certs": "webhook-server-cert",
        str(EXTERNAL_CERTIFICATES): "metrics-server-cert",
    }


@pytest.mark.parametrize("kind", ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"])
def test_cert_manager_vouches_for_the_webhooks(certmanager: Objects, kind: str) -> None:
    assert certmanager.one(kind)["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": "jobset-system/jobset-serving-cert"
    }


def test_a_budget_lets_nodes_be_drained_one_after_the_other() -> None:
    budget = kustomize("pod-disruption-budget").one("PodDisruptionBudget")

    assert budget["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": MANAGER}}


def test_a_network_policy_lets_in_and_out_what_the_manager_needs() -> None:
    policy = kustomize("network-policy").one("NetworkPolicy")["spec"]
    ports = {
        way: [(it["port"], it["protocol"]) for rule in policy[way] for it in rule["ports"]]
        for way in ("ingress", "egress")
    }

    assert policy["podSelector"] == {"matchLabels": MANAGER}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert ports["ingress"] == [
        (port, "TCP")
        for port in (WebhookSettings().port, port_of(MetricsSettings()), port_of_health(HealthSettings()))
    ]
    assert ports["egress"] == [(53, "UDP"), (53, "TCP"), (443, "TCP"), (6443, "TCP")]
    assert [set(rule) for way in ("ingress", "egress") for rule in policy[way]] == [{"ports"}] * 3


EXTRAS = {
    "alerts": ("PrometheusRule", "jobset-controller-manager-alerts"),
    "dashboard": ("ConfigMap", "jobset-dashboard"),
    "network-policy": ("NetworkPolicy", "jobset-controller-manager"),
    "pod-disruption-budget": ("PodDisruptionBudget", "jobset-controller-manager"),
}


@pytest.mark.parametrize("folder", EXTRAS)
def test_what_is_not_in_the_default_can_be_applied_beside_it(default: Objects, folder: str) -> None:
    extra = kustomize(folder)

    assert extra.names() == [EXTRAS[folder]]
    assert set(extra.names()) & set(default.names()) == set()
    assert [it["metadata"]["namespace"] for it in extra] == ["jobset-system"]


def test_grafana_finds_the_dashboard() -> None:
    dashboard = kustomize("dashboard").one("ConfigMap")

    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert list(dashboard["data"]) == ["jobset.json"]
