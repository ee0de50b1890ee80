"""Every recorded case passes through our functions, where the recordings are at hand."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.parity.__main__ import check

RECORDINGS = Path(__file__).parents[3] / "shared" / "parity"


def cases(name: str) -> list[Any]:
    file = RECORDINGS / name
    if not file.exists():
        return []
    return [pytest.param(case, id=case["id"]) for case in json.loads(file.read_text())]


@pytest.mark.parametrize("name", ["admission.json", "logic.json"])
def test_the_recordings_are_at_hand(name: str) -> None:
    if not (RECORDINGS / name).exists():
        assert not os.environ.get("CI"), f"{RECORDINGS / name} is missing"
        pytest.skip(f"{RECORDINGS / name} is missing: parity is not checked")


@pytest.mark.parametrize("case", cases("admission.json") + cases("logic.json"))
def test_a_recorded_case_passes(case: dict[str, Any]) -> None:
    assert check(case) is None


def test_an_event_of_one_pass_may_repeat() -> None:
    policies = [{"templates": [{"metadata": {"name": name}}]} for name in ("data", "logs")]
    jobset = {
        "kind": "JobSet",
        "metadata": {"name": "js", "namespace": "default"},
        "spec": {"volumeClaimPolicies": policies},
    }
    fault = {"verb": "create", "kind": "PersistentVolumeClaim", "message": "no quota"}
    nothing: dict[str, list[Any]] = {"created": [], "updated": [], "deleted": [], "status_updates": []}
    case = {
        "tier": "reconcile",
        "kind": "reconcile",
        "target": {"controller": "jobset", "namespace": "default", "name": "js"},
        "given": {"objects": [jobset], "faults": [fault]},
        "expect": {
            "error_contains": ["no quota"],
            "requeue_after_seconds": 0,
            "events": [{"type": "Warning", "reason": "PVCCreationFailed", "note": "no quota"}],
            **nothing,
        },
    }

    assert check(case) is None


def test_a_job_without_the_condition_has_not_failed() -> None:
    jobs = [{"metadata": {"name": name}} for name in ("a", "b")]
    case = {"tier": "decision", "kind": "first_failed_job", "given": {"failed_jobs": jobs}}

    assert check({**case, "expect": {"job": None}}) is None
