"""What names, keys, labels and ports must look like, as lists of problems in an API server's words.

# compat: the sentences are those of apimachinery's validation package; clients match them.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253

_DNS_1123_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_1123_SUBDOMAIN = _DNS_1123_LABEL + "(\\." + _DNS_1123_LABEL + ")*"
_DNS_1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = "(" + _QUALIFIED_NAME + ")?"
_CONFIG_MAP_KEY = "[-._a-zA-Z0-9]+"
_HTTP_HEADER = "[-A-Za-z0-9]+"
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"

_PORT_NAME_CHARSET = re.compile("[-a-z0-9]+")


def _is(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def _explain(message: str, pattern: str, *examples: str) -> str:
    # compat: two spaces before "or", as upstream's RegexError joins its examples.
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{message} ({'e.g. ' if examples else ''}{listed}regex used for validation is '{pattern}')"


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} characters"


@lru_cache(maxsize=8192)
def dns1123_label(text: str) -> tuple[str, ...]:
    """Problems of a name that becomes one label of a DNS name."""
    problems = (_too_long(LABEL_LENGTH),) if len(text) > LABEL_LENGTH else ()
    if _is(_DNS_1123_LABEL, text):
        return problems
    if _is(_DNS_1123_SUBDOMAIN, text):
        return (*problems, "must not contain dots")
    message = (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character"
    )
    return (*problems, _explain(message, _DNS_1123_LABEL, "my-name", "123-abc"))


@lru_cache(maxsize=8192)
def dns1123_subdomain(text: str) -> tuple[str, ...]:
    """Problems of a name that is a DNS name: what most objects are called."""
    problems = (_too_long(SUBDOMAIN_LENGTH),) if len(text) > SUBDOMAIN_LENGTH else ()
    if _is(_DNS_1123_SUBDOMAIN, text):
        return problems
    message = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
        "and must start and end with an alphanumeric character"
    )
    return (*problems, _explain(message, _DNS_1123_SUBDOMAIN, "example.com"))


def dns1035_label(text: str) -> tuple[str, ...]:
    """Problems of a DNS label that starts with a letter."""
    problems = (_too_long(LABEL_LENGTH),) if len(text) > LABEL_LENGTH else ()
    if _is(_DNS_1035_LABEL, text):
        return problems
    message = (
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
        "start with an alphabetic character, and end with an alphanumeric character"
    )
    return (*problems, _explain(message, _DNS_1035_LABEL, "my-name", "abc-123"))


@lru_cache(maxsize=8192)
def qualified_name(text: str) -> tuple[str, ...]:
    """Problems of a label key, resource name or condition type: a name with an optional DNS prefix."""
    message = (
        "must consist of alphanumeric characters, '-', '_' or '.', "
        "and must start and end with an alphanumeric character"
    )
    parts = text.split("/")
    if len(parts) > 2:
        explained = _explain("a qualified name " + message, _QUALIFIED_NAME, "MyName", "my.name", "123-abc")
        return (f"{explained} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",)
    problems: list[str] = []
    if len(parts) == 2:
        if not parts[0]:
            problems.append("prefix part must be non-empty")
        else:
            problems += [f"prefix part {problem}" for problem in dns1123_subdomain(parts[0])]
    name = parts[-1]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > LABEL_LENGTH:
        problems.append(f"name part {_too_long(LABEL_LENGTH)}")
    if not _is(_QUALIFIED_NAME, name):
        problems.append(_explain(f"name part {message}", _QUALIFIED_NAME, "MyName", "my.name", "123-abc"))
    return tuple(problems)


@lru_cache(maxsize=8192)
def label_value(text: str) -> tuple[str, ...]:
    """Problems of the value of a label."""
    problems = (_too_long(LABEL_LENGTH),) if len(text) > LABEL_LENGTH else ()
    if _is(_LABEL_VALUE, text):
        return problems
    message = (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
        "and must start and end with an alphanumeric character"
    )
    return (*problems, _explain(message, _LABEL_VALUE, "MyValue", "my_value", "12345"))


def http_path(text: str) -> tuple[str, ...]:
    """Problems of the path part of a domain-prefixed path."""
    return () if _is(_HTTP_PATH, text) else (_explain("Invalid path", _HTTP_PATH),)


def config_map_key(text: str) -> tuple[str, ...]:
    """Problems of a key of a ConfigMap or Secret, which becomes a file name."""
    problems = [_too_long(SUBDOMAIN_LENGTH)] if len(text) > SUBDOMAIN_LENGTH else []
    if not _is(_CONFIG_MAP_KEY, text):
        message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        problems.append(_explain(message, _CONFIG_MAP_KEY, "key.name", "KEY_NAME", "key-name"))
    return (*problems, *_dots(text))


@lru_cache(maxsize=8192)
def env_var_name(text: str) -> tuple[str, ...]:
    """Problems of the name of an environment variable: printable ASCII without `=`."""
    if not text:
        return ("environment variable name must be non-empty",)
    if all(" " <= char <= "~" and char != "=" for char in text):
        return ()
    return (
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
    )


def http_header_name(text: str) -> tuple[str, ...]:
    """Problems of the name of an HTTP header."""
    if _is(_HTTP_HEADER, text):
        return ()
    message = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return (_explain(message, _HTTP_HEADER, "X-Header-Name"),)


def port_number(port: int) -> tuple[str, ...]:
    """Problems of a port."""
    return () if 1 <= port <= 65535 else ("must be between 1 and 65535, inclusive",)


def port_name(text: str) -> tuple[str, ...]:
    """Problems of the name of a port."""
    problems = []
    if len(text) > 15:
        problems.append("must be no more than 15 characters")
    if not _PORT_NAME_CHARSET.fullmatch(text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        problems.append("must contain at least one letter (a-z)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text and (text.startswith("-") or text.endswith("-")):
        problems.append("must not begin or end with a hyphen")
    return tuple(problems)


def ip_address(text: str) -> tuple[str, ...]:
    """Problems of an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)
    return ()


def path_segment(text: str) -> tuple[str, ...]:
    """Problems of a name that need only be safe in a URL path."""
    if text in {".", ".."}:
        return (f"may not be '{text}'",)
    return tuple(f"may not contain '{char}'" for char in "/%" if char in text)


def _dots(text: str) -> Sequence[str]:
    if text in {".", ".."}:
        return (f"must not be '{text}'",)
    return ("must not start with '..'",) if text.startswith("..") else ()


NameProblems = Callable[[str, bool], list[str]]
"""Problems of a name, or of a prefix when the flag is set."""


def _mask_trailing_dash(prefix: str) -> str:
    # compat: maskTrailingDash of apimachinery; a prefix may end in a dash, the suffix follows it.
    return prefix[:-2] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def name_problems(problems: Callable[[str], Sequence[str]]) -> NameProblems:
    """The same check for names and, leniently about a trailing dash, for prefixes."""

    def check(name: str, is_prefix: bool) -> list[str]:
        return list(problems(_mask_trailing_dash(name) if is_prefix else name))

    return check


def path_segment_name(name: str, is_prefix: bool) -> list[str]:
    """Problems of names that need only be safe in a URL path, such as those of roles."""
    problems = path_segment(name)
    return [p for p in problems if "may not be" not in p] if is_prefix else list(problems)
