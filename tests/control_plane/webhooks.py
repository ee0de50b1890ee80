"""JobSet's webhooks over HTTPS, without the rest of the manager, asked by a real API server.

    python -m tests.control_plane.webhooks FOLDER URL CERTIFICATE

serves and registers them until it is ended, for the control plane of a folder.
"""

import asyncio
import json
import ssl
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.controller.placement import PlacementController
from jobset.controller.webhooks import paths
from jobset.controller.webhooks.paths import jobset_webhooks
from jobset.kube.client import Client
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.resources import JOBSETS, MUTATING_WEBHOOKS, PODS, VALIDATING_WEBHOOKS, Resource
from jobset.local.clock import wall_clock
from tests.control_plane.processes import ControlPlane, client_access

_SETTINGS = HttpSettings(user_agent="jobset-test-webhooks")
_ROOT = Path(__file__).parents[2]
_TRY = ("create", "--dry-run=server", "-o", "json", "-f", "-")
_EXAMPLE = {
    "apiVersion": JOBSETS.api_version,
    "kind": JOBSETS.kind,
    "metadata": {"name": "try", "namespace": "default"},
    "spec": {"replicatedJobs": []},
}
_WEBHOOKS = {
    MUTATING_WEBHOOKS: {
        "mjobset.kb.io": (paths.MUTATE_JOBSET, JOBSETS, "CREATE"),
        "mpod.kb.io": (paths.MUTATE_POD, PODS, "CREATE"),
    },
    VALIDATING_WEBHOOKS: {
        "vjobset.kb.io": (paths.VALIDATE_JOBSET, JOBSETS, "CREATE UPDATE"),
        "vpod.kb.io": (paths.VALIDATE_POD, PODS, "CREATE"),
    },
}


def start_jobset_webhooks(plane: ControlPlane) -> None:
    """Returns when the API server asks the webhooks; they end with the control plane."""
    certificate = plane.client_certificate("jobset-webhooks", ("system:masters",))
    module = (sys.executable, "-m", "tests.control_plane.webhooks")
    arguments = (str(plane.folder), plane.url, str(certificate))
    plane.run_beside("webhooks", ("env", f"PYTHONPATH={_ROOT}", *module, *arguments))
    plane.until(lambda: "successPolicy" in plane.kubectl(*_TRY, stdin=json.dumps(_EXAMPLE)))


@asynccontextmanager
async def registered_webhooks(
    folder: Path, client: Client, gates: FeatureGates = FeatureGates()
) -> AsyncIterator[None]:
    """Serve and register all four webhooks.

    The folder is that of the control plane: they serve with the certificate of its API server.
    """
    placement = PlacementController(client, wall_clock)
    server = jobset_webhooks(gates, client, placement)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(placement.watch())
        async with _served(server.app(), folder) as url:
            await _register(client, url, (folder / "ca.crt").read_bytes())
            yield
        watching.cancel()
    server.offload.close()


@asynccontextmanager
async def _served(application: web.Application, folder: Path) -> AsyncIterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _register(client: Client, url: str, authority: bytes) -> None:
    for configuration, webhooks in _WEBHOOKS.items():
        asked = [_webhook(name, *webhook, url, authority) for name, webhook in webhooks.items()]
        await client.create(configuration, {"metadata": {"name": "jobset"}, "webhooks": asked})


def _webhook(
    name: str, path: str, resource: Resource, operations: str, url: str, authority: bytes
) -> dict[str, Any]:
    rule = {
        "apiGroups": [resource.group],
        "apiVersions": [resource.version],
        "resources": [resource.plural],
        "operations": operations.split(),
    }
    selector = {"matchExpressions": [{"key": keys.JOBSET_NAME, "operator": "Exists"}]}
    return {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"url": url + path, "caBundle": b64encode(authority).decode()},
        "rules": [rule],
        **({"objectSelector": selector} if resource == PODS else {}),
    }


async def _serve(folder: Path, url: str, certificate: Path) -> None:
    client = Client(HttpTransport(client_access(url, folder / "ca.crt", certificate), _SETTINGS))
    async with registered_webhooks(folder, client):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
