"""What is counted of reviews."""

from collections import Counter
from dataclasses import dataclass, field

from jobset.controller.histogram import Histogram, decades


@dataclass(slots=True)
class ReviewMetrics:
    """Reviews by path: answers by HTTP code, seconds, and how many are under way.

    Panics are errors of ours.
    """

    paths: tuple[str, ...]
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: dict[str, Histogram] = field(init=False)
    in_flight: Counter[str] = field(default_factory=Counter)
    panics: int = 0

    def __post_init__(self) -> None:
        self.seconds = {path: Histogram(decades(1e-8, 12)) for path in self.paths}

    def begun(self, path: str) -> None:
        """A review came."""
        self.in_flight[path] += 1

    def ended(self, path: str, code: int, seconds: float) -> None:
        """A review was answered, or could not be."""
        self.in_flight[path] -= 1
        self.counts[(path, str(code))] += 1
        self.seconds[path].observe(seconds)

    def codes_of(self, path: str) -> list[str]:
        """The codes with which reviews of a path were answered."""
        return [code for counted, code in self.counts if counted == path]
