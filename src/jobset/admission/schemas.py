"""The Kubernetes 1.36 component schemas, read from package data when they are first asked for."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

Schema: TypeAlias = Mapping[str, Any]
"""An OpenAPI v3 schema as JSON. Shared by everybody: never changed in place."""

JOB_TEMPLATE = "io.k8s.api.batch.v1.JobTemplateSpec"
CLAIM = "io.k8s.api.core.v1.PersistentVolumeClaim"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LABEL_SELECTOR = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"
CONDITION = "io.k8s.apimachinery.pkg.apis.meta.v1.Condition"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.Time"
MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"

_REF = "#/components/schemas/"


def component(name: str) -> Schema:
    """The schema called `name`, such as `io.k8s.api.core.v1.Pod`.

    Raises:
        KeyError: there is no such component.
    """
    schema: Schema = _components()[name]
    return schema


def reference(schema: Schema) -> str | None:
    """The name of the component that `schema` stands for; None when it is spelled out."""
    if (target := schema.get("$ref")) is None:
        wrapped = schema.get("allOf")
        target = wrapped[0].get("$ref") if wrapped else None
    return target.removeprefix(_REF) if target is not None else None


def resolve(schema: Schema) -> Schema:
    """The schema itself, or the component that it refers to (without the `default` beside the reference)."""
    name = reference(schema)
    return schema if name is None else component(name)


@cache
def component_of_kind() -> Mapping[tuple[str, str], str]:
    """The component's name for every built-in `(apiVersion, kind)`."""
    found = {}
    for name, schema in _components().items():
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            group = f"{gvk['group']}/" if gvk["group"] else ""
            found[f"{group}{gvk['version']}", gvk["kind"]] = name
    return MappingProxyType(found)


@cache
def resources() -> Mapping[str, list[dict[str, Any]]]:
    """What discovery lists, by group path: `api/v1`, `apis/batch/v1`, …"""
    return MappingProxyType(_read("resources-1.36.json"))


@cache
def _components() -> dict[str, Any]:
    return _read("kubernetes-1.36.json")


def _read(file_name: str) -> dict[str, Any]:
    # importlib.resources would cost more to import than the file takes to read.
    data = (Path(__file__).parent / "data" / file_name).read_bytes()
    return msgspec.json.decode(data, type=dict[str, Any])
