"""The failure policy: what one or more failed Jobs mean for the JobSet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, assert_never

from jobset.api.children import ChildJob
from jobset.api.jobset import FailureAction, FailurePolicy, FailurePolicyRule
from jobset.core.patterns import matches
from jobset.core.plan import Problem

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fail:
    """The JobSet fails."""

    reason: str
    blamed: ChildJob


@dataclass(frozen=True, slots=True)
class RestartAll:
    """All Jobs are recreated."""

    action: FailureAction
    rule: FailurePolicyRule | None
    blamed: ChildJob

    @property
    def is_counted(self) -> bool:
        """Whether it counts towards `maxRestarts`."""
        return self.action is FailureAction.RESTART_JOBSET


@dataclass(frozen=True, slots=True)
class RestartOne:
    """The failed Job alone is recreated."""

    action: FailureAction
    blamed: ChildJob

    @property
    def is_counted(self) -> bool:
        """Whether it counts towards `maxRestarts`."""
        return self.action is FailureAction.RESTART_JOB


Verdict: TypeAlias = Fail | RestartAll | RestartOne | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many restarts have been counted, how many are allowed, and whether single Jobs may restart."""

    counted: int
    allowed: int
    restart_job: bool

    @property
    def are_used_up(self) -> bool:
        """Whether no further counted restart is allowed."""
        return self.counted >= self.allowed


def judge_failure(policy: FailurePolicy | None, failed: Sequence[ChildJob], limits: Limits) -> Verdict:
    """What failed Jobs mean for the JobSet. `failed` is not empty.

    The first rule that matches any failed Job wins; of the Jobs it matches, the one that failed first is
    blamed. Where no rule matches, the JobSet restarts.
    """
    if policy is None:
        return Fail("FailedJobs", first_to_fail(failed))
    found = first_match(policy.rules or (), failed)
    if found is None:
        return judge_action(FailureAction.RESTART_JOBSET, None, first_to_fail(failed), limits)
    rule, blamed = found
    if rule.action not in set(FailureAction):
        return Problem(f'unknown failure policy action "{rule.action}" in rule "{rule.name}"')
    return judge_action(FailureAction(rule.action), rule, blamed, limits)


def judge_action(
    action: FailureAction, rule: FailurePolicyRule | None, blamed: ChildJob, limits: Limits
) -> Verdict:
    """What an action comes to; `rule` is the rule that chose it, if any."""
    match action:
        case FailureAction.FAIL_JOBSET:
            return Fail("FailJobSetFailurePolicyAction", blamed)
        case FailureAction.RESTART_JOBSET if limits.are_used_up:
            return Fail("ReachedMaxRestarts", blamed)
        case FailureAction.RESTART_JOBSET | FailureAction.RESTART_JOBSET_AND_IGNORE_MAX_RESTARTS:
            return RestartAll(action, rule, blamed)
        case FailureAction.RESTART_JOB | FailureAction.RESTART_JOB_AND_IGNORE_MAX_RESTARTS:
            return _judge_one(action, blamed, limits)
        case _:
            assert_never(action)


def first_match(
    rules: Sequence[FailurePolicyRule], failed: Sequence[ChildJob]
) -> tuple[FailurePolicyRule, ChildJob] | None:
    """The first rule that applies to any failed Job, and of those Jobs the one that failed first."""
    for rule in rules:
        if concerned := [job for job in failed if applies(rule, job)]:
            return rule, first_to_fail(concerned)
    return None


def applies(rule: FailurePolicyRule, job: ChildJob) -> bool:
    """Whether a rule is meant for a failed Job: all of its lists match, and an empty list matches all."""
    reason, message = (job.end.reason, job.end.message) if job.end else ("", "")
    targets, reasons = rule.target_replicated_jobs, rule.on_job_failure_reasons
    patterns = rule.on_job_failure_message_patterns
    return (
        bool(job.replicated_job)
        and (not reasons or reason in reasons)
        and (not targets or job.replicated_job in targets)
        and (not patterns or any(matches(pattern, message) for pattern in patterns))
    )


def first_to_fail(failed: Sequence[ChildJob]) -> ChildJob:
    """The Job that failed first; of several in the same second, the first in the list."""
    return min(failed, key=_failed_at)


def _failed_at(job: ChildJob) -> datetime:
    return (job.end.at if job.end else None) or _LONG_AGO


def _judge_one(action: FailureAction, blamed: ChildJob, limits: Limits) -> Verdict:
    if not limits.restart_job:
        return Problem(
            f"{action} failure policy action cannot be used when the feature gate RestartJob is disabled"
        )
    if action is FailureAction.RESTART_JOB and limits.are_used_up:
        return Fail("ReachedMaxRestarts", blamed)
    return RestartOne(action, blamed)
