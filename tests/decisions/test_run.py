"""A run from apply to report, in virtual time, on the real control plane with scripted pods."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from jobset.local.clock import Clock, run_virtual
from jobset.local.kubelet.ports import LogLines, LogListener
from jobset.local.plane import Plane, PlaneOptions
from jobset.local.runs.apply import Refused
from jobset.local.runs.changes import Change
from jobset.local.runs.control import Control
from jobset.local.runs.report import Outcome, Report
from jobset.local.runs.run import Run, RunOptions
from jobset.local.scripted import Script, ScriptedPods

NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "laptop", "labels": {"kubernetes.io/hostname": "laptop"}},
    "status": {
        "capacity": {"cpu": "8", "memory": "16Gi", "pods": "1000"},
        "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "1000"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}


def a_manifest(name: str = "train", workers: int = 2, **spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "tool", "command": ["tool"]}]}
    pod |= spec.pop("pod", {})
    job = {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    roles = [{"name": "workers", "replicas": workers, "template": job}]
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name},
        "spec": {"replicatedJobs": roles, **spec},
    }


@dataclass(slots=True)
class Notebook:
    """An observer that writes everything down."""

    changes: list[Change] = field(default_factory=list)
    failures: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def changed(self, change: Change) -> None:
        self.changes.append(change)

    def failed(self, run: Any, log_lines: Sequence[str]) -> None:
        self.failures.append((run.pod, tuple(log_lines)))

    def waits(self, waiting: Sequence[Any]) -> None:
        self.waiting += [f"{wait.object} {wait.reason}" for _, wait in waiting]

    def said(self, text: str) -> None:
        self.sentences.append(text)


def live(
    *objects: Mapping[str, Any],
    script: Script,
    after: Mapping[float, Callable[[Control], None]] | None = None,
    wait_scale: float = 1.0,
    **options: Any,
) -> tuple[Report, Notebook, float]:
    """The report of a run, what the observer saw, and how many virtual seconds it took."""
    notebook = Notebook()

    async def main(clock: Clock) -> tuple[Report, float]:
        plane = Plane(
            PlaneOptions(clock=clock, random=random.Random(1), nodes=(NODE,), wait_scale=wait_scale)
        )
        run = Run(client=plane.client, clock=clock, observer=notebook, options=RunOptions(**options))
        spoken = aloud(script, run.tails.take, clock)
        pods = ScriptedPods(client=plane.client, clock=clock, script=spoken)
        loop = asyncio.get_running_loop()
        for seconds, act in (after or {}).items():
            loop.call_later(seconds, act, run.control)
        async with plane:
            plane.run_beside(pods.run())
            report = await run.jobsets(objects)
            return report, loop.time()

    report, took = run_virtual(main)
    return report, notebook, took


def aloud(script: Script, listener: LogListener, clock: Clock) -> Script:
    """The same script, in which every pod says first what will become of it."""

    def outcome(pod: Mapping[str, Any]) -> str:
        text, metadata = script(pod), pod["metadata"]
        line = LogLines(
            namespace=metadata["namespace"],
            pod=metadata["name"],
            pod_uid=metadata["uid"],
            container=pod["spec"]["containers"][0]["name"],
            attempt=0,
            stream="stdout",
            time=clock(),
            lines=[text.encode()],
        )
        listener(line)
        return text

    return outcome


def interrupt(control: Control) -> None:
    control.stop(Outcome.INTERRUPTED)


def attempt_of(pod: Mapping[str, Any]) -> int:
    return int(pod["metadata"]["labels"]["jobset.sigs.k8s.io/restart-attempt"])


def test_a_run_ends_when_every_jobset_has_completed():
    report, notebook, took = live(a_manifest("a"), a_manifest("b"), script=lambda pod: "succeed@5")

    assert (report.outcome, report.exit_code) == (Outcome.COMPLETED, 0)
    assert [(jobset.name, jobset.state) for jobset in report.jobsets] == [
        ("a", "Completed"),
        ("b", "Completed"),
    ]
    assert 5 <= took < 10
    assert notebook.sentences == []


def test_a_failed_worker_is_blamed_with_its_exit_code_and_last_lines():
    def script(pod: Mapping[str, Any]) -> str:
        return "fail:7@3" if "workers-1" in pod["metadata"]["name"] else "hang"

    report, notebook, _ = live(a_manifest(), script=script)

    (jobset,) = report.jobsets
    assert (report.outcome, report.exit_code, jobset.reason) == (Outcome.FAILED, 1, "FailedJobs")
    assert jobset.cause is not None
    assert jobset.cause.job is not None
    assert (jobset.cause.job.name, jobset.cause.job.reason) == ("train-workers-1", "BackoffLimitExceeded")
    assert [(c.exit_code, c.log_lines) for c in jobset.cause.pods[0].containers] == [(7, ("fail:7@3",))]
    assert [lines for _, lines in notebook.failures] == [("fail:7@3",)]


def test_a_restart_is_told_with_its_cause():
    report, notebook, _ = live(
        a_manifest(failurePolicy={"maxRestarts": 2}),
        script=lambda pod: "fail:7@3" if attempt_of(pod) == 0 else "succeed@3",
    )

    (jobset,) = report.jobsets
    assert (report.outcome, jobset.restarts) == (Outcome.COMPLETED, 1)
    (restart,) = jobset.history
    assert (restart.kind, restart.number, restart.action) == ("JobSet", 1, "RestartJobSet")
    assert restart.cause is not None
    assert restart.cause.pods[0].containers[0].exit_code == 7
    assert any(change.text.startswith("restart 1: applying") for change in notebook.changes)


def test_a_timeout_stops_the_pods_and_tells_what_was_waited_for():
    picky = a_manifest(pod={"nodeSelector": {"disk": "ssd"}})

    report, notebook, took = live(picky, script=lambda pod: "hang", timeout=timedelta(seconds=60))

    assert (report.outcome, report.exit_code) == (Outcome.TIMED_OUT, 124)
    assert [(wait.reason, wait.count) for wait in report.jobsets[0].waiting] == [("Unschedulable", 2)]
    assert "Pod/train-workers-0" in notebook.waiting[0]
    assert 60 <= took < 70


def test_an_interrupt_gives_the_pods_their_grace_period():
    report, notebook, took = live(a_manifest(), script=lambda pod: "hang-slow", after={10: interrupt})

    assert (report.outcome, report.exit_code) == (Outcome.INTERRUPTED, 130)
    assert report.jobsets[0].state == "Running"
    assert notebook.sentences == ["Stopping: grace period for 2 pods; press Ctrl-C again to kill at once"]
    assert 13 <= took < 15


def test_a_second_interrupt_does_not_wait():
    stubborn = {10: interrupt, 10.5: interrupt}

    report, notebook, took = live(a_manifest(), script=lambda pod: "hang-slow", after=stubborn)

    assert report.exit_code == 130
    assert notebook.sentences[-1] == "Killing what still runs"
    assert took == 10.5


def test_objects_that_a_jobset_uses_are_there_before_it():
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "lab"}}

    report, _, _ = live(a_manifest(), settings, script=lambda pod: "succeed@1", namespace="lab")

    assert [jobset.namespace for jobset in report.jobsets] == ["lab"]


def test_an_object_that_the_api_refuses_is_told():
    with pytest.raises(Refused, match=r"containers: Required value") as refused:
        live(a_manifest(replicatedJobs=[{"name": "Workers!", "template": {}}]), script=lambda pod: "hang")

    assert refused.value.object["metadata"]["name"] == "train"


def test_a_jobset_that_is_removed_after_its_end_has_ended():
    report, _, _ = live(a_manifest(ttlSecondsAfterFinished=0), script=lambda pod: "succeed@1")

    assert [(jobset.state, report.exit_code) for jobset in report.jobsets] == [("Completed", 0)]


def test_back_off_is_that_of_kubernetes_unless_it_is_shortened():
    seen: set[str] = set()

    def fail_first(pod: Mapping[str, Any]) -> str:
        is_first = not seen
        seen.add(pod["metadata"]["uid"])
        return "fail:1@1" if is_first else "succeed@1"

    patient = a_manifest(workers=1)
    patient["spec"]["replicatedJobs"][0]["template"]["spec"]["backoffLimit"] = 3
    _, _, true_to_kubernetes = live(patient, script=fail_first)
    seen.clear()
    _, _, shortened = live(patient, script=fail_first, wait_scale=0.1)

    assert 11 <= true_to_kubernetes <= 14
    assert 2 <= shortened <= 5
