"""What a plain YAML word means: as kubectl reads it, without the surprises of YAML 1.1."""

import re
from typing import Any

STR, NULL, BOOL, INT, FLOAT, MERGE = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float", "merge")
)
TIMESTAMP = "tag:yaml.org,2002:timestamp"
SCALAR_TAGS = frozenset({STR, NULL, BOOL, INT, FLOAT, TIMESTAMP})

_WORDS: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (NULL, None)),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), (BOOL, True)),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), (BOOL, False)),
    "<<": (MERGE, "<<"),
}
_INT = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)")
# Times (12:30:45, 2026-01-02) and sexagesimal numbers (1:30) stay strings; 1e3 is a number.
_FLOAT = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


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
            return _read_int(text)
        case "tag:yaml.org,2002:float" if _FLOAT.fullmatch(text):
            return float(text.replace("_", ""))
    raise NotJson(f"{text!r} is no {tag.rpartition(':')[2]} that JSON could hold")


def _read_int(text: str) -> int:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567":
        return sign * int(digits, 8)
    return sign * int(digits or "0", 0)
