"""Installations as text and as data: what changes there, and what is wrong with them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jobset.cli.render.printable import printable
from jobset.cli.render.style import PLAIN, Style
from jobset.installation.changes import Action, Change, FieldChange
from jobset.installation.findings import Finding, Verdict

_COLORS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.ERROR: "red", Verdict.UNKNOWN: "yellow"}
_ACTION_COLORS = {Action.CREATE: "green", Action.CHANGE: "yellow", Action.DELETE: "red", Action.KEEP: "dim"}
_WIDTH = 8
_CHECK_WIDTH = 14
_MOST_FIELDS = 10
_LONGEST_VALUE = 60


def render_changes(changes: Sequence[Change], style: Style = PLAIN) -> str:
    """A line for each object that changes, and one for each of its fields; the others are counted."""
    lines = [line for it in changes if it.action is not Action.KEEP for line in _change(it, style)]
    kept = sum(it.action is Action.KEEP for it in changes)
    if kept:
        told = f"{kept} objects are as they should be" if kept > 1 else "1 object is as it should be"
        lines.append(style.paint(told, "dim"))
    return "\n".join(lines)


def change_data(change: Change) -> Mapping[str, Any]:
    """One object as JSON."""
    fields = [{"path": it.path, "before": it.before, "after": it.after} for it in change.fields]
    return {"object": change.title, "action": str(change.action), "fields": fields}


def render_findings(findings: Sequence[Finding], style: Style = PLAIN) -> str:
    """A line for each finding, with its remedy on the next one, and a summary."""
    return "\n".join([*(_finding(it, style) for it in findings), _summary(findings)])


def finding_data(finding: Finding) -> Mapping[str, str]:
    """One finding as JSON."""
    return {
        "check": finding.check,
        "verdict": str(finding.verdict),
        "message": finding.message,
        "remedy": finding.remedy,
    }


def _change(change: Change, style: Style) -> Sequence[str]:
    action = style.paint(f"{change.action:<{_WIDTH}}", _ACTION_COLORS[change.action])
    more = len(change.fields) - _MOST_FIELDS
    return [
        f"{action}{printable(change.title)}",
        *(f"{'':{_WIDTH}}  {_field(it)}" for it in change.fields[:_MOST_FIELDS]),
        *([f"{'':{_WIDTH}}  and {more} more field{'s' if more > 1 else ''}"] if more > 0 else []),
    ]


def _field(change: FieldChange) -> str:
    return printable(f"{change.path}: {_value(change.before)} → {_value(change.after)}")


def _value(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def _finding(finding: Finding, style: Style) -> str:
    verdict = style.paint(f"{finding.verdict:<{_WIDTH}}", _COLORS[finding.verdict])
    first = f"{verdict}{finding.check:<{_CHECK_WIDTH}}{printable(finding.message)}"
    return f"{first}\n{'':{_WIDTH + _CHECK_WIDTH}}→ {printable(finding.remedy)}" if finding.remedy else first


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(it.verdict for it in findings)
    told = [
        f"{counts[verdict]} {text}"
        for verdict, text in (
            (Verdict.ERROR, "wrong"),
            (Verdict.WARNING, "worth a look"),
            (Verdict.UNKNOWN, "not to be seen by you"),
        )
        if counts[verdict]
    ]
    return f"\n{', '.join(told) if told else 'Nothing is wrong.'}"
