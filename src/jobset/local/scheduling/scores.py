"""Which of several fitting nodes is best: preferences first, then even load, then the name."""

from collections import Counter
from collections.abc import Sequence

from jobset.local.label_selectors import matches_all
from jobset.local.scheduling.neighbours import Domain, count_domains, count_spread
from jobset.local.scheduling.node_filters import matches_node_term, untolerated
from jobset.local.scheduling.nodes import Cluster, NodeState
from jobset.local.scheduling.pods import PodFacts, Weighted

_SCORED = ("cpu", "memory")


def best_node(pod: PodFacts, fitting: Sequence[NodeState], cluster: Cluster) -> NodeState:
    """The best of these nodes, which are at least one; deterministic."""
    if len(fitting) == 1:
        return fitting[0]
    preferred = _preferences(pod, fitting, cluster)
    spread = _soft_spread(pod, fitting, cluster)

    def rank(node: NodeState) -> tuple[float, float, int, float, int, str]:
        name = node.facts.name
        avoided = untolerated(pod.wishes.tolerations, node.facts.taints, ("PreferNoSchedule",))
        return (
            -preferred[name],
            spread[name],
            int(avoided is not None),
            -_free_share(pod, node),
            len(node.pods),
            name,
        )

    return min(fitting, key=rank)


def _preferences(pod: PodFacts, fitting: Sequence[NodeState], cluster: Cluster) -> dict[str, float]:
    scores = dict.fromkeys((node.facts.name for node in fitting), 0.0)
    for preference in pod.wishes.preferences:
        term = preference.near
        found = count_domains((term,), cluster, jointly=True) if term is not None else Counter()
        for node in fitting:
            scores[node.facts.name] += preference.weight * _met(preference, node, found)
    return scores


def _met(preference: Weighted, node: NodeState, found: Counter[Domain]) -> int:
    if preference.node is not None:
        return int(matches_node_term(preference.node, node.facts))
    key = preference.near.topology_key if preference.near is not None else ""
    return found[(key, node.facts.labels[key])] if key in node.facts.labels else 0


def _soft_spread(pod: PodFacts, fitting: Sequence[NodeState], cluster: Cluster) -> dict[str, float]:
    """How crowded each node's domains are already; less is better."""
    crowd = dict.fromkeys((node.facts.name for node in fitting), 0.0)
    for item in pod.wishes.spread:
        if item.is_hard or item.selector is None or not matches_all(item.selector, pod.labels):
            continue
        count = count_spread(pod, item, cluster)
        most = max(count.by_value.values(), default=0)
        for node in fitting:
            value = node.facts.labels.get(item.topology_key)
            crowd[node.facts.name] += most + 1 if value is None else count.by_value[value]
    return crowd


def _free_share(pod: PodFacts, node: NodeState) -> float:
    """The share of CPU and memory that would still be free, between 0 and 1."""
    wanted = dict(pod.wishes.requests)
    shares = []
    for name in _SCORED:
        capacity = node.facts.allocatable.get(name, 0)
        if capacity:
            shares.append(1 - (node.used[name] + wanted.get(name, 0)) / capacity)
    return sum(shares) / len(shares) if shares else 0.0
