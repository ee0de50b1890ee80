"""Validation of the policies of a Job: pod failure, success, replacement."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jobset.admission.field_errors import (
    OMITTED,
    duplicate,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
)
from jobset.local.kinds.checks import Problems, non_negative, qualified_name

Struct = Mapping[str, Any]

_MOST_RULES = 20
_MOST_EXIT_CODES = 255
_LONGEST_INDEXES = 64 * 1024
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_STATUSES = ("False", "True", "Unknown")
_REPLACEMENTS = ("Failed", "TerminatingOrFailed")


def check_pod_failure_policy(spec: Struct, path: str) -> Problems:
    """What is done about pods that failed."""
    rules = spec["podFailurePolicy"].get("rules") or ()
    if len(rules) > _MOST_RULES:
        yield too_many(f"{path}.rules", len(rules), _MOST_RULES)
    pod = spec["template"].get("spec") or {}
    containers = {
        container.get("name")
        for kind in ("containers", "initContainers")
        for container in pod.get(kind) or ()
    }
    for index, rule in enumerate(rules):
        here = f"{path}.rules[{index}]"
        yield from _action(rule.get("action") or "", spec, f"{here}.action")
        yield from _failure_rule(rule, here, containers)


def check_success_policy(spec: Struct, path: str) -> Problems:
    """When a Job has succeeded although not all of its indexes have."""
    policy = spec["successPolicy"]
    if spec.get("completionMode") != "Indexed":
        yield invalid(path, policy, "requires indexed completion mode")
        return
    rules = policy.get("rules") or ()
    if not rules:
        words = "at least one rules must be specified when the successPolicy is specified"
        yield required(f"{path}.rules", words)
    if len(rules) > _MOST_RULES:
        yield too_many(f"{path}.rules", len(rules), _MOST_RULES)
    for index, rule in enumerate(rules):
        yield from _success_rule(rule, f"{path}.rules[{index}]", spec.get("completions") or 0)


def check_replacement_policy(spec: Struct, path: str) -> Problems:
    """When a pod is replaced."""
    policy = spec.get("podReplacementPolicy")
    if policy is None:
        return
    choices = ("Failed",) if spec.get("podFailurePolicy") is not None else _REPLACEMENTS
    if policy not in choices:
        yield not_supported(path, policy, choices)


def count_indexes(text: str, completions: int) -> int:
    """How many indexes a text such as `1,3-5` names.

    Raises:
        ValueError: it is no list of growing intervals below `completions`.
    """
    last: int | None = None
    total = 0
    for interval in text.split(",") if text else ():
        first, final = read_interval(interval, completions)
        if last is not None and last >= first:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        total += final - first + 1
        last = final
    return total


def read_interval(text: str, completions: int) -> tuple[int, int]:
    """The first and the last index of a text such as `3-5` or `1`.

    Raises:
        ValueError: it is no interval below `completions`.
    """
    parts = text.split("-")
    if len(parts) > 2:
        raise ValueError(
            f'the fragment "{text}" violates the requirement that an index interval can have at most two '
            "parts separated by '-'"
        )
    first, *rest = (_index(part, completions) for part in parts)
    if rest and first >= rest[0]:
        raise ValueError(f"non-increasing order, previous: {first}, current: {rest[0]}")
    return first, rest[0] if rest else first


def _index(text: str, completions: int) -> int:
    if not re.fullmatch("[+-]?[0-9]+", text):
        raise ValueError(f'cannot convert string to integer for index: "{text}"')
    if int(text) >= completions:
        raise ValueError(f'too large index: "{text}"')
    return int(text)


def _one_of(path: str, value: str, choices: Sequence[str]) -> Problems:
    if not value:
        listed = " ".join(f'"{choice}"' for choice in choices)
        yield required(path, f"valid values: [{listed}]")
    elif value not in choices:
        yield not_supported(path, value, choices)


def _action(action: str, spec: Struct, path: str) -> Problems:
    if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        yield invalid(path, action, "requires the backoffLimitPerIndex to be set")
    else:
        yield from _one_of(path, action, _ACTIONS)


def _failure_rule(rule: Struct, path: str, containers: set[Any]) -> Problems:
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or ()
    if codes is not None:
        yield from _exit_codes(codes, f"{path}.onExitCodes", containers)
    if conditions:
        yield from _pod_conditions(conditions, f"{path}.onPodConditions")
    if codes is not None and conditions:
        words = "specifying both OnExitCodes and OnPodConditions is not supported"
        yield invalid(path, OMITTED, words)
    if codes is None and not conditions:
        words = "specifying one of OnExitCodes and OnPodConditions is required"
        yield invalid(path, OMITTED, words)


def _exit_codes(codes: Struct, path: str, containers: set[Any]) -> Problems:
    yield from _one_of(f"{path}.operator", codes.get("operator") or "", _OPERATORS)
    name = codes.get("containerName")
    if name is not None and name not in containers:
        words = "must be one of the container or initContainer names in the pod template"
        yield invalid(f"{path}.containerName", name, words)
    values = list(codes.get("values") or ())
    if not values:
        yield invalid(f"{path}.values", codes.get("values"), "at least one value is required")
    elif len(values) > _MOST_EXIT_CODES:
        yield too_many(f"{path}.values", len(values), _MOST_EXIT_CODES)
    seen: set[int] = set()
    for index, value in enumerate(values):
        here = f"{path}.values[{index}]"
        if value == 0 and codes.get("operator") == "In":
            yield invalid(here, value, "must not be 0 for the In operator")
        if value in seen:
            yield duplicate(here, value)
        seen.add(value)
    if values != sorted(values):
        yield invalid(f"{path}.values", values, "must be ordered")


def _pod_conditions(conditions: Sequence[Struct], path: str) -> Problems:
    if len(conditions) > _MOST_RULES:
        yield too_many(path, len(conditions), _MOST_RULES)
    for index, pattern in enumerate(conditions):
        yield from qualified_name(f"{path}[{index}].type", pattern.get("type") or "")
        yield from _one_of(f"{path}[{index}].status", pattern.get("status") or "", _STATUSES)


def _success_rule(rule: Struct, path: str, completions: int) -> Problems:
    indexes, count = rule.get("succeededIndexes"), rule.get("succeededCount")
    if indexes is None and count is None:
        words = "at least one of succeededCount or succeededIndexes must be specified"
        yield required(path, words)
    named = 0
    if indexes is not None:
        if len(indexes) > _LONGEST_INDEXES:
            yield too_long(f"{path}.succeededIndexes", _LONGEST_INDEXES)
        try:
            named = count_indexes(indexes, completions)
        except ValueError as error:
            words = f"error parsing succeededIndexes: {error}"
            yield invalid(f"{path}.succeededIndexes", indexes, words)
    if count is not None:
        yield from _succeeded_count(count, f"{path}.succeededCount", completions, indexes, named)


def _succeeded_count(count: int, path: str, completions: int, indexes: str | None, named: int) -> Problems:
    yield from non_negative(path, count)
    if count > completions:
        words = f"must be less than or equal to {completions} (the number of specified completions)"
        yield invalid(path, count, words)
    if indexes is not None and count > named:
        yield invalid(
            path,
            count,
            f"must be less than or equal to {named} "
            "(the number of indexes in the specified succeededIndexes field)",
        )
