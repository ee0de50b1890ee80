"""JobSets as other releases define, make and describe them, and managers that come and go under them."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobset.admission.crd import build_crd
from jobset.api import keys
from jobset.kube.client import Client, Object, Selection
from jobset.kube.resources import JOBS, JOBSETS, PODS, SERVICES, Resource
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.managers import a_manager
from tests.control_plane.processes import ControlPlane
from tests.control_plane.proxy import Proxy, a_proxy
from tests.worlds import role

Raw = dict[str, Any]
REPLICAS = 2
"""Jobs of a JobSet, each with one pod."""


@dataclass
class World:
    """A namespace, and managers that come and go."""

    plane: ControlPlane
    client: Client
    namespace: str
    folder: Path

    @asynccontextmanager
    async def managed(self, name: str) -> AsyncIterator[Proxy]:
        """A manager works as long as the block lasts, and ends as an upgrade ends it."""
        access = self.plane.access("jobset-manager", ("system:masters",))
        log = self.folder / f"{name}.log"
        async with a_proxy(access) as proxy, a_manager(proxy.kubeconfig, log, name=name) as manager:
            yield proxy
            manager.signal(signal.SIGTERM)
            assert await manager.ended() == 0

    def writes(self, proxy: Proxy, jobset: str) -> list[str]:
        """What a manager wrote about a JobSet: method and resource of each request."""
        ours = f"/namespaces/{self.namespace}/"
        return [
            f"{passed.method} {'/'.join(passed.path.partition(ours)[2].split('/')[::2])}"
            for passed in proxy.writes
            if ours in passed.path and jobset in f"{passed.path} {passed.body}"
        ]

    async def create(self, resource: Resource, body: Raw) -> Object:
        metadata = {"namespace": self.namespace, **body["metadata"]}
        return await self.client.create(resource, {**body, "metadata": metadata})

    async def create_jobset(self, name: str, **fields: Any) -> Object:
        """A JobSet with one role, as it was stored while no webhook filled anything in."""
        worker = role("w", replicas=2)
        worker["template"]["spec"] |= {"backoffLimit": 0}
        worker["template"]["spec"]["template"]["spec"] |= {"terminationGracePeriodSeconds": 1}
        about = {"apiVersion": JOBSETS.api_version, "kind": JOBSETS.kind, "metadata": {"name": name}}
        return await self.create(JOBSETS, {**about, "spec": {"replicatedJobs": [worker], **fields}})

    async def items(self, resource: Resource, jobset: str) -> dict[str, Object]:
        """The objects of a JobSet by name."""
        selection = Selection(namespace=self.namespace, label_selector=f"{keys.JOBSET_NAME}={jobset}")
        found = await self.client.list(resource, selection)
        return {item["metadata"]["name"]: item for item in found.items}

    async def get(self, name: str) -> Object:
        return await self.client.get(JOBSETS, self.namespace, name)

    async def specified(self, name: str) -> tuple[Raw, int]:
        """The spec of a JobSet, and its generation."""
        found = await self.get(name)
        return found["spec"], found["metadata"]["generation"]

    async def until(self, holds: Callable[[], Awaitable[Any]]) -> None:
        async with asyncio.timeout(30):
            while not await holds():
                await asyncio.sleep(0.05)

    async def suspend(self, name: str, suspend: bool) -> None:
        """Suspend or resume a JobSet."""
        await self.client.patch(JOBSETS, self.namespace, name, {"spec": {"suspend": suspend}})

    async def everything(self, jobset: str) -> dict[str, list[Object]]:
        """A JobSet with all that belongs to it, when as many Jobs run as it has."""

        async def runs() -> bool:
            jobs, pods = await self.items(JOBS, jobset), await self.items(PODS, jobset)
            return (
                [job["status"].get("ready") for job in jobs.values()]
                == [1] * REPLICAS
                == [int(pod["status"]["phase"] == "Running") for pod in pods.values()]
            )

        await self.until(runs)
        kinds = (JOBS, PODS, SERVICES)
        found = {kind.plural: list((await self.items(kind, jobset)).values()) for kind in kinds}
        return {JOBSETS.plural: [await self.get(jobset)], **found}

    async def fail(self, job: str) -> None:
        """The pod of a Job fails."""
        (pod,) = (
            pod
            for pod in (await self.client.list(PODS, Selection(namespace=self.namespace))).items
            if pod["metadata"]["labels"][keys.JOB_NAME] == job
        )
        status = {"status": {"phase": "Failed"}}
        await self.client.patch(PODS, self.namespace, pod["metadata"]["name"], status, subresource="status")

    async def until_seen(self, name: str) -> None:
        """Returns when a manager has been through all that was there before."""
        await self.create_jobset(name, suspend=True)
        await self.until_condition(name, "Suspended")

    async def until_gone(self, resource: Resource, jobset: str) -> None:
        async def holds() -> bool:
            return not await self.items(resource, jobset)

        await self.until(holds)

    async def until_condition(self, name: str, condition: str, status: str = "True") -> None:
        async def holds() -> bool:
            found = (await self.get(name)).get("status", {}).get("conditions", ())
            return any((told["type"], told["status"]) == (condition, status) for told in found)

        await self.until(holds)


@contextmanager
def defined(plane: ControlPlane, change: Callable[[Raw], None]) -> Iterator[None]:
    """Another release has defined JobSets, as long as the block lasts."""
    crd = deepcopy(build_crd())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    change(schema)
    schema["spec"]["properties"][MARK] = {"type": "boolean"}
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(crd))
    plane.until(lambda: MARK in plane.kubectl(*TRY, stdin=json.dumps(MARKED)))
    try:
        yield
    finally:
        install_jobset_crd(plane)
        plane.until(lambda: MARK not in plane.kubectl(*TRY, stdin=json.dumps(MARKED)))


MARK = "isOfAnotherRelease"
TRY = ("create", "--dry-run=server", "--validate=ignore", "-o", "json", "-f", "-")
MARKED = {
    "apiVersion": JOBSETS.api_version,
    "kind": JOBSETS.kind,
    "metadata": {"name": "try", "namespace": "default"},
    "spec": {MARK: True},
}


def lacks(schema: Raw, *paths: str) -> None:
    """Take fields out of a schema; lists add nothing to a path."""
    for path in paths:
        *above, name = path.split(".")
        fields = schema
        for step in above:
            found = fields[step]
            fields = found.get("items", found)["properties"]
        del fields[name]
