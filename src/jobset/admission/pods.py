"""Pods of JobSets at admission: the priority label, and one topology domain for each Job."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from jobset.api import keys

Pod: TypeAlias = Mapping[str, Any]
Node: TypeAlias = Mapping[str, Any]

_FINISHED = ("Failed", "Succeeded")
_LEADER_LABELS = (keys.JOBSET_NAME, keys.REPLICATED_JOB_NAME, keys.JOB_INDEX)
_REQUIRED_TERMS = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a pod is refused, as the parts of a Status."""

    message: str
    code: int = 403
    reason: str = "Forbidden"
    details: Mapping[str, str] | None = None


def mutate_pod(pod: Pod, pods: Iterable[Pod], nodes: Mapping[str, Node]) -> Pod | Refusal:
    """A new pod as it should be stored; the pod itself when JobSet has nothing to add.

    `pods` are the other pods (at least those that may lead it), `nodes` the nodes by name.
    """
    annotations = _annotations(pod)
    if keys.JOBSET_NAME not in annotations or keys.NODE_SELECTOR in annotations:
        return pod
    pod = _with_priority_label(pod)
    topology_key = annotations.get(keys.EXCLUSIVE_TOPOLOGY)
    if topology_key is None:
        return pod
    if _is_leader(pod):
        return _with_exclusive_affinity(pod, topology_key)
    leader = find_leader(pod, pods)
    node_name = None if isinstance(leader, Refusal) else leader.get("spec", {}).get("nodeName")
    if not node_name:
        # Too early: validation refuses the pod, and its Job controller tries again.
        return pod
    if (node := nodes.get(node_name)) is None:
        return _missing(node_name)
    return _in_domain_of(node, pod, topology_key)


def validate_pod(pod: Pod, pods: Iterable[Pod]) -> Refusal | None:
    """Why a new pod is refused; None when it is not."""
    if not is_follower(pod):
        return None
    topology_key = _annotations(pod)[keys.EXCLUSIVE_TOPOLOGY]
    selector = pod.get("spec", {}).get("nodeSelector")
    if selector is None:
        return Refusal("follower pod node selector not set")
    if topology_key not in selector:
        return Refusal(
            f"follower pod node selector for topology domain not found. missing selector: {topology_key}"
        )
    leader = find_leader(pod, pods)
    if isinstance(leader, Refusal):
        return leader
    if not leader.get("spec", {}).get("nodeName"):
        return Refusal(
            "leader pod not yet scheduled, not creating follower pod. this is an expected, transient error"
        )
    return None


def find_leader(follower: Pod, pods: Iterable[Pod]) -> Pod | Refusal:
    """The one living leader pod of the follower's Job, or why there is none."""
    key = leader_key(follower)
    if isinstance(key, Refusal):
        return key
    namespace = follower.get("metadata", {}).get("namespace", "")
    found = [pod for pod in pods if _is_candidate(pod, namespace, key)]
    if len(found) != 1:
        return Refusal(
            f"expected 1 leader pod ({key}), but got {len(found)}. this is an expected, transient error"
        )
    return _of_the_same_job(follower, found[0])


def is_follower(pod: Pod) -> bool:
    """Whether a pod goes where the leader of its Job is."""
    annotations = _annotations(pod)
    is_ours = keys.JOBSET_NAME in annotations and keys.NODE_SELECTOR not in annotations
    return is_ours and keys.EXCLUSIVE_TOPOLOGY in annotations and not _is_leader(pod)


def leader_key(follower: Pod) -> str | Refusal:
    """What the name of the follower's leader begins with, before the last dash; or why nobody can tell."""
    labels = _labels(follower)
    for key in _LEADER_LABELS:
        if key not in labels:
            return Refusal(f"pod missing label: {key}")
    return "-".join([*(labels[key] for key in _LEADER_LABELS), "0"])


def led_key(pod: Pod) -> str | None:
    """The `leader_key` of the followers that a pod of exclusive placement may lead by its name, if any."""
    name = pod.get("metadata", {}).get("name", "")
    # <jobset>-<replicated job>-<job index>-<pod index>-<random>: fewer parts are no such name.
    if keys.EXCLUSIVE_TOPOLOGY not in _annotations(pod) or name.count("-") < 4:
        return None
    return str(name.rpartition("-")[0])


def _of_the_same_job(follower: Pod, leader: Pod) -> Pod | Refusal:
    follower_owner, leader_owner = _controller_uid(follower), _controller_uid(leader)
    if follower_owner is None:
        return Refusal("follower pod has no owner reference")
    if leader_owner is None:
        return Refusal(f'leader pod "{leader["metadata"]["name"]}" has no owner reference')
    if follower_owner != leader_owner:
        return Refusal(f"follower pod owner UID ({follower_owner}) != leader pod owner UID ({leader_owner})")
    return leader


def _is_candidate(pod: Pod, namespace: str, key: str) -> bool:
    metadata = pod.get("metadata", {})
    return (
        metadata.get("namespace", "") == namespace
        and led_key(pod) == key
        and not metadata.get("deletionTimestamp")
        and pod.get("status", {}).get("phase") not in _FINISHED
    )


def _in_domain_of(node: Node, pod: Pod, topology_key: str) -> Pod | Refusal:
    if (domain := _labels(node).get(topology_key)) is None:
        return Refusal(f"node does not have topology label: {topology_key}")
    spec = pod.get("spec", {})
    selector = {**(spec.get("nodeSelector") or {}), topology_key: domain}
    return {**pod, "spec": {**spec, "nodeSelector": selector}}


def _missing(node: str) -> Refusal:
    # compat: the existing manager reads nodes from a cache, which names the kind and not the resource.
    details = {"name": node, "kind": "Node"}
    return Refusal(f'Node "{node}" not found', code=404, reason="NotFound", details=details)


def _with_priority_label(pod: Pod) -> Pod:
    priority = pod.get("spec", {}).get("priority")
    if priority is None:
        return pod
    labels = {**_labels(pod), keys.PRIORITY: str(priority)}
    return {**pod, "metadata": {**pod["metadata"], "labels": labels}}


def _with_exclusive_affinity(pod: Pod, topology_key: str) -> Pod:
    """The leader goes where its own Job is, and no other Job of the same priority."""
    labels = _labels(pod)
    job_key = labels.get(keys.JOB_KEY, "")
    same_job = [_requirement(keys.JOB_KEY, "In", job_key)]
    other_jobs = [
        {"key": keys.JOB_KEY, "operator": "Exists"},
        _requirement(keys.JOB_KEY, "NotIn", job_key),
        _requirement(keys.PRIORITY, "In", labels.get(keys.PRIORITY, "")),
    ]
    spec = pod.get("spec", {})
    affinity = dict(spec.get("affinity") or {})
    for kind, expressions in (("podAffinity", same_job), ("podAntiAffinity", other_jobs)):
        rules = affinity.get(kind) or {}
        terms = [*(rules.get(_REQUIRED_TERMS) or ()), _term(expressions, topology_key)]
        affinity[kind] = {**rules, _REQUIRED_TERMS: terms}
    return {**pod, "spec": {**spec, "affinity": affinity}}


def _term(expressions: list[dict[str, Any]], topology_key: str) -> dict[str, Any]:
    return {
        "labelSelector": {"matchExpressions": expressions},
        "topologyKey": topology_key,
        # Empty and present: Jobs of all namespaces count.
        "namespaceSelector": {},
    }


def _requirement(key: str, operator: str, value: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": [value]}


def _is_leader(pod: Pod) -> bool:
    return _annotations(pod).get(keys.JOB_COMPLETION_INDEX) == "0"


def _controller_uid(pod: Pod) -> str | None:
    owners = pod.get("metadata", {}).get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def _annotations(pod: Pod) -> Mapping[str, str]:
    return pod.get("metadata", {}).get("annotations") or {}


def _labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    return obj.get("metadata", {}).get("labels") or {}
