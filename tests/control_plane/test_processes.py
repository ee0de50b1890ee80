"""A real control plane starts, serves its users by their rights, and survives what tests do to it."""

import json
import signal
from pathlib import Path

import pytest

from tests.control_plane.fixtures import OwnControlPlane
from tests.control_plane.processes import API_SERVER, BARE, ETCD, ControlPlane, PlaneSettings
from tests.control_plane.programs import StartFailed

pytestmark = pytest.mark.control_plane

A_JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                # Nodes of other tests are not for its pod, which nobody there would end.
                "nodeSelector": {"nobody": "has-this"},
                "containers": [{"name": "c", "image": "x"}],
            }
        }
    },
}


def test_its_controllers_and_its_scheduler_are_at_work(control_plane: ControlPlane) -> None:
    run = control_plane.kubectl
    run("create", "namespace", "at-work")
    run("create", "-n", "at-work", "-f", "-", stdin=json.dumps(A_JOB))

    active = ("get", "job", "j", "-n", "at-work", "-o", "jsonpath={.status.active}")
    control_plane.until(lambda: run(*active) == "1")
    control_plane.until(lambda: "Unschedulable" in run("get", "pods", "-n", "at-work", "-o", "json"))
    run("delete", "namespace", "at-work", "--timeout=90s")

    pods = json.loads(run("get", "pods", "-n", "at-work", "-o", "json"))
    assert pods["items"] == []


def test_users_have_the_rights_that_they_were_given(control_plane: ControlPlane) -> None:
    nobody = str(control_plane.kubeconfig("nobody", ["no-group"]))
    ask = ("auth", "can-i", "list", "pods")

    assert control_plane.kubectl(*ask).strip() == "yes"
    assert control_plane.kubectl(*ask, "--kubeconfig", nobody, check=False).strip() == "no"
    who = json.loads(control_plane.kubectl("auth", "whoami", "-o", "json", "--kubeconfig", nobody))
    assert who["status"]["userInfo"]["username"] == "nobody"
    assert "no-group" in who["status"]["userInfo"]["groups"]


def test_what_is_stored_outlives_the_processes(own_control_plane: OwnControlPlane) -> None:
    plane = own_control_plane(BARE)
    plane.kubectl("create", "configmap", "m", "--from-literal=k=v")

    plane.restart_api_server(signal.SIGTERM)
    plane.restart_api_server()
    plane.restart_etcd()

    assert plane.kubectl("get", "configmap", "m", "-o", "jsonpath={.data.k}") == "v"


def test_a_paused_server_answers_nothing_until_it_is_resumed(own_control_plane: OwnControlPlane) -> None:
    plane = own_control_plane(BARE)

    plane.pause(API_SERVER)
    assert plane.get("/readyz", seconds=0.5) is None

    plane.resume(API_SERVER)
    plane.until_ready()


def test_requests_are_audited_and_gates_set_when_asked_for(own_control_plane: OwnControlPlane) -> None:
    gates = {"PodDeletionCost": False}
    plane = own_control_plane(PlaneSettings(controllers=(), scheduler=False, audit=True, feature_gates=gates))

    plane.kubectl("get", "pods")

    entries = [json.loads(line) for line in Path(plane.folder, "audit.log").read_text().splitlines()]
    asked = [(entry["user"]["username"], entry["verb"]) for entry in entries if "pods" in entry["requestURI"]]
    assert ("admin", "list") in asked
    told = plane.kubectl("get", "--raw", "/metrics")
    assert 'kubernetes_feature_enabled{name="PodDeletionCost",stage="BETA"} 0' in told


def test_a_wrong_flag_is_told_with_the_log(own_control_plane: OwnControlPlane) -> None:
    with pytest.raises(StartFailed) as caught:
        own_control_plane(PlaneSettings(api_server_flags=("--no-such-flag",)))

    assert "unknown flag" in str(caught.value)


def test_programs_are_found_by_name(control_plane: ControlPlane) -> None:
    assert control_plane.pid(ETCD) != control_plane.pid(API_SERVER)
    assert (control_plane.binaries / "kubectl").exists()
