"""Every recorded case comes out as recorded, where the recordings are at hand."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.control_plane.fixtures import require_programs
from tests.control_plane.releases import on_releases
from tests.golden import real
from tests.golden.__main__ import check, read_cases
from tests.golden.outcome import Outcome, Skip

RECORDINGS = Path(__file__).parents[3] / "shared" / "golden"
FILES = ("requests.json", "jobs.json", "jobsets.json")


def cases() -> list[Any]:
    present = [RECORDINGS / name for name in FILES if (RECORDINGS / name).exists()]
    return [
        pytest.param(case, id=f"{file.stem}-{case['id']}") for file in present for case in read_cases(file)
    ]


@pytest.mark.parametrize("name", FILES)
def test_the_recordings_are_at_hand(name: str) -> None:
    if not (RECORDINGS / name).exists():
        assert not os.environ.get("CI"), f"{RECORDINGS / name} is missing"
        pytest.skip(f"{RECORDINGS / name} is missing: it is not played")


@pytest.mark.parametrize("case", cases())
def test_a_recorded_case_comes_out_as_recorded(case: dict[str, Any]) -> None:
    outcome = check(case)
    if isinstance(outcome, Skip):
        pytest.skip(outcome.reason)
    assert outcome is None


@on_releases(since=36, until=36)
@pytest.mark.control_plane
def test_a_real_api_server_answers_as_recorded() -> None:
    require_programs()
    recording = RECORDINGS / "requests.json"
    if not recording.exists():
        pytest.skip(f"{recording} is missing: it is not played")
    outcomes: dict[str, Outcome] = {}

    real.play_all(read_cases(recording), lambda case, outcome: outcomes.update({case["id"]: outcome}))

    assert {name: outcome for name, outcome in outcomes.items() if outcome is not None} == {}
    assert len(outcomes) == len(read_cases(recording))
