"""What a pod that restarts in place may ask of the local API."""

import json
from typing import Any

import pytest

from jobset.kube.errors import Forbidden
from jobset.kube.transport import MERGE_PATCH, Request
from jobset.local.pod_permissions import Asked, Caller, permit

KEY = "jobset.sigs.k8s.io/in-place-restart-attempt"
CALLER = Caller(namespace="team", pod="p", uid="u", jobset="js")
JOBSETS = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/team/jobsets"
POD = "/api/v1/namespaces/team/pods/p"
OWN = {"fieldSelector": "metadata.name=js"}
FORCED = {"fieldManager": "in-place-restart-agent", "force": "true"}


def applied(**changes: Any) -> dict[str, Any]:
    metadata = {"name": "p", "annotations": {KEY: "3"}, **changes.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, **changes}


def asked(method: str = "GET", path: str = JOBSETS, query: Any = OWN, **more: Any) -> Asked:
    body = more.get("body", b"")
    return Asked(
        method=method,
        path=path,
        query=query,
        content_type=more.get("content_type", "application/apply-patch+yaml"),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


def a_patch(body: Any, query: Any = FORCED, path: str = POD, **more: Any) -> Asked:
    return asked("PATCH", path, query, body=body, **more)


PERMITTED = {
    "its JobSet": (asked(), Request(method="GET", path=JOBSETS, query=OWN)),
    "to watch its JobSet": (
        asked(query=OWN | {"watch": "1", "resourceVersion": "5"}),
        Request(method="GET", path=JOBSETS, query=OWN | {"watch": "1", "resourceVersion": "5"}),
    ),
    "to tell its attempt": (
        a_patch(applied()),
        Request(
            method="PATCH",
            path=POD,
            body={"metadata": {"uid": "u", "annotations": {KEY: "3"}}},
            content_type=MERGE_PATCH,
        ),
    ),
}


@pytest.mark.parametrize(("request_", "carried_out"), PERMITTED.values(), ids=PERMITTED)
def test_what_a_pod_may_ask(request_: Asked, carried_out: Request) -> None:
    assert permit(CALLER, request_) == carried_out


FORBIDDEN = {
    "all JobSets": asked(query={}),
    "another JobSet": asked(query={"fieldSelector": "metadata.name=other"}),
    "JobSets of another namespace": asked(path=JOBSETS.replace("team", "other")),
    "pods": asked(path="/api/v1/namespaces/team/pods"),
    "its own pod": asked(path=POD),
    "to delete its JobSet": asked("DELETE", f"{JOBSETS}/js"),
    "to delete all of its JobSets": asked("DELETE"),
    "to create a JobSet": asked("POST", JOBSETS, {}, body={}),
    "to write another pod": a_patch(applied(), path=POD.replace("/p", "/q")),
    "to write the status of its pod": a_patch(applied(), path=f"{POD}/status"),
    "another patch": a_patch(applied(), content_type=MERGE_PATCH),
    "an apply that is not forced": a_patch(applied(), query={}),
    "a label": a_patch(applied(metadata={"labels": {"a": "b"}})),
    "another annotation": a_patch(applied(metadata={"annotations": {KEY: "3", "a": "b"}})),
    "no annotation": a_patch(applied(metadata={"annotations": {}})),
    "an attempt that is no text": a_patch(applied(metadata={"annotations": {KEY: 3}})),
    "a spec": a_patch(applied(spec={})),
    "an object of another kind": a_patch(applied(kind="Node")),
    "an object of another name": a_patch(applied(metadata={"name": "q"})),
    "a body that is no object": a_patch([]),
    "a body that is no JSON": a_patch(b"{"),
}


@pytest.mark.parametrize("request_", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_a_pod_may_not_ask(request_: Asked) -> None:
    with pytest.raises(Forbidden, match="pod p may not ask for this here"):
        permit(CALLER, request_)
