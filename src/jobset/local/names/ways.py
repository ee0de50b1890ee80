"""How programs find pods by name on this machine: the ways, what each one loses, and which one is taken."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from glob import glob

import msgspec

from jobset.local.processes.starter import Abilities

_LIBRARY = "libnss_wrapper.so"
_LIBRARY_FOLDERS = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/lib/*-linux-gnu*",
    "/lib",
    "/lib64",
    "/lib/*-linux-gnu*",
)
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


class WayName(StrEnum):
    """The ways, best first; `hosts-file` only when it is asked for."""

    NAMESPACES = "namespaces"
    NSS_WRAPPER = "nss-wrapper"
    SUBSTITUTION = "substitution"
    HOSTS_FILE = "hosts-file"


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What matters for names about this machine and user, besides namespaces."""

    is_root: bool
    wrapper_library: str | None
    """Where libnss_wrapper is installed."""
    has_addresses: bool
    """Every pod can have an address of its own."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How a run makes names known."""

    name: WayName
    losses: tuple[str, ...]
    """What programs must do without, one sentence each."""
    why_not_better: Mapping[WayName, str]
    """For each better way, why it is not taken."""


class WayRefused(Exception):
    """The way that was asked for is not possible here; the message says why."""


def choose_way(abilities: Abilities, requested: WayName | None, environment: Environment) -> Way:
    """The way that was asked for, or the best one.

    Raises:
        WayRefused: what was asked for is not possible on this machine.
    """
    obstacles = {way: obstacle_to(way, abilities, environment) for way in WayName}
    if requested is not None:
        if obstacles[requested]:
            raise WayRefused(f"names by {requested} are not possible: {obstacles[requested]}")
        return _way(requested, obstacles, abilities, environment)
    best = next(way for way in WayName if not obstacles[way])
    return _way(best, obstacles, abilities, environment)


def obstacle_to(way: WayName, abilities: Abilities, environment: Environment) -> str:
    """Why a way cannot be taken; empty when it can."""
    match way:
        case WayName.NAMESPACES:
            return "" if abilities.own_hosts else abilities.missing.get("own_hosts", "not allowed")
        case WayName.NSS_WRAPPER:
            return "" if environment.wrapper_library else f"{_LIBRARY} is not installed"
        case WayName.SUBSTITUTION:
            return ""
        case WayName.HOSTS_FILE:
            return "" if environment.is_root else "only root may change /etc/hosts"


def read_environment(*, has_addresses: bool) -> Environment:
    """This machine and user."""
    return Environment(
        is_root=os.geteuid() == 0, wrapper_library=find_wrapper_library(), has_addresses=has_addresses
    )


def find_wrapper_library() -> str | None:
    """Where libnss_wrapper is, or None."""
    for folder in (*os.environ.get("LD_LIBRARY_PATH", "").split(":"), *_LIBRARY_FOLDERS):
        for found in sorted(glob(os.path.join(folder, _LIBRARY + "*"))) if folder else ():
            return found
    return None


def wrapper_environment(
    env: Mapping[str, str], library: str, hosts_file: str, hostname: str
) -> dict[str, str]:
    """The environment in which a glibc program reads `hosts_file` for /etc/hosts."""
    preload = " ".join(filter(None, (env.get("LD_PRELOAD", ""), library)))
    return {
        **env,
        "LD_PRELOAD": preload,
        "NSS_WRAPPER_HOSTS": hosts_file,
        "NSS_WRAPPER_HOSTNAME": hostname,
    }


class Substituted(msgspec.Struct, frozen=True, kw_only=True):
    """A command line and environment in which addresses stand for names."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    told: tuple[str, ...]
    """One sentence per value that changed."""


def substitute_names(
    argv: Sequence[str], env: Mapping[str, str], address_of: Callable[[str], str | None]
) -> Substituted:
    """The same with the address in place of every name that `address_of` knows.

    A name is a whole word of letters, digits, dots and dashes, so that `host:port` and lists work.
    """
    new_argv = tuple(_replaced(value, address_of) for value in argv)
    new_env = {key: _replaced(value, address_of) for key, value in env.items()}
    told = [
        f"argument {number}: {old} became {new}"
        for number, (old, new) in enumerate(zip(argv, new_argv, strict=True))
        if old != new
    ]
    told.extend(f"{key}: {env[key]} became {new}" for key, new in new_env.items() if env[key] != new)
    return Substituted(argv=new_argv, env=new_env, told=tuple(told))


def _replaced(value: str, address_of: Callable[[str], str | None]) -> str:
    return _WORD.sub(lambda word: address_of(word[0]) or word[0], value)


def _way(
    name: WayName, obstacles: Mapping[WayName, str], abilities: Abilities, environment: Environment
) -> Way:
    better = list(WayName)[: list(WayName).index(name)]
    losses = list(_LOSSES[name])
    if name is WayName.HOSTS_FILE and not abilities.own_hosts:
        losses.append(_NO_IDENTITY)
    if not environment.has_addresses:
        losses.append(_NO_ADDRESSES)
    return Way(
        name=name,
        losses=tuple(losses),
        why_not_better={way: obstacles[way] or "another way was asked for" for way in better},
    )


_NO_ADDRESSES = "every pod has the address 127.0.0.1: two pods cannot listen on the same port"
_NO_IDENTITY = "the command `hostname` prints the name of this machine in every pod"
_LOSSES: Mapping[WayName, tuple[str, ...]] = {
    WayName.NAMESPACES: (),
    WayName.NSS_WRAPPER: (
        "programs that are not linked to glibc (static Go, musl) and those with a resolver of their own "
        "(c-ares, gRPC) do not find pods by name",
    ),
    WayName.SUBSTITUTION: (
        "pods are not found by name: the names of pods in arguments and environment values are replaced by "
        "addresses, names that programs make up or read from files are not",
        "the name of a Service does not resolve to its pods",
        _NO_IDENTITY,
    ),
    WayName.HOSTS_FILE: (
        "all programs of this machine see the names of the pods for as long as the run lasts",
    ),
}
