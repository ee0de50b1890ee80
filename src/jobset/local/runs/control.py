"""How a run is told to stop: once with grace, twice at once."""

import asyncio
from dataclasses import dataclass, field

from jobset.local.runs.report import Outcome


@dataclass(slots=True, kw_only=True)
class Control:
    """The wishes of whoever sits outside: signals, a time limit."""

    outcome: Outcome | None = None
    """Why the run is to stop; the first wish counts."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    killing: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, outcome: Outcome) -> None:
        """Stop with grace periods; asked again, kill."""
        if self.stopping.is_set():
            self.killing.set()
            return
        self.outcome = outcome
        self.stopping.set()
