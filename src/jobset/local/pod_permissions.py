"""What a pod that restarts in place may ask of the local API: to hear of its JobSet, to tell its attempt."""

from collections.abc import Mapping

import msgspec

from jobset.api import keys
from jobset.kube.errors import ApiError, api_error
from jobset.kube.resources import JOBSETS, PODS
from jobset.kube.transport import APPLY_PATCH, MERGE_PATCH, Request
from jobset.local.statuses import failure


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The pod that asks."""

    namespace: str
    pod: str
    uid: str
    jobset: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    content_type: str
    body: bytes


def permit(caller: Caller, asked: Asked) -> Request:
    """What the local API is asked on behalf of a pod.

    Raises:
        ApiError: the pod may not ask this.
    """
    jobsets = JOBSETS.path(caller.namespace)
    own = asked.query.get("fieldSelector") == f"metadata.name={caller.jobset}"
    if asked.method == "GET" and asked.path == jobsets and own:
        return Request(method="GET", path=jobsets, query=asked.query)
    if asked.method == "PATCH" and asked.path == PODS.path(caller.namespace, caller.pod):
        return _attempt_patch(caller, asked)
    raise _forbidden(caller, f"{asked.method} {asked.path}")


def _attempt_patch(caller: Caller, asked: Asked) -> Request:
    # One manager that always has its way, and one field: to apply it is to merge it.
    if asked.content_type != APPLY_PATCH or asked.query.get("force") != "true":
        raise _forbidden(caller, "another patch than a forced apply")
    attempt = _applied_attempt(caller.pod, asked.body)
    if attempt is None:
        raise _forbidden(caller, f"to apply anything but the annotation {keys.IN_PLACE_RESTART_ATTEMPT}")
    metadata = {"uid": caller.uid, "annotations": {keys.IN_PLACE_RESTART_ATTEMPT: attempt}}
    return Request(method="PATCH", path=asked.path, body={"metadata": metadata}, content_type=MERGE_PATCH)


def _applied_attempt(pod: str, body: bytes) -> str | None:
    """The attempt in an apply of nothing else; None for any other body."""
    try:
        applied = msgspec.json.decode(body)
        attempt = applied["metadata"]["annotations"][keys.IN_PLACE_RESTART_ATTEMPT]
    except (msgspec.DecodeError, LookupError, TypeError):
        return None
    metadata = {"name": pod, "annotations": {keys.IN_PLACE_RESTART_ATTEMPT: attempt}}
    alone = {"apiVersion": PODS.api_version, "kind": PODS.kind, "metadata": metadata}
    return attempt if isinstance(attempt, str) and applied == alone else None


def _forbidden(caller: Caller, what: str) -> ApiError:
    return api_error(failure(403, "Forbidden", f"pod {caller.pod} may not ask for this here: {what}"))
