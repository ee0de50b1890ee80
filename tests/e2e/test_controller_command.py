"""`jobset controller` as a process, while no API server answers: health, signals, failures to start."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controller_process import ControllerProcess, Ended, a_controller, a_free_port

ALONE = {"leaderElection": {"leaderElect": False}}
LEADING = {"leaderElection": {"resourceNamespace": "default"}}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """The way to an API server that nobody runs."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {}}],"
        " contexts: [{name: c, context: {cluster: c, user: u}}],"
        f' clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{a_free_port()}"}}}}]}}'
    )
    return path


@pytest.fixture
def controller(tmp_path: Path, kubeconfig: Path) -> Iterator[ControllerProcess]:
    with a_controller(tmp_path, kubeconfig, ALONE) as running:
        yield running


def test_health_is_told_on_the_health_port(controller: ControllerProcess) -> None:
    assert controller.get("/healthz") == (200, "ok")
    assert controller.get("/healthz/healthz") == (200, "ok")
    assert controller.get("/healthz?verbose") == (200, "[+]healthz ok\nhealthz check passed\n")


def test_health_is_told_under_the_configured_paths_and_no_other(tmp_path: Path, kubeconfig: Path) -> None:
    paths = {"livenessEndpointName": "/live", "readinessEndpointName": "/ready"}

    with a_controller(tmp_path, kubeconfig, {**ALONE, "health": paths}) as controller:
        answers = [controller.get(path) for path in ("/live", "/ready/readyz", "/healthz", "/readyz")]

    # Without a certificate nobody is ready.
    assert answers[1] == (500, "internal server error: certificates are not ready\n")
    assert [answer and answer[0] for answer in answers] == [200, 500, 404, 404]


def test_a_flag_keeps_it_from_waiting_for_a_lease_although_the_file_says_so(
    tmp_path: Path, kubeconfig: Path
) -> None:
    elect = {"leaderElection": {"leaderElect": True}}

    with a_controller(tmp_path, kubeconfig, elect, "--leader-elect=false") as controller:
        assert controller.get("/healthz") == (200, "ok")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("configuration", [ALONE, LEADING], ids=["alone", "waiting for the lease"])
def test_a_signal_ends_it_with_0(
    tmp_path: Path, kubeconfig: Path, configuration: dict[str, object], end: signal.Signals
) -> None:
    with a_controller(tmp_path, kubeconfig, configuration) as controller:
        controller.signal(end)

        assert controller.exit_code(seconds=10) == 0
        assert [line["msg"] for line in controller.lines() if line["level"] == "error"] == []


def test_the_loaded_configuration_is_told_once(controller: ControllerProcess) -> None:
    (line,) = controller.told("Successfully loaded configuration")

    assert "  leaderElect: false\n" in line["config"]
    assert f"  healthProbeBindAddress: 127.0.0.1:{controller.port}\n" in line["config"]
    assert "  qps: 500\n" in line["config"]


def test_a_port_that_is_taken_is_1(tmp_path: Path, kubeconfig: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        configuration = {**ALONE, "health": {"healthProbeBindAddress": address}}

        with pytest.raises(Ended) as ended, a_controller(tmp_path, kubeconfig, configuration):
            pass

    assert ended.value.code == 1
    assert "address already in use" in ended.value.last_line["error"]
