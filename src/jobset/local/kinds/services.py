"""Services: defaults, IP families, validation, and what may not change."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobset.local.kinds.sharing import changed, each, filled, keep_status

Struct = Mapping[str, Any]

_WITH_ADDRESSES = ("ClusterIP", "NodePort", "LoadBalancer")
_DUAL_STACK = {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}
_SINGLE_STACK = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}


def default_service(service: Struct) -> Struct:
    """A Service with every default but addresses, which nobody hands out here."""
    spec = filled(service.get("spec") or {}, {"sessionAffinity": "None", "type": "ClusterIP"})
    if spec["sessionAffinity"] == "ClientIP":
        spec = filled(spec, {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}})
    if spec["sessionAffinity"] == "None" and spec.get("sessionAffinityConfig"):
        spec = {key: value for key, value in spec.items() if key != "sessionAffinityConfig"}
    if spec["type"] in _WITH_ADDRESSES:
        spec = filled(spec, {"internalTrafficPolicy": "Cluster"})
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec = filled(spec, {"externalTrafficPolicy": "Cluster"})
    if spec["type"] == "LoadBalancer":
        spec = filled(spec, {"allocateLoadBalancerNodePorts": True})
    spec = changed(spec, {"ports": each(_port)})
    return service if spec is service.get("spec") else {**service, "spec": spec}


def prepare_service_create(service: Struct) -> Struct:
    """A new Service with its IP families and an empty status."""
    return {**service, "spec": _with_families(service["spec"]), "status": {"loadBalancer": {}}}


def prepare_service_update(new: Struct, old: Struct) -> Struct:
    """A changed Service; its addresses and status stay when the new one does not speak of them."""
    spec, before = new["spec"], old.get("spec") or {}
    if spec.get("type") != "ExternalName" and before.get("type") != "ExternalName":
        spec = _inherited(spec, before)
    return keep_status({**new, "spec": _with_families(spec)}, old)


def _inherited(spec: Struct, before: Struct) -> Struct:
    kept = {
        key: before[key]
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")
        if not spec.get(key) and before.get(key)
    }
    return {**spec, **kept} if kept else spec


def _with_families(spec: Struct) -> Struct:
    if spec.get("type") not in _WITH_ADDRESSES:
        return spec
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec = {**spec, "clusterIPs": [spec["clusterIP"]]}
    if spec.get("clusterIPs") and not spec.get("clusterIP"):
        spec = {**spec, "clusterIP": spec["clusterIPs"][0]}
    # compat: a headless Service without selector has endpoints of both families, even on one stack.
    both = spec.get("clusterIP") == "None" and not spec.get("selector")
    if spec.get("ipFamilyPolicy") or spec.get("ipFamilies"):
        return _completed_families(spec)
    return filled(spec, _DUAL_STACK if both else _SINGLE_STACK)


def _completed_families(spec: Struct) -> Struct:
    families: Sequence[str] = spec.get("ipFamilies") or ["IPv4"]
    policy = spec.get("ipFamilyPolicy") or ("SingleStack" if len(families) == 1 else "RequireDualStack")
    if policy != "SingleStack" and len(families) == 1 and spec.get("clusterIP") == "None":
        families = [*families, "IPv6" if families[0] == "IPv4" else "IPv4"]
    return filled({**spec, "ipFamilies": list(families)}, {"ipFamilyPolicy": policy})


def _port(port: Struct) -> Struct:
    port = filled(port, {"protocol": "TCP"})
    return port if port.get("targetPort") not in (None, 0, "") else {**port, "targetPort": port.get("port")}
