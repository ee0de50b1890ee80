"""Which objects are sent to which webhook, as kustomize and Helm register them."""

from typing import Any

import pytest

from jobset.api import keys
from jobset.controller.webhooks import paths
from tests.installation.rendering import Objects

WEBHOOKS = (paths.MUTATE_JOBSET, paths.MUTATE_POD, paths.VALIDATE_JOBSET, paths.VALIDATE_POD)
INSTALLERS = {"kustomize": "default", "Helm": "release"}
SERVICE = {"name": "jobset-webhook-service", "namespace": "jobset-system"}
JOBSETS = {"apiGroups": ["jobset.x-k8s.io"], "apiVersions": ["v1alpha2"], "resources": ["jobsets"]}
PODS = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


@pytest.fixture(params=list(INSTALLERS.values()), ids=list(INSTALLERS))
def installed(request: pytest.FixtureRequest) -> Objects:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Objects)
    return found


def asked_at(objects: Objects, path: str, policy: str = "Fail") -> dict[str, Any]:
    (found,) = [
        hook
        for hook in objects.webhooks().values()
        if hook["clientConfig"]["service"]["path"] == path and hook.get("failurePolicy", "Fail") == policy
    ]
    return found


NAMES = {
    "kustomize": ["mjobset.kb.io", "mpod.kb.io", "mpodpriority.kb.io", "vjobset.kb.io", "vpod.kb.io"],
    "Helm": [
        "mutate-jobset-x-k8s-io-v1alpha2-jobset.x-k8s.io",
        "mutate--v1-pod.x-k8s.io",
        "mutate--v1-pod-priority.x-k8s.io",
        "validate-jobset-x-k8s-io-v1alpha2-jobset.x-k8s.io",
        "validate--v1-pod.x-k8s.io",
    ],
}


@pytest.mark.parametrize("installer", NAMES)
def test_webhooks_have_their_names_in_order(installer: str, request: pytest.FixtureRequest) -> None:
    objects = request.getfixturevalue(INSTALLERS[installer])

    assert list(objects.webhooks()) == NAMES[installer]


def test_configurations_have_the_names_that_the_manager_knows(installed: Objects) -> None:
    assert list(installed.of("MutatingWebhookConfiguration")) == ["jobset-mutating-webhook-configuration"]
    assert list(installed.of("ValidatingWebhookConfiguration")) == ["jobset-validating-webhook-configuration"]


RULES = {
    "new JobSets are filled in": (paths.MUTATE_JOBSET, JOBSETS, ["CREATE"]),
    "new pods are placed": (paths.MUTATE_POD, PODS, ["CREATE"]),
    "JobSets are judged": (paths.VALIDATE_JOBSET, JOBSETS, ["CREATE", "UPDATE"]),
    "new pods are judged": (paths.VALIDATE_POD, PODS, ["CREATE"]),
}


@pytest.mark.parametrize(("path", "objects", "operations"), RULES.values(), ids=RULES)
def test_what_is_asked_about(
    installed: Objects, path: str, objects: dict[str, Any], operations: list[str]
) -> None:
    hook = asked_at(installed, path)

    assert hook["rules"] == [{**objects, "operations": operations, "scope": "*"}]
    assert hook["clientConfig"] == {"service": {**SERVICE, "path": path}}


@pytest.mark.parametrize("path", WEBHOOKS)
def test_no_object_passes_a_webhook_that_does_not_answer(installed: Objects, path: str) -> None:
    hook = asked_at(installed, path)

    assert hook["sideEffects"] == "None"
    assert hook["admissionReviewVersions"] == ["v1"]
    assert {"timeoutSeconds", "matchPolicy", "namespaceSelector", "reinvocationPolicy"} & set(hook) == set()


OF_A_JOBSET = {"matchExpressions": [{"key": keys.JOBSET_NAME, "operator": "Exists"}]}


@pytest.mark.parametrize("path", [paths.MUTATE_POD, paths.VALIDATE_POD])
def test_only_pods_of_jobsets_are_asked_about(installed: Objects, path: str) -> None:
    assert asked_at(installed, path)["objectSelector"] == OF_A_JOBSET


def test_a_pod_that_only_gets_a_label_passes_although_nobody_answers(installed: Objects) -> None:
    placing = asked_at(installed, paths.MUTATE_POD)
    labelling = asked_at(installed, paths.MUTATE_POD, "Ignore")

    assert labelling["timeoutSeconds"] == 5
    same = ("rules", "clientConfig", "objectSelector", "sideEffects", "admissionReviewVersions")
    assert [labelling[field] for field in same] == [placing[field] for field in same]


def test_both_installers_ask_about_the_same_pods(default: Objects, release: Objects) -> None:
    assert conditions(default) == conditions(release)


def conditions(objects: Objects) -> list[Any]:
    return [hook.get("matchConditions") for hook in objects.webhooks().values()]
