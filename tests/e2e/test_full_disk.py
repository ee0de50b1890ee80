"""A state directory that takes nothing more: what is told, and that nothing is left."""

import subprocess
from pathlib import Path

from tests.e2e.jobset_command import Jobset, a_jobset


def test_a_run_that_finds_no_room_leaves_nothing(jobset: Jobset) -> None:
    argv = jobset.argv("run", jobset.manifest(a_jobset("true")))

    process = subprocess.Popen(
        ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=jobset.environment(),
    )
    _, told = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "Error: cannot use " in told
    assert list((jobset.home / ".local/state/jobset/runs").iterdir()) == []
    assert list(Path("/dev/shm").glob(f"jobset-{process.pid}-*")) == []
