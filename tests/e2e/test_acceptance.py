"""Manifests that users of the API already have behave as they know them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ACCEPTANCE = Path(__file__).parents[3] / "shared" / "acceptance"

TORCHRUN = """#!{python}
import os, socket, sys, time
options = dict(a[2:].split("=", 1) for a in sys.argv[1:] if a.startswith("--"))
rank, port = int(os.environ["JOB_COMPLETION_INDEX"]), int(options["master_port"])
tails = ("", ".default.svc.cluster.local")
names = [f"pytorch-workers-0-{{i}}.pytorch{{tail}}" for i in range(4) for tail in tails]
deadline = time.monotonic() + 20

def until(attempt):
    while True:
        try:
            return attempt()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)

addresses = {{name: until(lambda: socket.gethostbyname(name)) for name in names}}
assert len(set(addresses.values())) == 4, addresses
if rank == 0:
    server = socket.create_server((addresses["pytorch-workers-0-0.pytorch"], port))
    joined, connections = {{0}}, []
    while len(joined) < 4:
        connections.append(server.accept()[0])
        joined.add(int(connections[-1].recv(8)))
    # Nobody ends before all have met: names of pods that have ended are no longer published.
    for connection in connections:
        connection.sendall(b"ok")
    print("met", sorted(joined), flush=True)
else:
    connection = until(lambda: socket.create_connection((options["master_addr"], port)))
    connection.sendall(str(rank).encode())
    assert connection.recv(8) == b"ok"
"""


@pytest.fixture(autouse=True)
def _needs_the_manifests():
    if not ACCEPTANCE.is_dir():
        assert not os.environ.get("CI"), "the acceptance manifests must be there in CI"
        pytest.skip("the acceptance manifests are not beside this checkout")


def run(manifest: str, tmp_path: Path, **environment: str) -> tuple[int, dict, str]:
    """Exit code, report and log text of `jobset run`."""
    command = [
        sys.executable,
        "-m",
        "jobset",
        "run",
        "--output",
        "json",
        "--state-dir",
        str(tmp_path / "state"),
    ]
    done = subprocess.run(
        [*command, str(ACCEPTANCE / manifest)],
        capture_output=True,
        text=True,
        timeout=150,
        env={**os.environ, **environment},
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_rule_fails_the_jobset_at_once_and_names_the_job(tmp_path):
    code, report, _ = run("leader-failjobset.yaml", tmp_path)

    text = json.dumps(report)
    assert code == 1
    assert "FailJobSetFailurePolicyAction" in text
    assert "first failed job: failjobset-action-example-leader-0" in text


def test_workers_read_the_coordinator_from_their_label_and_resolve_it(tmp_path):
    code, _, log = run("coordinator-label.yaml", tmp_path)

    lines = log.splitlines()
    assert code == 0
    assert sum("| coordinator=pytorch-leader-0-0.pytorch" in line for line in lines) == 8
    assert sum("pytorch-leader-0-0.pytorch.default.svc.cluster.local" in line for line in lines) == 8


def test_four_workers_meet_by_name_and_port(tmp_path):
    stand_in = tmp_path / "bin" / "torchrun"
    stand_in.parent.mkdir()
    stand_in.write_text(TORCHRUN.format(python=sys.executable))
    stand_in.chmod(0o755)

    code, _, log = run("pytorch.yaml", tmp_path, PATH=f"{stand_in.parent}:{os.environ['PATH']}")

    assert code == 0, log
    assert "met [0, 1, 2, 3]" in log


@pytest.mark.slow
def test_a_coordinator_is_told_and_a_long_sleep_completes(tmp_path):
    code, _, _ = run("coordinator.yaml", tmp_path)

    assert code == 0
