"""What the manager and people may do: exactly what they need, in both installations."""

from collections.abc import Iterator
from itertools import product
from typing import Any, TypeAlias

import pytest

from tests.installation.rendering import Objects, kustomize

Right: TypeAlias = tuple[str, str, str]
"""A group, a resource of it, and a verb."""


def rights(role: dict[str, Any]) -> list[Right]:
    """Every right of a role, sorted, and as often as it is given."""
    return sorted(
        right
        for rule in role["rules"]
        for right in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    )


def listed(table: dict[tuple[str, str], str]) -> list[Right]:
    """The rights of a table of groups and resources, with verbs between blanks."""
    return sorted((*resource, verb) for resource, verbs in table.items() for verb in verbs.split())


MANAGER = {
    ("", "nodes"): "get list watch",
    ("", "persistentvolumeclaims"): "create get list watch",
    ("", "pods"): "delete get list patch update watch",
    # Upstream's role lacks it, and its condition of pods on the wrong side is never written.
    ("", "pods/status"): "patch update",
    ("", "services"): "create delete get list patch update watch",
    ("", "events"): "create patch update watch",
    ("events.k8s.io", "events"): "create patch update watch",
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): "get list update watch",
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): "get list update watch",
    ("batch", "jobs"): "create delete get list patch update watch",
    ("batch", "jobs/status"): "get patch update",
    ("jobset.x-k8s.io", "jobsets"): "create delete get list patch update watch",
    ("jobset.x-k8s.io", "jobsets/finalizers"): "update",
    ("jobset.x-k8s.io", "jobsets/status"): "get patch update",
}
LEASES = {
    ("", "configmaps"): "get list watch create update patch delete",
    ("coordination.k8s.io", "leases"): "get list watch create update patch delete",
    ("", "events"): "create patch",
}
SECRETS = {("", "secrets"): "get list update watch"}
ACCESS = {
    ("authentication.k8s.io", "tokenreviews"): "create",
    ("authorization.k8s.io", "subjectaccessreviews"): "create",
}
EDITOR = {
    ("jobset.x-k8s.io", "jobsets"): "create delete get list patch update watch",
    ("jobset.x-k8s.io", "jobsets/status"): "get",
}
VIEWER = {
    ("jobset.x-k8s.io", "jobsets"): "get list watch",
    ("jobset.x-k8s.io", "jobsets/status"): "get",
}
ROLES = {
    "the manager, by kustomize": ("default", "ClusterRole", "jobset-manager-role", MANAGER),
    "the manager, by Helm": ("release", "ClusterRole", "jobset-controller", MANAGER),
    "asking for access, by kustomize": ("default", "ClusterRole", "jobset-proxy-role", ACCESS),
    "asking for access, by Helm": ("release", "ClusterRole", "jobset-proxy-role", ACCESS),
    "the lease, by kustomize": ("default", "Role", "jobset-leader-election-role", LEASES),
    "the lease, by Helm": ("release", "Role", "jobset-leader-election-role", LEASES),
    "the Secret, by kustomize": ("default", "Role", "jobset-manager-secrets-role", SECRETS),
    "the Secret, by Helm": ("release", "Role", "jobset-manager-secrets-role", SECRETS),
    "an editor, by kustomize": ("user_roles", "ClusterRole", "jobset-jobset-editor-role", EDITOR),
    "an editor, by Helm": ("release", "ClusterRole", "jobset-jobset-editor-role", EDITOR),
    "a viewer, by kustomize": ("user_roles", "ClusterRole", "jobset-jobset-viewer-role", VIEWER),
    "a viewer, by Helm": ("release", "ClusterRole", "jobset-jobset-viewer-role", VIEWER),
}


@pytest.fixture(scope="session")
def user_roles() -> Objects:
    return kustomize("user-roles")


@pytest.mark.parametrize(("installed", "kind", "name", "table"), ROLES.values(), ids=ROLES)
def test_a_role_gives_exactly_these_rights(
    request: pytest.FixtureRequest, installed: str, kind: str, name: str, table: dict[tuple[str, str], str]
) -> None:
    role = request.getfixturevalue(installed).of(kind)[name]

    assert rights(role) == listed(table)
    assert [rule for rule in role["rules"] if set(rule) != {"apiGroups", "resources", "verbs"}] == []


@pytest.mark.parametrize("installed", ["default", "release"])
def test_reading_metrics_is_a_right_of_its_own(request: pytest.FixtureRequest, installed: str) -> None:
    role = request.getfixturevalue(installed).of("ClusterRole")["jobset-metrics-reader"]

    assert role["rules"] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]


@pytest.mark.parametrize("installed", ["default", "release"])
def test_secrets_are_read_in_the_namespace_of_the_manager_alone(
    request: pytest.FixtureRequest, installed: str
) -> None:
    roles = [
        (kind, role) for kind, role in all_roles(request.getfixturevalue(installed)) if reads_secrets(role)
    ]

    assert [(kind, role["metadata"]["namespace"]) for kind, role in roles] == [("Role", "jobset-system")]


def all_roles(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("ClusterRole", "Role"):
        for role in objects.of(kind).values():
            yield kind, role


def reads_secrets(role: dict[str, Any]) -> bool:
    return any({"secrets", "*"} & set(rule.get("resources", ())) for rule in role["rules"])


@pytest.mark.parametrize("installed", ["default", "release"])
def test_no_role_gives_everything(request: pytest.FixtureRequest, installed: str) -> None:
    roles = [role for _, role in all_roles(request.getfixturevalue(installed))]
    words = {word for role in roles for rule in role["rules"] for part in rule.values() for word in part}

    assert "*" not in words
