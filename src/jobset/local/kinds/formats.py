"""What names, keys, labels and ports must look like: the checks of admission, remembered, and a server's own.

The words are those of apimachinery; clients match them.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from jobset.admission import names

Problems = Sequence[str]

_LONGEST_SUBDOMAIN = 253
_UNDERSCORED = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"

# Pods of one Job ask the same again and again. What comes back is shared: nobody changes it.
_remember = lru_cache(maxsize=8192)

dns1123_subdomain: Callable[[str], Problems] = _remember(names.dns1123_subdomain)
"""Problems of a name that is a DNS name: what most objects are called."""
label_value: Callable[[str], Problems] = _remember(names.label_value)
"""Problems of the value of a label."""
env_var_name: Callable[[str], Problems] = _remember(names.env_var_name)
"""Problems of the name of an environment variable."""
config_map_key: Callable[[str], Problems] = names.config_map_key
"""Problems of a key of a ConfigMap or Secret."""
http_header_name: Callable[[str], Problems] = names.http_header_name
"""Problems of the name of an HTTP header."""
port_name: Callable[[str], Problems] = _remember(names.port_name)
"""Problems of the name of a port."""
port_number: Callable[[int], Problems] = names.port_number
"""Problems of a port."""


@_remember
def qualified_name(text: str) -> Problems:
    """Problems of a label key, resource name or condition type: a name with an optional DNS prefix."""
    # compat: the server calls what has two slashes a label key; JobSet's library is older and does not.
    return [
        problem.replace("a qualified name", "a valid label key") for problem in names.qualified_name(text)
    ]


@_remember
def dns1123_subdomain_with_underscore(text: str) -> Problems:
    """Problems of a name to search for other names in."""
    if re.fullmatch(_UNDERSCORED, text) and len(text) <= _LONGEST_SUBDOMAIN:
        return ()
    if len(text) > _LONGEST_SUBDOMAIN:
        return (f"must be no more than {_LONGEST_SUBDOMAIN} characters",)
    return (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
        "and must start and end with an alphanumeric character "
        f"(e.g. 'example.com', regex used for validation is '{_UNDERSCORED}')",
    )


@_remember
def dns1123_label(text: str) -> Problems:
    """Problems of a name that becomes one label of a DNS name."""
    problems = names.dns1123_label(text)
    # compat: the server says this of names with dots; JobSet's library is older and does not.
    if "." in text and not names.dns1123_subdomain(text):
        return [*problems[:-1], "must not contain dots"]
    return problems


def ip_address(text: str) -> Problems:
    """Problems of an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)
    return ()


def path_segment(text: str) -> Problems:
    """Problems of a name that need only be safe in a URL path."""
    if text in {".", ".."}:
        return (f"may not be '{text}'",)
    return tuple(f"may not contain '{char}'" for char in "/%" if char in text)


NameProblems = Callable[[str, bool], list[str]]
"""Problems of a name, or of a prefix when the flag is set."""


def name_problems(problems: Callable[[str], Problems]) -> NameProblems:
    """The same check for names and, leniently about a trailing dash, for prefixes."""

    def check(name: str, is_prefix: bool) -> list[str]:
        return list(problems(names.as_prefix(name) if is_prefix else name))

    return check


def path_segment_name(name: str, is_prefix: bool) -> list[str]:
    """Problems of names that need only be safe in a URL path, such as those of roles."""
    problems = path_segment(name)
    return [p for p in problems if "may not be" not in p] if is_prefix else list(problems)
