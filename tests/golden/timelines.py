"""Compare what was seen over time: short-lived states may be missing in a recording."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SHORT_SECONDS = 0.2


@dataclass(slots=True)
class Timeline:
    """The states of something, each with the time at which it began."""

    states: list[tuple[float, Any]] = field(default_factory=list)

    def see(self, now: float, state: Any) -> None:
        """Note a state; the same as before adds nothing."""
        if not self.states or self.states[-1][1] != state:
            self.states.append((now, state))

    def distinct(self, end: float) -> list[tuple[Any, float]]:
        """Each state once, in the order of its first appearance, with how long it lasted at most."""
        found: list[tuple[Any, float]] = []
        for number, (began, state) in enumerate(self.states):
            until = self.states[number + 1][0] if number + 1 < len(self.states) else end
            known = next((place for place, (other, _) in enumerate(found) if other == state), None)
            if known is None:
                found.append((state, until - began))
            else:
                found[known] = state, max(found[known][1], until - began)
        return found

    def difference(self, recorded: Sequence[Any], end: float) -> str | None:
        """None when the recorded states came in this order and nothing else lasted."""
        position = 0
        for state, lasted in self.distinct(end):
            if position < len(recorded) and state == recorded[position]:
                position += 1
            elif lasted >= SHORT_SECONDS:
                return f"unexpected for {lasted:.1f} s: {state}; seen: {self.states}"
        if position < len(recorded):
            return f"never seen: {recorded[position]}; seen: {self.states}"
        return None
