"""The webhooks for pods: the priority label, and followers that go where their leader is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from jobset.admission.json_patch import build_patch
from jobset.admission.pods import Node, Pod, Refusal, is_follower, leader_key, mutate_pod, validate_pod
from jobset.controller.parts import REVIEWED_POD
from jobset.controller.placement import PlacementController
from jobset.controller.webhooks.reviews import AdmissionRequest, Allowed, Answer, Denied, forbidden


@dataclass(frozen=True, slots=True)
class PodPlacer:
    """`mpod.kb.io`: asked about pods that are created."""

    placement: PlacementController

    async def review(self, request: AdmissionRequest) -> Answer:
        """What the pod lacks, as a patch."""
        pod = await _new_pod(self.placement, request)
        if pod is None:
            return Allowed()
        verdict = mutate_pod(pod, _Candidates(self.placement, pod), _Nodes(self.placement))
        return _denied(verdict) if isinstance(verdict, Refusal) else Allowed(build_patch(pod, verdict))


@dataclass(frozen=True, slots=True)
class PodValidator:
    """`vpod.kb.io`: asked about pods that are created."""

    placement: PlacementController

    async def review(self, request: AdmissionRequest) -> Answer:
        """Why a follower is refused."""
        pod = await _new_pod(self.placement, request)
        if pod is None:
            return Allowed()
        refusal = validate_pod(pod, _Candidates(self.placement, pod))
        return Allowed() if refusal is None else _denied(refusal)


async def _new_pod(placement: PlacementController, request: AdmissionRequest) -> Pod | None:
    """The pod that is to be made, with its namespace, once what decides about it is known; else None."""
    if request.operation != "CREATE":
        return None
    pod: Mapping[str, Any] = request.object
    # An API server has read it as a pod before it asks; somebody else may not.
    msgspec.convert(pod, REVIEWED_POD)
    # The namespace does not always come with it.
    placed = {**pod, "metadata": {"namespace": request.namespace, **pod.get("metadata", {})}}
    if is_follower(placed):
        await placement.synced()
    return placed


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The pods that may lead another one, looked up when somebody asks."""

    placement: PlacementController
    follower: Pod

    def __iter__(self) -> Iterator[Pod]:
        key = leader_key(self.follower)
        assert isinstance(key, str)
        return iter(self.placement.led(self.follower["metadata"]["namespace"], key))


@dataclass(frozen=True, slots=True)
class _Nodes(Mapping[str, Node]):
    """The nodes that are known, by name."""

    placement: PlacementController

    def __getitem__(self, name: str) -> Node:
        node = self.placement.nodes.get("", name)
        if node is None:
            raise KeyError(name)
        return node

    def __iter__(self) -> Iterator[str]:
        return (node["metadata"]["name"] for node in self.placement.nodes.all())

    def __len__(self) -> int:
        return len(self.placement.nodes)


def _denied(refusal: Refusal) -> Answer:
    if refusal.reason == "Forbidden":
        return forbidden(refusal.message)
    status = {"status": "Failure", "message": refusal.message, "reason": refusal.reason, "code": refusal.code}
    return Denied(status if refusal.details is None else status | {"details": refusal.details})
