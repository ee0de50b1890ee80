"""The environment and command line of a container: references resolved, `$(VAR)` expanded, in order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from jobset.api.quantity import Quantity, parse_quantity
from jobset.local.kubelet.facts import Object

PASSED_THROUGH = (
    "HOME",
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "USER",
    "LOGNAME",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
"""What a container gets from the caller's environment, besides every `LC_…`; `--env NAME` adds to it."""

_VARIABLE_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")
_DEFAULT_RESOURCES = ("cpu", "memory", "ephemeral-storage")


class CannotResolve(Exception):
    """A variable's source is missing now and may appear later."""


class Sources(Protocol):
    """Where values come from. None: there is no such object."""

    def config_map(self, name: str) -> Object | None: ...
    def secret_data(self, name: str) -> Mapping[str, str] | None: ...
    def field(self, path: str) -> str: ...
    def resource(self, container: str, resource: str, divisor: str) -> str: ...
    def file_key(self, volume: str, path: str, key: str) -> str | None: ...


class Environment(msgspec.Struct, frozen=True):
    """The variables of a container, and what had to be left out."""

    variables: Mapping[str, str]
    skipped: tuple[str, ...] = ()
    """One sentence for each source with keys that are no variable names."""


@dataclass(slots=True)
class _Builder:
    namespace: str
    container: str
    sources: Sources
    variables: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def inherited_environment(caller: Mapping[str, str], more: Sequence[str] = ()) -> dict[str, str]:
    """What every container gets from the environment of the caller."""
    wanted = {*PASSED_THROUGH, *more}
    return {name: value for name, value in caller.items() if name in wanted or name.startswith("LC_")}


def build_environment(container: Object, namespace: str, sources: Sources) -> Environment:
    """The container's own variables: first envFrom, then env in order; later ones win.

    Raises:
        CannotResolve: a source that is not optional is missing.
    """
    builder = _Builder(namespace, container["name"], sources)
    for source in container.get("envFrom") or ():
        _add_from(builder, source)
    for variable in container.get("env") or ():
        value = _value_of(builder, variable)
        if value is not None:
            builder.variables[variable["name"]] = value
    return Environment(builder.variables, tuple(builder.skipped))


def build_argv(container: Object, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The command line, expanded; empty when the container names no command."""
    command = container.get("command") or ()
    if not command:
        return ()
    return tuple(expand(text, variables) for text in (*command, *(container.get("args") or ())))


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with each `$(NAME)` replaced; `$$` is one `$`, an unknown name stays as it is."""
    if "$" not in text:
        return text

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return variables.get(match[2], match[0])

    return _REFERENCE.sub(replacement, text)


def _add_from(builder: _Builder, source: Object) -> None:
    kind = "ConfigMap" if "configMapRef" in source else "Secret"
    reference = source.get("configMapRef") or source.get("secretRef") or {}
    name = reference.get("name", "")
    data = _config_map_data(builder, name) if kind == "ConfigMap" else builder.sources.secret_data(name)
    if data is None:
        if reference.get("optional"):
            return
        raise CannotResolve(f'{kind.lower()} "{name}" not found')
    prefix = source.get("prefix") or ""
    bad = sorted(prefix + key for key in data if not _is_variable_name(prefix + key))
    builder.variables |= {prefix + key: value for key, value in data.items() if prefix + key not in bad}
    if bad:
        builder.skipped.append(
            f"Keys [{', '.join(bad)}] from the EnvFrom {_lower_first(kind)} {builder.namespace}/{name} were "
            "skipped since they are considered invalid environment variable names."
        )


def _lower_first(kind: str) -> str:
    return kind[0].lower() + kind[1:]


def _is_variable_name(name: str) -> bool:
    return bool(_VARIABLE_NAME.fullmatch(name)) and name != "." and not name.startswith("..")


def _config_map_data(builder: _Builder, name: str) -> Mapping[str, str] | None:
    found = builder.sources.config_map(name)
    return None if found is None else found.get("data") or {}


def _value_of(builder: _Builder, variable: Object) -> str | None:
    """The value of one entry of `env`; None when an optional source is missing."""
    source = variable.get("valueFrom")
    if variable.get("value") or not source:
        return expand(variable.get("value") or "", builder.variables)
    if "fieldRef" in source:
        return builder.sources.field(source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        reference = source["resourceFieldRef"]
        return builder.sources.resource(
            reference.get("containerName") or builder.container,
            reference["resource"],
            str(reference.get("divisor") or "0"),
        )
    if "configMapKeyRef" in source:
        return _config_map_key(builder, source["configMapKeyRef"])
    if "secretKeyRef" in source:
        return _secret_key(builder, source["secretKeyRef"])
    return _file_key(builder, source.get("fileKeyRef") or {})


def _config_map_key(builder: _Builder, reference: Object) -> str | None:
    name, key, optional = reference.get("name", ""), reference["key"], reference.get("optional")
    data = _config_map_data(builder, name)
    if data is not None and key in data:
        return data[key]
    if optional:
        return None
    if data is None:
        raise CannotResolve(f'configmap "{name}" not found')
    raise CannotResolve(f"couldn't find key {key} in ConfigMap {builder.namespace}/{name}")


def _secret_key(builder: _Builder, reference: Object) -> str | None:
    name, key, optional = reference.get("name", ""), reference["key"], reference.get("optional")
    data = builder.sources.secret_data(name)
    if data is not None and key in data:
        return data[key]
    if optional:
        return None
    if data is None:
        raise CannotResolve(f'secret "{name}" not found')
    raise CannotResolve(f"couldn't find key {key} in Secret {builder.namespace}/{name}")


def _file_key(builder: _Builder, reference: Object) -> str | None:
    volume, path = reference.get("volumeName", ""), reference.get("path", "")
    key = reference.get("key", "")
    value = builder.sources.file_key(volume, path, key)
    if value is None and not reference.get("optional"):
        raise CannotResolve(f"couldn't find key {key} in file {path} of volume {volume}")
    return value


def pod_field(pod: Object, path: str, address: str, host_address: str) -> str:
    """What a `fieldRef` stands for; an unknown path gives an empty text."""
    metadata, spec = pod["metadata"], pod["spec"]
    subscript = re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path)
    if subscript:
        return str((metadata.get(subscript[1]) or {}).get(subscript[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        return format_map(metadata.get(path.removeprefix("metadata.")) or {})
    values = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata.get("uid", ""),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName") or "default",
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": host_address,
        "status.hostIPs": host_address,
    }
    return str(values.get(path, ""))


def format_map(pairs: Mapping[str, str]) -> str:
    """Labels or annotations as a downward API file has them: sorted `key="value"` lines."""
    return "\n".join(f"{key}={_go_quoted(value)}" for key, value in sorted(pairs.items()))


def _go_quoted(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    shown = (escapes.get(c) or (c if c.isprintable() else f"\\x{ord(c):02x}") for c in text)
    return f'"{"".join(shown)}"'


def resource_field(container: Object, resource: str, divisor: str, allocatable: Mapping[str, Any]) -> str:
    """What a `resourceFieldRef` stands for; a limit that is not set is what the node can give."""
    source, _, name = resource.partition(".")
    given = (container.get("resources") or {}).get(source) or {}
    fallback = allocatable.get(name) if source == "limits" and name in _DEFAULT_RESOURCES else None
    text = given.get(name, fallback)
    if text is None:
        return "0"
    amount, unit = parse_quantity(text), parse_quantity(divisor)
    return str(_divided_up(amount, unit if unit.nano else parse_quantity("1")))


def _divided_up(amount: Quantity, unit: Quantity) -> int:
    return -(-amount.nano // unit.nano)
