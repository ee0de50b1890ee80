"""What is told about manifests that are not refused, and about the kinds beside JobSets."""

from typing import Any

import pytest

from jobset.api.gates import FeatureGates
from jobset.manifests.check import check
from jobset.manifests.problems import Problem, Severity
from jobset.manifests.yaml import load_text
from tests.manifests.wrong import GOOD, but, with_container, with_pod, with_spec

CONFIG_MAP = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"
CLAIM = (
    "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data-train}\n"
    "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
)
POLICY = (
    "  volumeClaimPolicies: [{retentionPolicy: {whenDeleted: %s}, templates: [{metadata: {name: data}, "
    "spec: {accessModes: [ReadWriteOnce], volumeMode: Filesystem, resources: {requests: {storage: 1Gi}}}}]}]"
)
MOUNT = '["true"]\n              volumeMounts: [{name: data, mountPath: /data}]\n'


def problems(text: str, **options: Any) -> list[Problem]:
    return check(load_text(text, "f"), **options)


FINE: dict[str, str] = {
    "a ConfigMap that is there": with_container("envFrom: [{configMapRef: {name: settings}}]") + CONFIG_MAP,
    "keys that are there, and one that is optional": with_container(
        "env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}, "
        "{name: B, valueFrom: {configMapKeyRef: {name: settings, key: z, optional: true}}}]"
    )
    + CONFIG_MAP,
    "an optional ConfigMap": with_container("envFrom: [{configMapRef: {name: x, optional: true}}]"),
    "what a client leaves in templates": but(
        "        template:\n", "        template:\n          metadata: {creationTimestamp: ~}\n"
    ),
    "fractions of a CPU": with_container("resources: {limits: {cpu: 0.5}}"),
    "no replicas of a Job that could not be": but("replicas: 2", "replicas: 0"),
    "other kinds": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None, selector: {a: b}}\n"
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: b}\n" + CONFIG_MAP + CLAIM
    ),
    "a generated name": but("name: train", "generateName: train-"),
    "one name in two namespaces": GOOD + "---\n" + but("name: train", "name: train\n  namespace: other"),
    "a claim of its own": with_spec(POLICY % "Delete").replace('["true"]\n', MOUNT, 1),
    "a claim that stays": with_spec(POLICY % "Retain").replace('["true"]\n', MOUNT, 1) + CLAIM,
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_there_is_nothing_to_say(text: str) -> None:
    assert [str(problem) for problem in problems(text)] == []


WARNED: dict[str, tuple[str, str]] = {
    "a ConfigMap that is not there": (
        with_container("envFrom: [{configMapRef: {name: settings}}]"),
        "ConfigMap settings",
    ),
    "a Secret in a variable": (
        with_container("env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]"),
        "Secret s",
    ),
    "a key that is not there": (
        with_container("env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: z}}}]")
        + CONFIG_MAP,
        "ConfigMap settings has no key z",
    ),
    "an item of a volume that is not there": (
        with_pod("volumes: [{name: v, configMap: {name: settings, items: [{key: z, path: p}]}}]")
        + CONFIG_MAP,
        "ConfigMap settings has no key z",
    ),
    "a claim in a volume": (
        with_pod("volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]"),
        "PersistentVolumeClaim c",
    ),
    "a Secret in a projected volume": (
        with_pod("volumes: [{name: v, projected: {sources: [{secret: {name: p}}]}}]"),
        "Secret p",
    ),
    "a pattern that never matches": (
        with_spec("  failurePolicy: {rules: [{action: FailJobSet, onJobFailureMessagePatterns: ['(']}]}"),
        "never matches",
    ),
    "no roles": (
        "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: a}\n",
        "nothing would run",
    ),
    "a kind of somebody else": (
        "apiVersion: example.com/v1\nkind: Zebra\nmetadata: {name: a}\n",
        "not known here",
    ),
}


@pytest.mark.parametrize(("text", "says"), WARNED.values(), ids=WARNED)
def test_what_only_looks_like_a_mistake_is_a_warning(text: str, says: str) -> None:
    (problem,) = problems(text)

    assert problem.severity is Severity.WARNING
    assert says in problem.message


CHILD = "spec.replicatedJobs[0].template.spec"
CHILDREN: dict[str, tuple[str, str]] = {
    "pods that always restart": (with_pod("restartPolicy: Always"), f"{CHILD}.template.spec.restartPolicy"),
    "a volume that is not there": (
        with_container("volumeMounts: [{name: v, mountPath: /v}]"),
        f"{CHILD}.template.spec.containers[0].volumeMounts[0].name",
    ),
    "an unknown pull policy": (
        with_container("imagePullPolicy: Sometimes"),
        f"{CHILD}.template.spec.containers[0].imagePullPolicy",
    ),
    "a back-off limit below zero": (but("parallelism: 1", "backoffLimit: -1"), f"{CHILD}.backoffLimit"),
}


@pytest.mark.parametrize(("text", "field"), CHILDREN.values(), ids=CHILDREN)
def test_a_job_that_no_api_server_takes_is_told_where_the_user_wrote_it(text: str, field: str) -> None:
    assert field in [problem.field for problem in problems(text)]


def test_an_existing_claim_must_stay() -> None:
    found = problems(with_spec(POLICY % "Delete").replace('["true"]\n', MOUNT, 1) + CLAIM)

    assert [problem.remedy for problem in found] == ["set whenDeleted: Retain, or rename the claim template"]


def test_gates_open_what_they_guard() -> None:
    text = with_spec("  failurePolicy: {rules: [{action: RestartJob}]}")

    assert len(problems(text)) == 1
    assert problems(text, gates=FeatureGates(restart_job=True)) == []


def test_problems_come_in_the_order_of_the_lines() -> None:
    text = but("replicas: 2", "replcas: 2").replace("name: leader", "nme: leader", 1)

    lines = [problem.line for problem in problems(text)]

    assert lines == sorted(lines)
    assert len(lines) >= 2


def test_a_problem_in_one_line() -> None:
    (problem,) = problems(but("replicas: 2", "replicas: -1"))

    assert str(problem) == (
        "f:19:15: error: JobSet/train spec.replicatedJobs[1].replicas: Invalid value: -1: should be greater "
        "than or equal to 0 (write a number in the allowed range)"
    )
