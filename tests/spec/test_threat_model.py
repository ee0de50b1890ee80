"""The threat model claims nothing that no test shows."""

import re

from tests.spec.collecting import ROOT, exists

PAGE = ROOT / "docs" / "guides" / "threat-model.md"


def test_every_claim_names_a_test_that_exists() -> None:
    claims = PAGE.read_text().partition("## Claims")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| `(tests/\S.*?)` \|$", claims, re.MULTILINE)

    assert len(rows) == claims.count("\n|") - 2
    assert [test for _, test in rows if not exists(test)] == []
