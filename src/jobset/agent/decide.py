"""What the agent of one pod does next: `decide_agent` puts the rules in order."""

from typing import TypeAlias

import msgspec

from jobset.agent.jobset import JobSet


class TellAttempt(msgspec.Struct, frozen=True):
    """Write on our pod which attempt this run of its containers is."""

    attempt: int


class LiftBarrier(msgspec.Struct, frozen=True):
    """Let the worker start."""


class AskForRestart(msgspec.Struct, frozen=True):
    """End with the exit code on which the kubelet starts the containers again."""


Action: TypeAlias = TellAttempt | LiftBarrier | AskForRestart


def decide_agent(jobset: JobSet | None, attempt: int | None, barrier_is_up: bool) -> Action | None:
    """The next step for what is known of the JobSet, or None: wait for news. Ask again after each step.

    `attempt` is the one that was told in this run, None as long as none was.
    """
    if jobset is None:
        return None
    lift = LiftBarrier() if barrier_is_up else None
    if not jobset.restarts_in_place:
        return lift
    current, previous = jobset.current_attempt, jobset.previous_attempt
    if attempt is None:
        return TellAttempt(0 if current is None else current + 1)
    if previous is not None and attempt <= previous:
        return AskForRestart()
    return lift if attempt == current else None
