"""What an API server knows about one kind: defaults, preparation and validation of writes."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from jobset.admission.field_errors import FieldError
from jobset.kube.resources import Resource

Object: TypeAlias = Mapping[str, Any]
"""A whole object as JSON. Never changed in place: a new one is made that shares what stayed the same."""


def _same(obj: Object) -> Object:
    return obj


def _keep_new(new: Object, old: Object) -> Object:
    return new


def _no_errors(obj: Object) -> list[FieldError]:
    return []


def _no_update_errors(new: Object, old: Object) -> list[FieldError]:
    return []


def as_new(validate: Callable[[Object], list[FieldError]]) -> Callable[[Object, Object], list[FieldError]]:
    """The checks of a new object, for updates too."""

    def validate_new(new: Object, old: Object) -> list[FieldError]:
        return validate(new)

    return validate_new


def _immediately(obj: Object, requested: int | None) -> int:
    return 0


class KindRules(msgspec.Struct, frozen=True, kw_only=True):
    """The write path of one kind; every function is pure.

    The server calls, on create: `default`, (mutating admission), metadata is filled in (uid, time, name),
    `prepare_create`, `validate_create`. On update of the main resource: `default`, (mutating),
    `prepare_update(new, old)`, `validate_update(new, old)`. On update of the status subresource:
    `prepare_status_update`, `validate_status_update`. Metadata itself (names, labels, annotations, owner
    references, finalizers, immutability) is the server's own work and not repeated here.
    """

    resource: Resource
    schema: str
    """Name of its component schema, such as `io.k8s.api.core.v1.Pod`."""
    custom_schema: Callable[[], Mapping[str, Any]] | None = None
    """The structural schema of a kind that a CustomResourceDefinition defines."""
    has_status: bool = False
    """Whether it has a status subresource; then main writes keep the old status."""
    counts_generation: bool = False
    """Whether `metadata.generation` is kept; it grows with each change of `spec`."""
    default: Callable[[Object], Object] = _same
    prepare_create: Callable[[Object], Object] = _same
    prepare_update: Callable[[Object, Object], Object] = _keep_new
    prepare_status_update: Callable[[Object, Object], Object] = _keep_new
    validate_name: Callable[[str, bool], list[str]] | None = None
    """Problems of `metadata.name` (or, when the flag is set, of a prefix); None: DNS-1123 subdomain."""
    validate_create: Callable[[Object], list[FieldError]] = _no_errors
    validate_update: Callable[[Object, Object], list[FieldError]] = _no_update_errors
    validate_status_update: Callable[[Object, Object], list[FieldError]] = _no_update_errors
    complete: Callable[[Object], Object] = _same
    """What a server adds to an object that has passed, because it reads it back with its defaults."""
    grace_seconds: Callable[[Object, int | None], int] = _immediately
    """How long a delete waits for somebody to stop the object (pods only); 0: goes at once."""

    @property
    def is_graceful(self) -> bool:
        """Whether somebody stops the object before it goes."""
        return self.grace_seconds is not _immediately
