"""Whether a container that ended runs again, and when: policies, rules, back-off."""

from datetime import datetime, timedelta
from enum import Enum

from jobset.local.kubelet.facts import NONE, Attempt, ContainerFacts, Object, PodSnapshot

FIRST_BACK_OFF = timedelta(seconds=10)
LONGEST_BACK_OFF = timedelta(minutes=5)
CALM = timedelta(minutes=10)
"""An attempt that ran this long makes the next failure a first one."""
START_OVER_PACE = timedelta(seconds=1)


class Fate(Enum):
    """What becomes of a container that ended."""

    STAYS = "stays ended"
    AGAIN = "runs again"
    ALL_AGAIN = "the whole pod runs again"


def fate_of(pod: Object, container: Object, attempt: Attempt) -> Fate:
    """What the end of a container means by its own rules, its own policy and the pod's, in this order.

    The attempt has ended.
    """
    assert attempt.ended is not None
    code = attempt.ended.code
    rule = _first_match(container, code)
    if rule is not None:
        return Fate.ALL_AGAIN if rule == "RestartAllContainers" else Fate.AGAIN
    policy = container.get("restartPolicy") or pod["spec"].get("restartPolicy") or "Always"
    if policy == "Never":
        return Fate.STAYS
    again = policy == "Always" or code != 0 or attempt.unhealthy
    return Fate.AGAIN if again else Fate.STAYS


def init_fate_of(pod: Object, container: Object, attempt: Attempt) -> Fate:
    """As `fate_of`, for an init container that is no sidecar: success ends it whatever the policy."""
    assert attempt.ended is not None
    fate = fate_of(pod, container, attempt)
    return Fate.STAYS if fate is Fate.AGAIN and attempt.ended.code == 0 else fate


def _first_match(container: Object, code: int) -> str | None:
    for rule in container.get("restartPolicyRules") or ():
        exit_codes = rule.get("exitCodes") or {}
        listed = code in (exit_codes.get("values") or ())
        if exit_codes and listed == (exit_codes.get("operator") == "In"):
            return str(rule.get("action"))
    return None


def delay_before_restart(facts: ContainerFacts) -> timedelta:
    """How long after its end a container starts again; the first time at once."""
    attempt = facts.attempt
    assert attempt is not None
    assert attempt.ended is not None
    calm = attempt.ended.finished_at - attempt.started_at >= CALM
    return NONE if calm else facts.back_off


def next_delay(delay: timedelta) -> timedelta:
    """The delay that follows one that has just been waited."""
    return min(delay * 2, LONGEST_BACK_OFF) if delay else FIRST_BACK_OFF


def restart_at(snapshot: PodSnapshot, facts: ContainerFacts) -> datetime:
    """When a container that ended may start again."""
    ended = facts.ended
    assert ended is not None
    return ended.finished_at + delay_before_restart(facts) * snapshot.wait_scale


def back_off_text(snapshot: PodSnapshot, facts: ContainerFacts) -> str:
    """The delay as Kubernetes writes it: `10s`, `1m20s`, `5m0s`."""
    return go_duration(delay_before_restart(facts) * snapshot.wait_scale)


def go_duration(delay: timedelta) -> str:
    """A duration as Go prints it."""
    seconds = delay.total_seconds()
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    text = f"{left:g}s"
    if seconds >= 60:
        text = f"{minutes:g}m{text}"
    return f"{hours:g}h{text}" if hours else text
