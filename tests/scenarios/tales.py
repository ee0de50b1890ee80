"""Short stories of JobSets as rows of a table: what is asked for, what happens, and what is seen then."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.resources import JOBS, JOBSETS, PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES
from tests.controller_world import World

FIELDS = ("ready", "active", "suspended", "succeeded", "failed")
HELD = {"metadata": {"finalizers": ["example.com/wait"]}}
BLAMED = "first failed job: "


@dataclass(frozen=True, kw_only=True)
class Tale:
    """The spec of the JobSet `js`, the steps after its creation, and the facts of `see` that must hold."""

    spec: Mapping[str, Any]
    steps: Sequence[Any]
    seen: Mapping[str, Any]
    gates: FeatureGates


def tale(rjobs: Any, *steps: Any, seen: Mapping[str, Any], gates: Any = (), **fields: Any) -> Tale:
    on = FeatureGates(**dict.fromkeys(gates, True))
    return Tale(spec={"replicatedJobs": rjobs, **fields}, steps=steps, seen=seen, gates=on)


async def tell(told: Tale, world: World) -> Mapping[str, Any]:
    """Play it; of what is seen in the end the facts that it names."""
    spec = dict(told.spec)
    await world.create(*spec.pop("replicatedJobs"), **spec)
    for step in told.steps:
        await step(world)
    facts = await see(world)
    return {name: facts.get(name) for name in told.seen}


# Steps.


def run(*names: str, pods: int = 1, **status: int) -> Any:
    """The pods of Jobs run and are ready, or as `status` says."""

    async def step(world: World) -> None:
        await asyncio.gather(*(world.run_job(f"js-{name}", pods) for name in names))
        if status:
            await asyncio.gather(*(world.write_status(JOBS, f"js-{name}", status) for name in names))
            await world.settle()

    return step


def done(*names: str) -> Any:
    async def step(world: World) -> None:
        await asyncio.gather(*(world.end_job(f"js-{name}") for name in names))

    return step


def fail(name: str, reason: str = "BackoffLimitExceeded", seconds_ago: int = 0) -> Any:
    async def step(world: World) -> None:
        await world.end_job(f"js-{name}", reason, seconds_ago)

    return step


def together(*steps: Any) -> Any:
    """The controllers meet the outcome of all steps at once."""

    async def step(world: World) -> None:
        async with world.resting():
            for each in steps:
                await each(world)

    return step


def change(**spec: Any) -> Any:
    return lambda world: world.change(**spec)


def finish(at: str) -> Any:
    """Somebody writes that the JobSet is complete since then."""
    text = {"reason": "AllJobsCompleted", "message": "m", "lastTransitionTime": at}

    async def step(world: World) -> None:
        await world.write_status(
            JOBSETS, "js", {"conditions": [{"type": "Completed", "status": "True", **text}]}
        )
        await world.settle()

    return step


def switch(**gates: bool) -> Any:
    """The controllers begin anew with other gates."""

    async def step(world: World) -> None:
        world.gates = FeatureGates(**gates)
        async with world.resting():
            pass

    return step


def edit(name: str, **patch: Any) -> Any:
    """Somebody patches a Job."""

    async def step(world: World) -> None:
        await world.patch(JOBS, f"js-{name}", patch)
        await world.settle()

    return step


def label(name: str, **labels: str | None) -> Any:
    known = {"attempt": keys.RESTART_ATTEMPT, "role": keys.REPLICATED_JOB_NAME, "index": keys.JOB_INDEX}
    known["own_attempt"] = keys.JOB_RESTART_ATTEMPT
    return edit(name, metadata={"labels": {known[short]: value for short, value in labels.items()}})


def hold(name: str) -> Any:
    """Somebody keeps a Job from going for good."""
    return edit(name, **HELD)


def release(name: str) -> Any:
    # The finalizer of the garbage collector is not ours to remove.
    async def step(world: World) -> None:
        left = (await world.get(JOBS, f"js-{name}"))["metadata"]["finalizers"]
        kept = [finalizer for finalizer in left if finalizer not in HELD["metadata"]["finalizers"]]
        await edit(name, metadata={"finalizers": kept})(world)

    return step


def delete(name: str) -> Any:
    async def step(world: World) -> None:
        await world.delete(JOBS, f"js-{name}")
        await world.settle()

    return step


def pods(*attempts: str | None, phase: str = "Running", restarts: int = 0) -> Any:
    """So many more pods, with what their agents wrote."""

    async def step(world: World) -> None:
        there = len(await world.items(PODS))
        async with world.resting():
            for index, attempt in enumerate(attempts, there):
                await world.put(_pod(index, attempt, phase, restarts))

    return step


def _pod(index: int, attempt: str | None, phase: str, restarts: int) -> dict[str, Any]:
    told = {} if attempt is None else {keys.IN_PLACE_RESTART_ATTEMPT: attempt}
    container = {"name": "c", "restartCount": restarts, "ready": True, "image": "x", "imageID": ""}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p-{index}", "labels": {keys.JOBSET_NAME: "js"}, "annotations": told},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
        "status": {"phase": phase, "containerStatuses": [container]},
    }


# Facts.


async def see(world: World) -> dict[str, Any]:
    """Facts in short.

    `jobs`: names without the prefix, `@` with the attempt and `+` with the attempt of their own where they
    are not 0, in parentheses when suspended. A condition: status, reason and the Job that is blamed.
    A role: its counts that are not 0. `restarts`: all and counted. `alone`: `jobRestarts` and those that
    count. `step`: the previous and the current attempt of in-place restarts. `deletes`: as `jobs`, as often
    as they were asked for. `told`: types and reasons of Events.
    """
    status = await world.status()
    entries = status.get("replicatedJobsStatus") or ()
    return {
        "jobs": " ".join(_job(job) for job in await world.items(JOBS)),
        "sizes": [_size(job) for job in await world.items(JOBS)],
        "services": [service["metadata"]["name"] for service in await world.items(SERVICES)],
        "claims": [claim["metadata"]["name"] for claim in await world.items(PERSISTENT_VOLUME_CLAIMS)],
        "end": status.get("terminalState"),
        "restarts": (status.get("restarts", 0), status.get("restartsCountTowardsMax", 0)),
        "step": (status.get("previousInPlaceRestartAttempt"), status.get("currentInPlaceRestartAttempt")),
        "roles": [entry["name"] for entry in entries],
        "alone": [(entry.get("jobRestarts"), entry.get("jobRestartsCountTowardsMax")) for entry in entries],
        "deletes": " ".join(sorted(_short(request.path) for request in world.wire.sent("DELETE", ""))),
        "told": [f"{event['type']} {event['reason']}" for event in await world.events()],
        **{entry["name"]: _counts(entry) for entry in entries},
        **{found["type"]: _condition(found) for found in status.get("conditions") or ()},
    }


def _short(name: str) -> str:
    return name.rpartition("/")[2].removeprefix("js-")


def _job(job: Any) -> str:
    labels = job["metadata"]["labels"]
    text = _short(job["metadata"]["name"])
    for mark, key in (("@", keys.RESTART_ATTEMPT), ("+", keys.JOB_RESTART_ATTEMPT)):
        text += "" if labels.get(key, "0") == "0" else f"{mark}{labels[key]}"
    return f"({text})" if job["spec"].get("suspend") else text


def _size(job: Any) -> tuple[int, int]:
    return job["spec"]["parallelism"], job["spec"]["completions"]


def _counts(entry: Any) -> str:
    return ", ".join(f"{entry[name]} {name}" for name in FIELDS if entry.get(name))


def _condition(found: Any) -> str:
    _, _, blamed = found["message"].rstrip(")").partition(BLAMED)
    return f"{found['status']} {found['reason']}" + (f" ({_short(blamed)})" if blamed else "")
