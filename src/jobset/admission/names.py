"""Which names, labels and keys Kubernetes takes, with the exact words it refuses the others with.

The functions that return `list[str]` give every problem of one value; an empty list means that it is fine.
Lengths are counted in bytes of UTF-8, as Go does.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, forbidden, invalid, required

DNS1123_SUBDOMAIN_MAX = 253
DNS1123_LABEL_MAX = 63
DNS1035_LABEL_MAX = 63
LABEL_VALUE_MAX = 63
QUALIFIED_NAME_MAX = 63

_LABEL_1123 = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_1123 = rf"{_LABEL_1123}(\.{_LABEL_1123})*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"
_HTTP_HEADER = "[-A-Za-z0-9]+"


def dns1123_subdomain(value: str) -> list[str]:
    """Problems of an object name such as `example.com`."""
    return _judge(
        value,
        _SUBDOMAIN_1123,
        DNS1123_SUBDOMAIN_MAX,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
        "and must start and end with an alphanumeric character",
        "example.com",
    )


def dns1123_label(value: str) -> list[str]:
    """Problems of one part of a host name that may start with a digit."""
    return _judge(
        value,
        _LABEL_1123,
        DNS1123_LABEL_MAX,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character",
        "my-name",
        "123-abc",
    )


def dns1035_label(value: str) -> list[str]:
    """Problems of one part of a host name that must start with a letter."""
    return _judge(
        value,
        _LABEL_1035,
        DNS1035_LABEL_MAX,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
        "start with an alphabetic character, and end with an alphanumeric character",
        "my-name",
        "abc-123",
    )


def as_prefix(value: str) -> str:
    """A `generateName` as it is judged: its trailing dash counts as a letter, for more will follow it."""
    return value[:-1] + "a" if len(value) > 1 and value.endswith("-") else value


def label_value(value: str) -> list[str]:
    """Problems of the value of a label."""
    problems = [_too_long_bytes(LABEL_VALUE_MAX)] if _size(value) > LABEL_VALUE_MAX else []
    if not re.fullmatch(_LABEL_VALUE, value):
        problems.append(
            _mismatch(
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
                "'.', and must start and end with an alphanumeric character",
                _LABEL_VALUE,
                "MyValue",
                "my_value",
                "12345",
            )
        )
    return problems


_QUALIFIED_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)


def qualified_name(value: str) -> list[str]:
    """Problems of a key with an optional domain, such as `example.com/my-name`."""
    words = _mismatch(_QUALIFIED_WORDS, _QUALIFIED, "MyName", "my.name", "123-abc")
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        return [
            f"a qualified name {words} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        ]
    problems = []
    if slash:
        found = dns1123_subdomain(prefix) if prefix else ["must be non-empty"]
        problems += [f"prefix part {problem}" for problem in found]
    if not name:
        problems.append("name part must be non-empty")
    elif _size(name) > QUALIFIED_NAME_MAX:
        problems.append(f"name part {_too_long_bytes(QUALIFIED_NAME_MAX)}")
    if not re.fullmatch(_QUALIFIED, name):
        problems.append(f"name part {words}")
    return problems


def env_var_name(value: str) -> list[str]:
    """Problems of the name of an environment variable; since 1.34 any printable ASCII but `=` will do."""
    problems = [] if value else ["environment variable name must be non-empty"]
    if any(not " " <= letter <= "~" or letter == "=" for letter in value):
        problems.append(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
        )
    return problems


def config_map_key(value: str) -> list[str]:
    """Problems of a key of a ConfigMap or Secret, which can become a file name."""
    problems = _judge(
        value,
        _CONFIG_KEY,
        DNS1123_SUBDOMAIN_MAX,
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        "key.name",
        "KEY_NAME",
        "key-name",
    )
    if value in (".", ".."):
        problems.append(f"must not be '{value}'")
    elif value.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def http_header_name(value: str) -> list[str]:
    """Problems of the name of an HTTP header."""
    if re.fullmatch(_HTTP_HEADER, value):
        return []
    words = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return [_mismatch(words, _HTTP_HEADER, "X-Header-Name")]


def port_name(value: str) -> list[str]:
    """Problems of the name of a port (an IANA service name)."""
    problems = [_too_long(15)] if _size(value) > 15 else []
    if not re.fullmatch("[-a-z0-9]+", value):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        problems.append("must contain at least one letter (a-z)")
    if "--" in value:
        problems.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def port_number(value: int) -> list[str]:
    """Problems of a port number."""
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def domain_prefixed_path(field: str, value: str) -> list[FieldError]:
    """Errors of a value such as `acme.io/foo`; an error about one part carries that part as its value."""
    if not value:
        return [required(field)]
    host, _, path = value.partition("/")
    if not host or not path:
        return [invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    errors = [invalid(field, host, problem) for problem in dns1123_subdomain(host)]
    if not re.fullmatch(_HTTP_PATH, path):
        errors.append(invalid(field, path, _mismatch("Invalid path", _HTTP_PATH)))
    return errors


def label_name(field: str, key: str) -> list[FieldError]:
    """Errors of the key of a label."""
    return [invalid(field, key, problem) for problem in qualified_name(key)]


def labels(field: str, values: Mapping[str, Any] | None) -> list[FieldError]:
    """Errors of a set of labels."""
    errors: list[FieldError] = []
    for key, value in (values or {}).items():
        errors += label_name(field, key)
        errors += [invalid(field, value, problem) for problem in label_value(value)]
    return errors


def label_selector(field: str, selector: Mapping[str, Any] | None) -> list[FieldError]:
    """Errors of a label selector; none when there is no selector."""
    if selector is None:
        return []
    errors = labels(f"{field}.matchLabels", selector.get("matchLabels"))
    for index, requirement in enumerate(selector.get("matchExpressions") or ()):
        errors += label_selector_requirement(f"{field}.matchExpressions[{index}]", requirement)
    return errors


def label_selector_requirement(field: str, requirement: Mapping[str, Any]) -> list[FieldError]:
    """Errors of one entry of `matchExpressions`."""
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    errors: list[FieldError] = []
    if operator in ("In", "NotIn"):
        if not values:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            errors.append(required(f"{field}.values", detail))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(forbidden(f"{field}.values", detail))
    else:
        errors.append(invalid(f"{field}.operator", operator, "not a valid selector operator"))
    errors += label_name(f"{field}.key", requirement.get("key", ""))
    return errors + list(_bad_label_values(f"{field}.values", values))


def _bad_label_values(field: str, values: Iterable[str]) -> Iterable[FieldError]:
    for index, value in enumerate(values):
        for problem in label_value(value):
            yield invalid(f"{field}[{index}]", value, problem)


def _judge(value: str, pattern: str, limit: int, words: str, *examples: str) -> list[str]:
    problems = [_too_long(limit)] if _size(value) > limit else []
    # compat: fullmatch, because `$` of re also matches before a trailing newline and Go's does not.
    if not re.fullmatch(pattern, value):
        problems.append(_mismatch(words, pattern, *examples))
    return problems


def _mismatch(words: str, pattern: str, *examples: str) -> str:
    # compat: RegexError of apimachinery puts a comma and two spaces between its examples.
    shown = "e.g. " + ",  or ".join(f"'{example}'" for example in examples) + ", " if examples else ""
    return f"{words} ({shown}regex used for validation is '{pattern}')"


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} characters"


def _too_long_bytes(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def _size(value: str) -> int:
    return len(value.encode("utf-8", "surrogatepass"))
