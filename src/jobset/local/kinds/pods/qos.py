"""The quality-of-service class of a pod, from the requests and limits of CPU and memory."""

from collections.abc import Mapping
from typing import Any

from jobset.api.quantity import parse_quantity

_COUNTED = ("cpu", "memory")


def qos_class(spec: Mapping[str, Any]) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`."""
    if spec.get("resources") and _counts(spec["resources"]):
        every = [spec["resources"]]
    else:
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        every = [container.get("resources") or {} for container in containers]
    if not any(_counts(resources) for resources in every):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(resources) for resources in every) else "Burstable"


def _counts(resources: Mapping[str, Any]) -> bool:
    return any(
        _is_positive((resources.get(side) or {}).get(name))
        for side in ("requests", "limits")
        for name in _COUNTED
    )


def _is_guaranteed(resources: Mapping[str, Any]) -> bool:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return all(
        _is_positive(limits.get(name)) and _same(limits.get(name), requests.get(name, limits.get(name)))
        for name in _COUNTED
    )


def _is_positive(value: Any) -> bool:
    try:
        return value is not None and parse_quantity(value).nano > 0
    except ValueError:
        return False


def _same(one: Any, other: Any) -> bool:
    return parse_quantity(one) == parse_quantity(other)
