"""This machine as a Node object: its name, processors, memory and GPUs."""

import os
import platform
import re
from glob import glob
from typing import Any

import msgspec

from jobset.local.kubelet.devices import GPU

MOST_PODS = 1_000
_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What counts of a machine."""

    name: str
    system: str
    architecture: str
    cpus: int
    memory_bytes: int
    gpus: int


def read_machine() -> MachineFacts:
    """This machine, as far as this process may use it."""
    return MachineFacts(
        name=node_name(platform.node()),
        system=platform.system().lower(),
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine().lower()),
        cpus=_cpus(),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        gpus=len(glob("/dev/nvidia[0-9]*")),
    )


def node_name(host: str) -> str:
    """A host name as the name of a node."""
    name = re.sub(r"[^a-z0-9.-]+", "-", host.lower()).strip("-.")[:63].strip("-.")
    return re.sub(r"\.[.-]+|-+\.", ".", name) or "localhost"


def build_node(facts: MachineFacts) -> dict[str, Any]:
    """The Node object; everything it has is for pods."""
    capacity = {"cpu": str(facts.cpus), "memory": f"{facts.memory_bytes // 1024}Ki", "pods": str(MOST_PODS)}
    if facts.gpus:
        capacity[GPU] = str(facts.gpus)
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "jobset is posting ready status",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": facts.name,
            "labels": {
                "kubernetes.io/hostname": facts.name,
                "kubernetes.io/os": facts.system,
                "kubernetes.io/arch": facts.architecture,
                "beta.kubernetes.io/os": facts.system,
                "beta.kubernetes.io/arch": facts.architecture,
            },
        },
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [ready],
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": facts.name},
            ],
        },
    }


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
