"""Validation of the resources that containers, pods and claims ask for."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobset.admission.field_errors import duplicate, forbidden, invalid, not_supported, required
from jobset.api.quantity import Quantity
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, not_found, qualified_name, quantity, quantity_of
from jobset.local.kinds.pods.pod_resources import container_requests, is_pod_level_resource

Struct = Mapping[str, Any]

_HUGE_PAGES = "hugepages-"
_CONTAINER_RESOURCES = {"cpu", "memory", "ephemeral-storage"}
_STANDARD = {
    *_CONTAINER_RESOURCES,
    *(f"{side}.{name}" for side in ("requests", "limits") for name in _CONTAINER_RESOURCES),
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
}
_INTEGER = {
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
}


def claim_names(spec: Struct) -> tuple[str, ...]:
    """What the containers of a pod may claim."""
    return tuple(claim.get("name") or "" for claim in spec.get("resourceClaims") or ())


def check_resources(
    resources: Struct, path: str, claims: Sequence[str] = (), of_pod: bool = False
) -> Problems:
    """Limits, requests and claims of a container, or of a pod as a whole."""
    check_name = _pod_resource_name if of_pod else _container_resource_name
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name in sorted(limits):
        here = f"{path}.limits[{name}]"
        yield from check_name(name, here)
        yield from check_amount(name, limits[name], here)
    for name in sorted(requests):
        here = f"{path}.requests[{name}]"
        yield from check_name(name, here)
        yield from check_amount(name, requests[name], here)
        yield from _within_limit(name, requests[name], limits, path)
    names = {*limits, *requests}
    if any(_is_huge_page(name) for name in names) and not names & {"cpu", "memory"}:
        yield forbidden(path, "HugePages require cpu or memory")
    yield from _claims(resources.get("claims") or (), f"{path}.claims", claims)


def check_pod_resources(spec: Struct, path: str) -> Problems:
    """Resources of the pod as a whole, which its containers must fit into."""
    resources = spec.get("resources")
    if not resources:
        return
    if resources.get("claims"):
        yield forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level")
    yield from check_resources(resources, path, claim_names(spec), of_pod=True)
    for name, total in sorted(container_requests(spec).items()):
        own = quantity_of((resources.get("requests") or {}).get(name, ""))
        if own is not None and total > own:
            told = str(own)
            words = f"must be greater than or equal to aggregate container requests of {total}"
            yield invalid(f"{path}.requests[{name}]", told, words)


def check_amount(name: str, value: Any, path: str) -> Problems:
    """An amount of one resource: not negative, and whole where only whole ones exist."""
    amount = quantity_of(value)
    if amount is None:
        yield from quantity(path, value)
        return
    if amount.nano < 0:
        yield invalid(path, str(amount), "must be greater than or equal to 0")
    if (name in _INTEGER or is_extended(name)) and not amount.is_integer:
        yield invalid(path, str(amount), "must be an integer")
    if _is_huge_page(name) and not _is_made_of_pages(name, amount):
        yield invalid(path, str(amount), f"{amount} is not positive integer multiple of {name}")


def is_extended(name: str) -> bool:
    """Whether a resource belongs to a device plugin rather than to Kubernetes."""
    return not _is_native(name) and not name.startswith("requests.")


def check_resize_policies(policies: Sequence[Struct], path: str, restart_policy: str) -> Problems:
    """What happens to a container when its resources change."""
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        name, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in seen:
            yield duplicate(f"{path}[{index}]", name)
        seen.add(name)
        yield from _required_one_of(path, name, ("cpu", "memory"))
        yield from _required_one_of(path, restart, ("NotRequired", "RestartContainer"))
        if restart_policy == "Never" and restart != "NotRequired":
            yield invalid(path, restart, "must be 'NotRequired' when `restartPolicy` is 'Never'")


def _required_one_of(path: str, value: str, choices: Sequence[str]) -> Problems:
    if not value:
        yield required(path)
    elif value not in choices:
        yield not_supported(path, value, choices)


def _is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def _is_huge_page(name: str) -> bool:
    return name.startswith(_HUGE_PAGES)


def _is_made_of_pages(name: str, amount: Quantity) -> bool:
    size = quantity_of(name.removeprefix(_HUGE_PAGES))
    return size is not None and size.nano > 0 and amount.nano % size.nano == 0


def _may_overcommit(name: str) -> bool:
    return _is_native(name) and not _is_huge_page(name)


def _resource_name(name: str, path: str) -> Problems:
    if formats.qualified_name(name):
        yield from qualified_name(path, name)
    elif "/" not in name and name not in _STANDARD and not _is_huge_page(name):
        yield invalid(path, name, "must be a standard resource type or fully qualified")


def _pod_resource_name(name: str, path: str) -> Problems:
    problems = list(_resource_name(name, path))
    yield from problems
    if not problems and not is_pod_level_resource(name):
        yield not_supported(path, name, ("cpu", _HUGE_PAGES, "memory"))


def _container_resource_name(name: str, path: str) -> Problems:
    problems = list(_resource_name(name, path))
    yield from problems
    if "/" not in name:
        if name not in _CONTAINER_RESOURCES and not _is_huge_page(name):
            yield invalid(path, name, "must be a standard resource for containers")
    elif not _is_native(name) and (name.startswith("requests.") or problems):
        yield invalid(path, name, "doesn't follow extended resource name standard")


def _within_limit(name: str, value: Any, limits: Struct, path: str) -> Problems:
    request = quantity_of(value)
    if request is None:
        return
    if name not in limits:
        if not _may_overcommit(name):
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")
        return
    limit = quantity_of(limits[name])
    if limit is None:
        return
    if request != limit and not _may_overcommit(name):
        yield invalid(f"{path}.requests", str(request), f"must be equal to {name} limit of {limit}")
    elif request > limit:
        words = f"must be less than or equal to {name} limit of {limit}"
        yield invalid(f"{path}.requests", str(request), words)


def _claims(claims: Sequence[Struct], path: str, known: Sequence[str]) -> Problems:
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        name = claim.get("name") or ""
        here = f"{path}[{index}]"
        if not name:
            yield required(here)
            continue
        if name in seen:
            yield duplicate(here, name)
        seen.add(name)
        if name not in known:
            listed = f": {', '.join(known)}" if known else " which is empty"
            yield not_found(here, name, f"must be one of the names in pod.spec.resourceClaims{listed}")
