"""What is counted while the controllers work: plain numbers where things happen, read when somebody asks.

Nothing here knows how numbers are published, and no label grows with what users name, but for the counters
of finished JobSets, whose names dashboards know.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from jobset.api.status import ConditionType
from jobset.controller.histogram import Histogram
from jobset.controller.recovery import Recoveries

_TURN_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    *(1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0),
    *(15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0),
)
_REQUEST_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0),
)
_NO_ANSWER = "<error>"


class TurnResult(StrEnum):
    """How a turn ended: well, in an error, to be repeated, or well and with a wish to look again later."""

    SUCCESS = "success"
    ERROR = "error"
    REQUEUE = "requeue"
    REQUEUE_AFTER = "requeue_after"


@dataclass(slots=True)
class TurnMetrics:
    """The turns of one controller. `panics` are errors that nobody foresaw; they count as errors too."""

    workers: int = 0
    active: int = 0
    panics: int = 0
    results: dict[TurnResult, int] = field(default_factory=lambda: dict.fromkeys(TurnResult, 0))
    seconds: Histogram = field(default_factory=lambda: Histogram(_TURN_SECONDS))

    def ended(self, result: TurnResult, seconds: float) -> None:
        """One turn is over."""
        self.results[result] += 1
        self.seconds.observe(seconds)


@dataclass(slots=True)
class RequestMetrics:
    """Requests to API servers, by code, method and host, and how long answers took, by method."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    seconds: dict[str, Histogram] = field(default_factory=dict)

    def answered(self, method: str, host: str, code: int | None, seconds: float | None) -> None:
        """One request was answered, or not at all where there is no code; a watch takes no time."""
        self.counts[(_NO_ANSWER if code is None else str(code), method, host)] += 1
        if seconds is not None:
            if method not in self.seconds:
                self.seconds[method] = Histogram(_REQUEST_SECONDS)
            self.seconds[method].observe(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One series of a counter."""

    metric: str
    labels: Mapping[str, str]
    value: int


_METRICS = {
    ConditionType.COMPLETED: "jobset_completed_total",
    ConditionType.FAILED: "jobset_failed_total",
}


@dataclass(slots=True)
class Metrics:
    """Counts terminal JobSets, once each: when the status that says so has been written."""

    recoveries: Recoveries = field(default_factory=Recoveries)
    _finished: dict[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: {metric: Counter() for metric in _METRICS.values()}
    )

    def finished(self, outcome: str, namespace: str, name: str) -> None:
        """One JobSet reached `outcome` (`Completed` or `Failed`)."""
        self._finished[_METRICS[ConditionType(outcome)]][(name, namespace)] += 1

    def samples(self) -> Iterator[Sample]:
        """Every series, in order of first appearance for each metric."""
        for metric, counts in self._finished.items():
            for (name, namespace), value in counts.items():
                yield Sample(metric=metric, labels={"namespace": namespace, "jobset_name": name}, value=value)

    def finished_counts(self, outcome: str) -> list[tuple[tuple[str, str], int]]:
        """Name, namespace and number of each JobSet that reached `outcome`."""
        return list(self._finished[_METRICS[ConditionType(outcome)]].items())
