"""What a node itself must fulfil for a pod: name, taints, labels, ports, resources."""

from collections.abc import Callable, Iterable

import msgspec

from jobset.api.quantity import NANO
from jobset.local.label_selectors import matches_all
from jobset.local.scheduling.nodes import NodeFacts, NodeState, Taint
from jobset.local.scheduling.pods import NodeTerm, PodFacts, Toleration, Wishes

UNSCHEDULABLE_TAINT = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")
_ANY_ADDRESS = "0.0.0.0"


class Rejection(msgspec.Struct, frozen=True):
    """Why a node is not for a pod. Not `is_final`: it could be if other pods left."""

    reasons: tuple[str, ...]
    is_final: bool = True


Filter = Callable[[PodFacts, NodeState], Rejection | None]


def reject_by_node(pod: PodFacts, node: NodeState) -> Rejection | None:
    """The first rule on the node alone that keeps the pod away, or None."""
    for rule in _RULES:
        rejection = rule(pod, node)
        if rejection is not None:
            return rejection
    return None


def matches_node_terms(wishes: Wishes, node: NodeFacts) -> bool:
    """Whether node selector and required node affinity hold."""
    if not matches_all(wishes.node_selector, node.labels):
        return False
    return wishes.node_terms is None or any(matches_node_term(term, node) for term in wishes.node_terms)


def matches_node_term(term: NodeTerm, node: NodeFacts) -> bool:
    """Whether one term holds; an empty one holds for no node."""
    if not term.labels and not term.names:
        return False
    return matches_all(term.labels, node.labels) and matches_all(term.names, {"metadata.name": node.name})


def untolerated(
    tolerations: Iterable[Toleration], taints: Iterable[Taint], effects: tuple[str, ...]
) -> Taint | None:
    """The first taint with one of these effects that nothing tolerates."""
    known = tuple(tolerations)
    for taint in taints:
        if taint.effect in effects and not any(_tolerates(toleration, taint) for toleration in known):
            return taint
    return None


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    return toleration.is_any_value or toleration.value == taint.value


def _chosen_by_name(pod: PodFacts, node: NodeState) -> Rejection | None:
    # compat: when every term names its nodes, the others are set aside before all filters.
    for term in pod.wishes.node_terms or (NodeTerm(),):
        names = tuple(requirement for requirement in term.names if requirement.operator == "in")
        if not names or matches_all(names, {"metadata.name": node.facts.name}):
            return None
    return Rejection(("node(s) didn't satisfy plugin(s) [NodeAffinity]",))


def _unschedulable(pod: PodFacts, node: NodeState) -> Rejection | None:
    if not node.facts.is_unschedulable:
        return None
    if untolerated(pod.wishes.tolerations, (UNSCHEDULABLE_TAINT,), ("NoSchedule",)) is None:
        return None
    return Rejection(("node(s) were unschedulable",))


def _name(pod: PodFacts, node: NodeState) -> Rejection | None:
    if pod.wishes.node_name in ("", node.facts.name):
        return None
    return Rejection(("node(s) didn't match the requested node name",))


def _taints(pod: PodFacts, node: NodeState) -> Rejection | None:
    if untolerated(pod.wishes.tolerations, node.facts.taints, ("NoSchedule", "NoExecute")) is None:
        return None
    return Rejection(("node(s) had untolerated taint(s)",))


def _labels(pod: PodFacts, node: NodeState) -> Rejection | None:
    if matches_node_terms(pod.wishes, node.facts):
        return None
    return Rejection(("node(s) didn't match Pod's node affinity/selector",))


def _ports(pod: PodFacts, node: NodeState) -> Rejection | None:
    for address, protocol, port in pod.wishes.ports:
        for taken, other_protocol, other_port in node.ports:
            if (protocol, port) != (other_protocol, other_port):
                continue
            if address == taken or _ANY_ADDRESS in (address, taken):
                return Rejection(("node(s) didn't have free ports for the requested pod ports",), False)
    return None


def _resources(pod: PodFacts, node: NodeState) -> Rejection | None:
    reasons = []
    is_final = False
    allowed = node.facts.allocatable
    if (len(node.pods) + 1) * NANO > allowed.get("pods", 0):
        reasons.append("Too many pods")
    for name, amount in pod.wishes.requests:
        if amount > allowed.get(name, 0) - node.used[name]:
            reasons.append(f"Insufficient {name}")
            is_final |= amount > allowed.get(name, 0)
    return Rejection(tuple(reasons), is_final) if reasons else None


_RULES: tuple[Filter, ...] = (_chosen_by_name, _unschedulable, _name, _taints, _labels, _ports, _resources)
