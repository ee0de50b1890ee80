"""Carry out a plan: its steps in order, then the status, then the events. Nothing else changes anything."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from jobset.api.status import write_status
from jobset.controller.events import EventRecorder
from jobset.controller.metrics import Metrics
from jobset.controller.observe import Observer, Reading
from jobset.controller.turns import TurnFailed
from jobset.core.plan import (
    Action,
    CreateClaims,
    CreateJob,
    CreateService,
    DeleteJob,
    DeleteJobSet,
    Failure,
    PatchJob,
    Plan,
    PlannedEvent,
    Step,
    failure_events,
    failure_text,
)
from jobset.kube.cache import WatchCache, controller_of, key_of
from jobset.kube.client import Client, DeleteOptions, Object
from jobset.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    NotFound,
    TransportError,
    outcome_is_unknown,
)
from jobset.kube.resources import JOBS, JOBSETS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Sends what a plan wants; what the server answers goes into the caches before the turn ends."""

    client: Client
    observer: Observer
    recorder: EventRecorder
    metrics: Metrics
    writes_in_flight: int

    async def execute(self, reading: Reading, plan: Plan) -> None:
        """Do everything that `plan` says.

        Raises:
            TurnFailed: an action was refused or the plan itself says that it cannot go on.
            Conflict: somebody else wrote first.
        """
        for step in plan.steps:
            await self._run_step(reading, step)
        if plan.error is not None:
            raise TurnFailed(plan.error)
        if plan.status is not None:
            try:
                await self._write_status(reading, plan)
            except NotFound:
                return  # deleted meanwhile: nothing is left to tell of
        self._tell(reading, plan.events)
        self._count(reading, plan)

    async def _run_step(self, reading: Reading, step: Step) -> None:
        failures: list[tuple[Failure, Exception]] = []
        waiting = iter(step)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(len(step), self.writes_in_flight)):
                group.create_task(self._run_actions(reading, waiting, failures))
        if failures:
            self._give_up(reading, failures)

    async def _run_actions(
        self, reading: Reading, waiting: Iterator[Action], failures: list[tuple[Failure, Exception]]
    ) -> None:
        for action in waiting:
            try:
                await self._run_action(reading, action)
            except ApiError as error:
                if error.reason not in action.tolerated:
                    failures.append((Failure(action, str(error)), error))
            except TransportError as error:
                failures.append((Failure(action, str(error)), error))

    def _give_up(self, reading: Reading, failures: Sequence[tuple[Failure, Exception]]) -> None:
        told = [failure for failure, _ in failures]
        self._tell(reading, failure_events(told))
        causes = [cause for _, cause in failures]
        if all(isinstance(cause, Conflict) for cause in causes):
            raise causes[0]
        raise TurnFailed(failure_text(told)) from ExceptionGroup("refused", causes)

    async def _run_action(self, reading: Reading, action: Action) -> None:
        namespace = reading.raw["metadata"].get("namespace", "")
        match action:
            case CreateJob():
                await self._create(reading, self.observer.jobs, action.body())
            case CreateService():
                await self._create(reading, self.observer.services, action.body)
            case CreateClaims():
                await self._create_claims(reading, action)
            case PatchJob():
                await self._patch_job(namespace, action)
            case DeleteJob():
                await self._delete(self.observer.jobs, namespace, action)
            case DeleteJobSet():
                await self._delete(self.observer.jobsets, namespace, action)
            case _:
                assert_never(action)

    async def _create(self, reading: Reading, cache: WatchCache, body: Object) -> None:
        try:
            created = await self.client.create(cache.resource, body, cache.part.shape)
        except (ApiError, TransportError) as error:
            if not isinstance(error, AlreadyExists) and not outcome_is_unknown(error):
                raise
            created = await self._made_before(reading, cache, body, error)
        cache.note(created)

    async def _made_before(
        self, reading: Reading, cache: WatchCache, body: Object, error: Exception
    ) -> Object:
        """The object that a create of ours made, whose answer was lost to us or to the leader before us.

        Raises:
            ApiError, TransportError: `error` itself, when there is none or it belongs to somebody else.
        """
        metadata = body["metadata"]
        try:
            found = await self.client.get(
                cache.resource, metadata["namespace"], metadata["name"], cache.part.shape
            )
        except NotFound:
            raise error from None
        owner = controller_of(found)
        if owner is None or owner.get("uid") != reading.raw["metadata"]["uid"]:
            raise error
        return found

    async def _create_claims(self, reading: Reading, action: CreateClaims) -> None:
        for body in action.bodies:
            try:
                await self._create(reading, self.observer.claims, body)
            except ApiError as error:
                if error.reason not in action.tolerated:
                    raise

    async def _patch_job(self, namespace: str, action: PatchJob) -> None:
        version, shape = action.resource_version, self.observer.jobs.part.shape
        if action.clear_start_time:
            cleared = await self.client.patch(
                JOBS,
                namespace,
                action.name,
                _bound({"status": {"startTime": None}}, version),
                subresource="status",
                shape=shape,
            )
            self.observer.jobs.note(cleared)
            version = cleared["metadata"]["resourceVersion"] if version is not None else None
        patched = await self.client.patch(
            JOBS, namespace, action.name, _bound(action.patch, version), shape=shape
        )
        self.observer.jobs.note(patched)

    async def _delete(self, cache: WatchCache, namespace: str, action: DeleteJob | DeleteJobSet) -> None:
        options = DeleteOptions(propagation_policy=action.propagation_policy, uid=action.uid or None)
        try:
            answer = await self.client.delete(
                cache.resource, namespace, action.name, options, cache.part.shape
            )
        except ApiError as error:
            if error.reason == "NotFound":
                cache.note_not_found(namespace, action.name, action.uid)
            raise
        cache.note_deleted(answer, namespace, action.name, action.uid)

    async def _write_status(self, reading: Reading, plan: Plan) -> None:
        assert plan.status is not None
        body = {**reading.raw, "status": write_status(plan.status, reading.raw.get("status"))}
        try:
            written = await self.client.update_status(JOBSETS, body)
        except (ApiError, TransportError) as error:
            if not outcome_is_unknown(error):
                raise
            written = await self._written_before(body, error)
        self.observer.jobsets.note(written)
        _warn_of_dropped_fields(body, written)

    async def _written_before(self, body: Object, error: Exception) -> Object:
        """The JobSet with the status that we sent without a good answer: its events are still to be told.

        Raises:
            ApiError, TransportError: `error` itself, when the server has another status.
        """
        metadata = body["metadata"]
        found = await self.client.get(JOBSETS, metadata["namespace"], metadata["name"])
        if found["metadata"]["uid"] != metadata["uid"] or found.get("status") != body["status"]:
            raise error
        return found

    def _count(self, reading: Reading, plan: Plan) -> None:
        key, before = key_of(reading.raw), reading.snapshot.jobset.status
        if plan.outcome is not None:
            self.metrics.finished(plan.outcome, *key)
        self.metrics.recoveries.carried_out(key, before, plan, self.observer.clock())

    def _tell(self, reading: Reading, events: Sequence[PlannedEvent]) -> None:
        for event in events:
            self.recorder.event(reading.raw, str(event.type), event.reason, event.note)


def _bound(patch: dict[str, Any], resource_version: str | None) -> dict[str, Any]:
    """The patch, refused by the server when the object has changed since that version."""
    if resource_version is None:
        return patch
    metadata = {**patch.get("metadata", {}), "resourceVersion": resource_version}
    return {**patch, "metadata": metadata}


def _warn_of_dropped_fields(sent: Object, written: Object) -> None:
    if dropped := sent["status"].keys() - (written.get("status") or {}).keys():
        namespace, name = key_of(sent)
        about = {"JobSet": {"name": name, "namespace": namespace}, "fields": sorted(dropped)}
        log.warning(
            "the API server drops fields of a status: its definition of JobSets is older", extra=about
        )
