"""Nodes and what runs on them, kept current pod by pod."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from jobset.api.quantity import parse_quantity
from jobset.local.scheduling.pods import PodFacts

Object: TypeAlias = Mapping[str, Any]


class Taint(msgspec.Struct, frozen=True):
    """A mark that keeps pods away which do not tolerate it."""

    key: str
    value: str
    effect: str


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One node; `allocatable` in billionths."""

    name: str
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    is_unschedulable: bool = False
    allocatable: Mapping[str, int] = msgspec.field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class NodeState:
    """A node with its pods; `used` in billionths."""

    facts: NodeFacts
    pods: dict[str, PodFacts] = field(default_factory=dict)
    used: Counter[str] = field(default_factory=Counter)
    ports: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def add(self, pod: PodFacts) -> None:
        """Count a pod that runs here."""
        self.pods[pod.uid] = pod
        for name, amount in pod.wishes.requests:
            self.used[name] += amount
        self.ports.update(pod.wishes.ports)

    def remove(self, pod: PodFacts) -> None:
        """Forget a pod that ran here."""
        known = self.pods.pop(pod.uid, None)
        if known is None:
            return
        for name, amount in known.wishes.requests:
            self.used[name] -= amount
        self.ports -= Counter(known.wishes.ports)


@dataclass(slots=True, kw_only=True)
class Cluster:
    """What a verdict may look at: nodes with their pods, namespaces by their labels, claims by their state.

    Changed by the shell only, between verdicts; `version` grows with each change that could help a pod.
    """

    nodes: dict[str, NodeState] = field(default_factory=dict)
    namespaces: dict[str, Mapping[str, str]] = field(default_factory=dict)
    claims: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Whether each PersistentVolumeClaim may be used."""
    version: int = 0
    _placed: dict[str, str] = field(default_factory=dict)
    _with_anti_affinity: dict[str, PodFacts] = field(default_factory=dict)

    def put_node(self, facts: NodeFacts) -> None:
        """A node appeared or changed."""
        known = self.nodes.get(facts.name)
        if known is None:
            self.nodes[facts.name] = NodeState(facts=facts)
        elif known.facts == facts:
            return
        else:
            known.facts = facts
        self.version += 1

    def drop_node(self, name: str) -> None:
        """A node is gone; pods bound to it count nowhere."""
        for pod in self.nodes.pop(name, NodeState(facts=NodeFacts(name=name))).pods.values():
            self._placed.pop(pod.uid, None)
            self._with_anti_affinity.pop(pod.uid, None)
        self.version += 1

    def put_pod(self, pod: PodFacts) -> None:
        """A pod was bound, changed or ended; one without a node, or over, occupies nothing."""
        if pod.is_over or not pod.node:
            self.drop_pod(pod)
            return
        self.drop_pod(pod, helps=False)
        node = self.nodes.get(pod.node)
        if node is None:
            return
        node.add(pod)
        self._placed[pod.uid] = pod.node
        if pod.wishes.anti_affinity:
            self._with_anti_affinity[pod.uid] = pod

    def drop_pod(self, pod: PodFacts, *, helps: bool = True) -> None:
        """A pod occupies nothing any more."""
        node = self._placed.pop(pod.uid, None)
        if node is None:
            return
        self.nodes[node].remove(pod)
        self._with_anti_affinity.pop(pod.uid, None)
        if helps:
            self.version += 1

    def is_placed(self, pod: PodFacts) -> bool:
        """Whether the pod counts on its node already."""
        return self._placed.get(pod.uid) == pod.node and pod.node != ""

    def placed_pods(self) -> Iterator[tuple[PodFacts, NodeFacts]]:
        """Every pod that occupies a node, with the node."""
        for node in self.nodes.values():
            for pod in node.pods.values():
                yield pod, node.facts

    def with_anti_affinity(self) -> Iterable[PodFacts]:
        """Placed pods that keep others away."""
        return self._with_anti_affinity.values()

    @property
    def sees_labels(self) -> bool:
        """Whether a pod's labels can decide where it may go, whatever it asks itself."""
        return bool(self._with_anti_affinity)


def read_node(raw: Object) -> NodeFacts:
    """The facts of a stored node."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    capacity = status.get("allocatable") or status.get("capacity") or {}
    return NodeFacts(
        name=raw["metadata"]["name"],
        labels=raw["metadata"].get("labels") or {},
        taints=tuple(
            Taint(taint["key"], taint.get("value") or "", taint["effect"])
            for taint in spec.get("taints") or ()
        ),
        is_unschedulable=bool(spec.get("unschedulable")),
        allocatable={name: parse_quantity(value).nano for name, value in capacity.items()},
    )
