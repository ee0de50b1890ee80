"""Priority admission: what a pod's PriorityClass makes of its priority."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from jobset.local.kinds.sharing import filled

SYSTEM_PRIORITIES: Mapping[str, int] = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
"""Classes that exist without being created."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a pod is forbidden."""

    reason: str


class Priority(msgspec.Struct, frozen=True):
    """What one class gives a pod."""

    class_name: str
    value: int
    preemption_policy: str


def admit_priority(
    pod: Mapping[str, Any],
    find_class: Callable[[str], Mapping[str, Any] | None],
    default_class: Mapping[str, Any] | None,
) -> Mapping[str, Any] | Refusal:
    """The pod with the priority of its class (of the default class, else 0), or why it is refused.

    For creates, before webhooks: theirs may read the priority.
    """
    spec = pod.get("spec") or {}
    priority = _priority(spec.get("priorityClassName") or "", find_class, default_class)
    if isinstance(priority, Refusal):
        return priority
    if spec.get("priority") not in (None, priority.value) and not _is_untouched(spec, default_class):
        return Refusal(
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {priority.value} from the given PriorityClass name"
        )
    if spec.get("preemptionPolicy") not in (None, priority.preemption_policy) and not _is_untouched(
        spec, default_class
    ):
        return Refusal(
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod "
            f"spec; priority admission controller computed {priority.preemption_policy} "
            "from the given PriorityClass name"
        )
    given: dict[str, Any] = {"priority": priority.value, "preemptionPolicy": priority.preemption_policy}
    named = {"priorityClassName": priority.class_name} if priority.class_name else {}
    new = filled({**spec, **given}, named)
    return pod if new == spec else {**pod, "spec": new}


def _is_untouched(spec: Mapping[str, Any], default_class: Mapping[str, Any] | None) -> bool:
    # The defaults have written 0 already when nobody named a class; a default class then overrides it.
    return default_class is not None and not spec.get("priorityClassName") and spec.get("priority") == 0


def _priority(
    name: str,
    find_class: Callable[[str], Mapping[str, Any] | None],
    default_class: Mapping[str, Any] | None,
) -> Priority | Refusal:
    if name in SYSTEM_PRIORITIES:
        return Priority(name, SYSTEM_PRIORITIES[name], "PreemptLowerPriority")
    found = find_class(name) if name else default_class
    if found is not None:
        policy = found.get("preemptionPolicy") or "PreemptLowerPriority"
        return Priority(found["metadata"]["name"], found.get("value") or 0, policy)
    if name:
        return Refusal(f"no PriorityClass with name {name} was found")
    return Priority("", 0, "PreemptLowerPriority")
