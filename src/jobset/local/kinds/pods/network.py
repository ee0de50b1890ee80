"""Validation of a pod's names, DNS settings and use of the host's network."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import invalid, not_supported, required
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, dns_label, dns_subdomain, ip_address

Struct = Mapping[str, Any]

_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MOST_NAMESERVERS = 3
_MOST_SEARCHES = 32
_LONGEST_SEARCH = 2048
_LONGEST_HOSTNAME_OVERRIDE = 64


def check_host_network(spec: Struct, path: str) -> Problems:
    """On the host's network a port is the host's port."""
    if not spec.get("hostNetwork"):
        return
    for index, container in enumerate(spec.get("containers") or ()):
        for place, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort") and port["hostPort"] != port.get("containerPort"):
                here = f"{path}.containers[{index}].ports[{place}].hostPort"
                words = "must match `containerPort` when `hostNetwork` is true"
                yield invalid(here, port["hostPort"], words)


def check_dns_policy(policy: str | None, path: str) -> Problems:
    """Where names are looked up first."""
    if not policy:
        yield required(path)
    elif policy not in _DNS_POLICIES:
        yield not_supported(path, policy, _DNS_POLICIES)


def check_dns_config(config: Struct | None, policy: str | None, path: str) -> Problems:
    """Servers, search domains and options of the resolver."""
    if config is None:
        if policy == "None":
            words = "must provide `dnsConfig` when `dnsPolicy` is None"
            yield required(path, words)
        return
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if policy == "None" and not servers:
        words = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield required(f"{path}.nameservers", words)
    if len(servers) > _MOST_NAMESERVERS:
        words = f"must not have more than {_MOST_NAMESERVERS} nameservers"
        yield invalid(f"{path}.nameservers", servers, words)
    for index, server in enumerate(servers):
        yield from ip_address(f"{path}.nameservers[{index}]", server)
    yield from _searches(searches, f"{path}.searches")
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            yield required(f"{path}.options[{index}]", "must not be empty")


def check_host_names(spec: Struct, path: str) -> Problems:
    """Hostname, subdomain and what replaces them."""
    for field in ("hostname", "subdomain"):
        if spec.get(field):
            yield from dns_label(f"{path}.{field}", spec[field])
    if (override := spec.get("hostnameOverride")) is not None:
        if len(override) > _LONGEST_HOSTNAME_OVERRIDE:
            words = f"must be no more than {_LONGEST_HOSTNAME_OVERRIDE} characters"
            yield invalid(f"{path}.hostnameOverride", override, words)
        yield from dns_subdomain(f"{path}.hostnameOverride", override)
        if spec.get("setHostnameAsFQDN"):
            words = "must not be set to true when hostnameOverride is set"
            yield invalid(f"{path}.setHostnameAsFQDN", True, words)
        if spec.get("hostNetwork"):
            words = "must not be set to true when hostnameOverride is set"
            yield invalid(f"{path}.hostNetwork", True, words)


def check_host_aliases(spec: Struct, path: str) -> Problems:
    """Additional lines of the hosts file."""
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        yield from ip_address(f"{path}[{index}].ip", alias.get("ip") or "")
        for place, name in enumerate(alias.get("hostnames") or ()):
            yield from dns_subdomain(f"{path}[{index}].hostnames[{place}]", name)


def _searches(searches: list[str], path: str) -> Problems:
    if len(searches) > _MOST_SEARCHES:
        words = f"must not have more than {_MOST_SEARCHES} search paths"
        yield invalid(path, searches, words)
    if len(" ".join(searches)) > _LONGEST_SEARCH:
        words = f"must not have more than {_LONGEST_SEARCH} characters (including spaces) in the search list"
        yield invalid(path, searches, words)
    for index, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            for problem in formats.dns1123_subdomain_with_underscore(name):
                yield invalid(f"{path}[{index}]", name, problem)
