"""ControllerRevisions: states that a controller remembers, which never change."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, required
from jobset.local.kinds.checks import Problems, immutable, non_negative

Object = Mapping[str, Any]


def validate_revision(revision: Object) -> list[FieldError]:
    """Every problem of a ControllerRevision beside its metadata."""
    return list(_revision(revision))


def validate_revision_update(new: Object, old: Object) -> list[FieldError]:
    """Every problem of a changed ControllerRevision: only its number may be another."""
    return [*_revision(new), *immutable("data", new.get("data"), old.get("data"))]


def _revision(revision: Object) -> Problems:
    if revision.get("data") is None:
        yield required("data", "data is mandatory")
    yield from non_negative("revision", revision.get("revision"))
