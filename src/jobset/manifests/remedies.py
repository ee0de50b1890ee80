"""What to do about a problem: one short piece of advice for each."""

from typing import Any

from jobset.manifests.problems import Problem

_SYNTAX = (
    ("\\t", "indent with spaces; YAML does not take tabs there"),
    ("tab character", "indent with spaces; YAML does not take tabs there"),
    ("anchor is there twice", "give the second anchor another name"),
    ("directive", "a line may start with % only for %YAML and %TAG; put other text in quotes"),
    ("incompatible YAML", "write %YAML 1.1, or leave the line out"),
    ("escape code", "write the character itself, or an escape that stands for one"),
    ("expected node content", "put a value that starts with { or [ in quotes; fill in templates first"),
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
)
_ANY_SYNTAX = "correct the YAML at this place"


def syntax_problem(file: str, text: str, error: Any) -> Problem:
    """What the YAML parser says about a text, with its place and advice."""
    words = [getattr(error, name, None) for name in ("problem", "reason", "context")]
    said = ", ".join(word for word in words if word) or str(error)
    if "duplicate anchor" in said:
        said = "an anchor is there twice"
    line, column = _place(text, error)
    if _letter_at(text, line, column) == "\t":
        said = said.replace("found character", "found character '\\t'")
    remedy = next((advice for key, advice in _SYNTAX if key in said), _ANY_SYNTAX)
    return Problem(file=file, line=line, column=column, message=f"not YAML: {said}", remedy=remedy)


def _place(text: str, error: Any) -> tuple[int, int]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return mark.line + 1, mark.column + 1
    # A reader error counts bytes, and stops just after the character that is to blame.
    before = text.encode()[: max(getattr(error, "position", 0) - 1, 0)].decode(errors="replace")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _letter_at(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    return lines[line - 1][column - 1 : column] if line <= len(lines) else ""
