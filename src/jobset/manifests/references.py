"""What a JobSet refers to and these manifests do not contain."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobset.api.names import claim_name
from jobset.manifests.documents import Document
from jobset.manifests.problems import Problem, Severity

_Found = tuple[str, str, str]
"""Path, kind and name of a reference."""


def check_references(documents: Iterable[Document], namespace: str) -> Iterator[Problem]:
    """Warnings about ConfigMaps, Secrets and claims that pods need and that are not here."""
    documents = list(documents)
    present = {_identity(document, namespace) for document in documents}
    for document in documents:
        if document.value.get("kind") != "JobSet":
            continue
        where = _namespace(document, namespace)
        own = {("PersistentVolumeClaim", where, name) for name in _own_claims(document.value)}
        for path, kind, name in _references(document.value):
            if (kind, where, name) not in present | own:
                yield document.problem(
                    f"{kind} {name} is not in these manifests; pods wait until it exists",
                    f"add the {kind}, or make sure that it exists where this runs",
                    path,
                    value=name,
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


def _references(jobset: Mapping[str, Any]) -> Iterator[_Found]:
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


def _of_container(path: str, container: Mapping[str, Any]) -> Iterator[_Found]:
    for place, source in enumerate(_items(container.get("envFrom"))):
        yield from _named(f"{path}.envFrom[{place}].configMapRef", "ConfigMap", source.get("configMapRef"))
        yield from _named(f"{path}.envFrom[{place}].secretRef", "Secret", source.get("secretRef"))
    for place, variable in enumerate(_items(container.get("env"))):
        source = _mapping(variable.get("valueFrom"))
        at = f"{path}.env[{place}].valueFrom"
        yield from _named(f"{at}.configMapKeyRef", "ConfigMap", source.get("configMapKeyRef"))
        yield from _named(f"{at}.secretKeyRef", "Secret", source.get("secretKeyRef"))


def _of_volume(path: str, volume: Mapping[str, Any]) -> Iterator[_Found]:
    yield from _named(f"{path}.configMap", "ConfigMap", volume.get("configMap"))
    yield from _named(f"{path}.secret", "Secret", volume.get("secret"), "secretName")
    claim = volume.get("persistentVolumeClaim")
    yield from _named(f"{path}.persistentVolumeClaim", "PersistentVolumeClaim", claim, "claimName")
    for place, source in enumerate(_items(_mapping(volume.get("projected")).get("sources"))):
        at = f"{path}.projected.sources[{place}]"
        yield from _named(f"{at}.configMap", "ConfigMap", source.get("configMap"))
        yield from _named(f"{at}.secret", "Secret", source.get("secret"))


def _named(path: str, kind: str, reference: Any, key: str = "name") -> Iterator[_Found]:
    reference = _mapping(reference)
    name = reference.get(key)
    if isinstance(name, str) and name and not reference.get("optional"):
        yield f"{path}.{key}", kind, name


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [_mapping(item) for item in value] if isinstance(value, list) else []
