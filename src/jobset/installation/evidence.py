"""Everything that an examination looks at, read from a cluster: nothing is changed there."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from itertools import groupby, product
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from jobset.controller.configuration import Configuration, ConfigurationError
from jobset.installation.objects import (
    CONFIGURATION,
    CONFIGURATION_FILE,
    DEFINITION,
    MANAGER,
    installation_objects,
)
from jobset.installation.rollout import pod_selector
from jobset.kube.client import Client, Object, Selection
from jobset.kube.errors import ApiError, Forbidden, NotFound, TransportError
from jobset.kube.resources import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    JOBSETS,
    LEASES,
    MUTATING_WEBHOOKS,
    PODS,
    SECRETS,
    SUBJECT_ACCESS_REVIEWS,
    VALIDATING_WEBHOOKS,
    Resource,
)
from jobset.manifests.configuration import read_configuration_text

T = TypeVar("T")
_OURS = "app.kubernetes.io/name=jobset"
_TRIAL: Object = {
    "apiVersion": JOBSETS.api_version,
    "kind": JOBSETS.kind,
    "metadata": {"name": "jobset-doctor", "namespace": "default"},
    "spec": {"replicatedJobs": []},
}


class Unread(msgspec.Struct, frozen=True):
    """What could not be read, and why."""

    why: Literal["missing", "forbidden", "failed"]
    message: str


Read: TypeAlias = T | Unread


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What the objects around the manager are called."""

    account: str = MANAGER
    configuration: str = CONFIGURATION
    service: str
    secret: str
    lease: str
    lease_namespace: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of an installation."""

    server: str
    namespace: str
    version: str
    definition: Read[Object]
    deployment: Read[Object]
    pods: Read[Sequence[Object]]
    configuration: Read[Configuration]
    names: Names
    lease: Read[Object]
    secret: Read[Object]
    slices: Read[Sequence[Object]]
    mutating: Read[Sequence[Object]]
    validating: Read[Sequence[Object]]
    denied: Read[Sequence[str]]
    """What the manager may not do: verbs and a resource in each."""
    trial: Read[Object]
    """A JobSet as it would be stored now."""


async def read_evidence(client: Client, server: str, namespace: str) -> Evidence:
    """What there is of the installation in a namespace.

    Raises:
        ApiError, TransportError: the server does not even tell its version.
    """
    version = await client.server_version()
    deployment = await _read(_find_deployment(client, namespace))
    named = deployment if not isinstance(deployment, Unread) else {}
    configuration = await _read(_read_configuration(client, namespace, _configuration_name(named)))
    names = _names(named, configuration, namespace)
    selector = _OURS if isinstance(deployment, Unread) else pod_selector(deployment)
    slices = f"kubernetes.io/service-name={names.service}"
    return Evidence(
        server=server,
        namespace=namespace,
        version=version,
        definition=await _read(client.get(CUSTOM_RESOURCE_DEFINITIONS, None, DEFINITION)),
        deployment=deployment,
        pods=await _read(_items(client, PODS, namespace, selector)),
        configuration=configuration,
        names=names,
        lease=await _read(client.get(LEASES, names.lease_namespace, names.lease)),
        secret=await _read(client.get(SECRETS, namespace, names.secret)),
        slices=await _read(_items(client, ENDPOINT_SLICES, namespace, slices)),
        mutating=await _read(_items(client, MUTATING_WEBHOOKS)),
        validating=await _read(_items(client, VALIDATING_WEBHOOKS)),
        denied=await _try(_denied(client, namespace, names.account)),
        trial=await _try(client.create(JOBSETS, _TRIAL, dry_run=True)),
    )


async def _read(asked: Awaitable[T]) -> Read[T]:
    try:
        return await asked
    except NotFound as error:
        return Unread("missing", str(error))
    except Forbidden as error:
        return Unread("forbidden", str(error))
    except (ApiError, ConfigurationError) as error:
        return Unread("failed", str(error))


async def _try(asked: Awaitable[T]) -> Read[T]:
    """As `_read`, of what others are asked about, who may let us wait for ever."""
    try:
        return await _read(asked)
    except TransportError as error:
        return Unread("failed", str(error))


async def _items(
    client: Client, resource: Resource, namespace: str | None = None, selector: str = ""
) -> Sequence[Object]:
    return (await client.list(resource, Selection(namespace=namespace, label_selector=selector))).items


async def _find_deployment(client: Client, namespace: str) -> Object:
    for each in await _items(client, DEPLOYMENTS, namespace, _OURS):
        return each
    raise NotFound({"message": f"namespace {namespace} has no Deployment with the label {_OURS}"})


def _pod_spec(deployment: Object) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = deployment.get("spec", {}).get("template", {}).get("spec", {})
    return spec


def _configuration_name(deployment: Object) -> str:
    maps = [it["configMap"]["name"] for it in _pod_spec(deployment).get("volumes") or () if "configMap" in it]
    return maps[0] if maps else CONFIGURATION


async def _read_configuration(client: Client, namespace: str, name: str) -> Configuration:
    data = (await client.get(CONFIG_MAPS, namespace, name)).get("data") or {}
    if CONFIGURATION_FILE not in data:
        raise ConfigurationError([f"it has no {CONFIGURATION_FILE}, which pods of the manager mount"])
    return read_configuration_text(data[CONFIGURATION_FILE], CONFIGURATION_FILE)


def _names(deployment: Object, configuration: Read[Configuration], namespace: str) -> Names:
    known = Configuration() if isinstance(configuration, Unread) else configuration
    certificates, election = known.internal_cert_management, known.leader_election
    default = Configuration().internal_cert_management
    mounted = [
        it["secret"]["secretName"] for it in _pod_spec(deployment).get("volumes") or () if "secret" in it
    ]
    return Names(
        account=_pod_spec(deployment).get("serviceAccountName", MANAGER),
        configuration=_configuration_name(deployment),
        service=certificates.webhook_service_name or str(default.webhook_service_name),
        secret=certificates.webhook_secret_name or next(iter(mounted), str(default.webhook_secret_name)),
        lease=election.resource_name,
        lease_namespace=election.resource_namespace or namespace,
    )


async def _denied(client: Client, namespace: str, account: str) -> Sequence[str]:
    """The rights among those that we install which an account does not have."""
    rights = tuple(_rights(namespace))
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    who = {"user": f"system:serviceaccount:{namespace}:{account}", "groups": groups}
    allowed = await asyncio.gather(*(_is_allowed(client, who, right) for right in rights))
    denied = [right for right, is_allowed in zip(rights, allowed, strict=True) if not is_allowed]
    return tuple(
        f"{', '.join(dict.fromkeys(right['verb'] for right in rights))} {what}"
        for what, rights in groupby(sorted(denied, key=_subject), _subject)
    )


async def _is_allowed(client: Client, who: Mapping[str, Any], right: Mapping[str, str]) -> bool:
    body = {"spec": {**who, "resourceAttributes": right}}
    return bool((await client.create(SUBJECT_ACCESS_REVIEWS, body))["status"].get("allowed"))


def _rights(namespace: str) -> Iterable[Mapping[str, str]]:
    for role in installation_objects():
        if role["kind"] not in ("Role", "ClusterRole"):
            continue
        scope = {"namespace": namespace} if role["kind"] == "Role" else {}
        for rule in role["rules"]:
            named = product(rule.get("apiGroups", ()), rule.get("resources", ()), rule["verbs"])
            for group, resource, verb in named:
                plural, _, subresource = resource.partition("/")
                part = {"subresource": subresource} if subresource else {}
                yield {"group": group, "resource": plural, "verb": verb, **part, **scope}


def _subject(right: Mapping[str, str]) -> str:
    """What a right is about."""
    resource = "/".join(right[part] for part in ("resource", "subresource") if part in right)
    named = f"{resource}.{right['group']}" if right["group"] else resource
    return f"{named} in {right['namespace']}" if "namespace" in right else named
