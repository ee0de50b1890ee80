"""The CustomResourceDefinition of JobSets."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.crd_descriptions import DESCRIPTIONS, JOBSET
from jobset.admission.jobset_schema import jobset_schema
from jobset.admission.schema_check import join
from jobset.admission.schemas import Schema

NAME = "jobsets.jobset.x-k8s.io"

_GROUP, _VERSION = "jobset.x-k8s.io", "v1alpha2"
# compat: tools look for the version of the generator whose form this is.
_ANNOTATIONS = {"controller-gen.kubebuilder.io/version": "v0.17.2"}
_COLUMNS = (
    {
        "description": "Final state of JobSet",
        "jsonPath": ".status.terminalState",
        "name": "TerminalState",
        "type": "string",
    },
    {
        "description": "Number of restarts",
        "jsonPath": ".status.restarts",
        "name": "Restarts",
        "type": "string",
    },
    {
        "jsonPath": '.status.conditions[?(@.type=="Completed")].status',
        "name": "Completed",
        "type": "string",
    },
    {
        "description": "JobSet suspended",
        "jsonPath": ".spec.suspend",
        "name": "Suspended",
        "type": "string",
    },
    {
        "description": "Time this JobSet was created",
        "jsonPath": ".metadata.creationTimestamp",
        "name": "Age",
        "type": "date",
    },
)


def build_crd() -> dict[str, Any]:
    """The definition as an administrator installs it."""
    version = {
        "additionalPrinterColumns": list(_COLUMNS),
        "name": _VERSION,
        "schema": {"openAPIV3Schema": _told(described(jobset_schema(), DESCRIPTIONS), JOBSET)},
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"annotations": _ANNOTATIONS, "name": NAME},
        "spec": {
            "group": _GROUP,
            "names": {"kind": "JobSet", "listKind": "JobSetList", "plural": "jobsets", "singular": "jobset"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def described(schema: Schema, texts: Mapping[str, str], path: str = "") -> Schema:
    """The schema with a description in each field that `texts` has one for, by its path."""
    if "items" in schema:
        return {**schema, "items": described(schema["items"], texts, path)}
    if not any(text.startswith(path) for text in texts) or "properties" not in schema:
        return schema
    fields = {
        name: _told(described(field, texts, join(path, name)), texts.get(join(path, name)))
        for name, field in schema["properties"].items()
    }
    return {**schema, "properties": fields}


def _told(field: Schema, text: str | None) -> Schema:
    return field if text is None else {**field, "description": text}
