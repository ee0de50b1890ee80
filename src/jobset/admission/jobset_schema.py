"""The OpenAPI schema of `jobset.x-k8s.io/v1alpha2`, as its CustomResourceDefinition has it.

The rules under `x-kubernetes-validations` are data for the CustomResourceDefinition; `cel.py` carries them
out.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jobset.admission import schemas
from jobset.admission.crd_types import BOOLEAN, INT32, INTEGER, STRING, spelled_out
from jobset.admission.schemas import Schema
from jobset.api.jobset import (
    DependencyStatus,
    FailureAction,
    Operator,
    RestartStrategy,
    StartupOrder,
)
from jobset.api.status import MOST_JOB_RESTARTS

VALUE_IS_IMMUTABLE = "Value is immutable"
STARTUP_OR_DEPENDS_ON = "StartupPolicy and DependsOn APIs are mutually exclusive"
NO_CLAIM_NAMESPACE = "namespace cannot be set for VolumeClaimPolicies templates"

STARTUP_OR_DEPENDS_ON_RULE = (
    "!(has(self.startupPolicy) && self.startupPolicy.startupPolicyOrder == 'InOrder' "
    "&& self.replicatedJobs.exists(x, has(x.dependsOn)))"
)
NO_CLAIM_NAMESPACE_RULE = (
    "self.templates.all(t, !has(t.metadata.namespace) || size(t.metadata.namespace) == 0)"
)
IMMUTABLE_RULE = "self == oldSelf"

_REASON_PATTERN = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
_CONDITION_TYPE_PATTERN = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)


@cache
def jobset_schema() -> Schema:
    """The schema of a whole JobSet, built when it is first asked for."""
    return _object(
        {
            "apiVersion": STRING,
            "kind": STRING,
            "metadata": {"type": "object"},
            "spec": _spec(),
            "status": _status(),
        }
    )


def _spec() -> Schema:
    return _object(
        {
            "coordinator": _object(
                {"jobIndex": INTEGER, "podIndex": INTEGER, "replicatedJob": STRING},
                required=["replicatedJob"],
            ),
            "failurePolicy": _immutable(_failure_policy()),
            "managedBy": STRING,
            "network": _immutable(
                _object(
                    {
                        "enableDNSHostnames": BOOLEAN,
                        "publishNotReadyAddresses": BOOLEAN,
                        "subdomain": STRING,
                    }
                )
            ),
            "replicatedJobs": _map_list(_replicated_job(), "name"),
            "startupPolicy": _immutable(
                _object({"startupPolicyOrder": _enum(StartupOrder)}, required=["startupPolicyOrder"])
            ),
            "successPolicy": _immutable(
                _object(
                    {"operator": _enum(Operator), "targetReplicatedJobs": _atomic(STRING)},
                    required=["operator"],
                )
            ),
            "suspend": BOOLEAN,
            "ttlSecondsAfterFinished": {**INT32, "minimum": 0},
            "volumeClaimPolicies": _immutable({**_atomic(_claim_policy()), "maxItems": 50}),
        },
        rules=[(STARTUP_OR_DEPENDS_ON_RULE, STARTUP_OR_DEPENDS_ON)],
    )


def _replicated_job() -> Schema:
    depends_on = _object({"name": STRING, "status": _enum(DependencyStatus)}, required=["name", "status"])
    return _object(
        {
            "dependsOn": _immutable({**_map_list(depends_on, "name"), "maxItems": 5}),
            "groupName": {**STRING, "default": "default"},
            "name": STRING,
            "replicas": {**INT32, "minimum": 0, "default": 1},
            "template": spelled_out(schemas.JOB_TEMPLATE),
        },
        required=["name", "template"],
    )


def _failure_policy() -> Schema:
    strings: Schema = {"items": STRING, "type": "array"}
    rule = _object(
        {
            "action": _enum(FailureAction),
            "name": STRING,
            "onJobFailureMessagePatterns": strings,
            "onJobFailureReasons": strings,
            "targetReplicatedJobs": _atomic(STRING),
        },
        required=["action", "name"],
    )
    return _object(
        {
            "maxRestarts": INT32,
            "restartStrategy": {**_enum(RestartStrategy), "default": RestartStrategy.RECREATE.value},
            "rules": {"items": rule, "type": "array"},
        }
    )


def _claim_policy() -> Schema:
    when_deleted = {"default": "Delete", "enum": ["Delete", "Retain"], "type": "string"}
    return _object(
        {
            "retentionPolicy": _object({"whenDeleted": when_deleted}),
            "templates": {**_atomic(spelled_out(schemas.CLAIM)), "maxItems": 50},
        },
        rules=[(NO_CLAIM_NAMESPACE_RULE, NO_CLAIM_NAMESPACE)],
    )


def _status() -> Schema:
    restarts = {**_atomic(INT32), "maxItems": MOST_JOB_RESTARTS}
    counts = ("active", "failed", "ready", "succeeded", "suspended")
    replicated_job = _object(
        {
            **dict.fromkeys(counts, INT32),
            "jobRestarts": restarts,
            "jobRestartsCountTowardsMax": restarts,
            "name": STRING,
        },
        required=["active", "failed", "name", "ready", "succeeded", "suspended"],
    )
    return _object(
        {
            "conditions": _map_list(_condition(), "type"),
            "currentInPlaceRestartAttempt": {**INT32, "minimum": 0},
            "previousInPlaceRestartAttempt": {**INT32, "minimum": 0},
            "replicatedJobsStatus": _map_list(replicated_job, "name"),
            "restarts": INT32,
            "restartsCountTowardsMax": INT32,
            "terminalState": STRING,
        }
    )


def _condition() -> Schema:
    return _object(
        {
            "lastTransitionTime": spelled_out(schemas.TIME),
            "message": {"maxLength": 32768, "type": "string"},
            "observedGeneration": {"format": "int64", "minimum": 0, "type": "integer"},
            "reason": {"maxLength": 1024, "minLength": 1, "pattern": _REASON_PATTERN, "type": "string"},
            "status": {"enum": ["True", "False", "Unknown"], "type": "string"},
            "type": {"maxLength": 316, "pattern": _CONDITION_TYPE_PATTERN, "type": "string"},
        },
        required=["lastTransitionTime", "message", "reason", "status", "type"],
    )


def _object(
    properties: dict[str, Schema], required: Sequence[str] = (), rules: Sequence[tuple[str, str]] = ()
) -> Schema:
    schema: dict[str, Any] = {"properties": properties, "type": "object"}
    if required:
        schema["required"] = list(required)
    if rules:
        schema["x-kubernetes-validations"] = [{"message": text, "rule": rule} for rule, text in rules]
    return schema


def _immutable(schema: Schema) -> Schema:
    return {
        **schema,
        "x-kubernetes-validations": [{"message": VALUE_IS_IMMUTABLE, "rule": IMMUTABLE_RULE}],
    }


def _enum(values: Any) -> dict[str, Any]:
    return {"enum": [str(value) for value in values], "type": "string"}


def _atomic(items: Schema) -> Schema:
    return {"items": items, "type": "array", "x-kubernetes-list-type": "atomic"}


def _map_list(items: Schema, key: str) -> Schema:
    return {
        "items": items,
        "type": "array",
        "x-kubernetes-list-map-keys": [key],
        "x-kubernetes-list-type": "map",
    }
