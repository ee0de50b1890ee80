"""Waiting, in a sentence."""

import pytest

from jobset.core.explain import Wait, WaitReason

CASES = {
    WaitReason.DEPENDENCY: "b waits until a is Ready (1 of 3 Jobs)",
    WaitReason.EARLIER_REPLICATED_JOB: "b starts after a (1 of 3 Jobs started)",
    WaitReason.OLD_JOB: "b waits until its old Jobs are gone (2 left)",
    WaitReason.ANY_OLD_JOB: "b waits until all old Jobs are gone (2 left)",
    WaitReason.RESUME: "b is suspended",
}


@pytest.mark.parametrize("reason", WaitReason)
def test_a_wait_in_a_sentence(reason: WaitReason) -> None:
    assert (
        Wait(replicated_job="b", reason=reason, on="a", until="Ready", have=1, want=3).text == CASES[reason]
    )
