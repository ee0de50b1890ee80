"""Compare what was seen over time: short-lived states may be missing in a recording."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SHORT_SECONDS = 0.2


@dataclass(slots=True)
class Timeline:
    """The distinct states of something, each with the time at which it began."""

    states: list[tuple[float, Any]] = field(default_factory=list)

    def see(self, now: float, state: Any) -> None:
        """Note a state; the same as before adds nothing."""
        if not self.states or self.states[-1][1] != state:
            self.states.append((now, state))

    def difference(self, recorded: Sequence[Any], end: float) -> str | None:
        """None when the recorded states came in this order and nothing else lasted."""
        position = 0
        for number, (began, state) in enumerate(self.states):
            if position < len(recorded) and state == recorded[position]:
                position += 1
                continue
            until = self.states[number + 1][0] if number + 1 < len(self.states) else end
            if until - began >= SHORT_SECONDS:
                return f"unexpected for {until - began:.1f} s at {began:.1f} s: {state}"
        if position < len(recorded):
            return f"never seen: {recorded[position]}; seen: {self.states}"
        return None
