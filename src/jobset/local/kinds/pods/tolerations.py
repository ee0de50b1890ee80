"""The tolerations that every pod gets: it stays five minutes on a node that is lost."""

from collections.abc import Mapping, Sequence
from typing import Any

_SECONDS = 300
_KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def with_default_tolerations(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pod spec that tolerates a lost node, in its own way or for five minutes."""
    own = spec.get("tolerations") or ()
    missing = [key for key in _KEYS if not _tolerates(own, key)]
    if not missing:
        return spec
    return {**spec, "tolerations": [*own, *(_toleration(key) for key in missing)]}


def _tolerates(tolerations: Sequence[Mapping[str, Any]], key: str) -> bool:
    return any(
        toleration.get("key") in (key, None, "") and toleration.get("effect") in ("NoExecute", None, "")
        for toleration in tolerations
    )


def _toleration(key: str) -> Mapping[str, Any]:
    return {"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": _SECONDS}
