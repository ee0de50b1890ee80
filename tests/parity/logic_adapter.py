"""Judge one case of logic.json by our functions and our controllers."""

import traceback
from typing import Any

from tests.parity.logic_decisions import check_decision
from tests.parity.logic_reconciles import check_reconcile


def check(case: dict[str, Any]) -> str | None:
    """None when the case passes, otherwise the difference."""
    try:
        return check_reconcile(case) if case["tier"] == "reconcile" else check_decision(case)
    except Exception:
        return traceback.format_exc(limit=-3)
