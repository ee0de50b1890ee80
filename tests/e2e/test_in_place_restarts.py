"""Restarts in place on one machine: the real agent in each pod, both ways that a pod can have it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from jobset.manifests.yaml import load_text
from tests.e2e.jobset_command import Jobset

RULES = [{"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0]}}]
RESTART_ALL = [{"action": "RestartAllContainers", "exitCodes": {"operator": "NotIn", "values": [0]}}]
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "in-place-restarts.md"
GATE = "--feature-gates=InPlaceRestart=true"

# In the first attempt the second pod fails as soon as the first works; in the next one both succeed.
WORK = """
echo "attempt of $JOB_COMPLETION_INDEX"; echo . >> {folder}/$JOB_COMPLETION_INDEX
if [ "$(wc -l < {folder}/$JOB_COMPLETION_INDEX)" -gt 1 ]; then exit 0; fi
if [ $JOB_COMPLETION_INDEX = 0 ]; then exec sleep 60; fi
while [ ! -e {folder}/0 ]; do sleep 0.05; done
exit 3
"""


def from_field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


NAMES = [
    from_field("JOBSET_NAME", "metadata.annotations['jobset.sigs.k8s.io/jobset-name']"),
    from_field("POD_NAME", "metadata.name"),
]


def with_a_worker(jobset: Jobset, work: str) -> dict[str, Any]:
    """The agent is the main process, and starts the worker."""
    agent = {
        "name": "main",
        "image": "tool",
        "command": [jobset.python[0], "-m", "jobset.agent"],
        "env": [*NAMES, {"name": "WORKER_COMMAND", "value": work.replace("$(", "$$(")}],
        "restartPolicy": "Never",
        "restartPolicyRules": RULES,
    }
    return {"containers": [agent]}


def with_a_sidecar(jobset: Jobset, work: str) -> dict[str, Any]:
    """The agent is a sidecar, whose startup probe keeps the worker from starting."""
    agent = {
        "name": "agent",
        "image": "tool",
        "command": [jobset.python[0], "-m", "jobset.agent"],
        "env": NAMES,
        "restartPolicy": "Always",
        "restartPolicyRules": RESTART_ALL,
        "startupProbe": {
            "httpGet": {"port": 8081, "path": "/barrier-is-down"},
            "periodSeconds": 1,
            "failureThreshold": 600,
        },
    }
    worker = {
        "name": "main",
        "image": "tool",
        "command": ["sh", "-c", work.replace("$(", "$$(")],
        "restartPolicy": "Never",
        "restartPolicyRules": RESTART_ALL,
    }
    return {"initContainers": [agent], "containers": [worker]}


def a_manifest(jobset: Jobset, pod: dict[str, Any]) -> str:
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, **pod}
    job = {
        "completionMode": "Indexed",
        "completions": 2,
        "parallelism": 2,
        "backoffLimit": 2147483647,
        "podReplacementPolicy": "Failed",
        "template": {"spec": pod},
    }
    policy = {"restartStrategy": "InPlaceRestart", "maxRestarts": 3}
    roles = [{"name": "w", "replicas": 1, "template": {"spec": job}}]
    return jobset.manifest(
        json.dumps(
            {
                "apiVersion": "jobset.x-k8s.io/v1alpha2",
                "kind": "JobSet",
                "metadata": {"name": "js"},
                "spec": {"failurePolicy": policy, "replicatedJobs": roles},
            }
        )
    )


def run(jobset: Jobset, manifest: str) -> Any:
    done = jobset("run", GATE, "--env=PYTHONPATH", "--output=json", manifest, timeout=120)
    assert done.code == 0, done.stderr
    return done.report


def ends_of(history: list[dict[str, Any]], container: str) -> set[tuple[str, int]]:
    """Which pods had this container restarted, and how it had ended."""
    found = [pod for entry in history for pod in entry["cause"]["pods"] if entry["name"].endswith(container)]
    return {(pod["name"].rpartition("-")[0], pod["containers"][0]["exitCode"]) for pod in found}


def with_an_injected_agent(jobset: Jobset, work: str) -> dict[str, Any]:
    """The agent is put into the manifest by the command."""
    worker = {"name": "main", "image": "tool", "command": ["sh", "-c", work.replace("$(", "$$(")]}
    plain = a_manifest(jobset, {"containers": [worker]})
    done = jobset("inject", plain, "--image=agent:1")
    assert done.code == 0, done.stderr
    (injected,) = load_text(done.stdout, "injected").objects
    pod: dict[str, Any] = injected["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    # On one machine no image is pulled.
    pod["initContainers"][0]["command"] = [jobset.python[0], "-m", "jobset.agent"]
    return pod


WAYS = {
    "as its main process": with_a_worker,
    "as a sidecar": with_a_sidecar,
    "injected": with_an_injected_agent,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_all_pods_restart_in_place_when_one_fails(any_jobset: Jobset, way: Any) -> None:
    shared = any_jobset.home / "shared"
    shared.mkdir()
    shared.chmod(0o777)

    report = run(any_jobset, a_manifest(any_jobset, way(any_jobset, WORK.format(folder=shared))))

    (told,) = report["jobsets"]
    assert (told["state"], told["restarts"]) == ("Completed", 0)
    assert {entry["kind"] for entry in told["history"]} == {"Container"}
    assert ends_of(told["history"], "main") >= {("js-w-0-1", 3)}
    assert len(ends_of(told["history"], "main")) == 2
    assert [(shared / name).read_text() for name in ("0", "1")] == [".\n.\n"] * 2
    assert any_jobset.leftovers() == []


@pytest.mark.parametrize("way", [0, 1], ids=["as its main process", "as a sidecar"])
def test_the_manifests_of_the_guide_run(jobset: Jobset, way: int) -> None:
    text = re.findall(r"^```yaml in-place\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)[way]
    here = f"command: [{jobset.python[0]}, -m, jobset, agent]"

    report = run(jobset, jobset.manifest(text.replace("command: [jobset, agent]", here)))

    assert [(it["state"], it["history"]) for it in report["jobsets"]] == [("Completed", [])]
