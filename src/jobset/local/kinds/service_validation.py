"""Which Services a server takes, and what may not change about them."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, duplicate, forbidden, invalid, not_supported, required
from jobset.local.kinds.checks import (
    Problems,
    dns_label,
    dns_subdomain,
    in_range,
    ip_address,
    one_of,
    port,
    port_or_name,
    qualified_name,
)
from jobset.local.kinds.meta import validate_labels

Struct = Mapping[str, Any]

_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITIES = ("ClientIP", "None")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_POLICIES = ("Cluster", "Local")
_LONGEST_STICKINESS = 86400


def validate_service(service: Struct) -> list[FieldError]:
    """Every problem of a Service beside its metadata."""
    return list(_service(service["spec"]))


def validate_service_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed Service: its addresses stay while it keeps having some."""
    return [*_addresses_kept(new["spec"], old.get("spec") or {}), *_service(new["spec"])]


def _service(spec: Struct) -> Problems:
    headless = spec.get("clusterIP") == "None"
    ports = spec.get("ports") or ()
    if not ports and not headless and spec.get("type") != "ExternalName":
        yield required("spec.ports")
    yield from _type(spec, headless)
    yield from _ports(ports, spec, headless)
    yield from validate_labels(spec.get("selector"), "spec.selector")
    yield from _affinity(spec)
    yield from _addresses(spec)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        yield from ip_address(f"spec.externalIPs[{index}]", address)
    yield from _traffic(spec)


def _type(spec: Struct, headless: bool) -> Problems:
    match kind := spec.get("type"):
        case "LoadBalancer" | "NodePort" if headless:
            yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
        case "ExternalName":
            if spec.get("clusterIPs") or spec.get("clusterIP"):
                yield forbidden("spec.clusterIPs", "may not be set for ExternalName services")
            name = (spec.get("externalName") or "").removesuffix(".")
            if not name:
                yield required("spec.externalName")
            else:
                yield from dns_subdomain("spec.externalName", name)
        case kind if not kind:
            yield required("spec.type")
        case kind if kind not in _TYPES:
            yield not_supported("spec.type", kind, _TYPES)


def _ports(ports: Any, spec: Struct, headless: bool) -> Problems:
    names: set[str] = set()
    taken: set[tuple[Any, Any]] = set()
    for index, entry in enumerate(ports):
        here = f"spec.ports[{index}]"
        yield from _port(entry, here, len(ports) > 1, names)
        if headless and entry.get("targetPort") in (None, ""):
            yield invalid(f"{here}.targetPort", entry.get("targetPort"), "must be set")
        if entry.get("nodePort") and spec.get("type") == "ClusterIP":
            yield forbidden(f"{here}.nodePort", "may not be used when `type` is 'ClusterIP'")
        key = (entry.get("protocol"), entry.get("port"))
        if key in taken:
            yield duplicate(here, {"protocol": key[0], "port": key[1]})
        taken.add(key)


def _port(entry: Struct, path: str, must_be_named: bool, names: set[str]) -> Problems:
    name = entry.get("name") or ""
    if must_be_named and not name:
        yield required(f"{path}.name")
    elif name:
        yield from dns_label(f"{path}.name", name)
        if name in names:
            yield duplicate(f"{path}.name", name)
        names.add(name)
    yield from port(f"{path}.port", entry.get("port") or 0)
    protocol = entry.get("protocol") or ""
    if not protocol:
        yield required(f"{path}.protocol")
    elif protocol not in _PROTOCOLS:
        yield not_supported(f"{path}.protocol", protocol, _PROTOCOLS)
    yield from port_or_name(f"{path}.targetPort", entry.get("targetPort"))
    if (spoken := entry.get("appProtocol")) is not None:
        yield from qualified_name(f"{path}.appProtocol", spoken)


def _affinity(spec: Struct) -> Problems:
    kind = spec.get("sessionAffinity") or ""
    if not kind:
        yield required("spec.sessionAffinity")
    elif kind not in _AFFINITIES:
        yield not_supported("spec.sessionAffinity", kind, _AFFINITIES)
    seconds = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")
    if kind == "ClientIP" and seconds is not None and not 0 < seconds <= _LONGEST_STICKINESS:
        here = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
        yield invalid(here, seconds, f"must be greater than 0 and less than {_LONGEST_STICKINESS}")


def _addresses(spec: Struct) -> Problems:
    addresses = spec.get("clusterIPs") or ()
    if spec.get("clusterIP") and addresses and addresses[0] != spec["clusterIP"]:
        yield invalid("spec.clusterIPs", list(addresses), "first value must match `clusterIP`")
    for index, address in enumerate(addresses):
        if address == "None":
            if len(addresses) > 1:
                words = "'None' must be the first and only value"
                yield invalid(f"spec.clusterIPs[{index}]", address, words)
        else:
            yield from ip_address(f"spec.clusterIPs[{index}]", address)
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in _FAMILIES:
            yield not_supported(f"spec.ipFamilies[{index}]", family, _FAMILIES)
        if family in spec["ipFamilies"][:index]:
            yield duplicate(f"spec.ipFamilies[{index}]", family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _FAMILY_POLICIES:
        yield not_supported("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES)


def _traffic(spec: Struct) -> Problems:
    external = spec.get("externalTrafficPolicy")
    if external and spec.get("type") not in ("NodePort", "LoadBalancer"):
        words = "may only be set for externally-accessible services"
        yield invalid("spec.externalTrafficPolicy", external, words)
    elif external and external not in _POLICIES:
        yield not_supported("spec.externalTrafficPolicy", external, _POLICIES)
    internal = spec.get("internalTrafficPolicy")
    if internal is not None and internal not in _POLICIES:
        yield not_supported("spec.internalTrafficPolicy", internal, _POLICIES)
    if (distribution := spec.get("trafficDistribution")) is not None:
        yield from one_of("spec.trafficDistribution", distribution, _DISTRIBUTIONS)
    number = spec.get("healthCheckNodePort")
    if number:
        yield from in_range("spec.healthCheckNodePort", number, 1, 65535)


def _addresses_kept(new: Struct, old: Struct) -> Problems:
    if "ExternalName" in (new.get("type"), old.get("type")):
        return
    before, now = old.get("clusterIPs") or [], new.get("clusterIPs") or []
    if before and (not now or now[0] != before[0]):
        yield invalid("spec.clusterIPs[0]", now, "may not change once set")
    families, wanted = old.get("ipFamilies") or [], new.get("ipFamilies") or []
    if families and wanted and wanted[0] != families[0]:
        yield invalid("spec.ipFamilies[0]", wanted, "may not change once set")
