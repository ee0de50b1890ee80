"""Times as Kubernetes writes them: UTC, whole seconds, ending in Z."""

from datetime import UTC, datetime

ZERO = datetime.min.replace(tzinfo=UTC)
"""What a program in Go writes where it knows no time."""


def format_time(moment: datetime) -> str:
    """`2030-01-02T03:04:05Z`; fractions of a second are cut off."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(moment: datetime) -> str:
    """`2030-01-02T03:04:05.000000Z`, as events and leases have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """An aware datetime from RFC 3339 text.

    Raises:
        ValueError: the text is not a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # In UTC it is a day before the first one that there is, or after the last.
        return moment.replace(tzinfo=UTC)
