"""The Helm chart: what each value is and does, and what everything is called."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from jobset.controller.configuring.reading import read_configuration
from jobset.controller.metrics_server import EXTERNAL_CERTIFICATES
from tests.installation.rendering import CHART, Objects, RenderFailed, at, chart

MONITORING = "--api-versions=monitoring.coreos.com/v1/ServiceMonitor"

VALUES = {
    "nameOverride": "",
    "fullnameOverride": "",
    "commonLabels": {},
    "image.repository": "us-central1-docker.pkg.dev/k8s-staging-images/jobset/jobset",
    "image.tag": "main",
    "image.pullPolicy": "Always",
    "image.pullSecrets": [],
    "controller.replicas": 1,
    "controller.leaderElection.enable": True,
    "controller.clientConnection.qps": 500,
    "controller.clientConnection.burst": 500,
    "controller.annotations": {},
    "controller.env": [],
    "controller.envFrom": [],
    "controller.volumeMounts": [],
    "controller.volumes": [],
    "controller.resources": {
        "requests": {"cpu": "500m", "memory": "128Mi"},
        "limits": {"cpu": 2, "memory": "4Gi"},
    },
    "controller.securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "controller.podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "controller.nodeSelector": {},
    "controller.affinity": {},
    "controller.tolerations": [],
    "controller.podAnnotations": {},
    "controller.hostNetwork": False,
    "controller.podDisruptionBudget.enabled": False,
    "controller.podDisruptionBudget.minAvailable": 1,
    "controller.podDisruptionBudget.maxUnavailable": None,
    "certManager.enable": False,
    "certManager.issuerRef": {},
    "prometheus.enable": False,
    "prometheus.prometheusNamespace": "monitoring",
    "prometheus.prometheusClientCertSecretName": "jobset-metrics-server-cert",
    "kubernetesClusterDomain": "cluster.local",
}


def defaults() -> dict[str, Any]:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert isinstance(values, dict)
    return values


def under(path: str, value: Any) -> dict[str, Any]:
    """Values that say one thing."""
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("value", VALUES)
def test_a_value_has_its_default(value: str) -> None:
    assert at(value, defaults()) == VALUES[value]


def test_there_are_no_other_values() -> None:
    assert set(said(defaults())) == set(VALUES)


def said(values: dict[str, Any], beginning: str = "") -> Iterator[str]:
    """The ways to all values; one that is known is not looked into."""
    for key, value in values.items():
        way = f"{beginning}{key}"
        if isinstance(value, dict) and way not in VALUES:
            yield from said(value, f"{way}.")
        else:
            yield way


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_in_the_readme_with_its_default(value: str) -> None:
    row = re.search(
        rf"^\| `{re.escape(value)}` \| `(.*?)` \|", (CHART / "README.md").read_text(), re.MULTILINE
    )

    assert row is not None
    assert yaml.safe_load(row[1]) == VALUES[value]


POD, CONTAINER = "spec.template.spec", "spec.template.spec.containers.0"
EFFECTS = {
    "image.repository": ("example.com/jobset", f"{CONTAINER}.image", "example.com/jobset:main"),
    "image.tag": (
        "v1",
        f"{CONTAINER}.image",
        "us-central1-docker.pkg.dev/k8s-staging-images/jobset/jobset:v1",
    ),
    "image.pullPolicy": ("IfNotPresent", f"{CONTAINER}.imagePullPolicy", "IfNotPresent"),
    "image.pullSecrets": ([{"name": "a"}], f"{POD}.imagePullSecrets", [{"name": "a"}]),
    "controller.replicas": (3, "spec.replicas", 3),
    "controller.annotations": ({"a": "b"}, "metadata.annotations", {"a": "b"}),
    "controller.env": ([{"name": "A", "value": "b"}], f"{CONTAINER}.env", [{"name": "A", "value": "b"}]),
    "controller.envFrom": (
        [{"secretRef": {"name": "a"}}],
        f"{CONTAINER}.envFrom",
        [{"secretRef": {"name": "a"}}],
    ),
    "controller.volumeMounts": (
        [{"name": "a", "mountPath": "/a"}],
        f"{CONTAINER}.volumeMounts.2",
        {"name": "a", "mountPath": "/a"},
    ),
    "controller.volumes": (
        [{"name": "a", "emptyDir": {}}],
        f"{POD}.volumes.2",
        {"name": "a", "emptyDir": {}},
    ),
    "controller.resources": (
        {"limits": {"cpu": 1}},
        f"{CONTAINER}.resources",
        {"requests": {"cpu": "500m", "memory": "128Mi"}, "limits": {"cpu": 1, "memory": "4Gi"}},
    ),
    "controller.securityContext": (
        {"runAsUser": 1},
        f"{CONTAINER}.securityContext",
        {**VALUES["controller.securityContext"], "runAsUser": 1},  # type: ignore[dict-item]
    ),
    "controller.podSecurityContext": (
        {"fsGroup": 1},
        f"{POD}.securityContext",
        {**VALUES["controller.podSecurityContext"], "fsGroup": 1},  # type: ignore[dict-item]
    ),
    "controller.nodeSelector": ({"a": "b"}, f"{POD}.nodeSelector", {"a": "b"}),
    "controller.affinity": ({"nodeAffinity": {}}, f"{POD}.affinity", {"nodeAffinity": {}}),
    "controller.tolerations": ([{"operator": "Exists"}], f"{POD}.tolerations", [{"operator": "Exists"}]),
    "controller.podAnnotations": ({"a": "b"}, "spec.template.metadata.annotations.a", "b"),
    "controller.hostNetwork": (True, f"{POD}.hostNetwork", True),
}


@pytest.mark.parametrize("value", EFFECTS)
def test_a_value_is_found_in_the_deployment(value: str) -> None:
    given, path, expected = EFFECTS[value]

    assert at(path, chart(under(value, given)).one("Deployment")) == expected


def test_without_a_tag_the_image_is_that_of_the_appversion() -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]

    image = at(f"{CONTAINER}.image", chart({"image": {"tag": ""}}).one("Deployment"))

    assert image == f"{VALUES['image.repository']}:{version}"


def test_on_the_network_of_nodes_names_of_the_cluster_are_known(release: Objects) -> None:
    deployment = chart({"controller": {"hostNetwork": True}}).one("Deployment")

    assert at(f"{POD}.dnsPolicy", deployment) == "ClusterFirstWithHostNet"
    assert at(f"{POD}.dnsPolicy", release.one("Deployment")) is None
    assert at(f"{POD}.hostNetwork", release.one("Deployment")) is None


def test_common_labels_are_on_every_object() -> None:
    objects = chart(
        {"commonLabels": {"team": "a"}, "prometheus": {"enable": True}, "certManager": {"enable": True}},
        MONITORING,
    )

    assert [it["metadata"]["name"] for it in objects if it["metadata"]["labels"].get("team") != "a"] == []


def test_every_object_has_the_labels_of_helm_and_its_component(release: Objects) -> None:
    labels = [dict(it["metadata"]["labels"]) for it in release]

    assert {label.pop("app.kubernetes.io/component") for label in labels} == {"controller", "webhook"}
    assert all(label == LABELS for label in labels)


LABELS = {
    "helm.sh/chart": "jobset-0.12.0",
    "app.kubernetes.io/managed-by": "Helm",
    "app.kubernetes.io/version": "0.12.0",
    "app.kubernetes.io/name": "jobset",
    "app.kubernetes.io/instance": "jobset",
}


def test_the_deployment_is_what_kustomize_makes_under_other_names(release: Objects, default: Objects) -> None:
    ours, theirs = (copy.deepcopy(at(CONTAINER, it.one("Deployment"))) for it in (release, default))

    assert ours.pop("name") == "controller"
    assert ours.pop("imagePullPolicy") == "Always"
    assert ours.pop("ports") == [
        {"name": "health-probe", "containerPort": 8081, "protocol": "TCP"},
        {"name": "webhook", "containerPort": 9443, "protocol": "TCP"},
        {"name": "metrics", "containerPort": 8443, "protocol": "TCP"},
    ]
    assert ours["resources"].pop("limits") == {"cpu": 2, "memory": "4Gi"}
    same = ("command", "args", "image", "livenessProbe", "readinessProbe", "securityContext")
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert mounts(release) == mounts(default)
    assert at(f"{POD}.terminationGracePeriodSeconds", release.one("Deployment")) is None


def mounts(objects: Objects) -> set[tuple[str, Any, Any]]:
    return {
        (it["mountPath"], it.get("subPath"), it.get("readOnly"))
        for it in at(f"{CONTAINER}.volumeMounts", objects.one("Deployment"))
    }


NAMES = {
    "the release has the name of the chart": ("jobset", {}, "jobset", "jobset"),
    "another release": ("train", {}, "train-jobset", "jobset"),
    "a release whose name has that of the chart in it": ("my-jobset-2", {}, "my-jobset-2", "jobset"),
    "another name": ("jobset", {"nameOverride": "sets"}, "jobset-sets", "sets"),
    "another name, which the release has in it": ("sets-a", {"nameOverride": "sets"}, "sets-a", "sets"),
    "another full name": ("train", {"fullnameOverride": "full"}, "full", "jobset"),
    "both": ("train", {"fullnameOverride": "full", "nameOverride": "sets"}, "full", "sets"),
    "a name that is too long": ("r", {"nameOverride": "n" * 62 + "-n"}, "r-" + "n" * 61, "n" * 62),
}


def names(fullname: str, name: str) -> set[tuple[str, str]]:
    controller = f"{fullname}-controller"
    return {
        ("Deployment", controller),
        ("ServiceAccount", controller),
        ("ClusterRole", controller),
        ("ClusterRoleBinding", controller),
        ("ConfigMap", f"{controller}-config"),
        ("PodDisruptionBudget", f"{controller}-pdb"),
        ("Service", f"{fullname}-webhook-service"),
        ("Service", f"{fullname}-metrics-service"),
        ("ServiceMonitor", f"{fullname}-metrics-service-monitor"),
        ("Role", f"{fullname}-prometheus-k8s"),
        ("RoleBinding", f"{fullname}-prometheus-k8s"),
        ("Role", f"{fullname}-leader-election-role"),
        ("RoleBinding", f"{fullname}-leader-election-rolebinding"),
        ("Role", f"{fullname}-manager-secrets-role"),
        ("RoleBinding", f"{fullname}-manager-secrets-rolebinding"),
        ("ClusterRole", f"{fullname}-proxy-role"),
        ("ClusterRoleBinding", f"{fullname}-proxy-rolebinding"),
        ("ClusterRole", f"{fullname}-metrics-reader"),
        ("ClusterRoleBinding", f"{fullname}-metrics-reader-rolebinding"),
        ("ClusterRole", f"{fullname}-jobset-editor-role"),
        ("ClusterRole", f"{fullname}-jobset-viewer-role"),
        ("Issuer", f"{name}-self-signed-issuer"),
        ("Certificate", f"{name}-cert"),
        ("Certificate", f"{name}-metrics-cert"),
        ("MutatingWebhookConfiguration", "jobset-mutating-webhook-configuration"),
        ("ValidatingWebhookConfiguration", "jobset-validating-webhook-configuration"),
    }


@pytest.mark.parametrize(("release_name", "values", "fullname", "name"), NAMES.values(), ids=NAMES)
def test_objects_are_named_after_the_release(
    release_name: str, values: dict[str, str], fullname: str, name: str
) -> None:
    everything = {
        "certManager": {"enable": True},
        "prometheus": {"enable": True},
        "controller": {"podDisruptionBudget": {"enabled": True}},
    }

    objects = chart({**everything, **values}, MONITORING, release=release_name)

    assert sorted(objects.names()) == sorted(names(fullname, name))
    assert {it["metadata"]["labels"]["app.kubernetes.io/name"] for it in objects} == {name}


OPTIONAL = {"PodDisruptionBudget", "ServiceMonitor", "Issuer", "Certificate"}


def test_without_being_asked_the_chart_has_a_secret_and_nothing_optional(release: Objects) -> None:
    plain = {it for it in names("jobset", "jobset") if it[0] not in OPTIONAL and "prometheus" not in it[1]}

    assert set(release.names()) == plain | {("Secret", "jobset-webhook-server-cert")}


def test_the_secret_has_no_data(release: Objects) -> None:
    secret = release.one("Secret")

    assert set(secret) == {"apiVersion", "kind", "metadata"}


@pytest.mark.parametrize("release_name", ["jobset", "train"])
def test_the_configuration_names_what_the_release_has(release_name: str) -> None:
    objects = chart({"controller": {"clientConnection": {"qps": 20, "burst": 40}}}, release=release_name)
    configuration = read_configuration(objects.configuration())
    certificates = configuration.internal_cert_management

    assert configuration.leader_election.leader_elect
    assert configuration.client_connection.limit == (20, 40)
    assert certificates.enable
    assert certificates.webhook_service_name in objects.of("Service")
    assert certificates.webhook_secret_name in objects.of("Secret")


def test_by_default_the_configuration_limits_requests_to_500(release: Objects) -> None:
    assert read_configuration(release.configuration()).client_connection.limit == (500, 500)


def test_without_leader_election_there_is_no_role_for_it_and_the_configuration_says_so() -> None:
    objects = chart({"controller": {"leaderElection": {"enable": False}}})

    assert "jobset-leader-election-role" not in objects.of("Role")
    assert "jobset-leader-election-rolebinding" not in objects.of("RoleBinding")
    assert objects.configuration()["leaderElection"] == {"leaderElect": False}


def test_cert_manager_makes_certificates_and_there_is_no_secret(release: Objects) -> None:
    objects = chart({"certManager": {"enable": True}})

    assert objects.of("Secret") == {}
    assert objects.configuration()["internalCertManagement"]["enable"] is False
    assert set(objects.names()) - set(release.names()) == {
        ("Issuer", "jobset-self-signed-issuer"),
        ("Certificate", "jobset-cert"),
        ("Certificate", "jobset-metrics-cert"),
    }
    assert mounts(objects) - mounts(release) == {(str(EXTERNAL_CERTIFICATES), None, True)}
    metrics = {
        "name": "metrics-cert",
        "secret": {"secretName": "jobset-metrics-server-cert", "defaultMode": 420},
    }
    assert metrics in at(f"{POD}.volumes", objects.one("Deployment"))


@pytest.mark.parametrize("kind", ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"])
def test_cert_manager_vouches_for_the_webhooks(release: Objects, kind: str) -> None:
    objects = chart({"certManager": {"enable": True}}, release="train", namespace="ns")

    assert objects.one(kind)["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": "ns/jobset-cert"
    }
    assert "annotations" not in release.one(kind)["metadata"]


CERTIFICATES = {
    "jobset-cert": ("jobset-webhook", "train-jobset-webhook-server-cert", "train-jobset-webhook-service"),
    "jobset-metrics-cert": (
        "jobset-metrics",
        "train-jobset-metrics-server-cert",
        "train-jobset-metrics-service",
    ),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_is_for_its_service(name: str) -> None:
    common_name, secret, service = CERTIFICATES[name]
    values = {"certManager": {"enable": True}, "kubernetesClusterDomain": "example.com"}

    objects = chart(values, release="train", namespace="ns")

    assert service in objects.of("Service")
    assert objects.of("Certificate")[name]["spec"] == {
        "commonName": common_name,
        "secretName": secret,
        "dnsNames": [f"{service}.ns.svc", f"{service}.ns.svc.example.com"],
        "duration": "8760h",
        "renewBefore": "720h",
        "usages": ["server auth", "client auth"],
        "issuerRef": {"kind": "Issuer", "name": "jobset-self-signed-issuer"},
    }


def test_a_given_issuer_is_used_and_no_other_made() -> None:
    issuer = {"kind": "ClusterIssuer", "name": "ours"}

    objects = chart({"certManager": {"enable": True, "issuerRef": issuer}})

    assert objects.of("Issuer") == {}
    assert [it["spec"]["issuerRef"] for it in objects.of("Certificate").values()] == [issuer, issuer]


BUDGETS = {
    "at least one is left": ({}, {"minAvailable": 1}),
    "as many as are asked for are left": ({"minAvailable": 2}, {"minAvailable": 2}),
    "one may be away": ({"maxUnavailable": 1}, {"maxUnavailable": 1}),
    "none may be away": ({"maxUnavailable": 0}, {"maxUnavailable": 0}),
    "a part of them may be away": ({"minAvailable": 2, "maxUnavailable": "50%"}, {"maxUnavailable": "50%"}),
}


@pytest.mark.parametrize(("values", "expected"), BUDGETS.values(), ids=BUDGETS)
def test_a_budget(values: dict[str, Any], expected: dict[str, Any], release: Objects) -> None:
    objects = chart({"controller": {"podDisruptionBudget": {"enabled": True, **values}}})

    selector = release.one("Deployment")["spec"]["selector"]
    assert objects.one("PodDisruptionBudget")["spec"] == {**expected, "selector": selector}


def test_prometheus_is_told_of_the_metrics() -> None:
    objects = chart({"prometheus": {"enable": True, "prometheusNamespace": "watch"}}, MONITORING)

    monitor = objects.one("ServiceMonitor")["spec"]
    assert [it["tlsConfig"] for it in monitor["endpoints"]] == [{"insecureSkipVerify": True}]
    assert [(it["port"], it["scheme"]) for it in monitor["endpoints"]] == [("https", "https")]
    assert [name for name, it in objects.of("Service").items() if is_selected(it, monitor)] == [
        "jobset-metrics-service"
    ]
    assert objects.of("RoleBinding")["jobset-prometheus-k8s"]["subjects"] == [
        {"kind": "ServiceAccount", "name": name, "namespace": "watch"}
        for name in ("prometheus-k8s", "prometheus-operator")
    ]


def is_selected(service: dict[str, Any], monitor: dict[str, Any]) -> bool:
    wanted = monitor["selector"]["matchLabels"]
    return bool({key: service["metadata"]["labels"].get(key) for key in wanted} == wanted)


def test_with_cert_manager_prometheus_checks_the_certificate() -> None:
    values = {
        "prometheus": {"enable": True, "prometheusClientCertSecretName": "ours"},
        "certManager": {"enable": True},
    }

    (endpoint,) = chart(values, MONITORING).one("ServiceMonitor")["spec"]["endpoints"]

    assert endpoint["tlsConfig"] == {
        "serverName": "jobset-metrics-service.jobset-system.svc",
        "ca": {"secret": {"name": "ours", "key": "ca.crt"}},
        "cert": {"secret": {"name": "ours", "key": "tls.crt"}},
        "keySecret": {"name": "ours", "key": "tls.key"},
    }


def test_prometheus_without_its_definitions_is_refused() -> None:
    with pytest.raises(RenderFailed) as refused:
        chart({"prometheus": {"enable": True}})

    needed = "`monitoring.coreos.com/v1/ServiceMonitor`"
    assert f"The cluster does not support the required API resource {needed}." in str(refused.value)


def config_hash(values: dict[str, Any]) -> str:
    annotations = at("spec.template.metadata.annotations", chart(values).one("Deployment"))
    return str(annotations["jobset.x-k8s.io/config-hash"])


def test_another_configuration_makes_other_pods() -> None:
    before = config_hash({})

    assert re.fullmatch("[0-9a-f]{64}", before)
    assert config_hash({"controller": {"replicas": 2}}) == before
    assert config_hash({"controller": {"clientConnection": {"qps": 1}}}) != before


def test_services_lead_to_the_pods_by_the_names_of_their_ports(release: Objects) -> None:
    services = release.of("Service")
    pods = at("spec.template.metadata.labels", release.one("Deployment"))

    assert services["jobset-webhook-service"]["spec"] == {
        "selector": {"app.kubernetes.io/name": "jobset", "app.kubernetes.io/instance": "jobset"},
        "ports": [{"port": 443, "targetPort": "webhook", "protocol": "TCP"}],
    }
    assert services["jobset-metrics-service"]["spec"]["ports"] == [
        {"name": "https", "port": 8443, "targetPort": "metrics", "protocol": "TCP"}
    ]
    assert [it["spec"]["selector"].items() <= pods.items() for it in services.values()] == [True, True]


BINDINGS = {
    "the manager's rights": ("ClusterRoleBinding", "jobset-controller", "jobset-controller"),
    "asking for access": ("ClusterRoleBinding", "jobset-proxy-rolebinding", "jobset-proxy-role"),
    "reading metrics": ("ClusterRoleBinding", "jobset-metrics-reader-rolebinding", "jobset-metrics-reader"),
    "the lease": ("RoleBinding", "jobset-leader-election-rolebinding", "jobset-leader-election-role"),
    "the Secret": ("RoleBinding", "jobset-manager-secrets-rolebinding", "jobset-manager-secrets-role"),
}


@pytest.mark.parametrize(("kind", "name", "role"), BINDINGS.values(), ids=BINDINGS)
def test_the_account_of_the_manager_has(release: Objects, kind: str, name: str, role: str) -> None:
    binding = release.of(kind)[name]

    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (kind.removesuffix("Binding"), role)
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "jobset-controller", "namespace": "jobset-system"}
    ]
    assert at(f"{POD}.serviceAccountName", release.one("Deployment")) == "jobset-controller"
