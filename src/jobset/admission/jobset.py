"""The whole admission of a JobSet, in the order of an API server with JobSet's webhooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobset.admission import structural
from jobset.admission.cel import check_rules
from jobset.admission.claim_validation import ExistingClaim
from jobset.admission.defaults import default_jobset
from jobset.admission.field_errors import NO_FIELD, ErrorType, FieldError, invalid, invalid_status
from jobset.admission.jobset_schema import jobset_schema
from jobset.admission.schema_check import join
from jobset.admission.updates import validate_jobset_update
from jobset.admission.validation import validate_jobset
from jobset.api.gates import FeatureGates

GROUP, KIND = "jobset.x-k8s.io", "JobSet"
VALIDATING_WEBHOOK = "vjobset.kb.io"

_BLOCKING = {
    ErrorType.NOT_SUPPORTED,
    ErrorType.REQUIRED,
    ErrorType.TOO_LONG,
    ErrorType.TOO_MANY,
    ErrorType.TYPE_INVALID,
}
_RULES_NOT_CHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionResult:
    """What becomes of a write: the object to store, or the errors that refuse it."""

    object: Mapping[str, Any]
    errors: tuple[FieldError, ...] = ()
    webhook: str = ""
    """The webhook that refused; empty when the schema did."""

    @property
    def is_allowed(self) -> bool:
        """Whether the object may be stored."""
        return not self.errors

    def status(self) -> dict[str, Any]:
        """The Status that a client is answered with when the write is refused."""
        name = self.object.get("metadata", {}).get("name", "")
        status = invalid_status(GROUP, KIND, name, self.errors)
        if self.webhook:
            said = status["message"]
            status["message"] = f'admission webhook "{self.webhook}" denied the request: {said}'
        return status


def admit_create(
    raw: Mapping[str, Any],
    gates: FeatureGates,
    claims: Mapping[str, ExistingClaim] | None = None,
    suffix: str = "xxxxx",
) -> AdmissionResult:
    """What becomes of a new JobSet: pruned, defaulted, checked. Its status is dropped.

    The name should be known by now; `suffix` stands for the end of one that is still to be generated.
    """
    normalised = structural.normalise(raw, jobset_schema())
    # A default of the webhook can need one of the schema.
    obj = structural.normalise(default_jobset(normalised), jobset_schema())
    obj = {key: value for key, value in obj.items() if key != "status"}
    if errors := check_schema(obj):
        return AdmissionResult(object=obj, errors=tuple(errors))
    return _judged(obj, validate_jobset(obj, gates, claims, suffix))


def admit_update(new: Mapping[str, Any], old: Mapping[str, Any], gates: FeatureGates) -> AdmissionResult:
    """What becomes of a changed JobSet; the status stays the stored one."""
    obj = _with_status(structural.normalise(new, jobset_schema()), old)
    if errors := check_schema(obj, old):
        return AdmissionResult(object=obj, errors=tuple(errors))
    return _judged(obj, validate_jobset_update(obj, old, gates))


def check_schema(obj: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[FieldError]:
    """What the CustomResourceDefinition refuses: its schema, and then its rules if they can be checked."""
    return _with_rules(structural.validate(obj, jobset_schema()), obj, old)


def check_status(obj: Mapping[str, Any], old: Mapping[str, Any]) -> list[FieldError]:
    """What the CustomResourceDefinition refuses of a status that is written by itself."""
    schema = jobset_schema()
    errors = structural.validate_values(obj.get("status", {}), schema["properties"]["status"])
    errors = [_below_status(error) for error in errors]
    return _with_rules([*errors, *structural.list_duplicates(obj, schema)], obj, old)


def _below_status(error: FieldError) -> FieldError:
    """An error of the status as one of the whole object."""
    # compat: the API server checks a status by itself; the texts do not know where it belongs.
    field = "status" if error.field == NO_FIELD else join("status", error.field)
    return replace(error, field=field, at=join("status", error.at) if error.at else "")


def _with_rules(
    errors: list[FieldError], obj: Mapping[str, Any], old: Mapping[str, Any] | None
) -> list[FieldError]:
    if any(error.type in _BLOCKING for error in errors):
        return [*errors, invalid(NO_FIELD, None, _RULES_NOT_CHECKED)]
    return errors + check_rules(obj, old)


def _judged(obj: Mapping[str, Any], errors: Sequence[FieldError]) -> AdmissionResult:
    webhook = VALIDATING_WEBHOOK if errors else ""
    return AdmissionResult(object=obj, errors=tuple(errors), webhook=webhook)


def _with_status(obj: Mapping[str, Any], source: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {key: value for key, value in obj.items() if key != "status"}
    return {**kept, "status": source["status"]} if "status" in source else kept
