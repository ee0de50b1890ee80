"""How long things took, counted in buckets: as much as a Prometheus histogram says."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul


@dataclass(slots=True)
class Histogram:
    """Counts values by the first of `bounds`, which ascend, that is not below them."""

    bounds: tuple[float, ...]
    total: float = 0.0
    _counts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def cumulative(self) -> Sequence[int]:
        """How many values were not above each bound, and last how many there were."""
        return list(accumulate(self._counts))


def decades(first: float, count: int) -> tuple[float, ...]:
    """Bounds that grow tenfold."""
    # compat: multiplied step by step as in Go, whose rounding shows in the bounds (9.999999999999999e-06).
    return tuple(accumulate([first, *[10.0] * (count - 1)], mul))
