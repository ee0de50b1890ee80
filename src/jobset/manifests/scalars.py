"""What a plain YAML word means: as kubectl reads it."""

import re
import sys
from math import isfinite
from typing import Any

STR, NULL, BOOL, INT, FLOAT, MERGE = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float", "merge")
)
TIMESTAMP = "tag:yaml.org,2002:timestamp"
SCALAR_TAGS = frozenset({STR, NULL, BOOL, INT, FLOAT, TIMESTAMP})

_TRUE = ("true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON")
_FALSE = ("false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF")
_WORDS: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (NULL, None)),
    **dict.fromkeys(_TRUE, (BOOL, True)),
    **dict.fromkeys(_FALSE, (BOOL, False)),
    "<<": (MERGE, "<<"),
}
_INT = re.compile(r"[-+]?(?:0b_*[01][01_]*|0o?_*[0-7][0-7_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0|[1-9][0-9_]*)")
_MOST_DIGITS = 1_100
"""More than any number that JSON's readers take has, in whatever base."""
# Times (12:30:45, 2026-01-02) and sexagesimal numbers (1:30) stay strings; 1e3 is a number.
_FLOAT = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_MOST_SHOWN = 60


class NotJson(ValueError):
    """A scalar that JSON has no form for."""


def plain_tag(text: str) -> str:
    """The tag of an unquoted word."""
    if text in _WORDS:
        return _WORDS[text][0]
    if text[0] not in "+-.0123456789":
        return STR
    if _INT.fullmatch(text):
        return INT
    return FLOAT if _FLOAT.fullmatch(text) or _NO_NUMBER.fullmatch(text) else STR


def read_scalar(tag: str, text: str) -> Any:
    """The JSON value of a scalar with a known tag.

    Raises:
        NotJson: the text is not of that type, or is infinite or not a number.
    """
    match tag:
        case "tag:yaml.org,2002:str" | "tag:yaml.org,2002:timestamp":
            return text
        case "tag:yaml.org,2002:null":
            return None
        case "tag:yaml.org,2002:bool" if text in _WORDS and _WORDS[text][0] == BOOL:
            return _WORDS[text][1]
        case "tag:yaml.org,2002:int" if _INT.fullmatch(text):
            if (number := read_int(text)) is not None:
                return number
        case "tag:yaml.org,2002:float" if _FLOAT.fullmatch(text):
            if isfinite(value := float(text.replace("_", ""))):
                return value
    shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
    raise NotJson(f"{shown!r} is no {tag.rpartition(':')[2]} that JSON could hold")


def read_int(text: str) -> int | None:
    """The whole number; None when it is beyond what any reader of JSON takes."""
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if len(digits) > _MOST_DIGITS:
        return None
    is_octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567"
    number = sign * int(digits, 8 if is_octal else 0)
    return number if abs(number) <= sys.float_info.max else None
