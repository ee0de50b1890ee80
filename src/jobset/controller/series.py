"""All series that we publish, as one table: name, type, labels, help, and where the numbers are.

Names, types, labels, buckets and help of what the existing manager publishes are kept, so that dashboards and
alerts go on working; what it does not know has the prefix `jobset_`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from jobset.api.status import ConditionType
from jobset.controller.events import EventRecorder
from jobset.controller.histogram import Histogram
from jobset.controller.leader import Election
from jobset.controller.metrics import Metrics, RequestMetrics, TurnMetrics, TurnResult
from jobset.controller.queue import WorkQueue
from jobset.controller.serving_certificate import CertificateReads
from jobset.controller.webhooks.metrics import ReviewMetrics
from jobset.kube.cache import Key, WatchCache
from jobset.kube.in_flight import InFlight

Value: TypeAlias = float | Histogram
Row: TypeAlias = tuple[tuple[str, ...], Value]
"""The values of a series' labels, and its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSource:
    """One controller, by the name it has in metrics."""

    name: str
    turns: TurnMetrics
    queue: WorkQueue[Key]
    caches: Sequence[WatchCache]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the numbers are. `election` is None where no leader is elected."""

    jobsets: Metrics
    controllers: Sequence[ControllerSource]
    requests: RequestMetrics
    in_flight: InFlight
    events: EventRecorder
    certificates: CertificateReads
    reviews: ReviewMetrics
    election: Election | None = None


class Kind(StrEnum):
    """What a series is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


Rows: TypeAlias = Callable[[Sources], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Family:
    """The series of one name; `rows` reads them."""

    kind: Kind
    name: str
    labels: tuple[str, ...]
    help: str
    rows: Rows


def _counter(name: str, labels: tuple[str, ...], help: str, rows: Rows) -> Family:
    return Family(Kind.COUNTER, name, labels, help, rows)


def _gauge(name: str, labels: tuple[str, ...], help: str, rows: Rows) -> Family:
    return Family(Kind.GAUGE, name, labels, help, rows)


def _histogram(name: str, labels: tuple[str, ...], help: str, rows: Rows) -> Family:
    return Family(Kind.HISTOGRAM, name, labels, help, rows)


_PRIORITY = "0"
"""We have one priority; this is what client-go's queue calls the usual one."""


def _of_controllers(read: Callable[[ControllerSource], Value]) -> Rows:
    return lambda sources: (((it.name,), read(it)) for it in sources.controllers)


def _of_queues(read: Callable[[WorkQueue[Key]], Value]) -> Rows:
    return lambda sources: (((it.name, it.name), read(it.queue)) for it in sources.controllers)


def _of_caches(read: Callable[[WatchCache], float]) -> Rows:
    return lambda sources: (
        ((it.name, cache.resource.group_resource), read(cache))
        for it in sources.controllers
        for cache in it.caches
    )


def _finished(outcome: ConditionType) -> Rows:
    return lambda sources: sources.jobsets.finished_counts(outcome)


def _one(read: Callable[[Sources], Value]) -> Rows:
    return lambda sources: iter([((), read(sources))])


def _results(sources: Sources) -> Iterator[Row]:
    for it in sources.controllers:
        for result, number in it.turns.results.items():
            yield (it.name, str(result)), number


def _reviews(sources: Sources) -> Iterator[Row]:
    for path in sources.reviews.paths:
        for code in dict.fromkeys(("200", "500", *sources.reviews.codes_of(path))):
            yield (path, code), sources.reviews.counts[(path, code)]


def _of_webhooks(read: Callable[[ReviewMetrics, str], Value]) -> Rows:
    return lambda sources: (((path,), read(sources.reviews, path)) for path in sources.reviews.paths)


def _leadership(sources: Sources) -> Iterator[Row]:
    election = sources.election
    if election is not None:
        yield (election.settings.name,), float(election.leads)


_TURN, _QUEUE, _CACHE = ("controller",), ("name", "controller"), ("controller", "resource")
_WEBHOOK = ("webhook",)
_FINISHED = ("jobset_name", "namespace")

_KNOWN = (
    _counter(
        "jobset_failed_total",
        _FINISHED,
        "The total number of failed JobSets",
        _finished(ConditionType.FAILED),
    ),
    _counter(
        "jobset_completed_total",
        _FINISHED,
        "The total number of completed JobSets",
        _finished(ConditionType.COMPLETED),
    ),
    _counter(
        "controller_runtime_reconcile_total",
        ("controller", "result"),
        "Total number of reconciliations per controller",
        _results,
    ),
    _counter(
        "controller_runtime_reconcile_errors_total",
        _TURN,
        "Total number of reconciliation errors per controller",
        _of_controllers(lambda it: it.turns.results[TurnResult.ERROR]),
    ),
    _counter(
        # Every error of ours may pass: there is none after which a JobSet is given up.
        "controller_runtime_terminal_reconcile_errors_total",
        _TURN,
        "Total number of terminal reconciliation errors per controller",
        _of_controllers(lambda _: 0),
    ),
    _counter(
        "controller_runtime_reconcile_panics_total",
        _TURN,
        "Total number of reconciliation panics per controller",
        _of_controllers(lambda it: it.turns.panics),
    ),
    _counter(
        # Turns have no deadline: requests have.
        "controller_runtime_reconcile_timeouts_total",
        _TURN,
        "Total number of reconciliation timeouts per controller",
        _of_controllers(lambda _: 0),
    ),
    _histogram(
        "controller_runtime_reconcile_time_seconds",
        _TURN,
        "Length of time per reconciliation per controller",
        _of_controllers(lambda it: it.turns.seconds),
    ),
    _gauge(
        "controller_runtime_max_concurrent_reconciles",
        _TURN,
        "Maximum number of concurrent reconciles per controller",
        _of_controllers(lambda it: it.turns.workers),
    ),
    _gauge(
        "controller_runtime_active_workers",
        _TURN,
        "Number of currently used workers per controller",
        _of_controllers(lambda it: it.turns.active),
    ),
    _counter(
        "controller_runtime_webhook_requests_total",
        ("webhook", "code"),
        "Total number of admission requests by HTTP status code.",
        _reviews,
    ),
    _histogram(
        "controller_runtime_webhook_latency_seconds",
        _WEBHOOK,
        "Histogram of the latency of processing admission requests",
        _of_webhooks(lambda reviews, path: reviews.seconds[path]),
    ),
    _gauge(
        "controller_runtime_webhook_requests_in_flight",
        _WEBHOOK,
        "Current number of admission requests being served.",
        _of_webhooks(lambda reviews, path: reviews.in_flight[path]),
    ),
    _counter(
        "controller_runtime_webhook_panics_total",
        (),
        "Total number of webhook panics",
        _one(lambda sources: sources.reviews.panics),
    ),
    _counter(
        # The CRD has one version: nothing is converted.
        "controller_runtime_conversion_webhook_panics_total",
        (),
        "Total number of conversion webhook panics",
        _one(lambda _: 0),
    ),
    _gauge(
        "workqueue_depth",
        ("name", "controller", "priority"),
        "Current depth of workqueue by workqueue and priority",
        lambda sources: (((it.name, it.name, _PRIORITY), len(it.queue)) for it in sources.controllers),
    ),
    _counter(
        "workqueue_adds_total",
        _QUEUE,
        "Total number of adds handled by workqueue",
        _of_queues(lambda queue: queue.adds),
    ),
    _counter(
        "workqueue_retries_total",
        _QUEUE,
        "Total number of retries handled by workqueue",
        _of_queues(lambda queue: queue.retries),
    ),
    _histogram(
        "workqueue_queue_duration_seconds",
        _QUEUE,
        "How long in seconds an item stays in workqueue before being requested",
        _of_queues(lambda queue: queue.queue_seconds),
    ),
    _histogram(
        "workqueue_work_duration_seconds",
        _QUEUE,
        "How long in seconds processing an item from workqueue takes.",
        _of_queues(lambda queue: queue.work_seconds),
    ),
    _gauge(
        "workqueue_unfinished_work_seconds",
        _QUEUE,
        "How many seconds of work has been done that is in progress and hasn't been observed by "
        "work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by "
        "observing the rate at which this increases.",
        _of_queues(lambda queue: sum(queue.taken.values())),
    ),
    _gauge(
        "workqueue_longest_running_processor_seconds",
        _QUEUE,
        "How many seconds has the longest running processor for workqueue been running.",
        _of_queues(lambda queue: max(queue.taken.values(), default=0.0)),
    ),
    _counter(
        "rest_client_requests_total",
        ("code", "method", "host"),
        "Number of HTTP requests, partitioned by status code, method, and host.",
        lambda sources: list(sources.requests.counts.items()),
    ),
    _gauge(
        "leader_election_master_status",
        ("name",),
        "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates "
        "master. 'name' is the string used to identify the lease. Please make sure to group by name.",
        _leadership,
    ),
    _counter(
        "certwatcher_read_certificate_total",
        (),
        "Total number of certificate reads",
        _one(lambda sources: sources.certificates.reads),
    ),
    _counter(
        "certwatcher_read_certificate_errors_total",
        (),
        "Total number of certificate read errors",
        _one(lambda sources: sources.certificates.errors),
    ),
)

_OURS = (
    _counter(
        "jobset_restarts_total",
        (),
        "Restarts of JobSets that this process has begun",
        _one(lambda sources: sources.jobsets.recoveries.begun),
    ),
    _histogram(
        "jobset_recovery_seconds",
        ("until",),
        "Seconds from the status that begins a restart until all Jobs of the attempt are created, "
        "and until all are ready",
        lambda sources: [
            (("jobs_created",), sources.jobsets.recoveries.until_created),
            (("jobs_ready",), sources.jobsets.recoveries.until_ready),
        ],
    ),
    _gauge(
        "jobset_queue_delayed",
        _TURN,
        "Keys that will need a turn later: after a failure, at a set time, or once changes are gathered",
        _of_controllers(lambda it: len(it.queue.delayed)),
    ),
    _histogram(
        "jobset_client_request_seconds",
        ("method",),
        "Seconds until a request to the API server was answered, or failed; without watches",
        lambda sources: [((method,), it) for method, it in sources.requests.seconds.items()],
    ),
    _gauge(
        "jobset_client_requests_in_flight",
        (),
        "Requests of the controllers that wait for their answer",
        _one(lambda sources: sources.in_flight.running),
    ),
    _gauge(
        "jobset_client_requests_in_flight_limit",
        (),
        "Requests that the controllers send at once now; follows what the API server can take",
        _one(lambda sources: int(sources.in_flight.limit)),
    ),
    _gauge(
        "jobset_client_requests_waiting",
        (),
        "Requests of the controllers that wait for being sent",
        _one(lambda sources: sources.in_flight.waiting),
    ),
    _gauge(
        "jobset_cache_objects",
        _CACHE,
        "Objects in a watch cache",
        _of_caches(len),
    ),
    _gauge(
        "jobset_cache_synced",
        _CACHE,
        "Whether a watch cache has been filled: 1 if so",
        _of_caches(lambda cache: float(cache.is_synced)),
    ),
    _counter(
        "jobset_cache_events_total",
        _CACHE,
        "Watch events that a watch cache has taken in",
        _of_caches(lambda cache: cache.events),
    ),
    _counter(
        "jobset_cache_failures_total",
        _CACHE,
        "How often the list or the watch of a watch cache failed and was begun again",
        _of_caches(lambda cache: cache.failures),
    ),
    _counter(
        "jobset_events_sent_total",
        (),
        "Events that the API server has, alone or as one more of a series",
        _one(lambda sources: sources.events.sent),
    ),
    _counter(
        "jobset_events_lost_total",
        (),
        "Events that the API server refused or never got",
        _one(lambda sources: sources.events.lost),
    ),
    _gauge(
        "jobset_events_waiting",
        (),
        "Events that are still to be sent",
        _one(lambda sources: sources.events.waiting),
    ),
)

FAMILIES = (*_KNOWN, *_OURS)
