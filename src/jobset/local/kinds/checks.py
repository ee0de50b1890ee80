"""Small checks of one field that many kinds share, in an API server's words."""

from collections.abc import Iterator, Sequence
from typing import Any

from jobset.admission.field_errors import ErrorType, FieldError, invalid, not_supported
from jobset.api.quantity import Quantity, parse_quantity
from jobset.local.kinds import formats

Problems = Iterator[FieldError]
"""What a check finds, in the order in which it is told."""


def not_found(path: str, value: Any, detail: str = "") -> FieldError:
    """A reference to something that is not there."""
    return FieldError(type=ErrorType.NOT_FOUND, field=path, value=value, detail=detail)


def one_of(path: str, value: Any, choices: Sequence[str]) -> Problems:
    """The value is one of a fixed set, told in the order given."""
    if value not in choices:
        yield not_supported(path, value, choices)


def qualified_name(path: str, value: str) -> Problems:
    """A label key or another name with an optional DNS prefix."""
    for problem in formats.qualified_name(value):
        yield invalid(path, value, problem)


def immutable(path: str, new: Any, old: Any) -> Problems:
    """The field may not change."""
    if new != old and not (is_empty(new) and is_empty(old)):
        yield invalid(path, new, "field is immutable")


def is_empty(value: Any) -> bool:
    """Whether a field counts as not given: absent, or an empty list or map.

    # compat: apiequality.Semantic treats empty and absent lists and maps as equal.
    """
    return value is None or value == [] or value == {} or value == ""


def non_negative(path: str, value: Any) -> Problems:
    """A number, if given, is zero or more."""
    if value is not None and value < 0:
        yield invalid(path, value, "must be greater than or equal to 0")


def positive(path: str, value: Any) -> Problems:
    """A number, if given, is one or more."""
    if value is not None and value <= 0:
        yield invalid(path, value, "must be greater than zero")


def in_range(path: str, value: Any, low: int, high: int) -> Problems:
    """A number is between two others, both allowed."""
    if not low <= value <= high:
        yield invalid(path, value, f"must be between {low} and {high}, inclusive")


def port(path: str, value: Any) -> Problems:
    """A port number."""
    for problem in formats.port_number(value):
        yield invalid(path, value, problem)


def port_or_name(path: str, value: Any) -> Problems:
    """A port number or the name of a port."""
    if isinstance(value, str):
        for problem in formats.port_name(value):
            yield invalid(path, value, problem)
    else:
        yield from port(path, value or 0)


def dns_label(path: str, value: str) -> Problems:
    """A DNS label."""
    for problem in formats.dns1123_label(value):
        yield invalid(path, value, problem)


def dns_subdomain(path: str, value: str) -> Problems:
    """A DNS name."""
    for problem in formats.dns1123_subdomain(value):
        yield invalid(path, value, problem)


def ip_address(path: str, value: str) -> Problems:
    """An IP address."""
    for problem in formats.ip_address(value):
        yield invalid(path, value, problem)


def config_map_key(path: str, value: str) -> Problems:
    """A key of a ConfigMap or Secret."""
    for problem in formats.config_map_key(value):
        yield invalid(path, value, problem)


def quantity_of(value: Any) -> Quantity | None:
    """The quantity that a field holds; None when it is not one."""
    try:
        return parse_quantity(value)
    except (ValueError, TypeError):
        return None


def quantity(path: str, value: Any) -> Problems:
    """Text that is a quantity.

    # compat: a server refuses the body while it decodes; offline the same words come as a field error.
    """
    try:
        parse_quantity(value)
    except ValueError as error:
        yield invalid(path, value, str(error))
    except TypeError:
        yield invalid(path, value, "must be a quantity")
