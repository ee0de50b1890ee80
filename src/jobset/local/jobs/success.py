"""successPolicy: which done indexes are enough."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobset.local.jobs.indexes import Indexes, parse_indexes


class SuccessRule(msgspec.Struct, frozen=True, kw_only=True):
    """Met when enough of `indexes` (of all when None) are done; `count` None means every one of them."""

    indexes: str | None = None
    count: int | None = None


def matched_success_rule(rules: Sequence[SuccessRule], done: Indexes, completions: int) -> int | None:
    """The position of the first rule that is met, or None."""
    if not done:
        return None
    for position, rule in enumerate(rules):
        if _is_met(rule, done, completions):
            return position
    return None


def read_success_rules(raw: Mapping[str, Any] | None) -> tuple[SuccessRule, ...]:
    """The rules of a `successPolicy`; none without one."""
    return tuple(
        SuccessRule(indexes=rule.get("succeededIndexes"), count=rule.get("succeededCount"))
        for rule in (raw or {}).get("rules") or ()
    )


def _is_met(rule: SuccessRule, done: Indexes, completions: int) -> bool:
    if rule.indexes is None:
        return rule.count is not None and len(done) >= rule.count
    wanted = parse_indexes(rule.indexes, completions)
    reached = sum(1 for index in wanted if index in done)
    return reached >= (len(wanted) if rule.count is None else rule.count)
