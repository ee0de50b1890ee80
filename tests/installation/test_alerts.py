"""Alerts fire when they should, as Prometheus' own engine judges, and ask for nothing that there is not."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from prometheus_client import ProcessCollector

from jobset.controller.configuration import LeaderElectionSettings
from jobset.controller.series import FAMILIES, Kind
from tests.installation.rendering import ROOT
from tests.installation.tools import PROMQL, ask, require_tool

RULES = yaml.safe_load((ROOT / "config" / "alerts" / "rules.yaml").read_text())["spec"]
DASHBOARD = json.loads((ROOT / "config" / "dashboard" / "jobset.json").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
LEASE = LeaderElectionSettings().resource_name


def prometheus(question: str, about: Any) -> Any:
    """What Prometheus says."""
    done = ask(require_tool(PROMQL), question, stdin=json.dumps(about))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def firing(series: Mapping[str, str], minute: int) -> set[str]:
    """The alerts that fire in a minute, with a value of each series every minute from 0 on."""
    told = {named(name): values for name, values in series.items()}
    rules = yaml.safe_dump(RULES)
    (alerts,) = prometheus("alerts", {"rules": rules, "series": told, "minutes": [minute]})
    return set(alerts)


def named(series: str) -> str:
    """A series of the manager, as the Prometheus operator scrapes it."""
    name, _, labels = series.partition("{")
    job = 'job="jobset-controller-manager-metrics-service"'
    return f'{name}{{{job},pod="a"{"," if labels else "}"}{labels}'


QUEUE = 'workqueue_depth{controller="jobset",name="jobset",priority="0"}'
LEADER = f'leader_election_master_status{{name="{LEASE}"}}'
CALM = {QUEUE: "0x60", LEADER: "1x60"}
TURNS = 'controller_runtime_reconcile_total{controller="jobset",result="success"}'
ERRORS = 'controller_runtime_reconcile_errors_total{controller="jobset"}'
PANICS = 'controller_runtime_reconcile_panics_total{controller="jobset"}'
LONGEST = 'workqueue_longest_running_processor_seconds{controller="jobset",name="jobset"}'
ANSWERED = 'controller_runtime_webhook_requests_total{webhook="/mutate--v1-pod",code="200"}'
UNANSWERED = 'controller_runtime_webhook_requests_total{webhook="/mutate--v1-pod",code="500"}'
OK = 'rest_client_requests_total{code="200",method="GET",host="a"}'
BAD = 'rest_client_requests_total{code="503",method="GET",host="a"}'
LOST = 'rest_client_requests_total{code="<error>",method="GET",host="a"}'
CACHE = 'jobset_cache_synced{controller="jobset",resource="pods"}'

CASES = {
    "all is well": ({}, 50, set()),
    "no manager": ({QUEUE: "_x60"}, 6, {"JobSetManagerAbsent"}),
    "no manager for a moment": ({QUEUE: "_x4 0x60"}, 4, set()),
    "nobody leads": ({LEADER: "0x60"}, 3, {"JobSetWithoutLeader"}),
    "nobody leads for a moment": ({LEADER: "0 1x60"}, 3, set()),
    "nobody is to lead": ({LEADER: "_x60"}, 10, set()),
    "many turns fail": ({TURNS: "0+60x60", ERRORS: "0+12x60"}, 30, {"JobSetReconcileErrors"}),
    "few turns fail": ({TURNS: "0+60x60", ERRORS: "0+3x60"}, 30, set()),
    "many turns fail at first": ({TURNS: "0+60x60", ERRORS: "0+12x8 96x60"}, 30, set()),
    "an error that nobody foresaw": ({PANICS: "0x20 1x40"}, 22, {"JobSetReconcilePanics"}),
    "an error that nobody foresaw, long ago": ({PANICS: "0x5 1x60"}, 30, set()),
    "a turn hangs": ({LONGEST: "0+60x60"}, 6, {"JobSetTurnHangs"}),
    "a turn takes long": ({LONGEST: "0+60x4 0x60"}, 6, set()),
    "a queue that does not get shorter": ({QUEUE: "200x60"}, 16, {"JobSetQueueBacklog"}),
    "a queue that was long": ({QUEUE: "200x12 0x60"}, 16, set()),
    "reviews fail": ({ANSWERED: "0+60x60", UNANSWERED: "0+6x60"}, 10, {"JobSetWebhookErrors"}),
    "reviews are answered": ({ANSWERED: "0+60x60", UNANSWERED: "0x60"}, 10, set()),
    "the API server fails": ({OK: "0+60x60", BAD: "0+10x60"}, 20, {"JobSetApiServerErrors"}),
    "the API server is gone": ({OK: "60x60", LOST: "0+10x60"}, 20, {"JobSetApiServerErrors"}),
    "the API server answers": ({OK: "0+60x60", BAD: "0+1x60"}, 20, set()),
    "a cache stays empty": ({CACHE: "0x60"}, 6, {"JobSetCacheEmpty"}),
    "a cache is filled": ({CACHE: "0 0 1x60"}, 6, set()),
    "a certificate that is none": (
        {"certwatcher_read_certificate_errors_total": "0+6x60"},
        20,
        {"JobSetCertificateErrors"},
    ),
    "a certificate that was none": ({"certwatcher_read_certificate_errors_total": "0 1x60"}, 30, set()),
}


@pytest.mark.parametrize(("series", "minute", "alerts"), CASES.values(), ids=CASES)
def test_an_alert_fires_when_it_should(series: dict[str, str], minute: int, alerts: set[str]) -> None:
    assert firing({**CALM, **series}, minute) == alerts


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    assert set().union(*(alerts for _, _, alerts in CASES.values())) == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_tells_what_is_the_matter_and_where_to_look(alert: str) -> None:
    rule = ALERTS[alert]

    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description"}


def published() -> set[str]:
    """The names of all series that the manager publishes."""
    ours = {name for family in FAMILIES for name in series_of(family.kind, family.name)}
    process = ProcessCollector(registry=None).collect()
    return ours | {sample.name for metric in process for sample in metric.samples}


def series_of(kind: Kind, name: str) -> list[str]:
    return [f"{name}_{end}" for end in ("bucket", "sum", "count")] if kind is Kind.HISTOGRAM else [name]


def test_alerts_ask_for_metrics_that_there_are() -> None:
    found = prometheus("metrics", [rule["expr"] for rule in ALERTS.values()])

    assert {name for names in found for name in names} - published() == set()
    assert [names for names in found if not names] == []


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    found = prometheus("metrics", [re.sub(r"\$__rate_interval", "5m", it) for it in asked])

    assert {name for names in found for name in names} - published() == set()
    assert [names for names in found if not names] == []


def test_panels_of_the_dashboard_lie_beside_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]

    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
