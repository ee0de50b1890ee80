"""What to do about a problem: one short piece of advice for each."""

from typing import Any

from jobset.manifests.problems import Problem

_SYNTAX = (
    ("\\t", "indent with spaces; YAML does not take tabs there"),
    (
        "mapping values are not allowed",
        "put the value in quotes if it contains ': ', or check the indentation",
    ),
    ("block end", "check the indentation of this line against the lines above it"),
    ("did not find expected key", "check the indentation of this line; a list item starts with '- '"),
    ("did not find expected '-' indicator", "start the item with '- ', at the column of the items above"),
    ("could not find expected ':'", "write 'key: value', and check the lines above for an open quote"),
    ("',' or", "close the bracket, or put a comma between the items"),
    ("unexpected end of stream", "close the quote that is open here"),
    ("undefined alias", "define the anchor with &name before *name, or quote a value that starts with *"),
    ("cannot start any token", "put a value that starts with this character in quotes"),
    ("while scanning", "put the value in quotes if it contains special characters"),
    ("document start", "put --- on a line of its own before the next object"),
    ("control characters", "remove the control character, or write it as an escape in double quotes"),
    ("special characters", "remove the control character, or write it as an escape in double quotes"),
    ("directive", "a line may start with % only for %YAML and %TAG; put other text in quotes"),
)
_ANY_SYNTAX = "correct the YAML at this place"


def syntax_problem(file: str, error: Any) -> Problem:
    """What the YAML parser says, with its place and advice."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = [getattr(error, name, None) for name in ("problem", "reason", "context")]
    said = ", ".join(word for word in words if word) or str(error)
    remedy = next((advice for key, advice in _SYNTAX if key in said), _ANY_SYNTAX)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 0)
    return Problem(file=file, line=line, column=column, message=f"not YAML: {said}", remedy=remedy)
