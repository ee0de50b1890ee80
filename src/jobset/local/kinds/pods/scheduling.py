"""Validation of spread constraints, tolerations, gates and readiness gates."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobset.admission import names
from jobset.admission.field_errors import duplicate, invalid, not_supported, required
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, one_of, positive, qualified_name
from jobset.local.kinds.pods.affinity import check_label_keys

Struct = Mapping[str, Any]

_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSION = ("Honor", "Ignore")
_OPERATORS = ("Equal", "Exists")
_GATED_OPERATORS = ("Lt", "Gt")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def check_spread_constraints(constraints: Sequence[Struct], path: str) -> Problems:
    """How evenly pods spread over domains."""
    for index, constraint in enumerate(constraints):
        yield from _spread(constraint, f"{path}[{index}]", constraints[index + 1 :])


def check_tolerations(tolerations: Sequence[Struct], path: str) -> Problems:
    """Which taints a pod bears."""
    for index, toleration in enumerate(tolerations):
        yield from _toleration(toleration, f"{path}[{index}]")


def check_gates(gates: Sequence[Struct], path: str) -> Problems:
    """What holds the scheduler back."""
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        name = gate.get("name") or ""
        yield from qualified_name(f"{path}[{index}]", name)
        if name in seen:
            yield duplicate(f"{path}[{index}]", name)
        seen.add(name)


def check_readiness_gates(gates: Sequence[Struct], path: str) -> Problems:
    """Which conditions a pod needs to be ready."""
    for index, gate in enumerate(gates):
        yield from qualified_name(f"{path}[{index}].conditionType", gate.get("conditionType") or "")


def _spread(constraint: Struct, path: str, others: Sequence[Struct]) -> Problems:
    key, otherwise = constraint.get("topologyKey") or "", constraint.get("whenUnsatisfiable") or ""
    yield from positive(f"{path}.maxSkew", constraint.get("maxSkew") or 0)
    if not key:
        yield required(f"{path}.topologyKey", "can not be empty")
    yield from one_of(f"{path}.whenUnsatisfiable", otherwise, _UNSATISFIABLE)
    for other in others:
        if (other.get("topologyKey"), other.get("whenUnsatisfiable")) == (key, otherwise):
            yield duplicate(f"{path}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {otherwise}}}")
    yield from _min_domains(constraint, path, otherwise)
    for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if (policy := constraint.get(field)) is not None:
            yield from one_of(f"{path}.{field}", policy, _INCLUSION)
    yield from check_label_keys(constraint, path)
    yield from names.label_selector(f"{path}.labelSelector", constraint.get("labelSelector"))


def _min_domains(constraint: Struct, path: str, otherwise: str) -> Problems:
    least = constraint.get("minDomains")
    if least is None:
        return
    yield from positive(f"{path}.minDomains", least)
    if otherwise != "DoNotSchedule":
        words = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {otherwise}"
        yield invalid(f"{path}.minDomains", least, words)


def _toleration(toleration: Struct, path: str) -> Problems:
    key, operator = toleration.get("key") or "", toleration.get("operator") or ""
    value, effect = toleration.get("value") or "", toleration.get("effect") or ""
    if key:
        yield from qualified_name(f"{path}.key", key)
    elif operator != "Exists":
        yield invalid(
            f"{path}.operator",
            operator,
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        )
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        words = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid(f"{path}.effect", effect, words)
    if operator in ("Equal", ""):
        if problems := formats.label_value(value):
            yield invalid(f"{path}.operator", value, ";".join(problems))
    elif operator == "Exists":
        if value:
            words = "value must be empty when `operator` is 'Exists'"
            yield invalid(f"{path}.operator", value, words)
    else:
        # compat: the server tells of the operators behind a gate to those who name one.
        known = (*_OPERATORS, *_GATED_OPERATORS) if operator in _GATED_OPERATORS else _OPERATORS
        yield not_supported(f"{path}.operator", operator, known)
    if effect:
        yield from one_of(f"{path}.effect", effect, _EFFECTS)
