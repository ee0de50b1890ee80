"""Whether labels match a label selector, for validation."""

from collections.abc import Mapping
from typing import Any

Struct = Mapping[str, Any]


def matches(selector: Struct, labels: Mapping[str, str]) -> bool:
    """Whether all parts of the selector hold; one that cannot be understood is not judged here."""
    pairs = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in pairs) and all(
        _holds(requirement, labels) for requirement in selector.get("matchExpressions") or ()
    )


def _holds(requirement: Struct, labels: Mapping[str, str]) -> bool:
    key, values = requirement.get("key") or "", requirement.get("values") or ()
    match requirement.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return True
