"""Health over HTTP, in every word that Kubernetes' own health endpoints have."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from jobset.controller.configuration import HealthSettings
from jobset.controller.health import Unhealthy, health_app
from jobset.controller.manager import serve

LOST = "certificates are not ready"


async def passes() -> None:
    pass


async def fails() -> None:
    raise Unhealthy(LOST)


ENDPOINTS = {
    "/healthz": {"healthz": passes},
    "/readyz": {"readyz": fails},
    "/both": {"b": fails, "a": passes},
    "/good": {"b": passes, "a": passes},
}


@asynccontextmanager
async def a_health_server(endpoints=ENDPOINTS) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with serve(health_app(endpoints), address):
        yield f"http://{address}"


PASSED, FAILED = "healthz check passed\n", "healthz check failed\n"

ANSWERS = {
    # what is asked: code, body
    "/healthz": (200, "ok"),
    "/healthz/": (200, "ok"),
    "/healthz/healthz": (200, "ok"),
    "/healthz?verbose": (200, f"[+]healthz ok\n{PASSED}"),
    "/healthz?verbose=false": (200, f"[+]healthz ok\n{PASSED}"),
    "/healthz?exclude=healthz": (200, "ok"),
    "/healthz?verbose&exclude=healthz": (200, f"[+]healthz excluded: ok\n{PASSED}"),
    "/healthz?exclude=etcd": (200, "ok"),
    "/healthz?verbose&exclude=etcd": (
        200,
        '[+]healthz ok\nwarn: some health checks cannot be excluded: no matches for "etcd"\n' + PASSED,
    ),
    "/healthz?verbose&exclude=z&exclude=etcd&exclude=healthz": (
        200,
        "[+]healthz excluded: ok\n"
        'warn: some health checks cannot be excluded: no matches for "etcd","z"\n' + PASSED,
    ),
    "/healthz/ping": (404, "404 page not found\n"),
    "/readyz": (500, f"[-]readyz failed: reason withheld\n{FAILED}"),
    "/readyz?verbose": (500, f"[-]readyz failed: reason withheld\n{FAILED}"),
    "/readyz?exclude=readyz": (200, "ok"),
    "/readyz?verbose&exclude=readyz": (200, f"[+]readyz excluded: ok\n{PASSED}"),
    "/readyz?exclude=etcd": (
        500,
        "[-]readyz failed: reason withheld\n"
        'warn: some health checks cannot be excluded: no matches for "etcd"\n' + FAILED,
    ),
    "/readyz/readyz": (500, f"internal server error: {LOST}\n"),
    "/readyz/healthz": (404, "404 page not found\n"),
    "/both": (500, f"[+]a ok\n[-]b failed: reason withheld\n{FAILED}"),
    "/both/a": (200, "ok"),
    "/both?verbose&exclude=b": (200, f"[+]a ok\n[+]b excluded: ok\n{PASSED}"),
    "/good?verbose": (200, f"[+]a ok\n[+]b ok\n{PASSED}"),
}


@pytest.mark.parametrize(("asked", "answer"), ANSWERS.items(), ids=ANSWERS)
async def test_health(asked, answer):
    async with a_health_server() as url, aiohttp.ClientSession() as session, session.get(url + asked) as told:
        assert (told.status, await told.text()) == answer
        assert told.headers["Content-Type"] == "text/plain; charset=utf-8"


PATHS = {
    "as usual": (HealthSettings(), "/healthz", "/readyz"),
    "other names": (
        HealthSettings(liveness_endpoint_name="/alive", readiness_endpoint_name="/ready"),
        "/alive",
        "/ready",
    ),
}


@pytest.mark.parametrize(("settings", "live", "ready"), PATHS.values(), ids=PATHS)
def test_where_health_is_told(settings, live, ready):
    assert (settings.liveness_path, settings.readiness_path) == (live, ready)


async def test_an_endpoint_of_another_name_has_its_checks_below_it_and_nothing_at_the_usual_one():
    renamed = {"/ready": {"readyz": passes}}

    async with a_health_server(renamed) as url, aiohttp.ClientSession() as session:
        codes = [
            (await session.get(url + path)).status
            for path in ("/ready", "/ready/readyz", "/readyz", "/readyz/readyz", "/ready/readyz/readyz", "/")
        ]

    assert codes == [200, 200, 404, 404, 404, 404]


async def test_at_the_address_0_health_is_not_told():
    async with serve(health_app(ENDPOINTS), "0"):
        pass
