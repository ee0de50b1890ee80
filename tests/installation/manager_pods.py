"""The pods of the manager on a real control plane: in place of their containers runs `jobset controller`.

It has the arguments of the container and the configuration of the pod's ConfigMap. What only a pod has is
told otherwise: its account by a kubeconfig, the namespace of the lease in the file; and it listens on free
ports of this machine, which stand for those of the pod.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from jobset.controller.configuring.reading import read_configuration
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, DeleteOptions, Object, Selection
from jobset.kube.resources import CONFIG_MAPS, PODS
from jobset.kube.transport import STRATEGIC_MERGE_PATCH, Transport
from jobset.local.clock import wall_clock
from jobset.local.scripted import running_status
from tests.control_plane.kubelet import PersistentTransport
from tests.control_plane.processes import ControlPlane, free_ports
from tests.controller_process import ControllerProcess, start_controller
from tests.installation.pod_network import PodNetwork
from tests.installation.rendering import ROOT
from tests.kubeconfigs import a_kubeconfig, written

_PROBE_SECONDS = 0.2
"""Readiness is asked for at once and often, whatever the pod says of that: nobody waits for seconds."""


@dataclass(slots=True, kw_only=True)
class ManagerPods:
    """Stands in for the kubelets of a namespace's pods; `run` lasts until it is cancelled."""

    plane: ControlPlane
    network: PodNetwork
    folder: Path
    namespace: str
    processes: dict[str, ControllerProcess] = field(default_factory=dict)
    """The last process of each pod, by the pod's name."""
    _pods: dict[str, "_Pod"] = field(default_factory=dict)
    _group: asyncio.TaskGroup = field(init=False)

    async def run(self, transport: Transport) -> None:
        """Run the manager of every pod that has a node, for ever."""
        client = Client(PersistentTransport(transport))
        cache = WatchCache(client=client, resource=PODS, selection=Selection(namespace=self.namespace))
        async with asyncio.TaskGroup() as self._group:
            cache.listen(lambda _, pod: self._changed(client, pod))
            self._group.create_task(self.network.serve())
            await cache.run()

    def _changed(self, client: Client, pod: Object | None) -> None:
        if pod is None or "nodeName" not in pod["spec"]:
            return
        uid = pod["metadata"]["uid"]
        if uid not in self._pods:
            self._pods[uid] = _Pod(pod=pod, address=self.network.new_address(), client=client, kubelet=self)
            self._group.create_task(self._pods[uid].live())
        if "deletionTimestamp" in pod["metadata"]:
            self._pods[uid].deleted.set()


@dataclass(slots=True, kw_only=True)
class _Pod:
    """One pod, whose container starts again whenever it ends."""

    pod: Object
    address: str
    client: Client
    kubelet: ManagerPods
    deleted: asyncio.Event = field(default_factory=asyncio.Event)
    restarts: int = 0

    @property
    def name(self) -> str:
        return str(self.pod["metadata"]["name"])

    @property
    def container(self) -> Object:
        (container,) = self.pod["spec"]["containers"]
        assert isinstance(container, dict)
        return container

    async def live(self) -> None:
        """Run the container until the pod is deleted, and let the pod go."""
        while not self.deleted.is_set():
            process = await self._started()
            try:
                await self._report(is_ready=False)
                await self._probe(process)
                await self._stop(process)
            finally:
                process.kill()
            self.restarts += 1
        options = DeleteOptions(grace_period_seconds=0, uid=self.pod["metadata"]["uid"])
        await self.client.delete(PODS, self.kubelet.namespace, self.name, options)

    async def _started(self) -> ControllerProcess:
        folder = self.kubelet.folder / f"{self.name}-{self.restarts}"
        folder.mkdir()
        mount, text = await self._configuration()
        inside, here = _ports(yaml.safe_load(text)), free_ports(3)
        self.kubelet.network.publish(self.address, dict(zip(inside, here, strict=True)))
        configuration = _outside(yaml.safe_load(text), self.kubelet.namespace, here)
        file = written(folder / "configuration.yaml", configuration)
        (command,) = self.container["command"]
        arguments = [argument.replace(mount, file) for argument in self.container["args"]]
        process = start_controller(
            [sys.executable, str(ROOT / "docker" / Path(command).name), *arguments],
            folder / "log",
            here[0],
            {"KUBECONFIG": await self._kubeconfig(folder), "HOME": str(folder)},
        )
        self.kubelet.processes[self.name] = process
        return process

    async def _configuration(self) -> tuple[str, str]:
        """Where the container finds its configuration file, and what is in it."""
        (volume,) = [it for it in self.pod["spec"]["volumes"] if "configMap" in it]
        (mount,) = [it for it in self.container["volumeMounts"] if it["name"] == volume["name"]]
        found = await self.client.get(CONFIG_MAPS, self.kubelet.namespace, volume["configMap"]["name"])
        return mount["mountPath"], found["data"][mount["subPath"]]

    async def _kubeconfig(self, folder: Path) -> str:
        plane, account = self.kubelet.plane, self.pod["spec"]["serviceAccountName"]
        ask = ("create", "token", account, f"--namespace={self.kubelet.namespace}")
        token = await asyncio.to_thread(plane.kubectl, *ask)
        cluster = {"server": plane.url, "certificate-authority": str(plane.certificate_authority)}
        return written(folder / "kubeconfig", a_kubeconfig(cluster, {"token": token.strip()}))

    async def _probe(self, process: ControllerProcess) -> None:
        """Report what the readiness probe finds, until the container has ended or the pod is deleted."""
        probe = self.container["readinessProbe"]
        was_ready, failures = False, 0
        while process.process.poll() is None and not self.deleted.is_set():
            answer = await asyncio.to_thread(process.get, probe["httpGet"]["path"], probe["timeoutSeconds"])
            succeeded = answer is not None and answer[0] == 200
            failures = 0 if succeeded else failures + 1
            is_ready = succeeded or (was_ready and failures < probe["failureThreshold"])
            if is_ready != was_ready:
                await self._report(is_ready=is_ready)
                was_ready = is_ready
            await asyncio.sleep(_PROBE_SECONDS)

    async def _stop(self, process: ControllerProcess) -> None:
        process.signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.exit_code, self.pod["spec"]["terminationGracePeriodSeconds"])
        except subprocess.TimeoutExpired:
            return

    async def _report(self, *, is_ready: bool) -> None:
        status = running_status(self.pod, wall_clock(), is_ready=is_ready, restarts=self.restarts)
        status |= {"podIP": self.address, "podIPs": [{"ip": self.address}]}
        patch = {"metadata": {"uid": self.pod["metadata"]["uid"]}, "status": status}
        await self.client.patch(
            PODS,
            self.kubelet.namespace,
            self.name,
            patch,
            content_type=STRATEGIC_MERGE_PATCH,
            subresource="status",
        )


def _ports(configuration: Object) -> list[int]:
    """Where the manager tells its health, metrics and reviews, by its configuration."""
    read = read_configuration(configuration)
    addresses = (read.health.health_probe_bind_address, read.metrics.bind_address)
    return [*(int(it.rpartition(":")[2]) for it in addresses), read.webhook.port]


def _outside(configuration: Object, namespace: str, ports: list[int]) -> Object:
    """The same configuration for a process that is in no pod."""
    health, metrics, webhook = ports
    changes: Mapping[str, Mapping[str, Any]] = {
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health}"},
        "metrics": {"bindAddress": f"127.0.0.1:{metrics}"},
        "webhook": {"port": webhook},
        "leaderElection": {"resourceNamespace": namespace},
    }
    return configuration | {
        section: configuration.get(section, {}) | values for section, values in changes.items()
    }
