"""Small objects, and waiting for what other parts of the server do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jobset.api import keys
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError, NotFound
from jobset.kube.resources import Resource

PATIENCE = 10.0


def a_config_map(namespace: str, name: str = "m", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": {"k": "v"},
    }


def a_pod(namespace: str, name: str = "p", **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "x", "command": ["true"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [container], "schedulerName": "nobody", **spec},
    }


def a_job(namespace: str, name: str = "j", **spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"suspend": True, "template": template, **spec},
    }


def owned_by(*owners: Object, blocking: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": blocking,
        }
        for owner in owners
    ]


async def refusal(call: Awaitable[Any]) -> ApiError:
    """The error that a call is refused with."""
    try:
        answer = await call
    except ApiError as error:
        return error
    raise AssertionError(f"not refused: {answer}")


async def exists(client: Client, resource: Resource, namespace: str | None, name: str) -> bool:
    try:
        await client.get(resource, namespace, name)
    except NotFound:
        return False
    return True


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Returns when the check holds; others need a moment to act."""
    async with asyncio.timeout(PATIENCE):
        while not await check():
            await asyncio.sleep(0.02)


async def gone(client: Client, resource: Resource, namespace: str | None, name: str) -> None:
    """Returns when an object no longer exists."""

    async def is_gone() -> bool:
        return not await exists(client, resource, namespace, name)

    await eventually(is_gone)


def a_jobset_pod(
    namespace: str,
    index: str,
    labels: dict[str, Any] | None = None,
    owner: Object | None = None,
    **annotations: str,
) -> dict[str, Any]:
    """One pod of Job 0 of the role `w`; exclusively placed when `topology` is given."""
    own = {keys.JOBSET_NAME: "js", keys.REPLICATED_JOB_NAME: "w", keys.JOB_INDEX: "0", keys.JOB_KEY: "k"}
    pod = a_pod(namespace, f"js-w-0-{index}-abcde")
    pod["metadata"]["labels"] = own if labels is None else labels
    pod["metadata"]["annotations"] = {keys.JOBSET_NAME: "js", keys.JOB_COMPLETION_INDEX: index}
    if topology := annotations.get("topology"):
        pod["metadata"]["annotations"][keys.EXCLUSIVE_TOPOLOGY] = topology
    if owner is not None:
        pod["metadata"]["ownerReferences"] = [{**owned_by(owner)[0], "controller": True}]
    return pod
