"""Which names and keys are refused, and in which words."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobset.admission import names
from jobset.admission.field_errors import FieldError

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
    "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
    "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
DNS1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
QUALIFIED = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
HEADER = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used "
    "for validation is '[-A-Za-z0-9]+')"
)
ENV = "a valid environment variable name must consist only of printable ASCII characters other than '='"
HYPHEN_ENDS = "must not begin or end with a hyphen"

CASES: dict[str, tuple[Callable[[Any], list[str]], Any, list[str]]] = {
    "a subdomain has dots": (names.dns1123_subdomain, "a.b-c.1", []),
    "a subdomain has no capitals": (names.dns1123_subdomain, "A", [SUBDOMAIN]),
    "a subdomain ends at its end": (names.dns1123_subdomain, "a\n", [SUBDOMAIN]),
    "a subdomain has 253 letters": (names.dns1123_subdomain, "a" * 253, []),
    "a long and wrong subdomain has two problems": (
        names.dns1123_subdomain,
        "A" * 254,
        ["must be no more than 253 characters", SUBDOMAIN],
    ),
    "a label may begin with a digit": (names.dns1123_label, "1a", []),
    "a label has no dots": (names.dns1123_label, "a.b", [LABEL]),
    "a DNS-1035 label begins with a letter": (names.dns1035_label, "1a", [DNS1035]),
    "a DNS-1035 label has 63 letters": (
        names.dns1035_label,
        "a" * 64,
        ["must be no more than 63 characters"],
    ),
    "a label value may be empty": (names.label_value, "", []),
    "a label value has no blanks": (names.label_value, "a b", [VALUE]),
    "a label value counts bytes": (names.label_value, "a" * 64, ["must be no more than 63 bytes"]),
    "a key may have a domain": (names.qualified_name, "example.com/My_name", []),
    "a key has one slash": (
        names.qualified_name,
        "a/b/c",
        [
            f"a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        ],
    ),
    "a key's domain is not empty": (names.qualified_name, "/a", ["prefix part must be non-empty"]),
    "a key's domain is a subdomain": (names.qualified_name, "A/a", [f"prefix part {SUBDOMAIN}"]),
    "a key's name is not empty": (
        names.qualified_name,
        "a/",
        ["name part must be non-empty", f"name part {QUALIFIED}"],
    ),
    "a key's name is short": (names.qualified_name, "a" * 64, ["name part must be no more than 63 bytes"]),
    "a variable may have dots": (names.env_var_name, "my.var-1 %", []),
    "a variable has no =": (names.env_var_name, "a=b", [ENV]),
    "a variable is not empty": (names.env_var_name, "", ["environment variable name must be non-empty"]),
    "a config key is a file name": (names.config_map_key, ".hidden_1", []),
    "a config key is not ..": (names.config_map_key, "..", ["must not be '..'"]),
    "a config key does not begin with ..": (names.config_map_key, "..a", ["must not start with '..'"]),
    "a config key has no slash": (names.config_map_key, "a/b", [CONFIG_KEY]),
    "an HTTP header": (names.http_header_name, "X-A1", []),
    "an HTTP header has no blank": (names.http_header_name, "X A", [HEADER]),
    "a port name": (names.port_name, "http-1", []),
    "a port name is short": (names.port_name, "a" * 16, ["must be no more than 15 characters"]),
    "a port name has a letter": (names.port_name, "80", ["must contain at least one letter (a-z)"]),
    "a port name has single dashes inside": (
        names.port_name,
        "a--",
        ["must not contain consecutive hyphens", HYPHEN_ENDS],
    ),
    "a port name has small letters": (
        names.port_name,
        "A_a",
        ["must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"],
    ),
    "a port": (names.port_number, 65535, []),
    "port 0 is none": (names.port_number, 0, ["must be between 1 and 65535, inclusive"]),
}


@pytest.mark.parametrize(("judge", "value", "problems"), CASES.values(), ids=CASES)
def test_a_name_is_judged(judge: Callable[[Any], list[str]], value: Any, problems: list[str]) -> None:
    assert judge(value) == problems


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True))
def test_every_dns1035_label_is_all_the_others_too(name: str) -> None:
    judges = (names.dns1035_label, names.dns1123_label, names.dns1123_subdomain, names.label_value)
    assert all(judge(name) == [] for judge in (*judges, names.qualified_name))


@pytest.mark.parametrize(("prefix", "judged"), [("a-", "aa"), ("a", "a"), ("-", "-"), ("", "")])
def test_a_prefix_may_end_in_a_dash(prefix: str, judged: str) -> None:
    assert names.as_prefix(prefix) == judged


PATH = 'must be a domain-prefixed path (such as "acme.io/foo")'
PATHS = {
    "a good one": ("acme.io/foo", []),
    "empty": ("", ["f: Required value"]),
    "no slash": ("acme", [f'f: Invalid value: "acme": {PATH}']),
    "no host": ("/foo", [f'f: Invalid value: "/foo": {PATH}']),
    "no path": ("acme.io/", [f'f: Invalid value: "acme.io/": {PATH}']),
    "a bad host": ("A/foo", [f'f: Invalid value: "A": {SUBDOMAIN}']),
    "a bad path": (
        "a/b c",
        [
            r'f: Invalid value: "b c": Invalid path (regex used for validation is '
            r"'[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')"
        ],
    ),
}


@pytest.mark.parametrize(("value", "errors"), PATHS.values(), ids=PATHS)
def test_a_domain_prefixed_path_is_judged(value: str, errors: list[str]) -> None:
    assert texts(names.domain_prefixed_path("f", value)) == errors


SELECTORS: dict[str, tuple[dict[str, Any] | None, list[str]]] = {
    "none": (None, []),
    "empty": ({}, []),
    "labels": ({"matchLabels": {"a": "b"}}, []),
    "bad labels": (
        {"matchLabels": {"a b": "c d"}},
        [
            f'f.matchLabels: Invalid value: "a b": name part {QUALIFIED}',
            f'f.matchLabels: Invalid value: "c d": {VALUE}',
        ],
    ),
    "In without values": (
        {"matchExpressions": [{"key": "a", "operator": "In"}]},
        [
            "f.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or "
            "'NotIn'"
        ],
    ),
    "Exists with values": (
        {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
        [
            "f.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or "
            "'DoesNotExist'"
        ],
    ),
    "an unknown operator": (
        {"matchExpressions": [{"key": "a", "operator": "Is"}]},
        ['f.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator'],
    ),
    "a bad value": (
        {"matchExpressions": [{"key": "a", "operator": "In", "values": ["a b"]}]},
        [f'f.matchExpressions[0].values[0]: Invalid value: "a b": {VALUE}'],
    ),
    "Exists": ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, []),
}


@pytest.mark.parametrize(("selector", "errors"), SELECTORS.values(), ids=SELECTORS)
def test_a_label_selector_is_judged(selector: dict[str, Any] | None, errors: list[str]) -> None:
    assert texts(names.label_selector("f", selector)) == errors


def texts(errors: list[FieldError]) -> list[str]:
    return [str(error) for error in errors]
