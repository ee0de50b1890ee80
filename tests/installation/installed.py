"""An installation on a real control plane, with managers that run."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from jobset.kube.transport import Transport
from jobset.local.scripted import Script
from tests.control_plane.fixtures import require_programs
from tests.control_plane.kubelet import FakeKubelet
from tests.control_plane.kubelet_thread import played
from tests.control_plane.processes import (
    CONTROLLER_MANAGER,
    CONTROLLERS,
    ControlPlane,
    PlaneSettings,
    a_control_plane,
)
from tests.control_plane.sharing import CRD_NAME
from tests.installation.manager_pods import ManagerPods
from tests.installation.pod_network import PodNetwork
from tests.installation.rendering import CHART, ROOT
from tests.installation.tools import HELM, ask, require_tool

NAMESPACE = "jobset-system"
SETTINGS = PlaneSettings(controllers=(*CONTROLLERS, "deployment-controller", "replicaset-controller"))


@dataclass(frozen=True, slots=True)
class Installation:
    """A control plane where the manager is installed, and what runs in place of its containers."""

    plane: ControlPlane
    managers: ManagerPods

    def until_available(self) -> None:
        """Returns when the Deployment is Available."""
        wait = ("wait", "--for=condition=Available", "deployment", "--all", "--timeout=60s")
        self.plane.kubectl(*wait, f"--namespace={NAMESPACE}")

    @property
    def account(self) -> str:
        """As whom the API server knows the manager."""
        asked = ("get", "deployment", f"--namespace={NAMESPACE}", "-o", "jsonpath={..serviceAccountName}")
        return f"system:serviceaccount:{NAMESPACE}:{self.plane.kubectl(*asked)}"


@contextmanager
def an_installation(
    folder: Path,
    install: Callable[[ControlPlane], object],
    script: Script = lambda _: "hang",
    settings: PlaneSettings = SETTINGS,
) -> Iterator[Installation]:
    """A control plane of its own on which `install` has just put everything; no manager may be ready yet.

    Where no control plane can be started, the test is skipped. Pods of the namespace `default` do as the
    script says.
    """
    require_programs()
    with PodNetwork.open() as network:
        flags = (*settings.api_server_flags, *network.flags)
        with a_control_plane(replace(settings, api_server_flags=flags)) as plane:
            managers = ManagerPods(plane=plane, network=network, folder=folder, namespace=NAMESPACE)
            with played(plane, lambda transport: _Kubelets(transport, script, managers)):
                install(plane)
                plane.kubectl("wait", "--for=condition=Established", f"crd/{CRD_NAME}", "--timeout=60s")
                # The garbage collector looks for new kinds only when it starts and every 30 seconds.
                plane.restart(CONTROLLER_MANAGER)
                yield Installation(plane, managers)


def by_kustomize(plane: ControlPlane) -> None:
    """Install `config/default`."""
    plane.kubectl("apply", "--server-side", "-k", str(ROOT / "config" / "default"))


def by_helm(plane: ControlPlane) -> None:
    """Install the chart; skips the test where there is no Helm."""
    where = (f"--namespace={NAMESPACE}", "--create-namespace", f"--kubeconfig={plane.kubeconfig()}")
    done = ask(require_tool(HELM), "install", "jobset", str(CHART), *where)
    assert done.returncode == 0, done.stderr


class _Kubelets:
    """Those of the managers, and those of all that JobSets make."""

    def __init__(self, transport: Transport, script: Script, managers: ManagerPods) -> None:
        self._jobsets = FakeKubelet(transport=transport, script=script, namespace="default")
        self._managers = managers.run(transport)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._jobsets.run())
            group.create_task(self._managers)

    async def registered(self) -> None:
        await self._jobsets.registered()
