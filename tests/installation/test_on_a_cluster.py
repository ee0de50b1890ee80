"""An installation on a real API server: what it asks, what an outage stops, what is left in the end."""

import json
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jobset.api import keys
from tests.control_plane.fixtures import OwnControlPlane, require_programs
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.kubelet import a_node
from tests.control_plane.kubelet_thread import kubelets
from tests.control_plane.processes import BARE, ControlPlane, PlaneSettings, a_control_plane
from tests.controller_process import a_controller, a_free_port
from tests.installation.audit import refused, used
from tests.installation.rendering import MUTATING, ROOT, VALIDATING, Object, Objects
from tests.installation.test_permissions import rights

pytestmark = pytest.mark.control_plane

MANIFESTS = str(ROOT / "manifests.yaml")
OF_JOBSET = {keys.JOBSET_NAME: "js"}
EXCLUSIVE = {**OF_JOBSET, keys.EXCLUSIVE_TOPOLOGY: "zone"}
BY_SELECTOR = {**EXCLUSIVE, keys.NODE_SELECTOR: "true"}


def a_pod(name: str, labels: Mapping[str, str], annotations: Mapping[str, str] | None) -> str:
    metadata = {"name": name, "labels": labels}
    if annotations is not None:
        metadata["annotations"] = annotations
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    return json.dumps({**pod, "spec": {"containers": [{"name": "main", "image": "x"}]}})


PODS = {
    "a pod of something else": ({}, None, []),
    "a pod of a JobSet": (OF_JOBSET, OF_JOBSET, ["mpodpriority.kb.io"]),
    "one with a domain for itself": (OF_JOBSET, EXCLUSIVE, ["mpod.kb.io", "vpod.kb.io"]),
    "one with a domain by node selectors": (OF_JOBSET, BY_SELECTOR, []),
    "one with node selectors alone": (OF_JOBSET, {**OF_JOBSET, keys.NODE_SELECTOR: "true"}, []),
    "one with the label alone": (OF_JOBSET, None, []),
    "one with the label and other annotations": (OF_JOBSET, {"a": "b"}, []),
    "one with the annotation alone": ({}, EXCLUSIVE, []),
}


@pytest.mark.parametrize(("labels", "annotations", "asked"), PODS.values(), ids=PODS)
def test_who_is_asked_about_a_pod(
    answered: "Answered", labels: Mapping[str, str], annotations: Mapping[str, str] | None, asked: list[str]
) -> None:
    answered.reviews.clear()

    tried(answered.plane, a_pod("asked", labels, annotations))

    assert answered.reviews == asked


def tried(plane: ControlPlane, pod: str) -> str:
    """What the API server says to a pod, which it does not keep."""
    return plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=pod, check=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """A control plane whose webhooks allow everything; they have been asked for `reviews`, by their names."""

    plane: ControlPlane
    reviews: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def answered(default: Objects) -> Iterator[Answered]:
    require_programs()
    with a_control_plane(BARE) as plane, answering(Answered(plane)) as (url, found):
        plane.kubectl("apply", "-f", "-", stdin=served_at(url, plane, default))
        first = a_pod("first", OF_JOBSET, EXCLUSIVE)
        # The API server hears of webhooks a moment later.
        plane.until(lambda: bool(tried(plane, first)) and {"mpod.kb.io", "vpod.kb.io"} <= set(found.reviews))
        yield found


@contextmanager
def answering(found: Answered) -> Iterator[tuple[str, Answered]]:
    """The address of a server of webhooks, as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.reviews.append(self.path.removeprefix("/").partition("?")[0])
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            review = {**asked, "response": {"uid": asked["request"]["uid"], "allowed": True}}
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    folder = found.plane.folder
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, ThreadPoolExecutor(1) as executor:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        executor.submit(server.serve_forever)
        yield f"https://127.0.0.1:{server.server_port}", found
        server.shutdown()


def served_at(url: str, plane: ControlPlane, installed: Objects) -> str:
    """The webhook configurations as they are installed, but asked at an address of this machine."""
    authority = b64encode((plane.folder / "ca.crt").read_bytes()).decode()
    configurations = [installed.one(kind) for kind in (MUTATING, VALIDATING)]
    items = [
        {
            **it,
            "webhooks": [
                {**hook, "clientConfig": {"url": f"{url}/{hook['name']}", "caBundle": authority}}
                for hook in it["webhooks"]
            ],
        }
        for it in configurations
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


OUTAGE = {
    "a pod of something else": ({}, None, "created"),
    "a pod of a JobSet": (OF_JOBSET, OF_JOBSET, "created"),
    "one with a domain by node selectors": (OF_JOBSET, BY_SELECTOR, "created"),
    "one with the label alone": (OF_JOBSET, None, "created"),
    "one with a domain for itself": (OF_JOBSET, EXCLUSIVE, 'failed calling webhook "mpod.kb.io"'),
}


@pytest.fixture(scope="module")
def abandoned() -> Iterator[ControlPlane]:
    """JobSet is installed, and no manager runs."""
    require_programs()
    with a_control_plane(BARE) as plane:
        plane.kubectl("apply", "--server-side", "-f", MANIFESTS)
        first = a_pod("first", OF_JOBSET, EXCLUSIVE)
        plane.until(lambda: "failed calling" in tried(plane, first))
        yield plane


@pytest.mark.parametrize(("labels", "annotations", "told"), OUTAGE.values(), ids=OUTAGE)
def test_while_no_manager_answers_only_exclusive_pods_wait(
    abandoned: ControlPlane, labels: Mapping[str, str], annotations: Mapping[str, str] | None, told: str
) -> None:
    assert told in tried(abandoned, a_pod("alone", labels, annotations))


def test_an_installation_can_be_applied_again(abandoned: ControlPlane) -> None:
    again = abandoned.kubectl("apply", "--server-side", "-f", MANIFESTS)

    assert again.count("serverside-applied") == len(again.splitlines())


def test_uninstalling_removes_everything_and_every_jobset(own_control_plane: OwnControlPlane) -> None:
    plane = own_control_plane(PlaneSettings(scheduler=False))
    install_jobset_crd(plane)
    plane.kubectl("create", "-f", "-", stdin=a_jobset("js"))
    plane.kubectl("apply", "--server-side", "-f", MANIFESTS)

    plane.kubectl("delete", "--timeout=60s", "-f", MANIFESTS)

    assert plane.kubectl("get", "--ignore-not-found", "-o=name", "-f", MANIFESTS, check=False) == ""
    install_jobset_crd(plane)
    assert plane.kubectl("get", "jobsets", "-A", "-o=name") == ""


def a_jobset(name: str, annotations: Mapping[str, str] | None = None, **spec: Any) -> str:
    containers = [{"name": "main", "image": "x"}]
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": containers}
    job = {"completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimit": 0}
    template = {"spec": {**job, "template": {"spec": pod}}}
    return json.dumps(
        {
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": {"name": name, "namespace": "default", "annotations": annotations or {}},
            "spec": {"replicatedJobs": [{"name": "w", "replicas": 1, "template": template}], **spec},
        }
    )


ACCOUNT = "system:serviceaccount:jobset-system:jobset-controller-manager"
INSTALLED = (
    "Namespace",
    "CustomResourceDefinition",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
)
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
NETWORK = {"enableDNSHostnames": True, "publishNotReadyAddresses": True}


def test_the_manager_needs_no_other_rights_than_it_has_and_its_role_is_enough(
    own_control_plane: OwnControlPlane, default: Objects, tmp_path: Path
) -> None:
    plane = own_control_plane(PlaneSettings(audit=True))
    rules = {"apiVersion": "v1", "kind": "List", "items": [it for it in default if it["kind"] in INSTALLED]}
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(rules))
    kubeconfig = plane.kubeconfig(ACCOUNT, ("system:serviceaccounts", "system:authenticated"))
    restarts = {"maxRestarts": 3}
    claims = [{"templates": [CLAIM], "retentionPolicy": {"whenDeleted": "Delete"}}]

    with (
        kubelets(plane, failing_once(), [a_node("a", zone="a")]),
        a_controller(tmp_path, kubeconfig, CONFIGURATION),
    ):
        plane.kubectl("create", "-f", "-", stdin=a_jobset("js", failurePolicy=restarts, network=NETWORK))
        plane.kubectl("create", "-f", "-", stdin=a_jobset("claims", volumeClaimPolicies=claims))
        plane.kubectl("create", "-f", "-", stdin=a_jobset("alone", {keys.EXCLUSIVE_TOPOLOGY: "zone"}))
        plane.kubectl("wait", "--for=condition=Completed", "jobset/js", "--timeout=60s")
        # Also a follower that no webhook placed is sent away.
        plane.until(lambda: used(plane, ACCOUNT) >= NEEDED)

    assert used(plane, ACCOUNT) - set(granted(default)) == set()
    assert refused(plane, ACCOUNT) == []


CONFIGURATION = {
    "leaderElection": {"resourceNamespace": "jobset-system"},
    "internalCertManagement": {"enable": False},
    "webhook": {"port": a_free_port()},
}
NEEDED = {
    ("", "pods", "watch"),
    ("", "nodes", "watch"),
    ("", "pods/status", "patch"),
    ("", "pods", "delete"),
    ("", "services", "create"),
    ("", "persistentvolumeclaims", "create"),
    ("events.k8s.io", "events", "create"),
    ("batch", "jobs", "create"),
    ("batch", "jobs", "delete"),
    ("jobset.x-k8s.io", "jobsets/status", "update"),
    ("coordination.k8s.io", "leases", "create"),
}


def failing_once() -> Any:
    """A script by which the first pod of the JobSet fails, and all others of it succeed."""
    failed: list[str] = []

    def outcome(pod: Object) -> str:
        if pod["metadata"]["labels"][keys.JOBSET_NAME] != "js":
            return "hang"
        failed.append(pod["metadata"]["name"])
        return "fail:1" if len(failed) == 1 else "succeed"

    return outcome


def granted(installed: Objects) -> Iterator[tuple[str, str, str]]:
    names = ("jobset-manager-role", "jobset-leader-election-role", "jobset-proxy-role")
    roles = installed.of("ClusterRole") | installed.of("Role")
    return (right for name in names for right in rights(roles[name]))
