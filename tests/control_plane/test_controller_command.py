"""`jobset controller` as a process on a real API server: the lease, the gates, its name, its end."""

import json
import re
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control_plane.fixtures import require_programs
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.processes import API_SERVER, ControlPlane, PlaneSettings, a_control_plane
from tests.controller_process import ControllerProcess, a_controller

pytestmark = pytest.mark.control_plane

ALONE = {"leaderElection": {"leaderElect": False}}
LEASE = "6d4f6a47.jobset.x-k8s.io"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """An API server that knows JobSets, and no other controller; each test uses a namespace of its own."""
    require_programs()
    with a_control_plane(PlaneSettings(controllers=(), scheduler=False, audit=True)) as plane:
        install_jobset_crd(plane)
        yield plane


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    name = f"n-{uuid.uuid4()}"
    plane.kubectl("create", "namespace", name)
    return name


def electing(namespace: str, **election: str) -> dict[str, Any]:
    return {"leaderElection": {"resourceNamespace": namespace, **election}}


def create_jobset(plane: ControlPlane, namespace: str) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}
    job = {
        "spec": {"completionMode": "Indexed", "completions": 1, "parallelism": 1, "template": {"spec": pod}}
    }
    jobset = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "js", "namespace": namespace},
        "spec": {"replicatedJobs": [{"name": "w", "replicas": 2, "template": job}]},
    }
    plane.kubectl("create", "-f", "-", stdin=json.dumps(jobset))


def resize(plane: ControlPlane, namespace: str, size: int) -> None:
    path = "/spec/replicatedJobs/0/template/spec"
    change = [
        {"op": "replace", "path": f"{path}/{field}", "value": size}
        for field in ("parallelism", "completions")
    ]
    plane.kubectl("patch", "jobset", "js", "-n", namespace, "--type=json", f"-p={json.dumps(change)}")


def parallelism(plane: ControlPlane, namespace: str) -> str:
    return plane.kubectl(
        "get", "job", "js-w-0", "-n", namespace, "-o", "jsonpath={.spec.parallelism}", check=False
    )


def lease(plane: ControlPlane, namespace: str, name: str = LEASE) -> dict[str, Any]:
    spec = json.loads(plane.kubectl("get", "lease", name, "-n", namespace, "-o", "json"))["spec"]
    assert isinstance(spec, dict)
    return spec


def turns(controller: ControllerProcess, namespace: str, **fields: object) -> list[dict[str, Any]]:
    """The lines about turns of the JobSet of the test that have these fields."""
    about = {"controller": "jobset", "JobSet": {"name": "js", "namespace": namespace}, **fields}
    return [line for line in controller.told("reconciled") if about.items() <= line.items()]


def test_a_manager_leads_works_tells_of_each_turn_and_ends(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    create_jobset(plane, namespace)

    with a_controller(tmp_path, plane.kubeconfig(), electing(namespace)) as controller:
        controller.until(lambda: turns(controller, namespace, creates=2, patches=0, deletes=0))
        held = lease(plane, namespace)
        controller.signal(signal.SIGTERM)
        code = controller.exit_code(seconds=10)

    assert parallelism(plane, namespace) == "1"
    assert held["leaseDurationSeconds"] == 15
    assert re.fullmatch(r".+_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", held["holderIdentity"])
    assert code == 0
    assert len(controller.told("Successfully loaded configuration")) == 1
    (turn, *_) = turns(controller, namespace)
    assert (turn["level"], turn["status"], turn["seconds"] > 0) == ("info", True, True)


def test_a_second_manager_waits_for_the_lease_and_answers_meanwhile(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with a_controller(tmp_path, plane.kubeconfig(), electing(namespace)) as first:
        first.until_told("leading", lease=LEASE)
        with a_controller(tmp_path, plane.kubeconfig(), electing(namespace)) as second:
            second.until_told("waiting for the lease", lease=LEASE)
            assert second.get("/healthz") == (200, "ok")

            first.signal(signal.SIGTERM)
            second.until_told("leading", lease=LEASE)


def test_a_manager_whose_lease_is_taken_ends_with_1(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    configuration = electing(namespace, resourceName="ours", retryPeriod="500ms")

    with a_controller(tmp_path, plane.kubeconfig(), configuration) as controller:
        controller.until_told("leading", lease="ours")
        taken = json.dumps({"spec": {"holderIdentity": "somebody-else"}})
        plane.kubectl("patch", "lease", "ours", "-n", namespace, "--type=merge", f"-p={taken}")
        code = controller.exit_code()

    assert code == 1
    assert controller.lines()[-1]["level"] == "error"
    assert lease(plane, namespace, "ours")["holderIdentity"] == "somebody-else"


def test_a_second_signal_ends_a_manager_with_1_although_it_is_not_done(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with a_controller(tmp_path, plane.kubeconfig(), electing(namespace)) as controller:
        controller.until_told("leading", lease=LEASE)
        plane.pause(API_SERVER)
        try:
            controller.signal(signal.SIGTERM)
            controller.until_told("stopping")
            controller.signal(signal.SIGTERM)
            code = controller.exit_code(seconds=10)
        finally:
            plane.resume(API_SERVER)

    assert code == 1


def test_a_restart_with_another_file_switches_a_gate(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    create_jobset(plane, namespace)
    gate = {"featureGates": {"ElasticJobSet": False}}
    with a_controller(tmp_path, plane.kubeconfig(), ALONE | gate, "--zap-log-level=debug") as controller:
        controller.until(lambda: turns(controller, namespace, creates=2))
        controller.until(lambda: turns(controller, namespace, level="debug"))
        before = len(turns(controller, namespace))
        resize(plane, namespace, 2)
        controller.until(lambda: len(turns(controller, namespace)) > before)
    assert parallelism(plane, namespace) == "1"

    gate = {"featureGates": {"ElasticJobSet": True}}
    with a_controller(tmp_path, plane.kubeconfig(), ALONE | gate) as controller:
        controller.until(lambda: turns(controller, namespace, patches=2))
    assert parallelism(plane, namespace) == "2"


def test_the_api_server_sees_the_name_of_the_manager(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with a_controller(
        tmp_path, plane.kubeconfig("named", ["system:masters"]), electing(namespace)
    ) as controller:
        controller.until_told("leading", lease=LEASE)

    entries = [json.loads(line) for line in Path(plane.folder, "audit.log").read_text().splitlines()]
    names = {entry["userAgent"] for entry in entries if entry["user"]["username"] == "named"}
    assert len(names) == 1
    assert re.fullmatch(r"jobset/v[0-9.a-z]+ \(linux/\w+\) [0-9a-f]{7}", names.pop())
