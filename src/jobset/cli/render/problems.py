"""What is wrong with manifests, as lines like those of a compiler, and as data."""

from collections.abc import Sequence
from typing import Any

from jobset.cli.render.printable import printable
from jobset.cli.render.style import PLAIN, Style
from jobset.manifests.problems import Problem, Severity


def render_problems(problems: Sequence[Problem], style: Style = PLAIN) -> str:
    """`file:line:column: error: object field: message`, each with its remedy on the next line."""
    return "\n".join(_problem(problem, style) for problem in problems)


def render_summary(problems: Sequence[Problem], objects: int) -> str:
    """How many errors and warnings in how many objects."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    told = [_count(errors, "error")] if errors else []
    told += [_count(warnings, "warning")] if warnings else []
    return f"{_count(objects, 'object')}: {', '.join(told) or 'no problems'}"


def problem_data(problem: Problem) -> dict[str, Any]:
    """One problem as JSON; line and column are null when the place is not known."""
    return {
        "severity": str(problem.severity),
        "file": problem.file,
        "line": problem.line or None,
        "column": problem.column or None,
        "object": problem.object,
        "field": problem.field,
        "value": problem.value,
        "message": problem.message,
        "remedy": problem.remedy,
    }


def has_errors(problems: Sequence[Problem]) -> bool:
    """Whether anything is refused."""
    return any(problem.severity is Severity.ERROR for problem in problems)


def _problem(problem: Problem, style: Style) -> str:
    color = "red" if problem.severity is Severity.ERROR else "yellow"
    subject = " ".join(part for part in (problem.object, problem.field) if part)
    what = printable(f"{subject}: {problem.message}" if subject else problem.message)
    place = style.paint(printable(problem.place), "bold")
    first = f"{place}: {style.paint(str(problem.severity), color)}: {what}"
    return f"{first}\n    → {printable(problem.remedy)}" if problem.remedy else first


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
