"""Offline checks: everything that an API server would refuse, and what would fail later."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobset.admission import schemas, structural
from jobset.admission.claim_validation import ExistingClaim
from jobset.admission.unknown_fields import nearest
from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.errors import ApiError
from jobset.local.decoding import decode
from jobset.local.kinds import meta
from jobset.local.kinds.registry import KINDS
from jobset.local.kinds.rules import KindRules
from jobset.manifests.advice import told_once
from jobset.manifests.base64_check import check_base64
from jobset.manifests.documents import Document, Documents
from jobset.manifests.jobset_check import check_jobset, problem_of
from jobset.manifests.problems import Problem, Severity
from jobset.manifests.references import check_references
from jobset.manifests.unknown import check_unknown

JOBSET = (keys.API_VERSION, "JobSet")
LIST = ("v1", "List")
MAX_OBJECT_BYTES = 3 << 20

_UID = "00000000-0000-4000-8000-000000000000"


def check(
    documents: Documents, namespace: str = "default", gates: FeatureGates | None = None
) -> list[Problem]:
    """Every problem of the manifests, file by file and line by line.

    `namespace` is for objects that name none.
    """
    gates = gates or FeatureGates()
    found = [*documents.problems]
    usable = []
    for document in documents:
        problems = list(_check_form(document))
        found += problems
        if not problems:
            usable.append(document)
    found += _check_duplicates(usable, namespace)
    for document in usable:
        if kind_of(document) == JOBSET:
            claims = _claims_beside(document, usable, namespace)
            found += check_jobset(document, namespace, gates, claims)
        else:
            found += _check_built_in(document, KINDS[kind_of(document)], namespace)
    found += check_references(usable, namespace)
    return _sorted(found, documents)


def kind_of(document: Document) -> tuple[str, str]:
    """`apiVersion` and `kind`."""
    return document.value.get("apiVersion", ""), document.value.get("kind", "")


def _sorted(problems: Iterable[Problem], documents: Documents) -> list[Problem]:
    files = list(dict.fromkeys([*(p.file for p in documents.problems), *(d.file for d in documents)]))
    unique = {(p.file, p.line, p.object, p.field, p.message): p for p in reversed(list(problems))}
    return sorted(unique.values(), key=lambda p: (files.index(p.file), p.line, p.column, p.field, p.message))


def _check_form(document: Document) -> Iterator[Problem]:
    """What keeps an object from being looked at any further."""
    value = document.value
    if not isinstance(value, Mapping):
        what = structural.json_type(value)
        yield document.problem(
            f"an object is expected, and this is of type {what}",
            "write fields: apiVersion, kind, metadata, spec",
        )
        return
    for name in ("apiVersion", "kind"):
        if not isinstance(text := value.get(name), str) or not text:
            yield document.problem(
                f"{name} is missing or no text", f"add {name}, such as {_example(name)}", name
            )
            return
    if kind_of(document) != JOBSET and kind_of(document) not in KINDS:
        yield _unknown_kind(document)
    elif "metadata" in value and not isinstance(value["metadata"], Mapping):
        yield document.problem(
            "metadata must be an object", "write fields below metadata, at least a name", "metadata"
        )
    elif len(json.dumps(value)) > MAX_OBJECT_BYTES:
        message = f"the object is larger than the {MAX_OBJECT_BYTES} bytes that an API server takes"
        yield document.problem(message, "put big data into a volume, or split the object")


def _example(name: str) -> str:
    return JOBSET[0] if name == "apiVersion" else JOBSET[1]


def _unknown_kind(document: Document) -> Problem:
    api_version, kind = kind_of(document)
    known = [JOBSET, *KINDS]
    if (api_version, kind) == LIST:
        return document.problem(
            "items must be a list", "write each item on its own line, starting with '- '", "items"
        )
    if "items" in document.value and (api_version, kind.removesuffix("List")) in known:
        remedy = "write apiVersion: v1 and kind: List, with whole objects as its items"
        return document.problem(f"a {kind} is not read here", remedy, "kind", value=kind)
    for other_version, other_kind in known:
        if other_kind == kind:
            return document.problem(
                f"there is no kind {kind} in {api_version}",
                f"write apiVersion: {other_version}",
                "apiVersion",
                value=api_version,
            )
    kinds = {known_kind: version for version, known_kind in reversed(known)}
    if near := nearest(kind, kinds):
        remedy = f"did you mean {near[0]} of {kinds[near[0]]}?"
        return document.problem(f"unknown kind {kind}", remedy, "kind", value=kind)
    group, _, _ = api_version.rpartition("/")
    is_foreign = "." in group and not group.endswith((".k8s.io", "jobset.x-k8s.io"))
    remedy = "leave it out here" if is_foreign else "use JobSet and the kinds of Kubernetes that it needs"
    return document.problem(
        f"kind {kind} of {api_version} is not known here, so it is not checked"
        if is_foreign
        else f"unknown kind {kind} of {api_version}",
        remedy,
        "kind",
        value=kind,
        severity=Severity.WARNING if is_foreign else Severity.ERROR,
    )


def _check_duplicates(documents: Iterable[Document], namespace: str) -> Iterator[Problem]:
    first: dict[tuple[Any, ...], Document] = {}
    for document in documents:
        metadata = document.value.get("metadata", {})
        name = metadata.get("name")
        if not isinstance(name, str):
            continue
        identity = (kind_of(document), str(metadata.get("namespace") or namespace), name)
        if (earlier := first.setdefault(identity, document)) is not document:
            line, _ = earlier.place("metadata.name")
            yield document.problem(
                f"{document.title} is there twice; first in {earlier.file}, line {line}",
                "remove or rename one of the two",
                "metadata.name",
                value=name,
            )


def _check_built_in(document: Document, rules: KindRules, namespace: str) -> Iterator[Problem]:
    schema = schemas.component(rules.schema)
    yield from check_unknown(document, document.value, schema)
    if wrong := structural.validate(document.value, schema):
        yield from (problem_of(document, error) for error in told_once(wrong))
        return
    obj = _as_created(document.value, rules, namespace)
    if isinstance(obj, ApiError):
        yield from check_base64(document) or [document.problem(str(obj), "write a value of the right type")]
        return
    is_namespaced = rules.resource.namespaced
    errors = meta.validate_meta_create(obj["metadata"], is_namespaced, rules.validate_name)
    for error in [*errors, *rules.validate_create(obj)]:
        yield problem_of(document, error)


def _as_created(value: Mapping[str, Any], rules: KindRules, namespace: str) -> Mapping[str, Any] | ApiError:
    try:
        decoded = decode(value, rules, "Ignore").object
    except ApiError as error:
        return error
    given = decoded.get("metadata", {})
    metadata = {**({"namespace": namespace} if rules.resource.namespaced else {}), **given, "uid": _UID}
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = f"{metadata['generateName']}xxxxx"
    return rules.prepare_create(rules.default({**decoded, "metadata": metadata}))


def _claims_beside(
    document: Document, documents: Iterable[Document], namespace: str
) -> Mapping[str, ExistingClaim]:
    """The claims of the JobSet's namespace that stand in the same manifests, as they would be stored."""
    where = document.value.get("metadata", {}).get("namespace") or namespace
    rules = KINDS["v1", "PersistentVolumeClaim"]
    claims: dict[str, ExistingClaim] = {}
    for other in documents:
        metadata = other.value.get("metadata", {})
        if (
            kind_of(other) != ("v1", "PersistentVolumeClaim")
            or (metadata.get("namespace") or namespace) != where
        ):
            continue
        if structural.validate(other.value, schemas.component(rules.schema)):
            continue
        stored = _as_created(other.value, rules, namespace)
        if not isinstance(stored, ApiError):
            claims[str(metadata.get("name"))] = stored
    return claims
