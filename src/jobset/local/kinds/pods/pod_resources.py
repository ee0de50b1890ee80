"""Resources of a pod as a whole: what its containers add up to, and the defaults that follow."""

from collections.abc import Iterable, Mapping
from typing import Any

from jobset.api.quantity import ZERO, Quantity
from jobset.local.kinds.checks import quantity_of

Struct = Mapping[str, Any]


def is_pod_level_resource(name: str) -> bool:
    """Whether a pod as a whole may ask for it."""
    return name in ("cpu", "memory") or name.startswith("hugepages-")


def with_pod_requests(spec: Struct) -> Struct:
    """A pod spec whose own requests are complete, where it asks for resources as a whole."""
    resources = spec.get("resources") or {}
    if not resources.get("limits") and not resources.get("requests"):
        return spec
    requests = dict(resources.get("requests") or {})
    for name, total in container_requests(spec).items():
        if name in ("cpu", "memory"):
            requests.setdefault(name, str(total))
    for name, limit in (resources.get("limits") or {}).items():
        if is_pod_level_resource(name):
            requests.setdefault(name, limit)
    if requests == resources.get("requests"):
        return spec
    return {**spec, "resources": {**resources, "requests": requests}}


def container_requests(spec: Struct, side: str = "requests") -> Mapping[str, Quantity]:
    """What the containers need at the worst moment: all main ones, or one init container, beside sidecars."""
    running: dict[str, Quantity] = {}
    highest: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        own = _own(container, side)
        if container.get("restartPolicy") == "Always":
            running = _sum(running, own)
            highest = _larger(highest, running)
        else:
            highest = _larger(highest, _sum(running, own))
    for container in spec.get("containers") or ():
        running = _sum(running, _own(container, side))
    return _larger(highest, running)


def _own(container: Struct, side: str) -> dict[str, Quantity]:
    listed = (container.get("resources") or {}).get(side) or {}
    return {name: amount for name, value in listed.items() if (amount := quantity_of(value))}


def _sum(one: Mapping[str, Quantity], other: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {name: one.get(name, ZERO) + other.get(name, ZERO) for name in _names(one, other)}


def _larger(one: Mapping[str, Quantity], other: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {name: max(one.get(name, ZERO), other.get(name, ZERO)) for name in _names(one, other)}


def _names(*lists: Mapping[str, Quantity]) -> Iterable[str]:
    return dict.fromkeys(name for listed in lists for name in listed)
