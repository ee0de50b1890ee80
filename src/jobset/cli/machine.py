"""What this machine allows, found out by trying: for `jobset version --verbose`."""

from jobset.local.names.addresses import take_block
from jobset.local.names.ways import WayName, choose_way, obstacle_to, read_environment
from jobset.local.processes.abilities import Found, Ways, find_abilities
from jobset.local.processes.starter import Abilities

_WAYS = {
    "own_hosts": "each pod has its own /etc/hosts and hostname",
    "own_mounts": "volumes appear at any path",
    "own_processes": "nothing that a container started can outlive it",
}


def find_ways() -> list[dict[str, object]]:
    """Each ability and each way with names: whether it is available, whether a run takes it, and why not."""
    abilities = _abilities(find_abilities(use_namespaces=True))
    block = take_block()
    environment = read_environment(has_addresses=block is not None)
    if block is not None:
        block.close()
    chosen = choose_way(abilities, None, environment)
    ways: list[dict[str, object]] = [
        _way(text, bool(getattr(abilities, name)), abilities.missing.get(name, ""))
        for name, text in _WAYS.items()
    ]
    ways.append(_way("each pod has an address of its own", block is not None, "127.0.0.1 is all there is"))
    for name in WayName:
        obstacle = obstacle_to(name, abilities, environment)
        told = "taken by default" if name is chosen.name else ""
        ways.append(_way(f"names by {name}", not obstacle, obstacle, told))
    return ways


def _way(name: str, available: bool, obstacle: str, told: str = "") -> dict[str, object]:
    return {"name": name, "available": available, "detail": told if available else obstacle}


def _abilities(found: Found) -> Abilities:
    ways = Ways(found.flags, found.own_root, found.fresh_proc, 0, 0)
    return Abilities(
        own_hosts=bool(found.flags),
        own_mounts=found.own_root,
        own_processes=ways.own_processes,
        missing=dict(found.missing),
    )
