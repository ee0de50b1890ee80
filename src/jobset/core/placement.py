"""Exclusive placement: whether the pods of a Job follow their leader into its topology domain."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from jobset.api.children import ChildPod
from jobset.api.times import format_time
from jobset.core.plan import Problem

Raw: TypeAlias = dict[str, Any]
NodeLabels: TypeAlias = Mapping[str, Mapping[str, str]]
"""The labels of the nodes that exist, by node name."""


class EvictPod(msgspec.Struct, frozen=True, gc=False):
    """Mark a pod as a disruption target, unless it is one, and delete it in the background.

    A pod whose mark is refused is not deleted; a pod that is gone is no failure.
    """

    pod: ChildPod


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementPlan:
    """The pods to evict, side by side; or why that cannot be told, to be asked again."""

    evictions: tuple[EvictPod, ...] = ()
    error: str | None = None


def is_scheduled_leader(pod: ChildPod) -> bool:
    """Whether a pod decides for the others of its Job: exclusively placed, scheduled and alive.

    One that has finished stays beside its successor, and does not evict those who follow that.
    """
    is_alive = not pod.is_being_deleted and not pod.is_finished
    return pod.is_leader and bool(pod.node) and pod.exclusive_topology is not None and is_alive


def decide_placement(leader: ChildPod, pods: Iterable[ChildPod], nodes: NodeLabels) -> PlacementPlan:
    """What to do about the pods of a scheduled leader's Job. `pods` may hold those of others."""
    if leader.uses_node_selector:
        # Pods of the node selector strategy follow no leader; upstream evicts them by mistake.
        return PlacementPlan()
    if not leader.job_key:
        return PlacementPlan(error=f'job key label not found on leader pod: "{leader.name}"')
    if not leader.owner_uid:
        return PlacementPlan(error=f'leader pod "{leader.name}" has no controller owner')
    own = pods_of_job(pods, leader.job_key, leader.owner_uid)
    verdict = judge_placement(leader, own, nodes)
    if isinstance(verdict, Problem):
        return PlacementPlan(error=verdict.message)
    return PlacementPlan() if verdict else PlacementPlan(evictions=evict_followers(own))


def pods_of_job(pods: Iterable[ChildPod], job_key: str, owner_uid: str) -> tuple[ChildPod, ...]:
    """The pods of one Job: by its key, and by the UID of the owner, since a key comes again."""
    return tuple(pod for pod in pods if pod.job_key == job_key and pod.owner_uid == owner_uid)


def judge_placement(leader: ChildPod, pods: Iterable[ChildPod], nodes: NodeLabels) -> bool | Problem:
    """Whether every follower is bound for the leader's topology domain, those aside that are being deleted.

    One that goes anyway says nothing about its successor, which may be there before it is gone.
    """
    topology = leader.exclusive_topology or ""
    labels = nodes.get(leader.node)
    if labels is not None and topology not in labels:
        return Problem(f"node does not have topology label: {topology}")
    domain = labels[topology] if labels is not None else None
    followers = (pod for pod in pods if not pod.is_leader and not pod.is_being_deleted)
    if all(domain is not None and pod.node_selector.get(topology) == domain for pod in followers):
        return True
    return False if domain else Problem("leader topology is unknown (node not found)")


def evict_followers(pods: Iterable[ChildPod]) -> tuple[EvictPod, ...]:
    """All followers go, also those in the right place: they are placed anew together."""
    return tuple(EvictPod(pod) for pod in pods if not pod.is_leader)


def disruption_patch(pod: ChildPod, now: datetime) -> Raw:
    """The strategic merge patch of the status that marks a pod, and no other of its name, for disruption."""
    mark = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastTransitionTime": format_time(now),
        "reason": "ExclusivePlacementViolation",
        "message": "Pod violated JobSet exclusive placement policy",
    }
    return {"metadata": {"uid": pod.uid}, "status": {"conditions": [mark]}}
