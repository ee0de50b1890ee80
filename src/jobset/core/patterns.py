"""Regular expressions as users of JobSet know them: RE2 syntax, searched anywhere in the text."""

from functools import lru_cache
from typing import Any

import re2

_MEMORY = 64 << 20


def matches(pattern: str, text: str) -> bool:
    """Whether `text` contains a match; an invalid pattern never matches."""
    compiled = _compile(pattern)
    return compiled is not None and compiled.search(text) is not None


@lru_cache(maxsize=512)
def _compile(pattern: str) -> Any:
    """The compiled pattern, or None when it is invalid."""
    if _has_any_byte(pattern):
        return None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def _has_any_byte(pattern: str) -> bool:
    r"""Whether `\C`, any byte, is in the pattern: the one thing that C++ takes and Go refuses."""
    position = pattern.find("\\")
    while 0 <= position < len(pattern) - 1:
        letter = pattern[position + 1]
        if letter == "C":
            return True
        following = position + 2
        if letter == "Q":
            end = pattern.find("\\E", following)
            following = len(pattern) if end < 0 else end + 2
        position = pattern.find("\\", following)
    return False
