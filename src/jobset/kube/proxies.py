"""Which proxy a server is reached through."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from jobset.kube.errors import AccessError


def choose_proxy(server: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for a server, None for a direct way.

    compat: the rules of Go's httpproxy package, which kubectl follows. This machine needs no proxy to itself.
    """
    url = urlsplit(server)
    host = (url.hostname or "").lower()
    name = f"{url.scheme.upper()}_PROXY"
    proxy = environ.get(name) or environ.get(name.lower()) or ""
    excluded = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not proxy or _is_this_machine(host):
        return None
    port = url.port or (443 if url.scheme == "https" else 80)
    if any(_matches(rule.strip().lower(), host, port) for rule in excluded.split(",")):
        return None
    return check_proxy(proxy if "://" in proxy else f"http://{proxy}", name)


def check_proxy(proxy: str, where: str) -> str:
    """The URL of a proxy that we can speak through."""
    try:
        url = urlsplit(proxy)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        # The URL may hold a password: it is not repeated.
        raise AccessError(f"{where}: a proxy is given as http://HOST:PORT or https://HOST:PORT")
    return proxy


def _matches(rule: str, host: str, port: int) -> bool:
    """Whether an item of NO_PROXY covers a server: *, a network, an address, a domain; a port narrows it."""
    if rule in ("", "*"):
        return rule == "*"
    address = _address(host)
    if "/" in rule:
        return address is not None and _is_in(address, rule)
    name, only_port = _split_port(rule)
    if only_port not in ("", str(port)):
        return False
    if (rule_address := _address(name)) is not None:
        return address == rule_address
    name = name.removeprefix("*")
    return host == name or host.endswith(name if name.startswith(".") else f".{name}")


def _split_port(rule: str) -> tuple[str, str]:
    if rule.startswith("["):
        name, _, port = rule[1:].partition("]")
        return name, port.removeprefix(":")
    if rule.count(":") == 1:
        name, _, port = rule.partition(":")
        return name, port
    return rule, ""


def _is_this_machine(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_in(address: IPv4Address | IPv6Address, network: str) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False
