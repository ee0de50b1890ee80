"""An object without what its schema refuses, so that the rules behind the schema can be told at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobset.admission.field_errors import FieldError

_READ_ELSEWHERE = frozenset({"name", "replicas", "parallelism", "completions", "completionMode"})
"""Fields of a role that rules about other parts of its JobSet look at."""

_GONE = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What is left of an object, and the paths of what is not."""

    object: Mapping[str, Any]
    left_out: tuple[str, ...] = ()

    def may_mislead(self, field: str) -> bool:
        """Whether what is said about `field` may only be so because something was left out."""
        return any(_is_read_elsewhere(path) for path in self.left_out) or self.touches(field)

    def touches(self, field: str) -> bool:
        """Whether something was left out of `field`, or it was itself."""
        return any(_is_in(path, field) or _is_in(field, path) for path in self.left_out)


def mend(obj: Mapping[str, Any], errors: Iterable[FieldError]) -> Mended:
    """The object without the fields that the errors blame; a list that would lose an item goes as a whole."""
    left_out = tuple(dict.fromkeys(error.blamed for error in errors if error.blamed))
    kept: Any = obj
    for path in left_out:
        kept = _without(kept, path)
    return Mended(object=kept if isinstance(kept, Mapping) else {}, left_out=left_out)


def _is_read_elsewhere(path: str) -> bool:
    return path.rpartition(".")[2] in _READ_ELSEWHERE


def _is_in(path: str, part: str) -> bool:
    return path == part or path.startswith((f"{part}.", f"{part}["))


def _without(value: Any, path: str) -> Any:
    if not path:
        return _GONE
    if isinstance(value, list):
        return _without_in_list(value, path)
    key, rest = _first_key(value, path) if isinstance(value, Mapping) else (None, "")
    if key is None:
        return value
    inner = _without(value[key], rest)
    return {
        name: inner if name == key else item
        for name, item in value.items()
        if name != key or inner is not _GONE
    }


def _without_in_list(value: list[Any], path: str) -> Any:
    number, _, rest = path.removeprefix("[").partition("]")
    if not number.isdecimal() or int(number) >= len(value):
        return value
    inner = _without(value[int(number)], rest.removeprefix("."))
    return _GONE if inner is _GONE else [*value[: int(number)], inner, *value[int(number) + 1 :]]


def _first_key(value: Mapping[str, Any], path: str) -> tuple[str | None, str]:
    """The key that `path` starts with, and the rest; keys may have dots, so the longest wins."""
    starts = {key: start for key in value for start in (key, f"[{key}]") if _is_in(path, start)}
    key = max(starts, key=len, default=None)
    return key, "" if key is None else path.removeprefix(starts[key]).removeprefix(".")
