"""EndpointSlices: defaults and validation."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from jobset.admission.field_errors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
    too_many,
)
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, dns_label, dns_subdomain, immutable
from jobset.local.kinds.sharing import changed, each, filled

Struct = Mapping[str, Any]

_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MOST_ENDPOINTS = 1000
_MOST_ADDRESSES = 100
_MOST_PORTS = 20_000


def default_endpoint_slice(endpoint_slice: Struct) -> Struct:
    """An EndpointSlice whose ports have a name and a protocol."""
    return changed(endpoint_slice, {"ports": each(_port)})


def validate_endpoint_slice(endpoint_slice: Struct) -> list[FieldError]:
    """Every problem of an EndpointSlice beside its metadata."""
    return list(_slice(endpoint_slice))


def validate_endpoint_slice_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed EndpointSlice: its type of address stays."""
    kind = "addressType"
    return [*_slice(new), *immutable(kind, new.get(kind), old.get(kind))]


def _port(port: Struct) -> Struct:
    port = filled(port, {"protocol": "TCP"})
    return port if port.get("name") is not None else {**port, "name": ""}


def _slice(endpoint_slice: Struct) -> Problems:
    kind = endpoint_slice.get("addressType") or ""
    if not kind:
        yield required("addressType")
    elif kind not in _ADDRESS_TYPES:
        yield not_supported("addressType", kind, _ADDRESS_TYPES)
    endpoints = endpoint_slice.get("endpoints") or ()
    if len(endpoints) > _MOST_ENDPOINTS:
        yield too_many("endpoints", len(endpoints), _MOST_ENDPOINTS)
    for index, endpoint in enumerate(endpoints):
        yield from _endpoint(endpoint, f"endpoints[{index}]", kind)
    yield from _ports(endpoint_slice.get("ports") or ())


def _endpoint(endpoint: Struct, path: str, kind: str) -> Problems:
    addresses = endpoint.get("addresses") or ()
    if not addresses:
        yield required(f"{path}.addresses", "must contain at least 1 address")
    if len(addresses) > _MOST_ADDRESSES:
        yield too_many(f"{path}.addresses", len(addresses), _MOST_ADDRESSES)
    for index, address in enumerate(addresses):
        yield from _address(address, f"{path}.addresses[{index}]", kind)
    if (name := endpoint.get("nodeName")) is not None:
        yield from dns_subdomain(f"{path}.nodeName", name)
    if (hostname := endpoint.get("hostname")) is not None:
        yield from dns_label(f"{path}.hostname", hostname)


def _address(address: str, path: str, kind: str) -> Problems:
    if kind == "FQDN":
        yield from dns_subdomain(path, address)
        return
    version = {"IPv4": 4, "IPv6": 6}.get(kind)
    problems = formats.ip_address(address)
    for problem in problems:
        yield invalid(path, address, problem)
    if version and not problems and ipaddress.ip_address(address).version != version:
        yield invalid(path, address, f"must be an {kind} address")


def _ports(ports: Sequence[Struct]) -> Problems:
    if len(ports) > _MOST_PORTS:
        yield too_many("ports", len(ports), _MOST_PORTS)
    names: set[str] = set()
    for index, port in enumerate(ports):
        here, name = f"ports[{index}]", port.get("name") or ""
        if name in names:
            yield duplicate(f"{here}.name", name)
        names.add(name)
        if name:
            yield from dns_label(f"{here}.name", name)
        if not (protocol := port.get("protocol")):
            yield required(f"{here}.protocol")
        elif protocol not in _PROTOCOLS:
            yield not_supported(f"{here}.protocol", protocol, _PROTOCOLS)
