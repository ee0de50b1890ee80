"""How we name ourselves to an API server (OPS-59)."""

import re

import pytest

from jobset.kube.user_agent import render_user_agent, user_agent

AGENTS = {
    "a release": (("0.12.0", "c0ffee123456", "linux", "x86_64"), "jobset/v0.12.0 (linux/amd64) c0ffee1"),
    "upstream's default": (("v0.0.0-main", None, "linux", "x86_64"), "jobset/v0.0.0 (linux/amd64) abcd012"),
    "a development version": (
        ("0.1.0.dev121+g67a0b7a82.d20260101", None, "darwin", "arm64"),
        "jobset/v0.1.0.dev121 (darwin/arm64) 67a0b7a",
    ),
    "a commit as git describes it": (
        ("1.0.0", "g67a0b7a82", "linux", "aarch64"),
        "jobset/v1.0.0 (linux/arm64) 67a0b7a",
    ),
}


@pytest.mark.parametrize(("facts", "agent"), AGENTS.values(), ids=AGENTS)
def test_user_agent(facts: tuple[str, str | None, str, str], agent: str) -> None:
    assert render_user_agent(*facts) == agent


def test_ours_has_the_form() -> None:
    assert re.fullmatch(r"jobset/v[0-9a-z.]+ \([a-z0-9]+/[a-z0-9]+\) [0-9a-f]{7}", user_agent())
