"""`/debug/jobsets`: what the controllers are about, and why. JSON for people; no stable format."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from jobset.controller.plan_history import PlanHistory
from jobset.controller.series import ControllerSource, Sources
from jobset.kube.cache import Key

PATH = "/debug/jobsets"
_KEYS = 100


def add_debug_endpoints(app: web.Application, sources: Sources, history: PlanHistory) -> None:
    """Answer at `/debug/jobsets`, and about one JobSet at `/debug/jobsets/NAMESPACE/NAME`."""

    async def answer_all(request: web.Request) -> web.Response:  # noqa: ARG001
        return _json(render_state(sources))

    async def answer_one(request: web.Request) -> web.Response:
        key = request.match_info["namespace"], request.match_info["name"]
        plans = history.of(key)
        if not plans:
            return web.Response(status=404, text=f"no plans of {key[0]}/{key[1]} are remembered\n")
        return _json({"jobset": "/".join(key), "queue": _place(sources, key), "plans": plans})

    app.router.add_get(PATH, answer_all)
    app.router.add_get(PATH + "/{namespace}/{name}", answer_one)


def render_state(sources: Sources) -> dict[str, Any]:
    """Leadership, queues, caches, requests and events as they are now."""
    election, in_flight, events = sources.election, sources.in_flight, sources.events
    return {
        "leads": election is None or election.leads,
        "controllers": {it.name: _render_controller(it) for it in sources.controllers},
        "requests": {
            "inFlight": in_flight.running,
            "limit": int(in_flight.limit),
            "waiting": in_flight.waiting,
        },
        "events": {"sent": events.sent, "lost": events.lost, "waiting": events.waiting},
    }


def _render_controller(it: ControllerSource) -> dict[str, Any]:
    return {
        "queue": {
            "depth": len(it.queue),
            "waitingSeconds": _render_keys(it.queue.waiting),
            "takenSeconds": _render_keys(it.queue.taken),
            "dueInSeconds": _render_keys(it.queue.delayed),
        },
        "workers": it.turns.workers,
        "turns": {str(result): number for result, number in it.turns.results.items()},
        "caches": {
            cache.resource.group_resource: {"objects": len(cache), "synced": cache.is_synced}
            for cache in it.caches
        },
    }


def _render_keys(seconds: Mapping[Key, float]) -> dict[str, float]:
    """The keys with most seconds, at most a hundred of them."""
    longest = sorted(seconds.items(), key=lambda pair: -pair[1])[:_KEYS]
    return {"/".join(key): round(age, 3) for key, age in longest}


def _place(sources: Sources, key: Key) -> dict[str, float]:
    """Where the key is in the first controller's queue, and for or in how many seconds."""
    queue = sources.controllers[0].queue
    places = {"waitingSeconds": queue.waiting, "takenSeconds": queue.taken, "dueInSeconds": queue.delayed}
    return {place: round(keys[key], 3) for place, keys in places.items() if key in keys}


def _json(told: Mapping[str, Any]) -> web.Response:
    text = msgspec.json.format(msgspec.json.encode(told), indent=2)
    return web.Response(body=text + b"\n", content_type="application/json")
