"""Whatever is wrong with a manifest is told with its place and what to do, and never as a traceback."""

import pytest

from jobset.manifests.check import check
from jobset.manifests.problems import Problem
from jobset.manifests.yaml import load
from tests.manifests.wrong import GOOD, WRONG, Wrong


def problems(text: str | bytes) -> list[Problem]:
    data = text if isinstance(text, bytes) else text.encode()
    return check(load(["-"], lambda: data))


def test_a_good_manifest_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_manifest_is_told_with_place_and_remedy(wrong: Wrong) -> None:
    found = problems(wrong.text)

    said = [
        p for p in found if wrong.says in p.message and wrong.advises in p.remedy and p.line == wrong.line
    ]
    assert said, "\n".join(map(str, found))


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_every_problem_has_a_remedy_and_a_short_form(wrong: Wrong) -> None:
    found = problems(wrong.text)

    assert all(p.remedy and p.message and len(str(p)) < 2000 for p in found)
