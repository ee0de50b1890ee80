"""Patterns are RE2, searched anywhere."""

import pytest

from jobset.core.patterns import matches

MATCHES = {
    "anywhere in the text": ("code 1", "exit code 137", True),
    "anchored": ("^code", "exit code 137", False),
    "the very end": ("137$", "exit code 137", True),
    "not before a last newline": ("137$", "exit code 137\n", False),
    "a dot is no newline": ("a.b", "a\nb", False),
    "flags": ("(?i)EXIT", "exit code", True),
    "Unicode classes": (r"\pL+!", "größe!", True),
    "a dot is a character, not a byte": ("^.$", "é", True),
    "a quoted backslash and C": (r"\\C", r"\C", True),
    "quoted to the end": (r"\QC:\Cx", r"C:\Cx", True),
    "quoted text": (r"\Q\C\Ex", r"\Cx", True),
    "parentheses in a class": ("[]([:alpha:](]" * 1000 + "|x", "x", True),
    "escaped parentheses": (r"\(" * 1000 + "|x", "x", True),
    "quoted parentheses": (r"\Q" + "(" * 1000 + r"\E|x", "x", True),
    "many groups, one after another": ("(x)?" * 1000, "x", True),
    "as many groups in groups as Go takes": ("(" * 999 + "x" + ")" * 999, "x", True),
    "empty": ("", "x", True),
}
INVALID = ["(", "[", "a**", "(?=x)", "(?<!x)", r"(a)\1", r"\C", r"x\\\C", r"\Qa\E\C", "a{1001}", "\\"]
INVALID += ["(" * 1000 + "x" + ")" * 1000, "(?:" * 1000 + "x" + ")" * 1000, "[a", "[\\", "[[:alpha:"]


@pytest.mark.parametrize(("pattern", "text", "found"), MATCHES.values(), ids=MATCHES)
def test_a_pattern_is_searched(pattern: str, text: str, found: bool) -> None:
    assert matches(pattern, text) is found


@pytest.mark.parametrize("pattern", INVALID)
def test_an_invalid_pattern_never_matches(pattern: str) -> None:
    assert not matches(pattern, "x" + pattern)


@pytest.mark.parametrize("pattern", ["(a+)+", "(a" * 999 + ")*" * 999 + "x", "[" * 100_000, "(" * 100_000])
def test_a_hard_pattern_takes_no_long_time(pattern: str) -> None:
    assert not matches(pattern + "$", "a" * 20_000 + "b")
