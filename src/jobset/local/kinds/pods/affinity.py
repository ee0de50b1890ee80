"""Validation of node and pod affinity."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobset.admission import names
from jobset.admission.field_errors import forbidden, invalid, required
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, dns_label, qualified_name

Struct = Mapping[str, Any]

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def check_affinity(affinity: Struct | None, path: str) -> Problems:
    """Where a pod wants to be, and next to whom."""
    if not affinity:
        return
    if (nodes := affinity.get("nodeAffinity")) is not None:
        yield from _node_affinity(nodes, f"{path}.nodeAffinity")
    for side in ("podAffinity", "podAntiAffinity"):
        if (pods := affinity.get(side)) is not None:
            yield from _pod_affinity(pods, f"{path}.{side}")


def check_node_selector(selector: Struct, path: str) -> Problems:
    """A choice of nodes: one of several terms."""
    terms = selector.get("nodeSelectorTerms") or ()
    if not terms:
        yield required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(terms):
        yield from _term(term, f"{path}.nodeSelectorTerms[{index}]")


def _node_affinity(affinity: Struct, path: str) -> Problems:
    if (needed := affinity.get(REQUIRED)) is not None:
        yield from check_node_selector(needed, f"{path}.{REQUIRED}")
    for index, wish in enumerate(affinity.get(PREFERRED) or ()):
        here = f"{path}.{PREFERRED}[{index}]"
        yield from _weight(wish, here)
        yield from _term(wish.get("preference") or {}, f"{here}.preference")


def _weight(wish: Struct, path: str) -> Problems:
    weight = wish.get("weight") or 0
    if not 1 <= weight <= 100:
        yield invalid(f"{path}.weight", weight, "must be in the range 1-100")


def _term(term: Struct, path: str) -> Problems:
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        yield from _requirement(requirement, f"{path}.matchExpressions[{index}]")
    for index, requirement in enumerate(term.get("matchFields") or ()):
        yield from _field_requirement(requirement, f"{path}.matchFields[{index}]")


def _requirement(requirement: Struct, path: str) -> Problems:
    operator, values = requirement.get("operator") or "", requirement.get("values") or ()
    match operator:
        case "In" | "NotIn":
            if not values:
                yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        case "Exists" | "DoesNotExist":
            if values:
                words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield forbidden(f"{path}.values", words)
        case "Gt" | "Lt":
            if len(values) != 1:
                words = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                yield required(f"{path}.values", words)
        case _:
            yield invalid(f"{path}.operator", operator, "not a valid selector operator")
    yield from qualified_name(f"{path}.key", requirement.get("key") or "")
    for index, value in enumerate(values):
        for problem in formats.label_value(value):
            yield invalid(f"{path}.values[{index}]", value, problem)


def _field_requirement(requirement: Struct, path: str) -> Problems:
    operator, values = requirement.get("operator") or "", requirement.get("values") or ()
    if operator not in ("In", "NotIn"):
        yield invalid(f"{path}.operator", operator, "not a valid selector operator")
    elif len(values) != 1:
        words = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(f"{path}.values", words)
    if (key := requirement.get("key") or "") != "metadata.name":
        yield invalid(f"{path}.key", key, "not a valid field selector key")
        return
    for index, value in enumerate(values):
        for problem in formats.dns1123_subdomain(value):
            yield invalid(f"{path}.values[{index}]", value, problem)


def _pod_affinity(affinity: Struct, path: str) -> Problems:
    for index, term in enumerate(affinity.get(REQUIRED) or ()):
        yield from _pod_term(term, f"{path}.{REQUIRED}[{index}]")
    for index, wish in enumerate(affinity.get(PREFERRED) or ()):
        here = f"{path}.{PREFERRED}[{index}]"
        yield from _weight(wish, here)
        yield from _pod_term(wish.get("podAffinityTerm") or {}, f"{here}.podAffinityTerm")


def _pod_term(term: Struct, path: str) -> Problems:
    yield from names.label_selector(f"{path}.labelSelector", term.get("labelSelector"))
    yield from names.label_selector(f"{path}.namespaceSelector", term.get("namespaceSelector"))
    for namespace in term.get("namespaces") or ():
        yield from dns_label(f"{path}.namespace", namespace)
    yield from check_label_keys(term, path)
    key = term.get("topologyKey") or ""
    if not key:
        yield required(f"{path}.topologyKey", "can not be empty")
    yield from qualified_name(f"{path}.topologyKey", key)


def check_label_keys(term: Struct, path: str) -> Problems:
    """The label keys whose values a pod brings into a selector."""
    mismatches: Sequence[str] = term.get("mismatchLabelKeys") or ()
    if term.get("labelSelector") is None:
        for field in ("matchLabelKeys", "mismatchLabelKeys"):
            if term.get(field):
                yield forbidden(f"{path}.{field}", "must not be specified when labelSelector is not set")
    for field in ("matchLabelKeys", "mismatchLabelKeys"):
        for index, key in enumerate(term.get(field) or ()):
            yield from qualified_name(f"{path}.{field}[{index}]", key)
    for index, key in enumerate(term.get("matchLabelKeys") or ()):
        if key in mismatches:
            words = "exists in both matchLabelKeys and mismatchLabelKeys"
            yield invalid(f"{path}.matchLabelKeys[{index}]", key, words)
