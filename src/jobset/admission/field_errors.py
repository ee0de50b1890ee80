"""Errors about a field of an object, and the Status that an API server makes of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from enum import StrEnum
from typing import Any


class ErrorType(StrEnum):
    """Why a field is refused; the value is the `reason` of a Status cause."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    DUPLICATE = "FieldValueDuplicate"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    TYPE_INVALID = "FieldValueTypeInvalid"
    NOT_FOUND = "FieldValueNotFound"
    INTERNAL = "InternalError"


_WORDS = {
    ErrorType.REQUIRED: "Required value",
    ErrorType.INVALID: "Invalid value",
    ErrorType.NOT_SUPPORTED: "Unsupported value",
    ErrorType.DUPLICATE: "Duplicate value",
    ErrorType.FORBIDDEN: "Forbidden",
    ErrorType.TOO_LONG: "Too long",
    ErrorType.TOO_MANY: "Too many",
    ErrorType.TYPE_INVALID: "Invalid value",
    ErrorType.NOT_FOUND: "Not found",
    ErrorType.INTERNAL: "Internal error",
}
_WITHOUT_VALUE = {ErrorType.REQUIRED, ErrorType.FORBIDDEN, ErrorType.TOO_LONG, ErrorType.INTERNAL}
NO_FIELD = "<nil>"
"""As the field of an error: it is about the whole object, or does not say what it is about."""


class _Omitted:
    """The type of OMITTED."""


OMITTED = _Omitted()
"""As the value of an error: the message says that the value is wrong without printing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One refused field; `field` is a path such as `spec.containers[0].name`, or `<nil>`."""

    type: ErrorType
    field: str = NO_FIELD
    value: Any = None
    detail: str = ""
    at: str = dataclass_field(default="", compare=False)
    """Path of the part to blame, where `field` names none or another; never printed in a Status."""

    @property
    def blamed(self) -> str:
        """Path of the part to blame; empty when nobody knows."""
        return self.at or ("" if self.field == NO_FIELD else self.field)

    def message(self) -> str:
        """Everything after the field: `Invalid value: "x": must be …`."""
        words = _WORDS[self.type]
        if self.type not in _WITHOUT_VALUE and self.value is not OMITTED:
            words = f"{words}: {render_value(self.value)}"
        return f"{words}: {self.detail}" if self.detail else words

    def __str__(self) -> str:
        return f"{self.field}: {self.message()}"


def required(field: str, detail: str = "") -> FieldError:
    """A field that must be given and is not."""
    return FieldError(type=ErrorType.REQUIRED, field=field, detail=detail)


def invalid(field: str, value: Any, detail: str, at: str = "") -> FieldError:
    """A value that breaks a rule."""
    return FieldError(type=ErrorType.INVALID, field=field, value=value, detail=detail, at=at)


def forbidden(field: str, detail: str) -> FieldError:
    """A field that may not be given here."""
    return FieldError(type=ErrorType.FORBIDDEN, field=field, detail=detail)


def duplicate(field: str, value: Any) -> FieldError:
    """A value that occurs twice where it must be unique."""
    return FieldError(type=ErrorType.DUPLICATE, field=field, value=value)


def too_long(field: str, limit: int) -> FieldError:
    """A value with more bytes than are allowed."""
    return FieldError(type=ErrorType.TOO_LONG, field=field, detail=f"may not be more than {limit} bytes")


def too_many(field: str, count: int, limit: int) -> FieldError:
    """A list with more items than are allowed."""
    # compat: field.TooMany of apimachinery writes "items" whatever the limit is.
    detail = f"must have at most {limit} items"
    return FieldError(type=ErrorType.TOO_MANY, field=field, value=count, detail=detail)


def type_invalid(field: str, actual: str, detail: str) -> FieldError:
    """A value of the wrong JSON type; `actual` names the type that it has."""
    return FieldError(type=ErrorType.TYPE_INVALID, field=field, value=actual, detail=detail)


def not_supported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    """A value outside a fixed set; the set is told in the order given."""
    # compat: field.NotSupported of apimachinery quotes the values and does not sort them; most callers do.
    choices = ", ".join(render_value(choice) for choice in supported)
    return FieldError(
        type=ErrorType.NOT_SUPPORTED, field=field, value=value, detail=f"supported values: {choices}"
    )


def plain(text: str, at: str) -> FieldError:
    """A refusal that is printed without a field: `<nil>: Internal error: <text>`."""
    return FieldError(type=ErrorType.INTERNAL, detail=text, at=at)


def render_value(value: Any) -> str:
    """A value as Go prints it: strings quoted, None as `null`, the rest as compact JSON safe in HTML."""
    if isinstance(value, str):
        return f'"{"".join(map(_quoted_letter, value))}"'
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)


_UNSAFE = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}
"""What `encoding/json` of Go escapes beside what every JSON writer does."""


_MOST_TEXT = 2**20
"""Characters of messages after which values are left out: a value may be a whole list, in each of them."""


def invalid_status(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> dict[str, Any]:
    """The 422 Status object for one or more field errors, in their order."""
    qualified = f"{kind}.{group}" if group else kind
    details: dict[str, Any] = {"name": name, "group": group, "kind": kind}
    messages = _messages(errors)
    details["causes"] = [
        {"reason": str(error.type), "message": message, "field": error.field}
        for error, message in zip(errors, messages, strict=True)
    ]
    told = (f"{error.field}: {message}" for error, message in zip(errors, messages, strict=True))
    texts = list(dict.fromkeys(told))
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'{qualified} "{name}" is invalid: {listed}',
        "reason": "Invalid",
        "details": {key: value for key, value in details.items() if value},
        "code": 422,
    }


def _messages(errors: Iterable[FieldError]) -> list[str]:
    messages: list[str] = []
    length = 0
    for error in errors:
        messages.append((error if length < _MOST_TEXT else replace(error, value=OMITTED)).message())
        length += len(messages[-1])
    return messages


_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}


def _quoted_letter(letter: str) -> str:
    """One letter as the `%q` of Go writes it."""
    if letter.isprintable():
        return _ESCAPES.get(letter, letter)
    if escape := _ESCAPES.get(letter):
        return escape
    code = ord(letter)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
