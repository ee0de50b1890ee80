"""Judge one case of admission.json by our functions."""

import re
import traceback
from collections.abc import Mapping
from typing import Any

from jobset.admission.defaults import default_jobset
from jobset.admission.field_errors import FieldError, invalid_status
from jobset.admission.jobset import GROUP, KIND, AdmissionResult, admit_create, admit_update
from jobset.admission.pods import Refusal, mutate_pod, validate_pod
from jobset.admission.updates import validate_jobset_update
from jobset.admission.validation import validate_jobset
from jobset.api.gates import FeatureGates
from tests.parity.comparing import difference

Case = dict[str, Any]


def check(case: Case) -> str | None:
    """None when the case passes, otherwise the difference."""
    try:
        return _CHECKS[case["kind"]](case)
    except Exception:
        return traceback.format_exc(limit=-3)


def _check_default(case: Case) -> str | None:
    return difference(case["expect"]["output"], default_jobset(case["input"]))


def _check_create(case: Case) -> str | None:
    claims = _by_name(case, "PersistentVolumeClaim")
    return _compare(case, _status(case, validate_jobset(case["input"], _gates(case), claims)))


def _check_update(case: Case) -> str | None:
    errors = validate_jobset_update(case["input"], case["old"], _gates(case))
    return _compare(case, _status(case, errors))


def _check_pod_mutation(case: Case) -> str | None:
    answer = mutate_pod(case["input"], _objects(case, "Pod"), _by_name(case, "Node"))
    if isinstance(answer, Refusal):
        return _compare(case, _refusal(answer))
    return _compare(case, None) or difference(case["expect"].get("output", answer), answer)


def _check_pod_validation(case: Case) -> str | None:
    answer = validate_pod(case["input"], _objects(case, "Pod"))
    return _compare(case, _refusal(answer) if answer else None)


def _check_api_create(case: Case) -> str | None:
    claims = _by_name(case, "PersistentVolumeClaim")
    return _compare_written(case, admit_create(case["input"], _gates(case), claims))


def _check_api_update(case: Case) -> str | None:
    first = admit_create(case["old"], _gates(case), _by_name(case, "PersistentVolumeClaim"))
    if not first.is_allowed:
        return f"the object before the update is refused: {first.status()['message']}"
    status = {"status": case["old"]["status"]} if "status" in case["old"] else {}
    return _compare_written(case, admit_update(case["input"], {**first.object, **status}, _gates(case)))


_CHECKS = {
    "default": _check_default,
    "validate_create": _check_create,
    "validate_update": _check_update,
    "pod_mutate": _check_pod_mutation,
    "pod_validate": _check_pod_validation,
    "api_create": _check_api_create,
    "api_update": _check_api_update,
}
KINDS = tuple(_CHECKS)


def _compare_written(case: Case, result: AdmissionResult) -> str | None:
    status = None if result.is_allowed else result.status()
    if found := _compare(case, status):
        return found
    expect = case["expect"]
    if status is not None and expect.get("layer") not in (None, "webhook" if result.webhook else "crd"):
        return f"refused by the wrong layer: {status['message']}"
    if "output" not in expect:
        return None
    return difference(expect["output"].get("spec"), result.object.get("spec"))


def _compare(case: Case, status: Mapping[str, Any] | None) -> str | None:
    """How an answer differs from what is expected; no status means that the request passes."""
    expect = case["expect"]
    if expect["allowed"] != (status is None):
        return f"allowed: expected {expect['allowed']}, got {status}"
    if status is None:
        return None
    for text in expect.get("error_contains") or ():
        if text not in status["message"]:
            return f"message: expected {text!r} in {status['message']!r}"
    for key in ("code", "reason"):
        if expect.get(key) is not None and expect[key] != status[key]:
            return f"{key}: expected {expect[key]}, got {status[key]}"
    return None


def _status(case: Case, errors: list[FieldError]) -> dict[str, Any] | None:
    name = case["input"].get("metadata", {}).get("name", "")
    return invalid_status(GROUP, KIND, name, errors) if errors else None


def _refusal(refusal: Refusal) -> dict[str, Any]:
    # The cases were recorded without a cache: then an error names the resource, otherwise the kind.
    message = re.sub('^Node "', 'nodes "', refusal.message)
    return {"message": message, "code": refusal.code, "reason": refusal.reason}


def _gates(case: Case) -> FeatureGates:
    on = case["features"]
    return FeatureGates(
        in_place_restart=on.get("InPlaceRestart", False),
        restart_job=on.get("RestartJob", False),
        elastic_jobset=on.get("ElasticJobSet", False),
    )


def _objects(case: Case, kind: str) -> list[dict[str, Any]]:
    return [obj for obj in case.get("context", {}).get("objects", ()) if obj["kind"] == kind]


def _by_name(case: Case, kind: str) -> dict[str, dict[str, Any]]:
    return {obj["metadata"]["name"]: obj for obj in _objects(case, kind)}
