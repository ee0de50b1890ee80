"""The text that a Prometheus server reads, in its classic format or as OpenMetrics."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from jobset.controller.histogram import Histogram
from jobset.controller.series import FAMILIES, Family, Kind, Row, Sources

_METRICS: Mapping[Kind, Callable[..., Any]] = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}
_Row: TypeAlias = "tuple[tuple[str, ...], float | _Frozen]"


@dataclass(frozen=True, slots=True)
class _Frozen:
    """A histogram of one moment."""

    bounds: tuple[float, ...]
    cumulative: Sequence[int]
    total: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers of one moment: nothing in it changes any more, so that a thread may render it."""

    families: Sequence[tuple[Family, Sequence[_Row]]]

    @property
    def size(self) -> int:
        """How many series there are; a histogram counts as one."""
        return sum(len(rows) for _, rows in self.families)


def read_series(sources: Sources, families: Iterable[Family] = FAMILIES) -> Reading:
    """All series as they are now. For the event loop, on which they change."""
    return Reading([(family, _freeze(family.rows(sources))) for family in families])


def render_series(reading: Reading, accept: str) -> tuple[bytes, str]:
    """The text of all series and of this process, and its content type, as an Accept header asks for it."""
    encode, content_type = choose_encoder(accept)
    is_open = content_type.startswith("application/openmetrics-text")
    return encode(_Published(reading, repr if is_open else _classic_bound)), content_type


@dataclass(frozen=True, slots=True)
class _Published(Collector):
    reading: Reading
    write_bound: Callable[[float], str]

    def collect(self) -> Iterator[Metric]:
        for family, rows in self.reading.families:
            # compat: as with Go's client, a family without series is not mentioned.
            if rows:
                yield self._metric(family, rows)
        yield from ProcessCollector(registry=None).collect()

    def _metric(self, family: Family, rows: Iterable[_Row]) -> Metric:
        metric = _METRICS[family.kind](family.name, family.help, labels=family.labels)
        for labels, value in rows:
            if isinstance(value, _Frozen):
                metric.add_metric(labels, self._buckets(value), value.total)
            else:
                metric.add_metric(labels, value)
        return metric  # type: ignore[no-any-return]

    def _buckets(self, value: _Frozen) -> list[tuple[str, int]]:
        names = (*(self.write_bound(bound) for bound in value.bounds), "+Inf")
        return list(zip(names, value.cumulative, strict=True))


def _freeze(rows: Iterable[Row]) -> Sequence[_Row]:
    # Counters may be many, and are copied quickly.
    return [
        (labels, _Frozen(value.bounds, value.cumulative, value.total))
        if isinstance(value, Histogram)
        else (labels, value)
        for labels, value in rows
    ]


def _classic_bound(bound: float) -> str:
    """`1` and `0.5`, as Go writes them, and as queries have them; OpenMetrics wants `1.0`."""
    return str(int(bound)) if bound.is_integer() else repr(bound)
