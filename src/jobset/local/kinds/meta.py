"""ObjectMeta: which names, labels, annotations, owners and finalizers an API server accepts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobset.admission.field_errors import FieldError, forbidden, invalid, required, too_long
from jobset.local.kinds import formats
from jobset.local.kinds.checks import immutable

ANNOTATIONS_SIZE = 256 * 1024
STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
subdomain_name = formats.name_problems(formats.dns1123_subdomain)
label_name = formats.name_problems(formats.dns1123_label)

_OWNER_FIELDS = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
_IMMUTABLE = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)

Meta = Mapping[str, Any]


def validate_meta_create(
    meta: Meta,
    namespaced: bool,
    name_check: formats.NameProblems | None = None,
    path: str = "metadata",
    custom: bool = False,
) -> list[FieldError]:
    """Every problem of the metadata of a new object; `custom` for kinds that a CRD defines.

    `name_check` is the kind's `validate_name`; None means a DNS subdomain.
    """
    check = name_check or subdomain_name
    errors = [*_name(meta, check, path), *_namespace(meta, namespaced, path)]
    if (generation := meta.get("generation") or 0) < 0:
        errors.append(invalid(f"{path}.generation", generation, "must be greater than or equal to 0"))
    errors += _descriptive(meta, path)
    errors += _finalizers(meta.get("finalizers") or (), f"{path}.finalizers", custom)
    return errors


def validate_meta_update(
    new: Meta,
    old: Meta,
    namespaced: bool = True,
    name_check: formats.NameProblems | None = None,
    custom: bool = False,
) -> list[FieldError]:
    """Every problem of changed metadata; `new` carries a resourceVersion.

    # compat: built-in kinds check what is new and then the whole once more, so that causes come twice;
    # custom resources check once.
    """
    errors = list(_changes(new, old, "metadata"))
    if not custom:
        errors += validate_meta_create(new, namespaced, name_check)
    return errors


def validate_labels(labels: Mapping[str, Any] | None, path: str) -> Iterator[FieldError]:
    """Keys are qualified names, values short and plain."""
    for key in sorted(labels or ()):
        value = (labels or {})[key]
        for problem in formats.qualified_name(key):
            yield invalid(path, key, problem)
        for problem in formats.label_value(value or ""):
            yield invalid(path, value, problem)


def validate_annotations(annotations: Mapping[str, Any] | None, path: str) -> Iterator[FieldError]:
    """Keys are qualified names in any case; all together stay below 256 KiB."""
    if not annotations:
        return
    for key in sorted(annotations):
        for problem in formats.qualified_name(key.lower()):
            yield invalid(path, key, problem)
    total = sum(len(key.encode()) + len((value or "").encode()) for key, value in annotations.items())
    if total > ANNOTATIONS_SIZE:
        yield too_long(path, ANNOTATIONS_SIZE)


def _name(meta: Meta, check: formats.NameProblems, path: str) -> Iterator[FieldError]:
    if prefix := meta.get("generateName"):
        for problem in check(prefix, True):
            yield invalid(f"{path}.generateName", prefix, problem)
    name = meta.get("name")
    if not name:
        yield required(f"{path}.name", "name or generateName is required")
        return
    for problem in check(name, False):
        yield invalid(f"{path}.name", name, problem)


def _namespace(meta: Meta, namespaced: bool, path: str) -> Iterator[FieldError]:
    namespace = meta.get("namespace")
    if not namespaced:
        if namespace:
            yield forbidden(f"{path}.namespace", "not allowed on this type")
    elif not namespace:
        yield required(f"{path}.namespace")
    else:
        for problem in formats.dns1123_label(namespace):
            yield invalid(f"{path}.namespace", namespace, problem)


def _descriptive(meta: Meta, path: str) -> Iterator[FieldError]:
    yield from validate_labels(meta.get("labels"), f"{path}.labels")
    yield from validate_annotations(meta.get("annotations"), f"{path}.annotations")
    yield from _owners(meta.get("ownerReferences") or (), f"{path}.ownerReferences")


def _owners(owners: Sequence[Mapping[str, Any]], path: str) -> Iterator[FieldError]:
    controller = ""
    for owner in owners:
        yield from _owner(owner, path)
        if owner.get("controller"):
            name = f"{owner.get('kind')}/{owner.get('name')}"
            if controller:
                told = [{key: ref[key] for key in _OWNER_FIELDS if key in ref} for ref in owners]
                yield invalid(
                    path,
                    told,
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {name}',
                )
            controller = controller or name


def _owner(owner: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    api_version = owner.get("apiVersion") or ""
    # compat: what has two slashes is no group and version at all.
    if not api_version.rpartition("/")[2] or api_version.count("/") > 1:
        yield invalid(f"{path}.apiVersion", api_version, "version must not be empty")
    for key in ("kind", "name", "uid"):
        if not owner.get(key):
            yield invalid(f"{path}.{key}", owner.get(key) or "", "must not be empty")
    if (api_version, owner.get("kind")) == ("v1", "Event"):
        yield invalid(path, dict(owner), "/v1, Kind=Event is disallowed from being an owner")


def _finalizers(finalizers: Sequence[str], path: str, custom: bool) -> Iterator[FieldError]:
    for finalizer in finalizers:
        for problem in formats.qualified_name(finalizer):
            yield invalid(path, finalizer, problem)
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        yield invalid(path, list(finalizers), "finalizer orphan and foregroundDeletion cannot be both set")
    if custom:
        return
    for index, finalizer in enumerate(finalizers):
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
            yield invalid(
                f"{path}[{index}]",
                finalizer,
                "name is neither a standard finalizer name nor is it fully qualified",
            )


def _changes(new: Meta, old: Meta, path: str) -> Iterator[FieldError]:
    if old.get("deletionTimestamp"):
        yield from _new_finalizers(new, old, path)
    if not new.get("resourceVersion"):
        yield invalid(f"{path}.resourceVersion", "", "must be specified for an update")
    if (new.get("generation") or 0) < (old.get("generation") or 0):
        yield invalid(f"{path}.generation", new.get("generation") or 0, "must not be decremented")
    for key in _IMMUTABLE:
        yield from immutable(f"{path}.{key}", new.get(key), old.get(key))
    yield from _descriptive(new, path)


def _new_finalizers(new: Meta, old: Meta, path: str) -> Iterator[FieldError]:
    extra = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
    if extra:
        listed = ", ".join(f'"{finalizer}"' for finalizer in extra)
        yield forbidden(
            f"{path}.finalizers",
            "no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}",
        )
