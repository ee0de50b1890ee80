"""Compare objects as the data set asks: what is empty is absent, and some lists are maps."""

import json
from typing import Any

_SERVER_FIELDS = frozenset({"resourceVersion", "generation", "managedFields", "creationTimestamp"})
_MAP_KEYS = {"replicatedJobsStatus": "name", "replicated_jobs_status": "name", "conditions": "type"}
_SCHEMA_DEFAULTS = {
    ("failurePolicy", "restartStrategy"): "Recreate",
    ("retentionPolicy", "whenDeleted"): "Delete",
}
_EMPTY: tuple[Any, ...] = (None, {}, [])


def difference(expected: Any, actual: Any) -> str | None:
    """Where two values differ, or None; times of conditions count only where they are expected."""
    return _differ(normal(expected), normal(actual), "")


def same_set(expected: list[Any], actual: list[Any], what: str) -> str | None:
    """How two lists differ as sets, or None; members are matched by kind and name where they have them."""
    left, right = _by_identity(expected), _by_identity(actual)
    if sorted(left) != sorted(right):
        return f"{what}: expected {sorted(left)}, got {sorted(right)}"
    for identity, wanted in left.items():
        if found := difference(wanted, right[identity]):
            return f"{what} {identity}: {found}"
    return None


def normal(value: Any, name: str = "") -> Any:
    """The value without what does not count."""
    if isinstance(value, dict):
        pruned = {key: normal(item, key) for key, item in value.items() if key not in _dropped(name)}
        kept = {key: item for key, item in pruned.items() if item not in _EMPTY}
        return {key: item for key, item in kept.items() if _SCHEMA_DEFAULTS.get((name, key), _EMPTY) != item}
    if isinstance(value, list | tuple):
        items = [normal(item) for item in value]
        if name in _MAP_KEYS and all(isinstance(item, dict) for item in items):
            return {item.get(_MAP_KEYS[name], ""): item for item in items}
        return items
    return value


def _dropped(name: str) -> frozenset[str]:
    return _SERVER_FIELDS if name == "metadata" else frozenset()


def _differ(expected: Any, actual: Any, path: str) -> str | None:
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys(), key=str):
            if key == "lastTransitionTime" and key not in expected:
                continue
            if found := _differ(expected.get(key), actual.get(key), f"{path}.{key}"):
                return found
        return None
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return next((found for i, (e, a) in pairs if (found := _differ(e, a, f"{path}[{i}]"))), None)
    if expected == actual and isinstance(expected, bool) == isinstance(actual, bool):
        return None
    return f"{path or 'value'}: expected {_short(expected)}, got {_short(actual)}"


def _by_identity(items: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        name = item.get("name") or (item.get("metadata") or {}).get("name") or ""
        identity = f"{item.get('kind', '')}/{name}" if name else json.dumps(item, sort_keys=True)
        found[identity] = item
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) < 300 else text[:300] + "…"
