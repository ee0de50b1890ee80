"""When a request is sent again: what the server asked for, and what a lost connection allows."""

from collections.abc import Mapping

LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more is asked again earlier."""
MOST_RETRIES = 10

_TOO_MANY_REQUESTS = 429


def retry_delay(code: int, headers: Mapping[str, str], retries: int) -> float | None:
    """Seconds after which a refused request is sent again, or None when the refusal stands.

    Only a server that says so is asked again, as client-go does: overload (429) or trouble of its own
    (5xx), each with `Retry-After`. A 429 without one comes from something in between and waits a second.
    """
    if retries >= MOST_RETRIES or (code != _TOO_MANY_REQUESTS and code < 500):
        return None
    asked = _seconds(headers.get("Retry-After"))
    if asked is None:
        return 1.0 if code == _TOO_MANY_REQUESTS else None
    return min(asked, LONGEST_WAIT)


def _seconds(text: str | None) -> float | None:
    # The date form of Retry-After is not used by API servers.
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
