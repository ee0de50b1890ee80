"""What is counted, and the text it is told in."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from jobset.api.status import Condition, JobSetStatus
from jobset.controller.events import EventRecorder, SeriesEvents
from jobset.controller.exposition import read_series, render_series
from jobset.controller.histogram import Histogram, decades
from jobset.controller.metrics import Metrics, RequestMetrics, TurnMetrics, TurnResult
from jobset.controller.plan_history import PlanHistory, render_plan
from jobset.controller.queue import WorkQueue
from jobset.controller.recovery import Recoveries
from jobset.controller.series import FAMILIES, ControllerSource, Sources
from jobset.controller.serving_certificate import CertificateReads
from jobset.controller.webhooks.metrics import ReviewMetrics
from jobset.core.explain import Wait, WaitReason
from jobset.core.plan import CreateJob, DeleteJob, EventType, Plan, PlannedEvent
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client
from jobset.kube.in_flight import InFlight
from jobset.kube.resources import JOBS
from jobset.local.clock import run_virtual

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
OPEN = "application/openmetrics-text;version=1.0.0"

# --- histograms -----------------------------------------------------------------------------------

OBSERVED = {
    "nothing": ([], [0, 0, 0]),
    "below the first bound": ([0.5], [1, 1, 1]),
    "a bound itself is not above it": ([1.0, 2.0], [1, 2, 2]),
    "between": ([1.5], [0, 1, 1]),
    "above the last": ([3.0, 0.1], [1, 1, 2]),
}


@pytest.mark.parametrize(("values", "cumulative"), OBSERVED.values(), ids=OBSERVED)
def test_a_histogram_counts_up_to_each_bound(values, cumulative):
    histogram = Histogram((1.0, 2.0))

    for value in values:
        histogram.observe(value)

    assert (histogram.cumulative, histogram.total) == (cumulative, sum(values))


def test_decades_are_rounded_as_in_go():
    assert [repr(bound) for bound in decades(1e-8, 12)] == [
        *("1e-08", "1e-07", "1e-06", "9.999999999999999e-06", "9.999999999999999e-05"),
        *("0.001", "0.01", "0.1", "1.0", "10.0", "100.0", "1000.0"),
    ]


# --- recoveries -----------------------------------------------------------------------------------

KEY = ("default", "train")
RECIPE = None
CREATES = ((CreateJob("train-workers-0", 0, RECIPE),),)
DELETES = ((DeleteJob("train-workers-0"),),)
OLD_JOB = Wait(replicated_job="workers", reason=WaitReason.OLD_JOB, want=1)


def restarting(restarts: int, *, is_true: bool = True, reason: str = "DefaultFailurePolicy") -> JobSetStatus:
    condition = Condition(
        type="RestartingJobSet",
        status="True" if is_true else "False",
        reason=reason,
        last_transition_time="2030-01-02T03:04:00Z",
    )
    return JobSetStatus(restarts=restarts, conditions=(condition,))


RUNNING = JobSetStatus()
RESTART, READY = Plan(status=restarting(1)), Plan(status=restarting(1, is_true=False, reason="JobsReady"))
AGAIN = Plan(status=restarting(2))
ENDED = Plan(status=restarting(1, is_true=False, reason="JobSetCompleted"))

HISTORIES = {
    "one restart": (
        [(0, RUNNING, RESTART), (2, restarting(1), Plan(steps=CREATES)), (7, restarting(1), READY)],
        (1, [2.0], [7.0]),
    ),
    "old Jobs go first": (
        [(0, RUNNING, RESTART), (1, restarting(1), Plan(steps=DELETES))],
        (1, [], []),
    ),
    "some Jobs still wait for old ones": (
        [
            (0, RUNNING, RESTART),
            (1, restarting(1), Plan(steps=CREATES, waits=(OLD_JOB,))),
            (3, restarting(1), Plan(steps=CREATES)),
        ],
        (1, [3.0], []),
    ),
    "a Job made again later is no recovery": (
        [
            (0, RUNNING, RESTART),
            (1, restarting(1), Plan(steps=CREATES)),
            (5, restarting(1), Plan(steps=CREATES)),
        ],
        (1, [1.0], []),
    ),
    "failed again before it was ready": (
        [
            (0, RUNNING, RESTART),
            (1, restarting(1), Plan(steps=CREATES)),
            (4, restarting(1), AGAIN),
            (6, restarting(2), Plan(steps=CREATES)),
            (9, restarting(2), Plan(status=restarting(2, is_true=False, reason="JobsReady"))),
        ],
        (2, [1.0, 2.0], [9.0]),
    ),
    "finished instead": ([(0, RUNNING, RESTART), (3, restarting(1), ENDED)], (1, [], [])),
    "begun by an earlier leader": ([(4, restarting(1), READY)], (0, [], [9.0])),
    "failed again after an earlier leader": (
        [(1, restarting(1), AGAIN), (3, restarting(2), READY)],
        (1, [], [8.0]),
    ),
    "a clock that was set back": ([(0, RUNNING, RESTART), (-5, restarting(1), READY)], (1, [], [0.0])),
    "ready long ago": ([(3, READY.status, Plan(status=READY.status))], (0, [], [])),
    "a status of another matter": ([(3, restarting(1), Plan(status=restarting(1)))], (0, [], [])),
}


@pytest.mark.parametrize(("history", "counted"), HISTORIES.values(), ids=HISTORIES)
def test_recoveries(history, counted):
    recoveries = Recoveries()

    for second, before, plan in history:
        recoveries.carried_out(KEY, before, plan, NOW + timedelta(seconds=second))

    begun, created, ready = counted
    assert recoveries.begun == begun
    for histogram, seconds in ((recoveries.until_created, created), (recoveries.until_ready, ready)):
        assert (histogram.total, histogram.cumulative[-1]) == (sum(seconds), len(seconds))


def test_a_deleted_jobset_is_recovering_no_more():
    recoveries = Recoveries()
    recoveries.carried_out(KEY, RUNNING, RESTART, NOW)

    recoveries.forget(KEY)
    recoveries.carried_out(KEY, RUNNING, Plan(steps=CREATES), NOW + timedelta(seconds=5))

    assert recoveries.until_created.cumulative[-1] == 0


# --- requests -------------------------------------------------------------------------------------


def test_requests_are_counted_by_code_method_and_host():
    requests = RequestMetrics()

    for code, seconds in ((200, 0.1), (200, 0.2), (409, 0.3), (None, 1.0)):
        requests.answered("PUT", "kube:6443", code, seconds)
    requests.answered("GET", "kube:6443", 200, None)

    assert requests.counts == {
        ("200", "PUT", "kube:6443"): 2,
        ("409", "PUT", "kube:6443"): 1,
        ("<error>", "PUT", "kube:6443"): 1,
        ("200", "GET", "kube:6443"): 1,
    }
    assert {method: it.cumulative[-1] for method, it in requests.seconds.items()} == {"PUT": 4}


# --- the table of series --------------------------------------------------------------------------

BY_NAME = {family.name: family for family in FAMILIES}

KNOWN = {
    "jobset_failed_total": ("counter", "jobset_name namespace"),
    "jobset_completed_total": ("counter", "jobset_name namespace"),
    "controller_runtime_reconcile_total": ("counter", "controller result"),
    "controller_runtime_reconcile_errors_total": ("counter", "controller"),
    "controller_runtime_terminal_reconcile_errors_total": ("counter", "controller"),
    "controller_runtime_reconcile_panics_total": ("counter", "controller"),
    "controller_runtime_reconcile_timeouts_total": ("counter", "controller"),
    "controller_runtime_reconcile_time_seconds": ("histogram", "controller"),
    "controller_runtime_max_concurrent_reconciles": ("gauge", "controller"),
    "controller_runtime_active_workers": ("gauge", "controller"),
    "controller_runtime_webhook_requests_total": ("counter", "code webhook"),
    "controller_runtime_webhook_latency_seconds": ("histogram", "webhook"),
    "controller_runtime_webhook_requests_in_flight": ("gauge", "webhook"),
    "controller_runtime_webhook_panics_total": ("counter", ""),
    "controller_runtime_conversion_webhook_panics_total": ("counter", ""),
    "workqueue_depth": ("gauge", "controller name priority"),
    "workqueue_adds_total": ("counter", "controller name"),
    "workqueue_retries_total": ("counter", "controller name"),
    "workqueue_queue_duration_seconds": ("histogram", "controller name"),
    "workqueue_work_duration_seconds": ("histogram", "controller name"),
    "workqueue_unfinished_work_seconds": ("gauge", "controller name"),
    "workqueue_longest_running_processor_seconds": ("gauge", "controller name"),
    "rest_client_requests_total": ("counter", "code host method"),
    "certwatcher_read_certificate_total": ("counter", ""),
    "certwatcher_read_certificate_errors_total": ("counter", ""),
    "process_cpu_seconds_total": ("counter", ""),
    "process_resident_memory_bytes": ("gauge", ""),
    "process_open_fds": ("gauge", ""),
}

HELP = {
    "jobset_failed_total": "The total number of failed JobSets",
    "jobset_completed_total": "The total number of completed JobSets",
    "controller_runtime_reconcile_total": "Total number of reconciliations per controller",
    "controller_runtime_reconcile_errors_total": "Total number of reconciliation errors per controller",
    "controller_runtime_terminal_reconcile_errors_total": (
        "Total number of terminal reconciliation errors per controller"
    ),
    "controller_runtime_reconcile_panics_total": "Total number of reconciliation panics per controller",
    "controller_runtime_reconcile_timeouts_total": "Total number of reconciliation timeouts per controller",
    "controller_runtime_reconcile_time_seconds": "Length of time per reconciliation per controller",
    "controller_runtime_max_concurrent_reconciles": (
        "Maximum number of concurrent reconciles per controller"
    ),
    "controller_runtime_active_workers": "Number of currently used workers per controller",
    "controller_runtime_webhook_requests_total": "Total number of admission requests by HTTP status code.",
    "controller_runtime_webhook_latency_seconds": "Histogram of the latency of processing admission requests",
    "controller_runtime_webhook_requests_in_flight": "Current number of admission requests being served.",
    "controller_runtime_webhook_panics_total": "Total number of webhook panics",
    "controller_runtime_conversion_webhook_panics_total": "Total number of conversion webhook panics",
    "rest_client_requests_total": ("Number of HTTP requests, partitioned by status code, method, and host."),
    "certwatcher_read_certificate_total": "Total number of certificate reads",
    "certwatcher_read_certificate_errors_total": "Total number of certificate read errors",
}

TURN_BOUNDS = (
    *("0.005", "0.01", "0.025", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4", "0.45", "0.5"),
    *("0.6", "0.7", "0.8", "0.9", "1", "1.25", "1.5", "1.75", "2", "2.5", "3", "3.5", "4", "4.5", "5"),
    *("6", "7", "8", "9", "10", "15", "20", "25", "30", "40", "50", "60", "+Inf"),
)
QUEUE_BOUNDS = (
    *("1e-08", "1e-07", "1e-06", "9.999999999999999e-06", "9.999999999999999e-05", "0.001", "0.01", "0.1"),
    *("1", "10", "100", "1000", "+Inf"),
)
BUCKETS = {
    "controller_runtime_reconcile_time_seconds": TURN_BOUNDS,
    "workqueue_queue_duration_seconds": QUEUE_BOUNDS,
    "controller_runtime_webhook_latency_seconds": QUEUE_BOUNDS,
    "workqueue_work_duration_seconds": QUEUE_BOUNDS,
}


def some_sources() -> Sources:
    """Everything happened once."""
    client = Client(transport=None)
    turns = {name: TurnMetrics(workers=64) for name in ("jobset", "pod")}
    turns["jobset"].ended(TurnResult.SUCCESS, 0.02)
    jobsets, requests = Metrics(), RequestMetrics()
    for outcome in ("Completed", "Failed"):
        jobsets.finished(outcome, "default", "train")
    jobsets.recoveries.carried_out(KEY, RUNNING, RESTART, NOW)
    requests.answered("POST", "kube:6443", 201, 0.01)
    reviews = ReviewMetrics(("/asked", "/never"))
    reviews.begun("/asked")
    reviews.ended("/asked", 200, 0.01)
    reviews.begun("/asked")
    reviews.panics = 2
    return Sources(
        jobsets=jobsets,
        controllers=[
            ControllerSource(
                name=name,
                turns=it,
                queue=WorkQueue(),
                caches=[WatchCache(client=client, resource=JOBS)],
            )
            for name, it in turns.items()
        ],
        requests=requests,
        in_flight=InFlight(),
        events=EventRecorder(
            client=client, clock=lambda: NOW, form=SeriesEvents(controller="jobset", instance="i")
        ),
        certificates=CertificateReads(reads=3, errors=1),
        reviews=reviews,
    )


@cache
def some_text(accept: str = "") -> str:
    async def read(clock):
        return read_series(some_sources())

    return render_series(run_virtual(read), accept)[0].decode()


def family(name: str, accept: str = ""):
    parse = parse_open if accept else parse_classic
    plain = name.removesuffix("_total")
    return next(it for it in parse(some_text(accept)) if it.name == plain)


@pytest.mark.parametrize("name", KNOWN)
def test_known_series_have_their_type_and_labels(name):
    kind, labels = KNOWN[name]

    found = family(name)

    used = {label for sample in found.samples for label in sample.labels} - {"le"}
    assert (found.type, " ".join(sorted(used))) == (kind, labels)
    assert found.documentation == HELP.get(name, found.documentation)


@pytest.mark.parametrize("name", BUCKETS)
def test_known_histograms_have_their_buckets(name):
    bounds = [it.labels["le"] for it in family(name).samples if it.name == f"{name}_bucket"]

    controllers = 2
    assert tuple(bounds) == BUCKETS[name] * controllers


VALUES = {
    "the four results are there from the beginning": (
        "controller_runtime_reconcile_total",
        {("pod", result): 0 for result in ("success", "error", "requeue", "requeue_after")}
        | {("jobset", result): 0 for result in ("error", "requeue", "requeue_after")}
        | {("jobset", "success"): 1},
    ),
    "errors are told for both controllers": (
        "controller_runtime_reconcile_errors_total",
        {("jobset",): 0, ("pod",): 0},
    ),
    "reviews are there from the beginning": (
        "controller_runtime_webhook_requests_total",
        {("200", "/asked"): 1, ("500", "/asked"): 0, ("200", "/never"): 0, ("500", "/never"): 0},
    ),
    "reviews under way": (
        "controller_runtime_webhook_requests_in_flight",
        {("/asked",): 1, ("/never",): 0},
    ),
    "reviews that failed": ("controller_runtime_webhook_panics_total", {(): 2}),
    "nothing is converted": ("controller_runtime_conversion_webhook_panics_total", {(): 0}),
    "finished JobSets": ("jobset_completed_total", {("train", "default"): 1}),
    "failed JobSets": ("jobset_failed_total", {("train", "default"): 1}),
    "requests": ("rest_client_requests_total", {("201", "kube:6443", "POST"): 1}),
    "certificates": ("certwatcher_read_certificate_total", {(): 3}),
    "restarts": ("jobset_restarts_total", {(): 1}),
    "objects in caches": (
        "jobset_cache_objects",
        {("jobset", "jobs.batch"): 0, ("pod", "jobs.batch"): 0},
    ),
}


@pytest.mark.parametrize(("name", "values"), VALUES.values(), ids=VALUES)
def test_values(name, values):
    found = {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for sample in family(name).samples
    }

    assert found == values


def test_nothing_tells_when_a_counter_was_created():
    told = some_text() + some_text(OPEN)

    assert re.findall(r"^\w+_created\b", told, re.MULTILINE) == []


def test_a_family_without_series_is_not_mentioned():
    assert "leader_election_master_status" not in some_text()


def test_every_series_of_ours_has_our_prefix_and_a_bounded_label():
    others = {name for name in BY_NAME if name not in KNOWN and not name.startswith("jobset_")}

    assert others == {"leader_election_master_status"}
    assert {name for name, it in BY_NAME.items() if "namespace" in it.labels} == {
        "jobset_failed_total",
        "jobset_completed_total",
    }


def test_openmetrics_has_the_same_series_and_bounds_that_are_floats():
    accept, name = OPEN, "workqueue_work_duration_seconds"

    bounds = [it.labels["le"] for it in family(name, accept).samples if "le" in it.labels]

    assert bounds[8:13] == ["1.0", "10.0", "100.0", "1000.0", "+Inf"]
    assert some_text(accept).endswith("# EOF\n")


def test_buckets_never_decrease():
    samples = [
        it.value for it in family("controller_runtime_reconcile_time_seconds").samples if "le" in it.labels
    ]
    of_one = samples[: len(TURN_BOUNDS)]

    assert all(before <= after for before, after in pairwise(of_one))
    assert of_one[:3] == [0, 0, 1]


# --- the last plans -------------------------------------------------------------------------------

BUSY = Plan(
    steps=(tuple(DeleteJob(f"train-workers-{index}") for index in range(12)),),
    status=restarting(1),
    events=(PlannedEvent(EventType.WARNING, "RestartJobSetFailurePolicyAction", "applying it"),),
    waits=(OLD_JOB,),
    requeue_after=timedelta(seconds=3),
)


def test_a_plan_is_told_with_its_reasons_and_waits():
    assert render_plan(BUSY) == {
        "actions": [
            {"action": "DeleteJob", "count": 12, "names": [f"train-workers-{index}" for index in range(10)]}
        ],
        "status": {
            "restarts": 1,
            "conditions": [
                {
                    "type": "RestartingJobSet",
                    "status": "True",
                    "reason": "DefaultFailurePolicy",
                    "message": "",
                }
            ],
        },
        "events": [{"type": "Warning", "reason": "RestartJobSetFailurePolicyAction", "note": "applying it"}],
        "waits": ["workers waits until its old Jobs are gone (1 left)"],
        "requeueAfterSeconds": 3.0,
    }


def carry_out(history: PlanHistory, key, plan: Plan, failure: str = "") -> None:
    with history.turn(key, plan):
        if failure:
            raise RuntimeError(failure)


def test_equal_plans_in_a_row_stand_there_once():
    history = PlanHistory(lambda: NOW)

    for plan in (BUSY, Plan(), Plan(), Plan()):
        carry_out(history, KEY, plan)

    assert [(plan["times"], "actions" in plan) for plan in history.of(KEY)] == [(3, False), (1, True)]


def test_why_a_plan_was_not_carried_out_is_told():
    history = PlanHistory(lambda: NOW)

    with pytest.raises(RuntimeError):
        carry_out(history, KEY, Plan(), "refused")

    assert history.of(KEY)[0]["failure"] == "refused"


def test_only_the_last_plans_of_the_last_jobsets_are_kept():
    history = PlanHistory(lambda: NOW)

    for index in range(20):
        carry_out(history, KEY, Plan(error=f"{index}"))
    for index in range(1023):
        carry_out(history, ("default", f"other-{index}"), Plan())

    assert [plan["error"] for plan in history.of(KEY)] == [f"{index}" for index in range(19, 11, -1)]
    carry_out(history, ("default", "one-more"), Plan())
    assert (history.of(KEY), len(history)) == ([], 1024)


def test_who_had_a_turn_again_is_remembered_longer():
    history = PlanHistory(lambda: NOW)

    for key in (KEY, ("default", "other"), KEY, *(("default", f"{index}") for index in range(1023))):
        carry_out(history, key, Plan())

    assert history.of(KEY) != []
    assert history.of(("default", "other")) == []


# --- the guide ------------------------------------------------------------------------------------

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "metrics.md"


def test_the_guide_has_every_series_as_it_is():
    told = set(re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \|", GUIDE.read_text(), re.MULTILINE))

    assert told == {
        (it.name, str(it.kind), ", ".join(f"`{label}`" for label in it.labels) or "–") for it in FAMILIES
    }
