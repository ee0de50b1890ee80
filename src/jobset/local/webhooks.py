"""JobSet's admission as plugins of the local API server: what a cluster does by webhooks and a CRD."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobset.admission.jobset import AdmissionResult, admit_create, admit_status_update, admit_update
from jobset.admission.pods import Refusal, mutate_pod, validate_pod
from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.errors import api_error
from jobset.kube.resources import JOBSETS, NODES, PERSISTENT_VOLUME_CLAIMS, PODS
from jobset.local.plugins import CREATE, Object, ResourceKey, Review, World


@dataclass(frozen=True, slots=True)
class JobSetAdmission:
    """Schema, defaults, CEL rules and the validating webhook of JobSets."""

    gates: FeatureGates

    @property
    def resources(self) -> frozenset[ResourceKey]:
        """JobSets and their status."""
        return frozenset({(JOBSETS.group, JOBSETS.plural)})

    def mutate(self, review: Review) -> Object:
        """The object without unknown fields and with defaults; what is wrong with it is told by `validate`."""
        return self._admit(review).object

    def validate(self, review: Review) -> None:
        """Refuse what the schema, the rules or the webhook refuse.

        Raises:
            Invalid: with one cause per field error.
        """
        result = self._admit(review)
        if not result.is_allowed:
            raise api_error(result.status())

    def _admit(self, review: Review) -> AdmissionResult:
        if review.operation == CREATE:
            return admit_create(review.object, self.gates, _claims(review))
        assert review.old is not None
        if review.subresource == "status":
            return admit_status_update(review.object, review.old)
        return admit_update(review.object, review.old, self.gates)


@dataclass(frozen=True, slots=True)
class PodAdmission:
    """The pod webhooks: priority label and exclusive placement."""

    @property
    def resources(self) -> frozenset[ResourceKey]:
        """Pods."""
        return frozenset({(PODS.group, PODS.plural)})

    def mutate(self, review: Review) -> Object:
        """The pod with what JobSet adds.

        Raises:
            ApiError: its leader's node is missing or has no topology label.
        """
        if not _concerns_us(review):
            return review.object
        siblings, nodes = _surroundings(review)
        return _unless_refused("mpod.kb.io", mutate_pod(review.object, siblings, nodes))

    def validate(self, review: Review) -> None:
        """Refuse a follower whose leader is not placed.

        Raises:
            Forbidden: with the webhook's message.
        """
        if _concerns_us(review):
            siblings, _ = _surroundings(review)
            _unless_refused("vpod.kb.io", validate_pod(review.object, siblings))


def _claims(review: Review) -> Mapping[str, Object]:
    """The claims of the namespace that a volume claim policy could meet."""
    if not (review.object.get("spec") or {}).get("volumeClaimPolicies"):
        return {}
    claims = review.world.read_all(PERSISTENT_VOLUME_CLAIMS, review.namespace)
    return {claim["metadata"]["name"]: claim for claim in claims}


def _concerns_us(review: Review) -> bool:
    return (
        review.operation == CREATE
        and not review.subresource
        # compat: the registered object selector looks at the label.
        and keys.JOBSET_NAME in (review.object["metadata"].get("labels") or {})
    )


def _surroundings(review: Review) -> tuple[list[Object], dict[str, Object]]:
    """Pods and nodes, read only where exclusive placement looks at them."""
    if keys.EXCLUSIVE_TOPOLOGY not in (review.object["metadata"].get("annotations") or {}):
        return [], {}
    return _pods(review.world, review.namespace), _nodes(review.world)


def _pods(world: World, namespace: str) -> list[Object]:
    return list(world.read_all(PODS, namespace))


def _nodes(world: World) -> dict[str, Object]:
    return {node["metadata"]["name"]: node for node in world.read_all(NODES)}


def _unless_refused(webhook: str, answer: Any) -> Any:
    if not isinstance(answer, Refusal):
        return answer
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'admission webhook "{webhook}" denied the request: {answer.message}',
        "reason": answer.reason,
        "code": answer.code,
    }
    raise api_error(status)
