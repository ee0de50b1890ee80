"""Counters of what the controller wrote, under the names that dashboards know."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from jobset.api.status import ConditionType


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

    _finished: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def finished(self, outcome: str, namespace: str, name: str) -> None:
        """One JobSet reached `outcome` (`Completed` or `Failed`)."""
        self._finished[(_METRICS[ConditionType(outcome)], namespace, name)] += 1

    def samples(self) -> Iterator[Sample]:
        """Every series, in order of first appearance."""
        for (metric, namespace, name), value in self._finished.items():
            yield Sample(metric=metric, labels={"namespace": namespace, "jobset_name": name}, value=value)
