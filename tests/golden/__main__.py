"""Play recorded cases on the local plane or on a real control plane, one line for each that fails."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 when any case failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--against", choices=("local", "real"), default="local")
    parser.add_argument("--only", default="", help="play the cases whose id holds this text")
    options = parser.parse_args(arguments)
    cases = [case for file in options.files for case in read_cases(file) if options.only in case["id"]]
    tally = Tally()
    if options.against == "real":
        from tests.golden import real

        real.play_all(cases, tally.add)
    else:
        for case in cases:
            tally.add(case, check(case))
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


@dataclass(slots=True)
class Tally:
    """How many cases came to what; tells all but those that passed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, case: Mapping[str, Any], outcome: Outcome) -> None:
        match outcome:
            case None:
                self.passed += 1
            case Skip(reason):
                self.skipped += 1
                print(f"{case['id']}: skipped: {reason}", flush=True)
            case difference:
                self.failed += 1
                print(f"{case['id']}: {difference}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
