"""What a JobSet refers to and these manifests do not contain."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jobset.api.names import claim_name
from jobset.manifests.documents import Document
from jobset.manifests.problems import Problem, Severity


class _Reference(NamedTuple):
    """What something in a JobSet needs; paths lead to where it says so."""

    path: str
    kind: str
    name: str
    keys: tuple[tuple[str, str], ...] = ()
    """The keys that the object must have: path and key."""


def check_references(documents: Iterable[Document], namespace: str) -> Iterator[Problem]:
    """Warnings about ConfigMaps, Secrets, their keys and claims that pods need and that are not here."""
    documents = list(documents)
    present = {_identity(document, namespace): document.value for document in documents}
    for document in documents:
        if document.value.get("kind") != "JobSet":
            continue
        where = _namespace(document, namespace)
        own = {("PersistentVolumeClaim", where, name) for name in _own_claims(document.value)}
        for reference in _references(document.value):
            identity = (reference.kind, where, reference.name)
            if identity in present:
                yield from _missing_keys(document, reference, present[identity])
            elif identity not in own:
                yield document.problem(
                    f"{reference.kind} {reference.name} is not in these manifests; pods wait until it exists",
                    f"add the {reference.kind}, or make sure that it exists where this runs",
                    reference.path,
                    value=reference.name,
                    severity=Severity.WARNING,
                )


def _missing_keys(document: Document, reference: _Reference, obj: Mapping[str, Any]) -> Iterator[Problem]:
    present = {key for part in ("data", "binaryData", "stringData") for key in _mapping(obj.get(part))}
    for path, key in reference.keys:
        if key not in present:
            yield document.problem(
                f"{reference.kind} {reference.name} has no key {key}; pods wait until it has",
                f"add the key to the {reference.kind}, correct it, or make it optional",
                path,
                value=key,
                severity=Severity.WARNING,
            )


def _identity(document: Document, namespace: str) -> tuple[str, str, str]:
    metadata = _mapping(document.value.get("metadata"))
    return str(document.value.get("kind")), _namespace(document, namespace), str(metadata.get("name"))


def _namespace(document: Document, namespace: str) -> str:
    return str(_mapping(document.value.get("metadata")).get("namespace") or namespace)


def _own_claims(jobset: Mapping[str, Any]) -> Iterator[str]:
    name = str(_mapping(jobset.get("metadata")).get("name"))
    for policy in _items(_mapping(jobset.get("spec")).get("volumeClaimPolicies")):
        for template in _items(policy.get("templates")):
            yield claim_name(str(_mapping(template.get("metadata")).get("name")), name)


def _references(jobset: Mapping[str, Any]) -> Iterator[_Reference]:
    for index, job in enumerate(_items(_mapping(jobset.get("spec")).get("replicatedJobs"))):
        spec = job
        for name in ("template", "spec", "template", "spec"):
            spec = _mapping(spec.get(name))
        path = f"spec.replicatedJobs[{index}].template.spec.template.spec"
        for kind in ("initContainers", "containers"):
            for place, container in enumerate(_items(spec.get(kind))):
                yield from _of_container(f"{path}.{kind}[{place}]", container)
        for place, volume in enumerate(_items(spec.get("volumes"))):
            yield from _of_volume(f"{path}.volumes[{place}]", volume)


def _of_container(path: str, container: Mapping[str, Any]) -> Iterator[_Reference]:
    for place, source in enumerate(_items(container.get("envFrom"))):
        yield from _named(f"{path}.envFrom[{place}].configMapRef", "ConfigMap", source.get("configMapRef"))
        yield from _named(f"{path}.envFrom[{place}].secretRef", "Secret", source.get("secretRef"))
    for place, variable in enumerate(_items(container.get("env"))):
        source = _mapping(variable.get("valueFrom"))
        at = f"{path}.env[{place}].valueFrom"
        yield from _named(f"{at}.configMapKeyRef", "ConfigMap", source.get("configMapKeyRef"))
        yield from _named(f"{at}.secretKeyRef", "Secret", source.get("secretKeyRef"))


def _of_volume(path: str, volume: Mapping[str, Any]) -> Iterator[_Reference]:
    yield from _named(f"{path}.configMap", "ConfigMap", volume.get("configMap"))
    yield from _named(f"{path}.secret", "Secret", volume.get("secret"), "secretName")
    claim = volume.get("persistentVolumeClaim")
    yield from _named(f"{path}.persistentVolumeClaim", "PersistentVolumeClaim", claim, "claimName")
    for place, source in enumerate(_items(_mapping(volume.get("projected")).get("sources"))):
        at = f"{path}.projected.sources[{place}]"
        yield from _named(f"{at}.configMap", "ConfigMap", source.get("configMap"))
        yield from _named(f"{at}.secret", "Secret", source.get("secret"))


def _named(path: str, kind: str, reference: Any, key: str = "name") -> Iterator[_Reference]:
    reference = _mapping(reference)
    name = reference.get(key)
    if isinstance(name, str) and name and not reference.get("optional"):
        yield _Reference(f"{path}.{key}", kind, name, tuple(_keys(path, reference)))


def _keys(path: str, reference: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The key of a reference from a variable, or those of the items of a volume."""
    if isinstance(reference.get("key"), str):
        yield f"{path}.key", reference["key"]
    for place, item in enumerate(_items(reference.get("items"))):
        if isinstance(item.get("key"), str):
            yield f"{path}.items[{place}].key", item["key"]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [_mapping(item) for item in value] if isinstance(value, list) else []
