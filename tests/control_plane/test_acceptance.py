"""Manifests that users of the API already have, on a real control plane, with the kubectl that they have.

Containers are played: what they would do in ten seconds is done in one.
"""

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from jobset.api import keys
from tests.control_plane.fixtures import require_programs
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.kubelet import a_node
from tests.control_plane.kubelet_thread import kubelets
from tests.control_plane.processes import CONTROLLER_MANAGER, ControlPlane, a_control_plane
from tests.control_plane.webhooks import start_jobset_webhooks
from tests.controller_process import a_controller

pytestmark = pytest.mark.control_plane

ACCEPTANCE = Path(__file__).parents[3] / "shared" / "acceptance"
CONFIGURATION = {"leaderElection": {"leaderElect": False}, "metrics": {"bindAddress": "0"}}
PATIENCE = 60.0
T = TypeVar("T")
POOL = "cloud.google.com/gke-nodepool"
TPU = "google.com/tpu"

SCRIPTS = {
    ("failjobset-action-example", "leader", "0"): "fail:1@1",
    ("coordinator-example", "workers"): "succeed@10",
    ("coordinator-example", "driver"): "succeed@10",
    ("pytorch", "leader"): "succeed@2",
    ("pytorch", "workers"): "succeed@3",
}


def play(pod: Mapping[str, Any]) -> str:
    """What the containers of a pod do; those that are not named run on."""
    labels, annotations = pod["metadata"]["labels"], pod["metadata"]["annotations"]
    role = (labels[keys.JOBSET_NAME], labels[keys.REPLICATED_JOB_NAME])
    return SCRIPTS.get((*role, annotations[keys.JOB_COMPLETION_INDEX])) or SCRIPTS.get(role, "hang")


def a_slice_node(pool: str, number: int, tpus: int = 4) -> dict[str, Any]:
    node = a_node(f"{pool}-{number}")
    node["metadata"]["labels"] |= {
        POOL: pool,
        "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
        "cloud.google.com/gke-tpu-topology": "2x4",
    }
    # Both are one mapping.
    node["status"]["capacity"][TPU] = str(tpus)
    return node


# Pods of the host network need a node each. The last pool has no accelerators yet.
SLICES = [a_slice_node(pool, number) for pool in ("pool-a", "pool-b", "pool-c") for number in range(2)]
BARE_SLICE = [a_slice_node("pool-d", number, tpus=0) for number in range(2)]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with our manager, webhooks and nodes."""
    require_programs()
    if not ACCEPTANCE.is_dir():
        assert not os.environ.get("CI"), "the acceptance manifests must be there in CI"
        pytest.skip("the acceptance manifests are not beside this checkout")
    with a_control_plane() as plane:
        install_jobset_crd(plane)
        # The garbage collector looks for new kinds only when it starts and every 30 seconds.
        plane.restart(CONTROLLER_MANAGER)
        start_jobset_webhooks(plane)
        nodes = [a_node("node-1"), *SLICES, *BARE_SLICE]
        with (
            kubelets(plane, play, nodes),
            a_controller(tmp_path_factory.mktemp("manager"), plane.kubeconfig(), CONFIGURATION),
        ):
            yield plane


class Cluster:
    """kubectl in a namespace of its own."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.folder = folder
        self.namespace = f"n-{uuid.uuid4()}"
        plane.kubectl("create", "namespace", self.namespace)

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        return self.plane.kubectl("-n", self.namespace, *arguments, check=check)

    def apply(self, manifest: str) -> str:
        return self.kubectl("apply", "-f", str(ACCEPTANCE / manifest))

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects that `get` finds."""
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", *arguments, "-o", "json"))["items"]
        return found

    def names(self, *arguments: str) -> list[str]:
        """The names of the objects that `get` finds."""
        return self.kubectl("get", *arguments, "-o", "name").split()

    @contextmanager
    def watching(self, *arguments: str) -> Iterator[Path]:
        """A file with what `get -w` prints meanwhile."""
        printed = self.folder / f"{uuid.uuid4()}.txt"
        kubectl = str(self.plane.binaries / "kubectl")
        with printed.open("wb") as stream:
            watch = subprocess.Popen(
                [kubectl, "-n", self.namespace, "get", "-w", *arguments],
                stdout=stream,
                stderr=stream,
                env={
                    "KUBECONFIG": str(self.plane.kubeconfig()),
                    "HOME": str(self.plane.folder),
                    "PATH": os.defpath,
                },
            )
        try:
            yield printed
        finally:
            watch.kill()
            watch.wait()


@pytest.fixture
def cluster(plane: ControlPlane, tmp_path: Path) -> Cluster:
    return Cluster(plane, tmp_path)


def until(read: Callable[[], T], holds: Callable[[T], object]) -> T:
    """What is read as soon as it is right."""
    deadline = time.monotonic() + PATIENCE
    while not holds(found := read()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def columns(table: str) -> list[dict[str, str]]:
    """The rows of a table by column; empty cells are empty texts."""
    header, *rows = table.splitlines()
    starts = [
        place for place in range(len(header)) if header[place] != " " and header[:place][-1:] in ("", " ")
    ]
    ends = [*starts[1:], None]
    spans = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    return [{header[span].strip(): row[span].strip() for span in spans} for row in rows]


def test_a_rule_fails_the_jobset_at_once_and_stops_everything(cluster: Cluster) -> None:
    name = "failjobset-action-example"
    with cluster.watching("jobset") as printed:
        cluster.apply("leader-failjobset.yaml")
        cluster.kubectl("wait", "--for=condition=Failed", f"jobset/{name}", "--timeout=60s")
        rows = until(lambda: columns(printed.read_text()), lambda rows: rows[-1]["TERMINALSTATE"])
    running = "--field-selector=status.phase=Running"
    until(lambda: cluster.names("pods", running), lambda found: not found)
    until(lambda: cluster.names("jobs"), lambda found: found == [f"job.batch/{name}-leader-0"])

    assert list(rows[-1]) == ["NAME", "TERMINALSTATE", "RESTARTS", "COMPLETED", "SUSPENDED", "AGE"]
    assert (rows[-1]["NAME"], rows[-1]["TERMINALSTATE"], rows[-1]["RESTARTS"]) == (name, "Failed", "0")
    assert {row["RESTARTS"] for row in rows} <= {"", "0"}
    told = cluster.kubectl("describe", "jobset", name)
    _, events = told.split("\nEvents:\n")
    assert "FailJobSetFailurePolicyAction" in events
    assert f"first failed job: {name}-leader-0" in events


def test_a_coordinator_is_told_everywhere_and_the_jobset_completes(cluster: Cluster) -> None:
    endpoint = "coordinator-example-driver-0-0.coordinator-example"
    with cluster.watching("jobset") as printed:
        cluster.apply("coordinator.yaml")
        found = until(lambda: cluster.items("jobs,pods"), lambda found: len(found) == 2 + 5)
        cluster.kubectl("wait", "--for=condition=Completed", "jobset/coordinator-example", "--timeout=60s")
        rows = until(lambda: columns(printed.read_text()), lambda rows: rows[-1]["TERMINALSTATE"])

    places = [obj["metadata"][place] for obj in found for place in ("labels", "annotations")]
    assert {place[keys.COORDINATOR] for place in places} == {endpoint}
    assert (rows[-1]["TERMINALSTATE"], rows[-1]["COMPLETED"]) == ("Completed", "True")
    assert "AllJobsCompleted" in cluster.kubectl("describe", "jobset", "coordinator-example")


def resolvable(printed: str) -> dict[str, str]:
    """The address behind each host name that endpoints were told of; what a cluster's DNS answers from."""
    found, decoder = {}, json.JSONDecoder()
    while printed.strip():
        try:
            endpoints, end = decoder.raw_decode(printed.lstrip())
        except ValueError:
            # The last one is still being written.
            return found
        found |= {e["hostname"]: e["addresses"][0] for e in endpoints["endpoints"] or () if "hostname" in e}
        printed = printed.lstrip()[end:]
    return found


def test_workers_can_read_and_resolve_their_coordinator(cluster: Cluster) -> None:
    with cluster.watching("endpointslices", "-o", "json") as printed:
        cluster.apply("coordinator-label.yaml")
        pods = until(lambda: cluster.items("pods"), lambda found: len(found) == 9)
        names = until(lambda: resolvable(printed.read_text()), lambda names: "pytorch-leader-0-0" in names)
        cluster.kubectl("wait", "--for=condition=Completed", "jobset/pytorch", "--timeout=60s")

    workers = [pod for pod in pods if pod["metadata"]["labels"][keys.REPLICATED_JOB_NAME] == "workers"]
    (read,) = {
        pod["spec"]["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["fieldPath"] for pod in workers
    }
    assert read == f"metadata.labels['{keys.COORDINATOR}']"
    assert [pod["metadata"]["labels"][keys.COORDINATOR] for pod in workers] == [
        "pytorch-leader-0-0.pytorch"
    ] * 8
    assert names["pytorch-leader-0-0"].startswith("10.244.")


def test_four_workers_have_names_and_are_found_by_the_selector(cluster: Cluster) -> None:
    selector = f"--selector={keys.JOBSET_NAME}=pytorch"
    with cluster.watching("endpointslices", "-o", "json") as printed:
        cluster.apply("pytorch.yaml")
        pods = until(lambda: cluster.items("pods", selector), lambda found: len(found) == 4)
        names = until(lambda: resolvable(printed.read_text()), lambda names: len(names) == 4)
        cluster.kubectl("wait", "--for=condition=Completed", "jobset/pytorch", "--timeout=60s")

    hosts = [f"pytorch-workers-0-{index}" for index in range(4)]
    assert sorted(names) == hosts
    assert len(set(names.values())) == 4
    assert sorted(pod["metadata"]["name"][:-6] for pod in pods) == hosts
    assert {(pod["spec"]["hostname"], pod["spec"]["subdomain"]) for pod in pods} == {
        (host, "pytorch") for host in hosts
    }
    assert cluster.names("jobs", selector) == ["job.batch/pytorch-workers-0"]
    (service,) = cluster.items("services")
    assert (service["metadata"]["name"], service["spec"]["clusterIP"]) == ("pytorch", "None")
    assert service["spec"]["selector"] == {keys.JOBSET_NAME: "pytorch"}


def test_each_slice_has_a_domain_of_its_own_and_what_is_missing_is_told(cluster: Cluster) -> None:
    running, pending = (f"--field-selector=status.phase={phase}" for phase in ("Running", "Pending"))
    cluster.apply("multislice.yaml")
    until(lambda: cluster.names("pods", running), lambda found: len(found) == 3 * 2)
    (waiting,) = until(lambda: cluster.names("pods", pending), lambda found: len(found) == 1)
    told = until(lambda: cluster.kubectl("describe", waiting), lambda told: f"Insufficient {TPU}" in told)
    for node in BARE_SLICE:
        more = json.dumps({"status": {kind: {TPU: "4"} for kind in ("capacity", "allocatable")}})
        cluster.kubectl(
            "patch", "node", node["metadata"]["name"], "--subresource=status", "--type=merge", "-p", more
        )
    pods = until(lambda: cluster.items("pods", running), lambda found: len(found) == 4 * 2)

    assert "FailedScheduling" in told
    domains: dict[str, set[str]] = {}
    for pod in pods:
        job = pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]
        domains.setdefault(job, set()).add(pod["spec"]["nodeName"].rpartition("-")[0])
    assert sorted(domains) == [f"multislice-workers-{index}" for index in range(4)]
    assert sorted(map(sorted, domains.values())) == [["pool-a"], ["pool-b"], ["pool-c"], ["pool-d"]]


def test_a_jobset_is_deleted_in_the_foreground_after_its_children(cluster: Cluster) -> None:
    cluster.apply("coordinator.yaml")
    until(lambda: cluster.names("pods"), lambda found: len(found) == 5)

    told = cluster.kubectl("delete", "jobset", "coordinator-example", "--cascade=foreground")

    assert "deleted" in told
    assert cluster.names("jobs,pods,services") == []


def test_a_jobset_is_deleted_in_the_background_before_its_children(cluster: Cluster) -> None:
    cluster.apply("coordinator.yaml")
    until(lambda: cluster.names("pods"), lambda found: len(found) == 5)

    cluster.kubectl("delete", "jobset", "coordinator-example", "--cascade=background")

    assert cluster.names("jobsets") == []
    until(lambda: cluster.names("jobs,pods,services"), lambda found: not found)


def test_orphans_of_a_jobset_live_on(cluster: Cluster) -> None:
    cluster.apply("coordinator.yaml")
    until(lambda: cluster.names("pods"), lambda found: len(found) == 5)

    cluster.kubectl("delete", "jobset", "coordinator-example", "--cascade=orphan")

    assert cluster.names("jobsets") == []
    left = cluster.items("jobs,services")
    assert len(left) == 2 + 1
    assert [obj["metadata"].get("ownerReferences") for obj in left] == [None] * 3
    cluster.kubectl("wait", "--for=condition=Complete", "jobs", "--all", "--timeout=60s")
