"""`python -m tests.parity FILES`: judge recorded cases by our functions, one line for each that fails."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.parity import admission_adapter

_ADMISSION = frozenset(admission_adapter.KINDS)


def check(case: dict[str, Any]) -> str | None:
    """None when the case passes, otherwise the difference."""
    if "tier" not in case and case["kind"] in _ADMISSION:
        return admission_adapter.check(case)
    from tests.parity import logic_adapter

    return logic_adapter.check(case)


def main(files: list[str]) -> int:
    """The exit status: 1 when any case failed."""
    passed = failed = 0
    for case in (case for file in files for case in json.loads(Path(file).read_text())):
        if (difference := check(case)) is None:
            passed += 1
        else:
            failed += 1
            print(f"{case['id']}: {difference}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
