"""`python -m tests.golden FILES`: play recorded cases on the local plane, one line for each that fails."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.golden.outcome import Outcome, Skip


def check(case: Mapping[str, Any]) -> Outcome:
    """None when the case passes, else the difference or the reason for leaving it out; told by its form."""
    if "steps" in case:
        from tests.golden import requests_adapter

        return requests_adapter.check(case)
    if "restartPolicy" in case:
        from tests.golden import jobs_adapter

        return jobs_adapter.check(case)
    from tests.golden import jobsets_adapter

    return jobsets_adapter.check(case)


def read_cases(file: Path) -> list[dict[str, Any]]:
    """The cases of one file: a JSON list, or one object a line."""
    text = file.read_text()
    if text.lstrip().startswith("["):
        cases: list[dict[str, Any]] = json.loads(text)
        return cases
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def main(files: list[str]) -> int:
    """The exit status: 1 when any case failed."""
    passed = failed = skipped = 0
    for recorded in (case for file in files for case in read_cases(Path(file))):
        match check(recorded):
            case None:
                passed += 1
            case Skip(reason):
                skipped += 1
                print(f"{recorded['id']}: skipped: {reason}", flush=True)
            case difference:
                failed += 1
                print(f"{recorded['id']}: {difference}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
