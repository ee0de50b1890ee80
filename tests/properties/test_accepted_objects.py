"""Whatever JobSet an API server takes, the controllers can live with; and what it refuses, it explains."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobset.api.gates import FeatureGates
from jobset.api.times import format_time
from jobset.kube.errors import ApiError
from jobset.kube.resources import JOBS, JOBSETS
from jobset.kube.transport import Request, Response, Transport, WatchEvent
from jobset.manifests.check import check
from jobset.manifests.problems import Severity
from jobset.manifests.yaml import load_text
from tests.agents import end_of_job
from tests.any_jobsets import MESSAGES, SPEC, jobsets, odd, statuses
from tests.controller_world import World, play_locally

JS = JOBSETS.path("default", "js")
MOST_REQUESTS = 3000
QUIET_SECONDS = 1000.0
MOST_TURNS = 25
"""Turns in quiet that fail, and come again later and later; one that comes at once comes without end."""

gates = st.builds(
    FeatureGates, restart_job=st.booleans(), in_place_restart=st.booleans(), elastic_jobset=st.booleans()
)
outcomes = st.sampled_from(["run", "succeed", "BackoffLimitExceeded", "DeadlineExceeded"])


class Counted:
    """A way to the server on which no more than so many requests go through."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.codes: Counter[tuple[str, str, int]] = Counter()

    async def send(self, request: Request) -> Response:
        assert self.codes.total() < MOST_REQUESTS, "the controllers do not come to rest"
        response = await self.inner.send(request)
        self.codes[request.method, request.path.rpartition("/")[2], response.code] += 1
        return response

    def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        return self.inner.watch(request)

    async def close(self) -> None:
        await self.inner.close()


@given(jobset=jobsets(), gates=gates, webhooks=st.booleans(), data=st.data())
@settings(max_examples=300)
def test_what_is_accepted_can_be_handled(jobset, gates, webhooks, data):
    is_sound = all(found.severity is not Severity.ERROR for found in problems(jobset, gates))

    async def story(world: World) -> bool:
        world.wire.inner = counted = Counted(world.wire.inner)
        is_accepted = await accepts(world, "POST", JOBSETS.path("default"), jobset)
        if is_accepted:
            await world.linger(1)
            if is_sound:
                assert not counted.codes["POST", "jobs", 422], await world.events("JobCreationFailed")
            await live(world, data.draw)
            await must_be_well(world)
        return is_accepted

    is_accepted = play_locally(story, gates=gates, webhooks=webhooks)

    assert is_accepted or not (is_sound and webhooks)


def problems(jobset: Any, gates: FeatureGates) -> Any:
    return check(load_text(json.dumps(jobset), "f"), gates=gates)


async def accepts(world: World, method: str, path: str, body: Any) -> bool:
    """Whether the server takes what it is sent; it says why when it does not."""
    answer = await world.wire.inner.send(Request(method=method, path=path, body=json.dumps(body)))
    if answer.code >= 400:
        assert answer.code < 500, answer.body
        assert answer.body["message"]
        assert answer.code != 422 or answer.body["details"]["causes"]
    return answer.code < 400


async def live(world: World, draw: Any) -> None:
    """Jobs run, end and are suspended, and people and programs change the JobSet and its status."""
    for _ in range(draw(st.integers(1, 4))):
        for name in await world.job_names():
            await play_job(world, name, draw(outcomes), draw(st.sampled_from(MESSAGES)))
        await world.linger(1)
        found = next(iter(await world.items(JOBSETS)), None)
        if found is None:
            return
        if draw(st.booleans()):
            path, new = f"{JS}/status", {"status": draw(statuses(found.get("status") or {}))}
        else:
            path, new = JS, {"spec": changed(draw, found.get("spec") or {})}
        await accepts(world, "PUT", path, {**found, **new})
        await world.linger(1)


def changed(draw: st.DrawFn, spec: Any) -> Any:
    if draw(st.booleans()):
        return {**spec, "suspend": not spec.get("suspend")}
    return odd(draw, spec, SPEC)


async def play_job(world: World, name: str, outcome: str, message: str) -> None:
    """Let a Job run or end, if it is still there and may."""
    status = {"active": 1, "ready": 1} if outcome == "run" else end_of_job(outcome, world.clock)["status"]
    for condition in status.get("conditions", ()):
        condition["message"] = message
    with suppress(ApiError):
        await world.write_status(JOBS, name, {"startTime": format_time(world.clock())})
        await world.write_status(JOBS, name, status)


async def must_be_well(world: World) -> None:
    """No turn met what nobody foresaw, and turns are rare when nothing happens."""
    before = turns(world)
    await world.linger(QUIET_SECONDS)
    assert turns(world) - before <= MOST_TURNS
    assert (world.controller.turns.panics, world.placement.turns.panics) == (0, 0)


def turns(world: World) -> int:
    return sum(sum(part.turns.results.values()) for part in (world.controller, world.placement))
