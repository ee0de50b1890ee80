"""Decide where one pod goes: the verdict of the scheduler, with the words that users know."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from jobset.local.scheduling.neighbours import affinity_rules, spread_rules
from jobset.local.scheduling.node_filters import Rejection, reject_by_node
from jobset.local.scheduling.nodes import Cluster, NodeState
from jobset.local.scheduling.pods import PodFacts
from jobset.local.scheduling.scores import best_node


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    """The pod goes to this node."""

    node: str


class Unschedulable(msgspec.Struct, frozen=True, kw_only=True):
    """No node takes the pod now; `counts` says how many nodes have each reason."""

    message: str
    counts: Mapping[str, int]


Verdict = Bind | Unschedulable


def schedule(pod: PodFacts, cluster: Cluster) -> Verdict:
    """Where the pod goes on this reading of the nodes; equal readings give equal verdicts."""
    if not cluster.nodes:
        return Unschedulable(message="no nodes available to schedule pods", counts={})
    missing = _missing_claim(pod, cluster)
    if missing:
        # compat: the step that looks for victims fails here and says no more than this.
        message = f"{_none_available(cluster)} {missing}. not found"
        return Unschedulable(message=message, counts={missing: len(cluster.nodes)})
    fitting, rejections = _filter(pod, cluster)
    if fitting:
        return Bind(node=best_node(pod, fitting, cluster).facts.name)
    return _refusal(pod, cluster, rejections)


def _missing_claim(pod: PodFacts, cluster: Cluster) -> str:
    states = {name: cluster.claims.get((pod.namespace, name)) for name in pod.wishes.claims}
    for name, usable in states.items():
        if usable is None:
            return f'persistentvolumeclaim "{name}" not found'
    return "pod has unbound immediate PersistentVolumeClaims" if False in states.values() else ""


def _filter(pod: PodFacts, cluster: Cluster) -> tuple[list[NodeState], list[Rejection]]:
    rules: tuple[Callable[[NodeState], Rejection | None], ...] = (
        lambda node: reject_by_node(pod, node),
        *spread_rules(pod, cluster),
        *affinity_rules(pod, cluster),
    )
    fitting: list[NodeState] = []
    rejections: list[Rejection] = []
    for node in cluster.nodes.values():
        rejection = next((found for rule in rules if (found := rule(node)) is not None), None)
        if rejection is None:
            fitting.append(node)
        else:
            rejections.append(rejection)
    return fitting, rejections


def _refusal(pod: PodFacts, cluster: Cluster, rejections: list[Rejection]) -> Unschedulable:
    counts = Counter(reason for rejection in rejections for reason in rejection.reasons)
    # compat: the plugin for resource claims has its say too, also about pods that have none.
    message = (
        f"{_none_available(cluster)} {_histogram(counts)} "
        f"no new claims to deallocate, preemption: {_preemption(pod, cluster, rejections)}"
    )
    return Unschedulable(message=message, counts=dict(counts))


def _none_available(cluster: Cluster) -> str:
    return f"0/{len(cluster.nodes)} nodes are available:"


def _preemption(pod: PodFacts, cluster: Cluster, rejections: Iterable[Rejection]) -> str:
    """Why making room does not help; pods are never preempted here."""
    if not pod.wishes.may_preempt:
        return "not eligible due to preemptionPolicy=Never."
    reasons = Counter(
        "Preemption is not helpful for scheduling"
        if rejection.is_final
        else "No preemption victims found for incoming pod"
        for rejection in rejections
    )
    return f"{_none_available(cluster)} {_histogram(reasons)}"


def _histogram(counts: Mapping[str, int]) -> str:
    # compat: sorted as text, so that 10 comes before 2.
    return ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items())) + "."
