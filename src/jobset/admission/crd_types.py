"""Kubernetes types as a CustomResourceDefinition spells them out: no references, no enums, few defaults."""

from functools import cache
from typing import Any

from jobset.admission import schemas
from jobset.admission.schemas import Schema

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
INTEGER: Schema = {"type": "integer"}
INT32: Schema = {"type": "integer", "format": "int32"}
STRINGS: Schema = {"additionalProperties": STRING, "type": "object"}

_QUANTITY_PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
INT_OR_STRING: Schema = {
    "anyOf": [INTEGER, STRING],
    "x-kubernetes-int-or-string": True,
}
QUANTITY: Schema = {**INT_OR_STRING, "pattern": _QUANTITY_PATTERN}

EMBEDDED_METADATA: Schema = {
    "properties": {
        "annotations": STRINGS,
        "finalizers": {"items": STRING, "type": "array"},
        "labels": STRINGS,
        "name": STRING,
        "namespace": STRING,
    },
    "type": "object",
}

_TIME: Schema = {"format": "date-time", "type": "string"}
_SPELLED_OUT = {
    schemas.QUANTITY: QUANTITY,
    schemas.INT_OR_STRING: INT_OR_STRING,
    schemas.OBJECT_META: EMBEDDED_METADATA,
    schemas.TIME: _TIME,
}
_KEPT = (
    "type",
    "format",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)
# compat: defaults that come from how Go writes a type, or by reference to a constant, are not in a CRD.
_NOT_DEFAULTED = {
    ("io.k8s.api.core.v1.AzureDiskVolumeSource", "cachingMode"),
    ("io.k8s.api.core.v1.AzureDiskVolumeSource", "kind"),
    ("io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern", "status"),
}


@cache
def spelled_out(name: str) -> Schema:
    """The component called `name` as part of a CustomResourceDefinition."""
    if (known := _SPELLED_OUT.get(name)) is not None:
        return known
    component = schemas.component(name)
    fields = component.get("properties", {})
    schema = _kept(component)
    required = component.get("required", ())
    schema["properties"] = {field: _field(name, field, fields[field], field in required) for field in fields}
    return schema


def _field(component: str, name: str, schema: Schema, is_required: bool) -> Schema:
    spelled = _spell(schema)
    has_own_default = "default" in schema and not is_required and not isinstance(schema["default"], dict)
    if has_own_default and (component, name) not in _NOT_DEFAULTED:
        return {**spelled, "default": schema["default"]}
    return spelled


def _spell(schema: Schema) -> Schema:
    if (target := schemas.reference(schema)) is not None:
        return spelled_out(target)
    spelled = _kept(schema)
    for part in ("items", "additionalProperties"):
        if part in schema:
            spelled[part] = _spell(schema[part])
    return spelled


def _kept(schema: Schema) -> dict[str, Any]:
    return {key: schema[key] for key in _KEPT if key in schema}
