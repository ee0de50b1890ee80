"""Probe results over time: thresholds decide when a container counts as healthy or not."""

import msgspec
from msgspec.structs import replace

from jobset.local.kubelet.facts import Object


class ProbeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one probe; times in seconds."""

    initial_delay: float
    period: float
    timeout: float
    success_threshold: int
    failure_threshold: int


class ProbeState(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe says now, and how often in a row it has just answered the same."""

    passing: bool
    last: bool | None = None
    streak: int = 0


def read_probe(probe: Object) -> ProbeSpec:
    """The numbers of a probe, with Kubernetes' defaults."""
    return ProbeSpec(
        initial_delay=probe.get("initialDelaySeconds") or 0,
        period=probe.get("periodSeconds") or 10,
        timeout=probe.get("timeoutSeconds") or 1,
        success_threshold=probe.get("successThreshold") or 1,
        failure_threshold=probe.get("failureThreshold") or 3,
    )


def after_answer(state: ProbeState, spec: ProbeSpec, success: bool) -> ProbeState:
    """The state after one more answer: it turns only when a threshold is reached."""
    streak = state.streak + 1 if state.last == success else 1
    needed = spec.success_threshold if success else spec.failure_threshold
    passing = success if streak >= needed else state.passing
    return replace(state, passing=passing, last=success, streak=streak)


def gave_up(state: ProbeState, spec: ProbeSpec) -> bool:
    """Whether a liveness or startup probe has failed as often in a row as it may."""
    return state.last is False and state.streak >= spec.failure_threshold
