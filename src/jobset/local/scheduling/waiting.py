"""Pods that wait for a node: who comes next, and who need not be tried again yet."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from jobset.local.scheduling.nodes import Cluster
from jobset.local.scheduling.pods import PodFacts, Wishes

Shape = tuple[Wishes, str, int, frozenset[tuple[str, str]]]
"""Pods of one shape have the same verdict on the same reading."""


@dataclass(slots=True)
class WaitingPods:
    """The pods without a node, by priority and then age.

    A pod is due when it is new or changed, or when the cluster has changed since a pod of its shape was
    refused. So of a thousand equal pods that do not fit only one is tried when another pod ends.
    """

    _pods: dict[str, PodFacts] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)
    _refused_at: dict[Shape, int] = field(default_factory=dict)
    _checked_at: int = -1

    def put(self, pod: PodFacts) -> None:
        """A pod without a node appeared or changed."""
        known = self._pods.get(pod.uid)
        if known is not None and (known.wishes, known.labels, known.priority) == (
            pod.wishes,
            pod.labels,
            pod.priority,
        ):
            return
        self._pods[pod.uid] = pod
        self._tried.discard(pod.uid)

    def drop(self, pod: PodFacts) -> None:
        """The pod has a node, or is gone."""
        self._pods.pop(pod.uid, None)
        self._tried.discard(pod.uid)

    def due(self, cluster: Cluster) -> Iterator[PodFacts]:
        """The pods to try, best first; each is asked for its turn when it comes, not before."""
        is_stale = self._checked_at != cluster.version
        self._checked_at = cluster.version
        candidates = (pod for pod in list(self._pods.values()) if is_stale or pod.uid not in self._tried)
        for pod in sorted(candidates, key=_order):
            if pod.uid not in self._pods:
                continue
            is_hopeless = self._refused_at.get(shape_of(pod, cluster)) == cluster.version
            if not is_hopeless or pod.uid not in self._tried:
                yield pod

    def refused(self, pod: PodFacts, cluster: Cluster) -> None:
        """No node took the pod."""
        self._tried.add(pod.uid)
        if len(self._refused_at) > 10_000:
            self._refused_at.clear()
        self._refused_at[shape_of(pod, cluster)] = cluster.version

    def __len__(self) -> int:
        return len(self._pods)


def shape_of(pod: PodFacts, cluster: Cluster) -> Shape:
    """What the verdict on a pod depends on, besides the cluster; labels only where somebody looks at them."""
    wishes = pod.wishes
    own_terms = wishes.affinity or wishes.anti_affinity or wishes.spread
    labels = frozenset(pod.labels.items()) if own_terms or cluster.sees_labels else frozenset()
    return wishes, pod.namespace, pod.priority, labels


def _order(pod: PodFacts) -> tuple[int, float, str]:
    return -pod.priority, pod.created_at.timestamp(), pod.name
