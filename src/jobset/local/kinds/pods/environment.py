"""Validation of environment variables and of references to fields, resources and keys."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobset.admission.field_errors import invalid, not_supported, required
from jobset.local.kinds import formats
from jobset.local.kinds.checks import (
    Problems,
    config_map_key,
    dns_subdomain,
    not_found,
    qualified_name,
    quantity_of,
)

Struct = Mapping[str, Any]

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")
_KNOWN_LABELS = {
    *ENV_FIELDS,
    *VOLUME_FIELDS,
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.host",
    "status.phase",
}
_SUBSCRIPTED = ("metadata.annotations", "metadata.labels")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_BYTE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")


def check_env(variables: Sequence[Struct], path: str, volumes: Mapping[str, Struct]) -> Problems:
    """The environment variables of a container."""
    for index, variable in enumerate(variables):
        here, name = f"{path}[{index}]", variable.get("name") or ""
        if not name:
            yield required(f"{here}.name")
        else:
            for problem in formats.env_var_name(name):
                yield invalid(f"{here}.name", name, problem)
        if variable.get("valueFrom") is not None:
            yield from _value_from(variable, f"{here}.valueFrom", volumes)


def check_env_from(sources: Sequence[Struct], path: str) -> Problems:
    """The ConfigMaps and Secrets whose keys become environment variables."""
    for index, source in enumerate(sources):
        here = f"{path}[{index}]"
        if prefix := source.get("prefix"):
            for problem in formats.env_var_name(prefix):
                yield invalid(f"{here}.prefix", prefix, problem)
        given = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
        for kind in given:
            name = source[kind].get("name") or ""
            if not name:
                yield required(f"{here}.{kind}.name")
            else:
                yield from dns_subdomain(f"{here}.{kind}.name", name)
        if not given:
            # compat: the server names the list here, not the entry.
            yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            yield invalid(path, "", "may not have more than one field specified at a time")


def check_field_ref(reference: Struct, path: str, allowed: Sequence[str]) -> Problems:
    """A reference to a field of the pod."""
    version, label = reference.get("apiVersion") or "", reference.get("fieldPath") or ""
    if not version:
        yield required(f"{path}.apiVersion")
        return
    if not label:
        yield required(f"{path}.fieldPath")
        return
    base, subscript = split_subscript(label)
    if problem := _conversion_problem(version, label, base, subscript):
        yield invalid(f"{path}.fieldPath", label, f"error converting fieldPath: {problem}")
    elif subscript is not None:
        key = subscript.lower() if base == "metadata.annotations" else subscript
        yield from qualified_name(path, key)
    elif (label := "spec.nodeName" if label == "spec.host" else label) not in allowed:
        yield not_supported(f"{path}.fieldPath", label, allowed)


def split_subscript(label: str) -> tuple[str, str | None]:
    """`metadata.labels['a']` in two parts; without a subscript the second is None."""
    if not label.endswith("']"):
        return label, None
    base, opening, key = label[:-2].partition("['")
    return (base, key) if opening and base else (label, None)


def check_resource_ref(reference: Struct, path: str, needs_container: bool) -> Problems:
    """A reference to a resource of a container."""
    resource = reference.get("resource") or ""
    if needs_container and not reference.get("containerName"):
        yield required(f"{path}.containerName")
    elif not resource:
        yield required(f"{path}.resource")
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        yield not_supported(f"{path}.resource", resource, _RESOURCES)
    yield from _divisor(resource, reference.get("divisor"), path)


def _value_from(variable: Struct, path: str, volumes: Mapping[str, Struct]) -> Problems:
    source = variable["valueFrom"]
    given = [kind for kind in _SOURCES if source.get(kind) is not None]
    for kind in given:
        here, reference = f"{path}.{kind}", source[kind]
        match kind:
            case "fieldRef":
                yield from check_field_ref(reference, here, ENV_FIELDS)
            case "resourceFieldRef":
                yield from check_resource_ref(reference, here, needs_container=False)
            case "fileKeyRef":
                yield from _file_key(reference, here, volumes)
            case _:
                yield from _key(reference, here)
    if not given:
        listed = ", ".join(f"`{kind}`" for kind in _SOURCES[:-1])
        yield invalid(path, "", f"must specify one of: {listed} or `{_SOURCES[-1]}`")
    if variable.get("value"):
        if given:
            yield invalid(path, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")


def _conversion_problem(version: str, label: str, base: str, subscript: str | None) -> str:
    if version != "v1":
        return f"unsupported pod version: {version}"
    if subscript is not None:
        return "" if base in _SUBSCRIPTED else f"field label does not support subscript: {label}"
    return "" if label in _KNOWN_LABELS else f"field label not supported: {label}"


def _key(reference: Struct, path: str) -> Problems:
    yield from dns_subdomain(f"{path}.name", reference.get("name") or "")
    if not reference.get("key"):
        yield required(f"{path}.key")
    else:
        yield from config_map_key(f"{path}.key", reference["key"])


def _file_key(reference: Struct, path: str, volumes: Mapping[str, Struct]) -> Problems:
    if not reference.get("key"):
        yield required(f"{path}.key")
    else:
        for problem in formats.env_var_name(reference["key"]):
            yield invalid(f"{path}.key", reference["key"], problem)
    name = reference.get("volumeName") or ""
    if not name:
        yield required(f"{path}.volumeName")
    elif name not in volumes:
        yield not_found(f"{path}.volumeName", name)
    elif volumes[name].get("emptyDir") is None:
        yield invalid(f"{path}.volumeName", name, "referenced volume must be of type emptyDir")
    if not reference.get("path"):
        yield required(f"{path}.path")


def _divisor(resource: str, divisor: Any, path: str) -> Problems:
    amount = quantity_of(divisor) if divisor is not None else None
    if amount is None or amount.nano == 0:
        return
    if resource in ("limits.cpu", "requests.cpu"):
        if str(divisor) not in ("1m", "1"):
            words = "only divisor's values 1m and 1 are supported with the cpu resource"
            yield invalid(f"{path}.divisor", resource, words)
        return
    kind = "memory" if resource.endswith(".memory") else "local ephemeral storage"
    kind = "hugepages" if resource.startswith(_HUGE_PAGES) else kind
    if resource and str(divisor) not in _BYTE_DIVISORS:
        yield invalid(
            f"{path}.divisor",
            resource,
            f"only divisor's values {', '.join(_BYTE_DIVISORS)} are supported with the {kind} resource",
        )
