"""Label selectors in their object form, `matchLabels` and `matchExpressions`."""

from collections.abc import Mapping
from typing import Any

from jobset.local.selectors import Labels, Requirement

_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}

Requirements = tuple[Requirement, ...]


def read_label_selector(raw: Mapping[str, Any]) -> Requirements:
    """The terms of a LabelSelector, all of which must hold; no terms match everything."""
    equal = (
        Requirement(key, "in", frozenset((value,))) for key, value in (raw.get("matchLabels") or {}).items()
    )
    return (*equal, *(read_requirement(item) for item in raw.get("matchExpressions") or ()))


def read_requirement(raw: Mapping[str, Any]) -> Requirement:
    """One term of a label selector or a node selector."""
    return Requirement(raw["key"], _OPERATORS[raw["operator"]], frozenset(raw.get("values") or ()))


def matches_all(requirements: Requirements, labels: Labels) -> bool:
    """Whether the labels satisfy every term."""
    return all(requirement.matches(labels) for requirement in requirements)
