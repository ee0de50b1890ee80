"""Whole reconciles of the data set: the real controllers, once, over an API that holds the given objects."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobset.api.gates import FeatureGates
from jobset.api.times import parse_time
from jobset.controller.placement import PlacementController
from jobset.controller.reconcile import JobSetController
from jobset.controller.settings import Settings
from jobset.core.placement import EvictPod
from jobset.kube.client import Client
from tests.parity.comparing import difference, same_set
from tests.parity.memory_api import MemoryApi

Case = dict[str, Any]
NOW = "2030-01-02T03:04:05Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one pass did."""

    api: MemoryApi
    error: str | None
    requeue_after: timedelta | None


def read_gates(case: Case) -> FeatureGates:
    """The feature gates of a case."""
    features = case.get("features") or {}
    return FeatureGates(
        in_place_restart=bool(features.get("InPlaceRestart")),
        restart_job=bool(features.get("RestartJob")),
        elastic_jobset=bool(features.get("ElasticJobSet")),
    )


def read_now(case: Case) -> datetime:
    """The clock of a case."""
    return parse_time(case.get("now") or NOW)


def check_reconcile(case: Case) -> str | None:
    """The first difference between what a pass did and what it should do."""
    target, given, expect = case["target"], case["given"], case["expect"]
    key = (target["namespace"], target["name"])
    run = reconcile_pod if target["controller"] == "pod" else reconcile_jobset
    outcome = run(case, given["objects"], given.get("faults") or [], key)
    api = outcome.api
    waited = int(outcome.requeue_after.total_seconds()) if outcome.requeue_after else 0
    return (
        _error_difference(expect["error_contains"], outcome.error)
        or difference(expect["requeue_after_seconds"], waited)
        or same_set(expect["created"], api.created, "created")
        or same_set(expect["updated"], _updated(expect["updated"], api), "updated")
        or same_set(expect["deleted"], api.deleted, "deleted")
        or same_set(expect["status_updates"], _statuses(api), "status")
        or _event_difference(expect["events"], api)
    )


def reconcile_jobset(case: Case, objects: list[Any], faults: list[Any], key: tuple[str, str]) -> Outcome:
    """One pass of the JobSet controller."""
    api = MemoryApi(objects, faults)

    async def main() -> timedelta | None:
        controller = JobSetController(Client(api), lambda: read_now(case), Settings(gates=read_gates(case)))
        watching = asyncio.create_task(controller.observer.run())
        telling = asyncio.create_task(controller.recorder.run())
        try:
            await _synced(api, controller.observer.synced, watching)
            return await controller.reconcile(key)
        finally:
            await controller.recorder.drain()
            await _end(watching, telling)

    return _outcome(api, main)


def reconcile_pod(case: Case, objects: list[Any], faults: list[Any], key: tuple[str, str]) -> Outcome:
    """One pass of the pod controller."""
    api = MemoryApi(objects, faults)

    async def main() -> timedelta | None:
        controller = PlacementController(Client(api), lambda: read_now(case))
        watching = [asyncio.create_task(cache.run()) for cache in (controller.pods, controller.nodes)]
        try:
            for cache, task in zip((controller.pods, controller.nodes), watching, strict=True):
                await _synced(api, cache.synced, task)
            return await controller.reconcile(key)
        finally:
            await _end(*watching)

    return _outcome(api, main)


def evict(case: Case, pods: list[Any], faults: list[Any], evictions: tuple[EvictPod, ...]) -> Outcome:
    """The evictions of the pod controller alone."""
    api = MemoryApi(pods, faults)

    async def main() -> timedelta | None:
        await PlacementController(Client(api), lambda: read_now(case)).evict(evictions)
        return None

    return _outcome(api, main)


def _outcome(api: MemoryApi, main: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(api=api, error=None, requeue_after=asyncio.run(main()))
    except Exception as error:
        return Outcome(api=api, error=str(error), requeue_after=None)


async def _synced(
    api: MemoryApi, synced: Callable[[], Awaitable[None]], watching: asyncio.Task[None]
) -> None:
    """Returns when the caches are filled; a refused list is an error, as it keeps the controller waiting."""
    waiting = asyncio.ensure_future(synced())
    while not waiting.done():
        if api.refused_reading is not None:
            await _end(waiting)
            raise RuntimeError(api.refused_reading)
        if watching.done():
            watching.result()
        await asyncio.sleep(0)


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _error_difference(expected: list[str] | None, actual: str | None) -> str | None:
    """Whether a pass must be retried; the text is upstream's own and need not match."""
    if (expected is None) == (actual is None):
        return None
    return f"error: expected {expected}, got {actual!r}"


def _updated(expected: list[Any], api: MemoryApi) -> list[Any]:
    """The Jobs after their updates; a uid that this API gave away is none of the case."""
    given = {obj["metadata"]["name"]: "uid" in obj["metadata"] for obj in expected}
    updated = []
    for (plural, _, name), obj in api.updated.items():
        if plural == "jobs":
            metadata = dict(obj["metadata"])
            if not given.get(name):
                metadata.pop("uid")
            updated.append({**obj, "metadata": metadata})
    return updated


def _statuses(api: MemoryApi) -> list[Any]:
    return [
        {"kind": api.kinds[key], "name": key[2], "status": status}
        for key, status in api.last_statuses.items()
        if difference(api.first_statuses[key], status)
    ]


def _event_difference(expected: list[Any], api: MemoryApi) -> str | None:
    told = {(event["type"], event["reason"], event["note"]) for event in api.events}
    wanted = {(event["type"], event["reason"], event["note"]) for event in expected}
    return None if told == wanted else f"events: expected {sorted(wanted)}, got {sorted(told)}"
