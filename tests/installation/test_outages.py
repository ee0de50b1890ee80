"""Trouble with webhooks, certificates or leaders while a JobSet restarts: it comes to its end, alone."""

import json
import signal
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobset.api import keys
from jobset.kube.resources import JOBSETS
from tests.control_plane.fixtures import require_programs
from tests.control_plane.kubelet import a_node
from tests.control_plane.kubelet_thread import kubelets
from tests.control_plane.processes import CONTROLLER_MANAGER, ControlPlane, PlaneSettings, a_control_plane
from tests.controller_process import ControllerProcess, a_controller, a_free_port
from tests.installation.rendering import MUTATING, VALIDATING, Object, Objects
from tests.installation.standing import StandingService, a_standing_service
from tests.installation.test_on_a_cluster import ACCOUNT
from tests.worlds import role

pytestmark = [pytest.mark.control_plane, pytest.mark.slow]

SYSTEM, SECRET, SERVICE = "jobset-system", "jobset-webhook-server-cert", "jobset-webhook-service"
CONFIGURATIONS = (
    "mutatingwebhookconfiguration/jobset-mutating-webhook-configuration",
    "validatingwebhookconfiguration/jobset-validating-webhook-configuration",
)
HERE, UNRELATED = "here", "unrelated"
RACK, SHELF = "example.com/rack", "example.com/shelf"
POOL = "example.com/pool"
# Where a pod of any JobSet is, no other Job is alone.
RACKS = {f"rack-{number}": f"r{number}" for number in range(3)}
NODES = [
    *(a_node(name, **{RACK: rack, POOL: "racks"}) for name, rack in RACKS.items()),
    *(a_node(f"shelf-{number}", **{SHELF: f"s{number}", POOL: "shelves"}) for number in range(2)),
    a_node("shared", **{POOL: "shared"}),
]
REPLICAS, PODS = 2, 2
A_SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": SYSTEM}}
ALONE = {"leaderElect": False}


@dataclass
class Cluster:
    """JobSet as it is installed; managers come and go."""

    plane: ControlPlane
    service: StandingService
    folder: Path
    audited: int = 0

    @contextmanager
    def manager(self, election: Object) -> Iterator["Replica"]:
        """A manager that is ready, and an endpoint of the Service."""
        port, folder = a_free_port(), self.folder / uuid.uuid4().hex
        folder.mkdir()
        configuration = {
            "internalCertManagement": {"enable": True},
            "leaderElection": {"resourceNamespace": SYSTEM, **election},
            "webhook": {"host": "127.0.0.1", "port": port},
            "metrics": {"bindAddress": "0"},
        }
        kubeconfig = self.plane.kubeconfig(ACCOUNT, ("system:authenticated",))
        with a_controller(folder, kubeconfig, configuration) as process:
            process.until(lambda: process.get("/readyz") == (200, "ok"))
            self.service.endpoints.append(port)
            yield Replica(process, port)
            if port in self.service.endpoints:
                self.service.endpoints.remove(port)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.plane.kubectl(*arguments, stdin=stdin)

    def create(self, namespace: str, body: Object) -> None:
        self.kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(body))

    def items(self, namespace: str, *what: str) -> list[Object]:
        found: list[Object] = json.loads(self.kubectl("get", "-n", namespace, *what, "-o", "json"))["items"]
        return found

    def status(self, jobset: str, namespace: str = HERE) -> Object:
        found: Object = json.loads(self.kubectl("get", "jobset", "-n", namespace, jobset, "-o", "json"))
        return found.get("status") or {}

    def pods(self, jobset: str) -> list[Object]:
        """The pods of a JobSet that are to stay."""
        found = self.items(HERE, "pods", "-l", f"{keys.JOBSET_NAME}={jobset}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def are_refused_pods(self, jobset: str, attempt: int) -> bool:
        """Whether every Job of an attempt is there, and heard that webhooks do not answer."""
        told = self.items(HERE, "events")
        heard = {it["involvedObject"].get("uid") for it in told if "failed calling webhook" in it["message"]}
        labels = f"{keys.JOBSET_NAME}={jobset},{keys.RESTART_ATTEMPT}={attempt}"
        uids = {job["metadata"]["uid"] for job in self.items(HERE, "jobs", "-l", labels)}
        return len(uids & heard) == REPLICAS

    def fail(self, jobset: str) -> int:
        """A pod of a JobSet fails; returns the attempt that is to come."""
        attempt = self.status(jobset)["restarts"] + 1
        name = self.pods(jobset)[0]["metadata"]["name"]
        status = json.dumps({"status": {"phase": "Failed"}})
        self.kubectl("patch", "pod", "-n", HERE, name, "--subresource=status", "--type=merge", f"-p={status}")
        return int(attempt)

    def runs(self, jobset: str, attempt: int, namespace: str = HERE) -> bool:
        """Whether all Jobs of an attempt are ready, and the JobSet says so."""
        status = self.status(jobset, namespace)
        ready = [entry["ready"] for entry in status.get("replicatedJobsStatus", ())]
        is_restarting = conditions(status).get("RestartingJobSet") == "True"
        return (status.get("restarts"), ready, is_restarting) == (attempt, [REPLICAS], False)

    def until_runs(self, jobset: str, attempt: int, namespace: str = HERE) -> None:
        self.plane.until(lambda: self.runs(jobset, attempt, namespace))

    def certificates(self) -> tuple[Any, list[Any]]:
        """What the Secret holds, and the authorities of each webhook."""
        secret, *configurations = (
            json.loads(self.kubectl("get", "-n", SYSTEM, which, "-o", "json"))
            for which in (f"secret/{SECRET}", *CONFIGURATIONS)
        )
        hooks = [hook["clientConfig"] for found in configurations for hook in found["webhooks"]]
        return secret.get("data"), [hook.get("caBundle") for hook in hooks]

    def audit(self) -> list[Object]:
        """All requests so far."""
        lines = (self.plane.folder / "audit.log").read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines]

    def written(self) -> list[str]:
        """The changes of what nothing happens to; that pods and Jobs report how they do is none."""
        return [
            f"{it['verb']} {it['requestURI']}"
            for it in self.audit()[self.audited :]
            if it["verb"] not in ("get", "list", "watch")
            and (about := it.get("objectRef", {})).get("namespace") == UNRELATED
            and "/".join(about[part] for part in ("resource", "subresource") if part in about) in LASTING
        ]


LASTING = ("jobsets", "jobsets/status", "jobs", "pods", "services")


@dataclass(frozen=True, slots=True)
class Replica:
    """A manager, and the port of its webhooks."""

    process: ControllerProcess
    port: int


def conditions(status: Object) -> dict[str, str]:
    return {told["type"]: told["status"] for told in status.get("conditions", ())}


def a_jobset(name: str, pool: str, topology: str | None = None) -> Object:
    """A JobSet of two Jobs with two pods each; with a topology each Job has a domain for itself."""
    workers = role("w", REPLICAS, pods=PODS)
    ignored = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
    workers["template"]["spec"] |= {"backoffLimit": 0, "podFailurePolicy": ignored}
    workers["template"]["spec"]["template"]["spec"] |= {
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {POOL: pool},
    }
    annotations = {keys.EXCLUSIVE_TOPOLOGY: topology} if topology else {}
    return {
        "apiVersion": JOBSETS.api_version,
        "kind": JOBSETS.kind,
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"replicatedJobs": [workers], "failurePolicy": {"maxRestarts": 100}},
    }


def a_pod(name: str) -> Object:
    container = {"name": "main", "image": "x"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container]},
    }


def installed(default: Objects, port: int) -> str:
    """The installation without its Deployment, whose Service leads to a port of this machine."""
    items = deepcopy([it for it in default if it["kind"] not in ("Deployment", "Service")])
    external = {"type": "ExternalName", "externalName": "localhost"}
    metadata = {"name": SERVICE, "namespace": SYSTEM}
    items.append({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": external})
    for configuration in items:
        if configuration["kind"] in (MUTATING, VALIDATING):
            for hook in configuration["webhooks"]:
                hook["clientConfig"]["service"]["port"] = port
                hook["timeoutSeconds"] = 2
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


@pytest.fixture(scope="module")
def cluster(default: Objects, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """JobSets that restart in each test, and others that nothing shall happen to."""
    require_programs()
    with a_control_plane(PlaneSettings(audit=True)) as plane, a_standing_service() as service:
        plane.kubectl("apply", "--server-side", "-f", "-", stdin=installed(default, service.port))
        plane.until_served(JOBSETS.path())
        # The garbage collector looks for new kinds only when it starts and every 30 seconds.
        plane.restart(CONTROLLER_MANAGER)
        for namespace in (HERE, UNRELATED):
            plane.kubectl("create", "namespace", namespace)
        cluster = Cluster(plane, service, tmp_path_factory.mktemp("managers"))
        with kubelets(plane, lambda pod: "hang", NODES):
            with cluster.manager(ALONE):
                cluster.create(HERE, a_jobset("train", "racks", RACK))
                cluster.create(HERE, a_jobset("busy", "shared"))
                cluster.create(UNRELATED, a_jobset("alone", "shelves", SHELF))
                cluster.create(UNRELATED, a_jobset("other", "shared"))
                cluster.create(UNRELATED, a_pod("plain"))
                cluster.until_runs("train", 0)
                cluster.until_runs("busy", 0)
                cluster.until_runs("alone", 0, UNRELATED)
                cluster.until_runs("other", 0, UNRELATED)
            cluster.audited = len(cluster.audit())
            yield cluster


def test_a_restart_waits_for_webhooks_that_are_gone(cluster: Cluster) -> None:
    with cluster.manager(ALONE) as replica:
        cluster.service.endpoints.remove(replica.port)
        cluster.service.cut()
        train, busy = cluster.fail("train"), cluster.fail("busy")
        cluster.until_runs("busy", busy)
        cluster.create(HERE, a_pod("in-an-outage"))
        cluster.plane.until(lambda: cluster.are_refused_pods("train", train))
        held = cluster.pods("train"), conditions(cluster.status("train"))["RestartingJobSet"]
        cluster.service.endpoints.append(replica.port)
        cluster.until_runs("train", train)

    assert held == ([], "True")
    assert_nobody_else_noticed(cluster)


GARBAGE = b64encode(b"garbage").decode()


def delete_secret(cluster: Cluster) -> None:
    cluster.kubectl("delete", "secret", "-n", SYSTEM, SECRET)


def spoil_secret(cluster: Cluster) -> None:
    spoilt = json.dumps({"data": dict.fromkeys(("ca.crt", "ca.key", "tls.crt", "tls.key"), GARBAGE)})
    cluster.kubectl("patch", "secret", "-n", SYSTEM, SECRET, "--type=merge", f"-p={spoilt}")


def empty_bundles(cluster: Cluster) -> None:
    paths = (f"/webhooks/{number}/clientConfig/caBundle" for number in (0, 1))
    emptied = json.dumps([{"op": "remove", "path": path} for path in paths])
    for configuration in CONFIGURATIONS:
        cluster.kubectl("patch", configuration, "--type=json", f"-p={emptied}")


TROUBLE = {"no Secret": delete_secret, "a spoilt Secret": spoil_secret, "no authorities": empty_bundles}


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_a_restart_goes_on_without_its_certificates(
    cluster: Cluster, trouble: Callable[[Cluster], None]
) -> None:
    with cluster.manager(ALONE):
        before = cluster.certificates()
        attempt = cluster.fail("train")
        trouble(cluster)
        cluster.create(HERE, a_pod(f"in-trouble-{uuid.uuid4()}"))
        cluster.until_runs("train", attempt)
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(A_SECRET))
        cluster.plane.until(lambda: cluster.certificates() == before)

    assert_nobody_else_noticed(cluster)


QUICK = {"leaseDuration": "8s", "renewDeadline": "6s", "retryPeriod": "1s"}
ENDS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGSTOP: 1}
"""What is done to a leader, and how it ends, once it may go on."""


@pytest.mark.parametrize("number", ENDS, ids=[number.name for number in ENDS])
def test_a_restart_is_finished_by_the_next_leader(cluster: Cluster, number: signal.Signals) -> None:
    election = {**QUICK, "resourceName": f"lease-{number.name.lower()}"}
    with cluster.manager(election) as first, cluster.manager(election) as second:
        second.process.until_told("waiting for the lease")
        attempt = cluster.fail("train")
        cluster.plane.until(lambda: cluster.status("train")["restarts"] == attempt)
        first.process.signal(number)
        cluster.service.endpoints.remove(first.port)
        cluster.create(HERE, a_pod(f"between-leaders-{number.name.lower()}"))
        second.process.until_told("leading")
        cluster.until_runs("train", attempt)
        first.process.signal(signal.SIGCONT)
        code = first.process.exit_code()

    assert code == ENDS[number]
    assert_nobody_else_noticed(cluster)


def assert_nobody_else_noticed(cluster: Cluster) -> None:
    """Each Job that restarted has one rack for itself, and nothing was written elsewhere."""
    found = cluster.pods("train")
    places = {(pod["metadata"]["labels"][keys.JOB_NAME], RACKS[pod["spec"]["nodeName"]]) for pod in found}
    jobs, racks = map(set, zip(*places, strict=True))
    assert (len(found), len(places), len(jobs), len(racks)) == (REPLICAS * PODS, REPLICAS, REPLICAS, REPLICAS)
    assert cluster.written() == []
