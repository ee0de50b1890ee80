"""Typed fields out of a mapping. What is wrong is noted, so that all of it can be told at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from jobset.admission.field_errors import invalid
from jobset.controller.configuring.durations import parse_go_duration


@dataclass(slots=True)
class Fields:
    """The fields of one mapping; a field that is wrong reads as if it were not there.

    null, like an empty string, counts as absent.
    """

    values: Mapping[str, Any]
    problems: list[str]
    path: str = ""
    _known: set[str] = field(default_factory=set)

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self._take(name)
        if value is None or isinstance(value, str):
            return value or default
        self.refuse(name, value, "must be a string")
        return default

    def truth(self, name: str, default: bool) -> bool:
        """A bool; false is a value like any other."""
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.refuse(name, value, "must be true or false")
        return default

    def integer(self, name: str) -> int | None:
        """A whole number, or None for 0 and for none."""
        value = self._take(name)
        if value is None or _is_number(value, int):
            return value or None
        self.refuse(name, value, "must be an integer")
        return None

    def number(self, name: str) -> float | None:
        """A number, or None for 0 and for none."""
        value = self._take(name)
        if value is None or _is_number(value, int | float):
            return float(value) if value else None
        self.refuse(name, value, "must be a number")
        return None

    def duration(self, name: str, default: timedelta) -> timedelta:
        """A span in the form of Go; one of nothing counts as absent."""
        value = self._take(name)
        span = parse_go_duration(value) if isinstance(value, str) else None
        if value is not None and span is None:
            self.refuse(name, value, 'must be a duration, such as "15s" or "1m30s"')
        return span or default

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._take(name)
        if value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            return tuple(value or ())
        self.refuse(name, value, "must be a list of strings")
        return ()

    def truths(self, name: str) -> dict[str, bool]:
        """A mapping of names to bools."""
        value = self._take(name)
        if value is not None and not isinstance(value, dict):
            self.refuse(name, value, "must be a mapping of names to true or false")
        given: dict[str, Any] = value if isinstance(value, dict) else {}
        for key, item in given.items():
            if not isinstance(item, bool):
                self.refuse(f"{name}.{key}", item, "must be true or false")
        return {key: item for key, item in given.items() if isinstance(item, bool)}

    def section(self, name: str) -> "Fields":
        """The fields of a mapping; none where there is no mapping."""
        value = self._take(name)
        if value is not None and not isinstance(value, dict):
            self.refuse(name, value, "must be a mapping")
            value = None
        return Fields(value or {}, self.problems, self._path(name))

    def refuse(self, name: str, value: Any, detail: str) -> None:
        """Note what is wrong with a field."""
        self.problems.append(str(invalid(self._path(name), value, detail)))

    def refuse_the_rest(self) -> None:
        """Note every field that nobody has asked for."""
        for name in self.values:
            if name not in self._known:
                # compat: the words of apimachinery's strict decoder.
                self.problems.append(f'strict decoding error: unknown field "{self._path(name)}"')

    def _take(self, name: str) -> Any:
        self._known.add(name)
        return self.values.get(name)

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
