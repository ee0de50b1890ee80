"""Text of others, made safe to print: nothing in it moves a cursor, breaks a line or rings."""

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def printable(text: str) -> str:
    """The text with escapes in place of characters that act, or that nobody sees."""
    return _CONTROLS.sub(lambda found: found.group(0).encode("unicode_escape").decode(), text)
