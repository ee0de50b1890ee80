"""A pod as the scheduler sees it: what it needs, where it may go, whom it wants near."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from jobset.api.quantity import ZERO, parse_quantity
from jobset.api.times import parse_time
from jobset.local.kinds.pods.pod_resources import container_requests
from jobset.local.label_selectors import Requirements, read_label_selector, read_requirement
from jobset.local.selectors import Requirement

Object: TypeAlias = Mapping[str, Any]
Requests: TypeAlias = tuple[tuple[str, int], ...]
"""Resource names and billionths, sorted by name."""

HOSTNAME = "kubernetes.io/hostname"


class NodeTerm(msgspec.Struct, frozen=True, kw_only=True):
    """One term of a node selector: all its terms on labels and on the node's name must hold."""

    labels: Requirements = ()
    names: Requirements = ()


class Toleration(msgspec.Struct, frozen=True, kw_only=True):
    """Which taints a pod accepts; an empty key or effect stands for all."""

    key: str = ""
    is_any_value: bool = False
    value: str = ""
    effect: str = ""


class PodTerm(msgspec.Struct, frozen=True, kw_only=True):
    """Pods that a pod wants, or does not want, in its topology domain."""

    topology_key: str
    selector: Requirements | None
    """None matches no pod."""
    namespaces: frozenset[str] = frozenset()
    namespace_selector: Requirements | None = None
    """Namespaces by their labels; no terms: all of them."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One topology spread constraint."""

    topology_key: str
    max_skew: int
    selector: Requirements | None
    is_hard: bool
    min_domains: int = 1
    honours_affinity: bool = True
    honours_taints: bool = False


class Weighted(msgspec.Struct, frozen=True, kw_only=True):
    """A preference: how much it counts, for a node or for a neighbourhood."""

    weight: int
    node: NodeTerm | None = None
    near: PodTerm | None = None


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides where a pod may go, but for its own name and labels."""

    requests: Requests = ()
    node_name: str = ""
    node_selector: Requirements = ()
    node_terms: tuple[NodeTerm, ...] | None = None
    """Any of them must hold; None asks nothing."""
    tolerations: tuple[Toleration, ...] = ()
    ports: tuple[tuple[str, str, int], ...] = ()
    """Host address, protocol and port."""
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    spread: tuple[Spread, ...] = ()
    preferences: tuple[Weighted, ...] = ()
    claims: tuple[str, ...] = ()
    may_preempt: bool = True


class PodFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One pod for the scheduler."""

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    wishes: Wishes
    priority: int = 0
    created_at: datetime
    node: str = ""
    is_over: bool = False
    is_terminating: bool = False
    is_gated: bool = False
    scheduler: str = "default-scheduler"

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


def read_pod(raw: Object) -> PodFacts:
    """The facts of a stored pod."""
    metadata, spec = raw["metadata"], raw["spec"]
    return PodFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        labels=metadata.get("labels") or {},
        wishes=read_wishes(spec, metadata.get("labels") or {}, metadata["namespace"]),
        priority=spec.get("priority") or 0,
        created_at=parse_time(metadata["creationTimestamp"]),
        node=spec.get("nodeName") or "",
        is_over=(raw.get("status") or {}).get("phase") in ("Succeeded", "Failed"),
        is_terminating="deletionTimestamp" in metadata,
        is_gated=bool(spec.get("schedulingGates")),
        scheduler=spec.get("schedulerName") or "default-scheduler",
    )


def read_wishes(spec: Object, labels: Mapping[str, str], namespace: str) -> Wishes:
    """What a pod spec asks of its place; `labels` are the pod's, for matchLabelKeys."""
    affinity = spec.get("affinity") or {}
    node = affinity.get("nodeAffinity") or {}
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution")
    near, far = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    return Wishes(
        requests=pod_requests(spec),
        node_name=spec.get("nodeName") or "",
        node_selector=read_label_selector({"matchLabels": spec.get("nodeSelector") or {}}),
        node_terms=None if required is None else tuple(map(_node_term, required["nodeSelectorTerms"])),
        tolerations=tuple(map(_toleration, spec.get("tolerations") or ())),
        ports=tuple(_ports(spec)),
        affinity=_terms(near, labels, namespace),
        anti_affinity=_terms(far, labels, namespace),
        spread=tuple(_spread(item, labels) for item in spec.get("topologySpreadConstraints") or ()),
        preferences=tuple(_preferences(node, near, far, labels, namespace)),
        claims=tuple(_claims(spec)),
        may_preempt=spec.get("preemptionPolicy") != "Never",
    )


def pod_requests(spec: Object) -> Requests:
    """What a pod needs of its node: containers at their worst moment, or the pod as a whole, and overhead."""
    total = {name: amount.nano for name, amount in container_requests(spec).items()}
    whole = (spec.get("resources") or {}).get("requests") or {}
    total |= {name: parse_quantity(value).nano for name, value in whole.items()}
    for name, value in (spec.get("overhead") or {}).items():
        total[name] = total.get(name, ZERO.nano) + parse_quantity(value).nano
    return tuple(sorted((name, amount) for name, amount in total.items() if amount))


def _node_term(raw: Object) -> NodeTerm:
    return NodeTerm(
        labels=tuple(map(read_requirement, raw.get("matchExpressions") or ())),
        names=tuple(map(read_requirement, raw.get("matchFields") or ())),
    )


def _toleration(raw: Object) -> Toleration:
    return Toleration(
        key=raw.get("key") or "",
        is_any_value=raw.get("operator") == "Exists",
        value=raw.get("value") or "",
        effect=raw.get("effect") or "",
    )


def _ports(spec: Object) -> Iterable[tuple[str, str, int]]:
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        is_running = container.get("restartPolicy") == "Always" or container in spec["containers"]
        for port in container.get("ports") or () if is_running else ():
            if port.get("hostPort"):
                yield port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"]


def _terms(raw: Object, labels: Mapping[str, str], namespace: str) -> tuple[PodTerm, ...]:
    required: Sequence[Object] = raw.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(_pod_term(item, labels, namespace) for item in required)


def _pod_term(raw: Object, labels: Mapping[str, str], namespace: str) -> PodTerm:
    by_labels = raw.get("namespaceSelector")
    named = frozenset(raw.get("namespaces") or ())
    selector = _selector(raw, labels)
    if selector is not None:
        unlike = (key for key in raw.get("mismatchLabelKeys") or () if key in labels)
        selector = (*selector, *(Requirement(key, "notin", frozenset((labels[key],))) for key in unlike))
    return PodTerm(
        topology_key=raw["topologyKey"],
        selector=selector,
        namespaces=named if named or by_labels is not None else frozenset((namespace,)),
        namespace_selector=None if by_labels is None else read_label_selector(by_labels),
    )


def _selector(raw: Object, labels: Mapping[str, str]) -> Requirements | None:
    """The selector with `matchLabelKeys`: these labels must be as the pod's own."""
    selector = raw.get("labelSelector")
    if selector is None:
        return None
    alike = (key for key in raw.get("matchLabelKeys") or () if key in labels)
    same = (Requirement(key, "in", frozenset((labels[key],))) for key in alike)
    return (*read_label_selector(selector), *same)


def _spread(raw: Object, labels: Mapping[str, str]) -> Spread:
    return Spread(
        topology_key=raw["topologyKey"],
        max_skew=raw["maxSkew"],
        selector=_selector(raw, labels),
        is_hard=raw["whenUnsatisfiable"] == "DoNotSchedule",
        min_domains=raw.get("minDomains") or 1,
        honours_affinity=raw.get("nodeAffinityPolicy") != "Ignore",
        honours_taints=raw.get("nodeTaintsPolicy") == "Honor",
    )


def _preferences(
    node: Object, near: Object, far: Object, labels: Mapping[str, str], namespace: str
) -> Iterable[Weighted]:
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    for item in node.get(preferred) or ():
        yield Weighted(weight=item["weight"], node=_node_term(item["preference"]))
    for sign, raw in ((1, near), (-1, far)):
        for item in raw.get(preferred) or ():
            term = _pod_term(item["podAffinityTerm"], labels, namespace)
            yield Weighted(weight=sign * item["weight"], near=term)


def _claims(spec: Object) -> Iterable[str]:
    for volume in spec.get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            yield volume["persistentVolumeClaim"]["claimName"]
