"""The webhooks for JobSets: defaults, and what is refused."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jobset.admission.claim_validation import ExistingClaim, UnreadableClaim
from jobset.admission.defaults import default_jobset
from jobset.admission.field_errors import ErrorType, FieldError, invalid_status
from jobset.admission.jobset_schema import jobset_schema
from jobset.admission.json_patch import build_patch
from jobset.admission.structural import validate_values
from jobset.admission.updates import validate_jobset_update
from jobset.admission.validation import generated_name, validate_jobset
from jobset.api.gates import FeatureGates
from jobset.api.names import claim_name
from jobset.controller.webhooks.offload import Offload
from jobset.controller.webhooks.reviews import AdmissionRequest, Allowed, Answer, Denied, UnreadableObject
from jobset.kube.client import Client
from jobset.kube.errors import ApiError, NotFound, TransportError
from jobset.kube.resources import JOBSETS, PERSISTENT_VOLUME_CLAIMS

_READS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class JobSetDefaulter:
    """`mjobset.kb.io`: asked about JobSets that are created."""

    offload: Offload

    async def review(self, request: AdmissionRequest) -> Answer:
        """The defaults that the JobSet lacks, as a patch that removes nothing."""
        if request.operation != "CREATE":
            return Allowed()
        return await self.offload.run(_default, request.object)


@dataclass(frozen=True, slots=True)
class JobSetValidator:
    """`vjobset.kb.io`: asked about JobSets that are created or changed."""

    gates: FeatureGates
    client: Client
    offload: Offload

    async def review(self, request: AdmissionRequest) -> Answer:
        """Why the JobSet is refused, with all that is wrong with it."""
        if request.operation == "CREATE":
            with _explained(request.object):
                jobset = _placed(request.object, request.namespace)
                claims = await self._claims(jobset)
            return await self.offload.run(self._judge_creation, jobset, claims)
        if request.operation == "UPDATE":
            return await self.offload.run(self._judge_change, request.object, request.old_object)
        return Allowed()

    def _judge_creation(self, jobset: Mapping[str, Any], claims: Mapping[str, ExistingClaim]) -> Answer:
        with _explained(jobset):
            return _answer(jobset, validate_jobset(jobset, self.gates, claims))

    def _judge_change(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> Answer:
        with _explained(new, old):
            return _answer(new, validate_jobset_update(new, old, self.gates))

    async def _claims(self, jobset: Mapping[str, Any]) -> dict[str, ExistingClaim]:
        """The claims that exist already under a name that the JobSet wants."""
        metadata = jobset.get("metadata", {})
        waiting = iter(_wanted_claims(jobset, generated_name(metadata, "")))
        found: dict[str, ExistingClaim] = {}

        async def read() -> None:
            for name in waiting:
                claim = await self._claim(metadata.get("namespace", ""), name)
                if claim is not None:
                    found[name] = claim

        await asyncio.gather(*(read() for _ in range(_READS_AT_ONCE)))
        return found

    async def _claim(self, namespace: str, name: str) -> ExistingClaim | None:
        try:
            return await self.client.get(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        except NotFound:
            return None
        except (ApiError, TransportError) as error:
            return UnreadableClaim(str(error))


@contextmanager
def _explained(*jobsets: Any) -> Iterator[None]:
    """Blame errors on the JobSets where they have parts of the wrong type.

    An API server checks the schema before it asks; somebody else may not.

    Raises:
        UnreadableObject: in place of an error of which a JobSet is the cause.
    """
    try:
        yield
    except Exception as error:
        wrong = [
            problem
            for jobset in jobsets
            for problem in validate_values(jobset, jobset_schema())
            if problem.type == ErrorType.TYPE_INVALID
        ]
        if not wrong:
            raise
        raise UnreadableObject(str(wrong[0])) from error


def _default(jobset: Mapping[str, Any]) -> Answer:
    return Allowed(build_patch(jobset, default_jobset(jobset)))


def _placed(obj: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    """The object with its namespace, which does not always come with it."""
    return {**obj, "metadata": {**obj.get("metadata", {}), "namespace": namespace}}


def _wanted_claims(jobset: Mapping[str, Any], name: str) -> list[str]:
    policies = jobset.get("spec", {}).get("volumeClaimPolicies") or ()
    names = [
        claim_name(template.get("metadata", {}).get("name", ""), name)
        for policy in policies
        for template in policy.get("templates") or ()
    ]
    return list(dict.fromkeys(names))


def _answer(jobset: Mapping[str, Any], errors: list[FieldError]) -> Answer:
    if not errors:
        return Allowed()
    name = jobset.get("metadata", {}).get("name", "")
    return Denied(invalid_status(JOBSETS.group, JOBSETS.kind, name, errors))
