"""Carry out plans of the Job controller: API calls whose answers go into the caches at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from jobset.api import keys
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client, DeleteOptions, Object
from jobset.kube.errors import ApiError, Conflict, Forbidden, Invalid, NotFound, TransportError
from jobset.kube.resources import JOBS, PODS
from jobset.kube.transport import STRATEGIC_MERGE_PATCH
from jobset.local.jobs.claims import Claim
from jobset.local.jobs.plan import JobPlan, NewPod
from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.pods import PodTemplate, owner_reference
from jobset.local.jobs.snapshot import JobFacts
from jobset.local.jobs.status import render_status
from jobset.local.kubelet.ports import Recorder

T = TypeVar("T")
Refusal = ApiError | TransportError
# compat: a patch that names the uid of an earlier pod of the same name is invalid, not a conflict.
_NO_LONGER_THERE = (NotFound, Conflict, Invalid)


@dataclass(slots=True, kw_only=True)
class Executor:
    """The only part of the Job controller that changes anything."""

    client: Client
    jobs: WatchCache
    pods: WatchCache
    recorder: Recorder

    async def scale(self, job: JobFacts, plan: JobPlan) -> Refusal | None:
        """Remove, delete and create pods; the first refusal ends it and is returned."""
        template = PodTemplate(job) if plan.create else None

        async def remove(pod: PodFacts) -> None:
            await self._release(pod)
            await self._delete(job, pod)

        async def delete(pod: PodFacts) -> None:
            await self._delete(job, pod)

        async def create(new: NewPod) -> None:
            assert template is not None
            await self._create(job, template.pod(new.index, new.replaces))

        return (
            await in_growing_batches(plan.remove, remove)
            or await in_growing_batches(plan.delete, delete)
            or await in_growing_batches(plan.create, create)
        )

    async def record(self, job: JobFacts, plan: JobPlan) -> None:
        """Write the status, then tell what it means; of a Job that is gone by now nothing is left to tell.

        Raises:
            ApiError: the status was refused.
        """
        if plan.status is not None:
            body = {**job.raw, "status": render_status(plan.status)}
            try:
                self.jobs.note(await self.client.update_status(JOBS, body))
            except NotFound:
                return
        for event in plan.events:
            self.recorder.event(job.raw, event.type, event.reason, event.message)

    async def release(self, pods: Sequence[PodFacts]) -> None:
        """Take our finalizer from these pods."""
        refused = await in_growing_batches(pods, self._release)
        if refused is not None:
            raise refused

    async def claim(self, job: JobFacts, claim: Claim) -> None:
        """Make the owner references of pods agree with the Job's selector."""
        for pod in claim.adopt:
            finalizers = {
                keys.JOB_TRACKING_FINALIZER: None,
                **dict.fromkeys(pod["metadata"].get("finalizers") or ()),
            }
            change = {"ownerReferences": [owner_reference(job)], "finalizers": list(finalizers)}
            await self._patch_metadata(pod, change)
        for pod in claim.let_go:
            change = {
                "ownerReferences": [{"$patch": "delete", "uid": job.uid}],
                "$deleteFromPrimitiveList/finalizers": [keys.JOB_TRACKING_FINALIZER],
            }
            await self._patch_metadata(pod, change)

    async def expire(self, job: JobFacts) -> None:
        """Delete the Job, which goes after its pods."""
        metadata = job.raw["metadata"]
        # Bound to what was read: a Job whose time was made longer meanwhile stays.
        options = DeleteOptions(
            propagation_policy="Foreground", uid=job.uid, resource_version=metadata["resourceVersion"]
        )
        try:
            await self.client.delete(JOBS, job.namespace, job.name, options)
        except NotFound:
            return

    async def _patch_metadata(self, pod: Object, change: Object) -> None:
        metadata = pod["metadata"]
        patch = {"metadata": {"uid": metadata["uid"], **change}}
        try:
            answer = await self.client.patch(
                PODS, metadata["namespace"], metadata["name"], patch, content_type=STRATEGIC_MERGE_PATCH
            )
        except _NO_LONGER_THERE:
            return
        self._note(answer)

    async def _create(self, job: JobFacts, body: Object) -> None:
        try:
            pod = await self.client.create(PODS, body)
        except Forbidden as error:
            # compat: a namespace that is going away refuses all pods; saying so for each helps nobody.
            if not _is_namespace_terminating(error):
                self._tell(job, "Warning", "FailedCreate", f"Error creating: {error}")
                raise
            return
        except ApiError as error:
            self._tell(job, "Warning", "FailedCreate", f"Error creating: {error}")
            raise
        self.pods.note(pod)
        self._tell(job, "Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")

    async def _delete(self, job: JobFacts, pod: PodFacts) -> None:
        try:
            answer = await self.client.delete(PODS, pod.namespace, pod.name, DeleteOptions(uid=pod.uid))
        except (NotFound, Conflict):
            self._gone(pod)
            return
        except ApiError as error:
            self._tell(job, "Warning", "FailedDelete", f"Error deleting: {error}")
            raise
        self._tell(job, "Normal", "SuccessfulDelete", f"Deleted pod: {pod.name}")
        self._note(answer)

    async def _release(self, pod: PodFacts) -> None:
        # The uid makes sure that no later pod of this name is meant.
        patch = {
            "metadata": {
                "uid": pod.uid,
                "$deleteFromPrimitiveList/finalizers": [keys.JOB_TRACKING_FINALIZER],
            }
        }
        try:
            answer = await self.client.patch(
                PODS, pod.namespace, pod.name, patch, content_type=STRATEGIC_MERGE_PATCH
            )
        except _NO_LONGER_THERE:
            self._gone(pod)
            return
        self._note(answer)

    def _note(self, pod: Object) -> None:
        if _is_gone(pod):
            self.pods.note_gone(pod)
        else:
            self.pods.note(pod)

    def _gone(self, pod: PodFacts) -> None:
        known = self.pods.get(pod.namespace, pod.name)
        if known is not None and known["metadata"]["uid"] == pod.uid:
            self.pods.note_gone(known)

    def _tell(self, job: JobFacts, type_: str, reason: str, message: str) -> None:
        self.recorder.event(job.raw, type_, reason, message)


async def in_growing_batches(items: Sequence[T], call: Callable[[T], Awaitable[None]]) -> Refusal | None:
    """Make the call for each item, in batches of 1, 2, 4 and so on; stops after a batch with a refusal.

    What is refused once is mostly refused for all, so the first tries are few. Any other exception passes.
    """

    async def attempt(item: T) -> Refusal | None:
        try:
            await call(item)
        except (ApiError, TransportError) as error:
            return error
        return None

    position, size = 0, 1
    while position < len(items):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(attempt(item)) for item in items[position : position + size]]
        refused = next((error for task in tasks if (error := task.result()) is not None), None)
        if refused is not None:
            return refused
        position, size = position + size, size * 2
    return None


def _is_gone(pod: Object) -> bool:
    metadata = pod["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")


def _is_namespace_terminating(error: ApiError) -> bool:
    causes = (error.status.get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
