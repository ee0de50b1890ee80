"""A real framework meets by JobSet names: jax.distributed on CPUs."""

import importlib.util
import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, jax
jax.config.update("jax_platforms", "cpu")
rank = int(os.environ["JOB_COMPLETION_INDEX"])
jax.distributed.initialize("train-workers-0-0.train:8476", num_processes=2, process_id=rank)
print(f"process {rank} of {jax.process_count()} sees {jax.device_count()} devices", flush=True)
jax.distributed.shutdown()
"""

MANIFEST = """
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {{name: train}}
spec:
  replicatedJobs:
  - name: workers
    template:
      spec:
        parallelism: 2
        completions: 2
        backoffLimit: 0
        template:
          spec:
            restartPolicy: Never
            containers:
            - {{name: jax, image: jax, command: ["{python}", "{program}"]}}
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_jax_processes_meet_by_name(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    manifest = tmp_path / "train.yaml"
    manifest.write_text(MANIFEST.format(python=sys.executable, program=program))

    done = subprocess.run(
        [sys.executable, "-m", "jobset", "run", "--state-dir", str(tmp_path / "state"), str(manifest)],
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ),
    )

    assert done.returncode == 0, done.stdout
    assert "process 0 of 2 sees 2 devices" in done.stdout
    assert "process 1 of 2 sees 2 devices" in done.stdout
