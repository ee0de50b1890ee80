"""Regular expressions as users of JobSet know them: RE2 syntax, searched anywhere in the text."""

import re
from functools import lru_cache
from typing import Any

import re2

_MEMORY = 64 << 20
_MOST_NESTED = 1000
_TOKEN = re.compile(
    r"""
      \\Q .*? (?: \\E | \Z )                                                    # quoted text
    | \\ .                                                                      # an escaped character
    | \[ \^? \]? (?: \[ : \^? \w+ : \] | \\ . | [^\]\\] )*+ (?: \] | \\? \Z )  # one of a class
    | [()]
    """,
    re.VERBOSE | re.DOTALL,
)


def matches(pattern: str, text: str) -> bool:
    """Whether `text` contains a match; an invalid pattern never matches."""
    compiled = _compile(pattern)
    return compiled is not None and compiled.search(text) is not None


def is_valid(pattern: str) -> bool:
    """Whether the pattern can match anything at all."""
    return _compile(pattern) is not None


@lru_cache(maxsize=512)
def _compile(pattern: str) -> Any:
    """The compiled pattern, or None when it is invalid."""
    if not _can_be_read(pattern):
        return None
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def _can_be_read(pattern: str) -> bool:
    """Whether Go reads the pattern too, as far as C++ takes what Go refuses.

    That is `\\C`, any byte, and groups in groups in groups.
    """
    depth = 0
    for token in _TOKEN.findall(pattern):
        match token:
            case "\\C":
                return False
            case "(":
                depth += 1
            case ")":
                depth -= 1
        if depth >= _MOST_NESTED:
            return False
    return True
