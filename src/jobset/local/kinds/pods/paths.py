"""Validation of paths inside volumes."""

from jobset.admission.field_errors import invalid
from jobset.local.kinds.checks import Problems


def no_backsteps(path: str, value: str) -> Problems:
    """A path without `..`."""
    if ".." in value.split("/"):
        yield invalid(path, value, "must not contain '..'")


def descending_path(path: str, value: str) -> Problems:
    """A relative path that stays below where it begins."""
    if value.startswith("/"):
        yield invalid(path, value, "must be a relative path")
    yield from no_backsteps(path, value)


def file_path(path: str, value: str) -> Problems:
    """A relative path that does not collide with the names a kubelet uses for itself."""
    yield from descending_path(path, value)
    # compat: a path that begins with `..` is told once, as a back step, when it is one.
    if value.startswith("..") and not value.startswith("../"):
        yield invalid(path, value, "must not start with '..'")
