"""Accounts of agents on a real API server, with the permissions that the product ships and no more."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from jobset.kube.client import Client
from jobset.kube.resources import NAMESPACES, SERVICE_ACCOUNTS
from jobset.kube.transport import Request, Transport
from tests.agent_process import ACCOUNT, AgentWorld
from tests.control_plane.processes import ControlPlane

COMPONENT = Path(__file__).parents[2] / "config" / "components" / "in-place-restart"
ROLE = "jobset-in-place-restart-agent"
GUARDED = "jobset.sigs.k8s.io/in-place-restart-agent=true"


def install_agent_permissions(plane: ControlPlane) -> None:
    """As an administrator would, once for a cluster."""
    plane.kubectl("apply", "--server-side", "-k", str(COMPONENT))


def allow_agents(plane: ControlPlane, namespace: str) -> None:
    """As an administrator would, for the pods of a namespace."""
    account = f"--serviceaccount={namespace}:{ACCOUNT}"
    plane.kubectl("create", "serviceaccount", ACCOUNT, "-n", namespace)
    plane.kubectl("label", "serviceaccount", ACCOUNT, GUARDED, "-n", namespace)
    plane.kubectl("create", "rolebinding", "agents", f"--clusterrole={ROLE}", account, "-n", namespace)


async def open_account(plane: ControlPlane, transport: Transport, pod: Any, folder: Path) -> dict[str, str]:
    """The variables that lead to the API server, for a pod with a token of its own as a kubelet gets it."""
    folder.mkdir()
    namespace = pod["metadata"]["namespace"]
    token = await request_token(transport, namespace, pod)
    for name, text in {"server": plane.url, "token": token, "namespace": namespace}.items():
        (folder / name).write_text(text)
    shutil.copy(plane.certificate_authority, folder / "ca.crt")
    return {"JOBSET_ACCOUNT_FOLDER": str(folder)}


async def request_token(transport: Transport, namespace: str, pod: Any = None) -> str:
    """A token of the account of all pods, bound to one of them."""
    spec: dict[str, Any] = {"audiences": [], "expirationSeconds": 3600}
    if pod is not None:
        metadata = pod["metadata"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        spec["boundObjectRef"] = bound
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    path = SERVICE_ACCOUNTS.path(namespace, ACCOUNT, "token")
    answer = await transport.send(Request(method="POST", path=path, body=asked))
    assert answer.code == 201, answer.body
    return str(answer.body["status"]["token"])


@dataclass
class RealAgentWorld(AgentWorld):
    """A namespace of a real API server."""

    plane: ControlPlane = field(kw_only=True)
    transport: Transport = field(kw_only=True)

    async def open_account(self, pod: Any, folder: Path) -> Mapping[str, str]:
        return await open_account(self.plane, self.transport, pod, folder)


@asynccontextmanager
async def a_real_agent_world(plane: ControlPlane, folder: Path) -> AsyncIterator[RealAgentWorld]:
    install_agent_permissions(plane)
    transport, namespace = plane.transport(), f"agents-{uuid4()}"
    client = Client(transport)
    try:
        await client.create(NAMESPACES, {"metadata": {"name": namespace}})
        allow_agents(plane, namespace)
        yield RealAgentWorld(folder, client, namespace, plane=plane, transport=transport)
    finally:
        await transport.close()
