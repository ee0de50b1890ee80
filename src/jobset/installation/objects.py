"""What is installed on a cluster: the objects of `config/default`, in the order in which they are applied."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from jobset.admission.crd import build_crd
from jobset.kube.client import Object
from jobset.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VALIDATING_WEBHOOKS,
    Resource,
)

NAMESPACE = "jobset-system"
MANAGER = "jobset-controller-manager"
"""The name of the Deployment and of the ServiceAccount that its pods run as."""
CONFIGURATION = "jobset-manager-config"
CONFIGURATION_FILE = "controller_manager_config.yaml"
DEFINITION = "jobsets.jobset.x-k8s.io"
MUTATING, VALIDATING = "jobset-mutating-webhook-configuration", "jobset-validating-webhook-configuration"

_RESOURCES: Mapping[str, Resource] = {
    resource.kind: resource
    for resource in (
        NAMESPACES,
        CUSTOM_RESOURCE_DEFINITIONS,
        SERVICE_ACCOUNTS,
        ROLES,
        ROLE_BINDINGS,
        CLUSTER_ROLES,
        CLUSTER_ROLE_BINDINGS,
        CONFIG_MAPS,
        SECRETS,
        SERVICES,
        DEPLOYMENTS,
        MUTATING_WEBHOOKS,
        VALIDATING_WEBHOOKS,
    )
}


@cache
def installation_objects() -> tuple[Object, ...]:
    """All objects, with the definition of JobSets; the Deployment has the image of the existing manager."""
    text = files("jobset.installation").joinpath("objects.yaml").read_text(encoding="utf-8")
    namespace, *others = yaml.load_all(text, yaml.CSafeLoader)
    return namespace, _labelled(build_crd(), namespace["metadata"]["labels"]), *others


def with_image(objects: tuple[Object, ...], image: str) -> tuple[Object, ...]:
    """The objects, with another image in the Deployment."""
    return tuple(_replaced(it, image) if it["kind"] == DEPLOYMENTS.kind else it for it in objects)


def resource_of(installed: Object) -> Resource:
    """The resource of an object that is installed."""
    return _RESOURCES[installed["kind"]]


def place_of(installed: Object) -> tuple[str | None, str]:
    """Namespace and name."""
    metadata = installed["metadata"]
    return metadata.get("namespace"), metadata["name"]


def title_of(installed: Object) -> str:
    """Kind, namespace and name, for people."""
    namespace, name = place_of(installed)
    return f"{installed['kind']} {namespace}/{name}" if namespace else f"{installed['kind']} {name}"


def _labelled(definition: dict[str, Any], labels: Mapping[str, str]) -> Object:
    return {**definition, "metadata": {**definition["metadata"], "labels": labels}}


def _replaced(deployment: Object, image: str) -> Object:
    spec = deployment["spec"]
    template = spec["template"]
    (container,) = template["spec"]["containers"]
    pod = {**template["spec"], "containers": [{**container, "image": image}]}
    return {**deployment, "spec": {**spec, "template": {**template, "spec": pod}}}
