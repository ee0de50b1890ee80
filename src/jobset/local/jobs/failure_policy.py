"""podFailurePolicy: what a failed pod means, by its exit codes and conditions."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from jobset.local.jobs.pod_facts import PodFacts


class FailureAction(StrEnum):
    """What a rule does with a failed pod."""

    FAIL_JOB = "FailJob"
    FAIL_INDEX = "FailIndex"
    IGNORE = "Ignore"
    COUNT = "Count"


class OnExitCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Matches a container that ended with a code other than 0 that is, or is not, among `values`."""

    container: str | None
    among: bool
    values: frozenset[int]


class FailureRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; it has either exit codes or condition patterns (type and status)."""

    action: FailureAction
    on_exit_codes: OnExitCodes | None = None
    on_conditions: tuple[tuple[str, str], ...] = ()


class FailureVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a failed pod means: whether it counts, which action was chosen, why the Job fails if it does."""

    is_counted: bool
    action: FailureAction | None = None
    message: str = ""


COUNTED = FailureVerdict(is_counted=True)


def judge_pod_failure(rules: Sequence[FailureRule] | None, pod: PodFacts) -> FailureVerdict:
    """The verdict of the first rule that matches; without one the failure counts."""
    for position, rule in enumerate(rules or ()):
        matched = _match(rule, pod)
        if matched is None:
            continue
        message = f"{matched} matching {rule.action} rule at index {position}"
        return FailureVerdict(
            is_counted=rule.action is not FailureAction.IGNORE,
            action=rule.action,
            message=message if rule.action is FailureAction.FAIL_JOB else "",
        )
    return COUNTED


def read_failure_rules(raw: Mapping[str, Any] | None) -> tuple[FailureRule, ...] | None:
    """The rules of a `podFailurePolicy`; None without one."""
    if raw is None:
        return None
    return tuple(_read_rule(rule) for rule in raw.get("rules") or ())


def _match(rule: FailureRule, pod: PodFacts) -> str | None:
    """What matched, in the words of the API, or None."""
    if rule.on_exit_codes is not None:
        wanted = rule.on_exit_codes
        for container, code in pod.exit_codes:
            if wanted.container not in (None, container) or code == 0:
                continue
            if (code in wanted.values) is wanted.among:
                return (
                    f"Container {container} for pod {pod.namespace}/{pod.name} failed with exit code {code}"
                )
        return None
    for type_, status in pod.conditions:
        if (type_, status) in rule.on_conditions:
            return f"Pod {pod.namespace}/{pod.name} has condition {type_}"
    return None


def _read_rule(raw: Mapping[str, Any]) -> FailureRule:
    codes = raw.get("onExitCodes")
    patterns = raw.get("onPodConditions") or ()
    return FailureRule(
        action=FailureAction(raw["action"]),
        on_exit_codes=OnExitCodes(
            container=codes.get("containerName"),
            among=codes["operator"] == "In",
            values=frozenset(codes["values"]),
        )
        if codes
        else None,
        on_conditions=tuple((pattern["type"], pattern.get("status") or "True") for pattern in patterns),
    )
