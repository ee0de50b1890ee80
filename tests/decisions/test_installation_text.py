"""What is told of the changes of an installation."""

import pytest

from jobset.cli.render.installation import render_changes
from jobset.installation.changes import Action, Change, FieldChange


def kept(count: int) -> list[Change]:
    return [Change(title=f"ConfigMap c{it}", action=Action.KEEP) for it in range(count)]


def changed(fields: int) -> list[Change]:
    told = tuple(FieldChange(f"data.f{it}", None, it) for it in range(fields))
    return [Change(title="ConfigMap c", action=Action.CHANGE, fields=told)]


LAST_LINES = {
    "one that stays": (kept(1), "1 object is as it should be"),
    "some that stay": (kept(2), "2 objects are as they should be"),
    "few fields": (changed(10), "          data.f9: none → 9"),
    "one field too many": (changed(11), "          and 1 more field"),
    "many fields": (changed(12), "          and 2 more fields"),
}


@pytest.mark.parametrize(("changes", "line"), LAST_LINES.values(), ids=LAST_LINES)
def test_what_stays_and_what_is_too_much_are_counted(changes: list[Change], line: str) -> None:
    assert render_changes(changes).splitlines()[-1] == line
