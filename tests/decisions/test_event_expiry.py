"""When an event is forgotten."""

from datetime import UTC, datetime

import pytest

from jobset.local.event_expiry import is_expired

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
OLD, FRESH = "2026-01-01T10:59:59Z", "2026-01-01T11:00:01Z"

CASES = {
    "an hour and a second": ({"metadata": {"creationTimestamp": OLD}}, True),
    "less than an hour": ({"metadata": {"creationTimestamp": FRESH}}, False),
    "repeated lately": ({"metadata": {"creationTimestamp": OLD}, "lastTimestamp": FRESH}, False),
    "a series that goes on": (
        {"metadata": {"creationTimestamp": OLD}, "eventTime": OLD, "series": {"lastObservedTime": FRESH}},
        False,
    ),
}


@pytest.mark.parametrize(("event", "expired"), CASES.values(), ids=CASES)
def test_expiry(event, expired):
    assert is_expired(event, NOW) is expired
