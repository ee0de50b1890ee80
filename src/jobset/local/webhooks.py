"""JobSets as a custom resource of the local API, and JobSet's webhooks as plugins in this process."""

from collections.abc import Mapping
from typing import Any

from jobset.admission import pods as pod_admission
from jobset.admission.claim_validation import ExistingClaim
from jobset.admission.defaults import default_jobset
from jobset.admission.field_errors import FieldError, invalid_status
from jobset.admission.jobset import check_schema, check_status
from jobset.admission.jobset_schema import jobset_schema
from jobset.admission.structural import normalise
from jobset.admission.updates import validate_jobset_update
from jobset.admission.validation import validate_jobset
from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.errors import api_error
from jobset.kube.resources import JOBSETS, NODES, PERSISTENT_VOLUME_CLAIMS, PODS
from jobset.local.kinds.rules import KindRules
from jobset.local.plugins import CREATE, UPDATE, Object, ResourceKey, Review
from jobset.local.statuses import failure


def _normalise(obj: Object) -> Object:
    return normalise(obj, jobset_schema())


def _without_status(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key != "status"}


def _normalise_status(new: Object, old: Object) -> Object:
    kept = {key: value for key, value in old.items() if key != "status"}
    normal = _normalise(new)
    return {
        **kept,
        "metadata": new["metadata"],
        **({"status": normal["status"]} if "status" in normal else {}),
    }


def _schema_errors(obj: Object) -> list[FieldError]:
    return check_schema(obj)


JOBSET_RULES = KindRules(
    resource=JOBSETS,
    schema="",
    custom_schema=jobset_schema,
    has_status=True,
    counts_generation=True,
    default=_normalise,
    prepare_create=_without_status,
    prepare_status_update=_normalise_status,
    validate_create=_schema_errors,
    validate_update=check_schema,
    validate_status_update=check_status,
)


class JobSetAdmission:
    """`mjobset.kb.io` and `vjobset.kb.io`."""

    def __init__(self, gates: FeatureGates) -> None:
        self._gates = gates

    @property
    def resources(self) -> frozenset[ResourceKey]:
        """JobSets only."""
        return frozenset({(JOBSETS.group, JOBSETS.plural)})

    def mutate(self, review: Review) -> Object:
        """The JobSet with the defaults of the webhook; only on create, as registered."""
        if review.operation != CREATE or review.subresource:
            return review.object
        # A default of the webhook can need one of the schema.
        return _normalise(default_jobset(review.object))

    def validate(self, review: Review) -> None:
        """Refuse what breaks JobSet's own rules."""
        if review.subresource:
            return
        errors: list[FieldError] = []
        if review.operation == CREATE:
            errors = validate_jobset(review.object, self._gates, _claims(review))
        elif review.operation == UPDATE and review.old is not None:
            errors = validate_jobset_update(review.object, review.old, self._gates)
        if errors:
            status = invalid_status(JOBSETS.group, JOBSETS.kind, review.name, errors)
            raise _denied("vjobset.kb.io", status)


def _claims(review: Review) -> Mapping[str, ExistingClaim]:
    if not (review.object.get("spec") or {}).get("volumeClaimPolicies"):
        return {}
    claims = review.world.read_all(PERSISTENT_VOLUME_CLAIMS, review.namespace)
    return {claim["metadata"]["name"]: claim for claim in claims}


class PodAdmission:
    """`mpod.kb.io` and `vpod.kb.io`, asked about pods that carry the JobSet label."""

    @property
    def resources(self) -> frozenset[ResourceKey]:
        """Pods only."""
        return frozenset({("", PODS.plural)})

    def mutate(self, review: Review) -> Object:
        """The pod with its priority label and its place in an exclusive topology."""
        if not _is_asked(review):
            return review.object
        verdict = pod_admission.mutate_pod(review.object, _Pods(review), _Nodes(review))
        if isinstance(verdict, pod_admission.Refusal):
            raise _denied("mpod.kb.io", _status_of(verdict))
        return verdict

    def validate(self, review: Review) -> None:
        """Refuse a follower whose leader has no place yet."""
        if not _is_asked(review):
            return
        refusal = pod_admission.validate_pod(review.object, _Pods(review))
        if refusal is not None:
            raise _denied("vpod.kb.io", _status_of(refusal))


def _is_asked(review: Review) -> bool:
    labels = review.object["metadata"].get("labels") or {}
    return review.operation == CREATE and keys.JOBSET_NAME in labels


class _Pods:
    """The pods of the namespace, read only when somebody looks."""

    def __init__(self, review: Review) -> None:
        self._review = review

    def __iter__(self) -> Any:
        return iter(self._review.world.read_all(PODS, self._review.namespace))


class _Nodes(Mapping[str, Object]):
    """The nodes by name, read one by one."""

    def __init__(self, review: Review) -> None:
        self._review = review

    def __getitem__(self, name: str) -> Object:
        found = self._review.world.read(NODES, "", name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Any:
        return (node["metadata"]["name"] for node in self._review.world.read_all(NODES))

    def __len__(self) -> int:
        return len(self._review.world.read_all(NODES))


def _status_of(refusal: pod_admission.Refusal) -> dict[str, Any]:
    details = None if refusal.details is None else dict(refusal.details)
    return failure(refusal.code, refusal.reason, refusal.message, details)


def _denied(webhook: str, status: dict[str, Any]) -> Exception:
    """The refusal as a client of the API server sees it."""
    message = f'admission webhook "{webhook}" denied the request: {status["message"]}'
    return api_error({**status, "message": message})
