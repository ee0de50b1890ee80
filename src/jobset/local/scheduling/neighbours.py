"""What other pods mean for a pod's place: affinity, anti-affinity, topology spread."""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from jobset.local.label_selectors import matches_all
from jobset.local.scheduling.node_filters import Rejection, matches_node_terms, untolerated
from jobset.local.scheduling.nodes import Cluster, NodeFacts, NodeState
from jobset.local.scheduling.pods import PodFacts, PodTerm, Spread

Domain = tuple[str, str]
"""A topology key and a value of it."""
NodeRule = Callable[[NodeState], Rejection | None]

_AFFINITY = Rejection(("node(s) didn't match pod affinity rules",))
_ANTI_AFFINITY = Rejection(("node(s) didn't match pod anti-affinity rules",), False)
_OTHERS = Rejection(("node(s) didn't satisfy existing pods anti-affinity rules",), False)
_SPREAD = Rejection(("node(s) didn't match pod topology spread constraints",), False)
_NO_DOMAIN = Rejection(("node(s) didn't match pod topology spread constraints (missing required label)",))


def matches_term(term: PodTerm, pod: PodFacts, cluster: Cluster) -> bool:
    """Whether a term speaks of this pod."""
    if term.selector is None or not _has_namespace(term, pod.namespace, cluster):
        return False
    return matches_all(term.selector, pod.labels)


def count_domains(terms: Iterable[PodTerm], cluster: Cluster, *, jointly: bool) -> Counter[Domain]:
    """How many placed pods each domain has that match a term; `jointly`: those that match all of them."""
    wanted = tuple(terms)
    found: Counter[Domain] = Counter()
    if not wanted:
        return found
    for pod, node in cluster.placed_pods():
        matched = [term for term in wanted if matches_term(term, pod, cluster)]
        if jointly and len(matched) < len(wanted):
            continue
        found.update(_domain(term.topology_key, node) for term in matched if term.topology_key in node.labels)
    return found


def affinity_rules(pod: PodFacts, cluster: Cluster) -> tuple[NodeRule, ...]:
    """Rules for each node, with the look at all placed pods done once."""
    rules: list[NodeRule] = []
    if pod.wishes.affinity:
        rules.append(_near(pod, cluster))
    if pod.wishes.anti_affinity:
        rules.append(_far(pod, cluster))
    kept_away = _kept_away(pod, cluster)
    if kept_away:
        rules.append(lambda node: _OTHERS if _is_in(node.facts, kept_away) else None)
    return tuple(rules)


def spread_rules(pod: PodFacts, cluster: Cluster) -> tuple[NodeRule, ...]:
    """One rule for each hard constraint."""
    return tuple(_spread_rule(pod, item, cluster) for item in pod.wishes.spread if item.is_hard)


class SpreadCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many matching pods each value of the topology key has, among the nodes that count."""

    by_value: Counter[str]
    lowest: int


def count_spread(pod: PodFacts, item: Spread, cluster: Cluster) -> SpreadCount:
    """The state of one constraint before the pod is placed."""
    by_value: Counter[str] = Counter()
    keys = [other.topology_key for other in pod.wishes.spread if other.is_hard == item.is_hard]
    for node in cluster.nodes.values():
        if not all(key in node.facts.labels for key in keys) or not _counts(pod, item, node.facts):
            continue
        by_value[node.facts.labels[item.topology_key]] += sum(
            1 for other in node.pods.values() if _is_spread_with(pod, other, item)
        )
    lowest = min(by_value.values(), default=0)
    return SpreadCount(by_value=by_value, lowest=lowest if len(by_value) >= item.min_domains else 0)


def _spread_rule(pod: PodFacts, item: Spread, cluster: Cluster) -> NodeRule:
    count = count_spread(pod, item, cluster)
    own = int(item.selector is not None and matches_all(item.selector, pod.labels))

    def rule(node: NodeState) -> Rejection | None:
        value = node.facts.labels.get(item.topology_key)
        if value is None:
            return _NO_DOMAIN
        skew = count.by_value[value] + own - count.lowest
        return _SPREAD if skew > item.max_skew else None

    return rule


def _counts(pod: PodFacts, item: Spread, node: NodeFacts) -> bool:
    if item.honours_affinity and not matches_node_terms(pod.wishes, node):
        return False
    if not item.honours_taints:
        return True
    return untolerated(pod.wishes.tolerations, node.taints, ("NoSchedule", "NoExecute")) is None


def _is_spread_with(pod: PodFacts, other: PodFacts, item: Spread) -> bool:
    # compat: an empty selector counts no pods here, though it matches all of them.
    if other.namespace != pod.namespace or other.is_terminating or not item.selector:
        return False
    return matches_all(item.selector, other.labels)


def _near(pod: PodFacts, cluster: Cluster) -> NodeRule:
    terms = pod.wishes.affinity
    found = count_domains(terms, cluster, jointly=True)
    # The first of a group that wants to be together finds nobody: its own match is enough.
    is_first = not found and all(matches_term(term, pod, cluster) for term in terms)

    def rule(node: NodeState) -> Rejection | None:
        if not all(term.topology_key in node.facts.labels for term in terms):
            return _AFFINITY
        if is_first or all(found[_domain(term.topology_key, node.facts)] for term in terms):
            return None
        return _AFFINITY

    return rule


def _far(pod: PodFacts, cluster: Cluster) -> NodeRule:
    found = count_domains(pod.wishes.anti_affinity, cluster, jointly=False)
    return lambda node: _ANTI_AFFINITY if _is_in(node.facts, found) else None


def _kept_away(pod: PodFacts, cluster: Cluster) -> Counter[Domain]:
    """The domains where a placed pod does not want this one."""
    domains: Counter[Domain] = Counter()
    for other in cluster.with_anti_affinity():
        node = cluster.nodes[other.node].facts
        for term in other.wishes.anti_affinity:
            if term.topology_key in node.labels and matches_term(term, pod, cluster):
                domains[_domain(term.topology_key, node)] += 1
    return domains


def _is_in(node: NodeFacts, domains: Counter[Domain]) -> bool:
    return any(node.labels.get(key) == value for key, value in domains)


def _domain(key: str, node: NodeFacts) -> Domain:
    return key, node.labels[key]


def _has_namespace(term: PodTerm, namespace: str, cluster: Cluster) -> bool:
    if namespace in term.namespaces:
        return True
    if term.namespace_selector is None:
        return False
    return matches_all(term.namespace_selector, cluster.namespaces.get(namespace, {}))
