"""What a delete makes of one object."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jobset.kube.resources import CONFIG_MAPS, JOBS, PODS
from jobset.local.deletion import (
    DeleteRequest,
    broken_precondition,
    decide_deletion,
    is_finished,
    validate_delete_options,
    warns_of_orphans,
)
from jobset.local.kinds.registry import KINDS

NOW = datetime(2030, 1, 1, 0, 1, tzinfo=UTC)
ASKED, IN_TEN = "2030-01-01T00:01:00Z", "2030-01-01T00:01:10Z"
CONFIG_MAP_RULES, JOB_RULES, POD_RULES = (KINDS[(r.api_version, r.kind)] for r in (CONFIG_MAPS, JOBS, PODS))


def obj(*finalizers: str, **metadata: Any) -> dict[str, Any]:
    held = {"finalizers": list(finalizers)} if finalizers else {}
    return {"metadata": {"name": "o", "uid": "u", "resourceVersion": "5", **held, **metadata}}


def a_running_pod(*finalizers: str, **metadata: Any) -> dict[str, Any]:
    pod = obj(*finalizers, **metadata)
    return {
        **pod,
        "spec": {"nodeName": "n", "terminationGracePeriodSeconds": 10},
        "status": {"phase": "Running"},
    }


def ask(policy: str | None = None, grace: int | None = None) -> DeleteRequest:
    return DeleteRequest(propagation=policy, grace_seconds=grace)


GOES = {
    "nothing holds it": (CONFIG_MAP_RULES, obj(), ask("Background")),
    "background takes the collector's finalizers away": (CONFIG_MAP_RULES, obj("orphan"), ask("Background")),
    "a pod without a node": (POD_RULES, {**obj(), "spec": {}}, ask()),
    "a pod by force": (POD_RULES, a_running_pod(), ask(grace=0)),
    "a pod that is late": (
        POD_RULES,
        a_running_pod(deletionTimestamp=ASKED, deletionGracePeriodSeconds=0),
        ask(),
    ),
    "a job in the background": (JOB_RULES, obj(), ask("Background")),
}


@pytest.mark.parametrize(("rules", "given", "request_"), GOES.values(), ids=GOES)
def test_it_goes_at_once(rules: Any, given: Any, request_: DeleteRequest) -> None:
    assert decide_deletion(given, rules, request_, NOW).goes_now


def test_what_goes_is_first_freed_of_the_collectors_finalizer() -> None:
    waiting = obj("foregroundDeletion", deletionTimestamp=ASKED, deletionGracePeriodSeconds=0)

    verdict = decide_deletion(waiting, CONFIG_MAP_RULES, ask("Background"), NOW)

    assert verdict.marked is not None
    assert "finalizers" not in verdict.marked["metadata"]
    assert verdict.goes_now


def marked(finalizers: list[str] | None, grace: int, at: str) -> tuple[list[str] | None, int, str]:
    return finalizers, grace, at


STAYS: dict[str, tuple[Any, Any, DeleteRequest, Any]] = {
    "a finalizer holds it": (CONFIG_MAP_RULES, obj("x.io/a"), ask(), marked(["x.io/a"], 0, ASKED)),
    "orphan": (CONFIG_MAP_RULES, obj(), ask("Orphan"), marked(["orphan"], 0, ASKED)),
    "foreground": (
        CONFIG_MAP_RULES,
        obj("x.io/a"),
        ask("Foreground"),
        marked(["x.io/a", "foregroundDeletion"], 0, ASKED),
    ),
    "the last wish counts": (
        CONFIG_MAP_RULES,
        obj("orphan", deletionTimestamp=ASKED, deletionGracePeriodSeconds=0),
        ask("Foreground"),
        marked(["foregroundDeletion"], 0, ASKED),
    ),
    "an earlier wish stands": (
        JOB_RULES,
        obj("foregroundDeletion", deletionTimestamp=ASKED, deletionGracePeriodSeconds=0),
        ask(),
        marked(["foregroundDeletion"], 0, ASKED),
    ),
    "a job orphans by default": (JOB_RULES, obj(), ask(), marked(["orphan"], 0, ASKED)),
    "a pod gets its own grace": (POD_RULES, a_running_pod(), ask(), marked(None, 10, IN_TEN)),
    "a pod gets the grace that is asked": (
        POD_RULES,
        a_running_pod(),
        ask(grace=0 - 5),
        marked(None, 1, "2030-01-01T00:01:01Z"),
    ),
    "the grace can be shortened": (
        POD_RULES,
        a_running_pod(deletionTimestamp="2030-01-01T00:01:30Z", deletionGracePeriodSeconds=30),
        ask(grace=10),
        marked(None, 10, IN_TEN),
    ),
    "a pod by force with a finalizer": (
        POD_RULES,
        a_running_pod("x.io/a"),
        ask(grace=0),
        marked(["x.io/a"], 0, ASKED),
    ),
}


@pytest.mark.parametrize(("rules", "given", "request_", "expected"), STAYS.values(), ids=STAYS)
def test_it_is_marked_and_stays(rules: Any, given: Any, request_: DeleteRequest, expected: Any) -> None:
    verdict = decide_deletion(given, rules, request_, NOW)

    assert not verdict.goes_now
    assert verdict.marked is not None
    metadata = verdict.marked["metadata"]
    told = metadata.get("finalizers"), metadata["deletionGracePeriodSeconds"], metadata["deletionTimestamp"]
    assert told == expected


def test_a_longer_grace_changes_nothing() -> None:
    pod = a_running_pod(deletionTimestamp=IN_TEN, deletionGracePeriodSeconds=10)

    verdict = decide_deletion(pod, POD_RULES, ask(grace=20), NOW)

    assert (verdict.marked, verdict.goes_now) == (None, False)


def test_a_deletion_is_a_new_generation_once() -> None:
    first = decide_deletion(obj("x.io/a", generation=3), CONFIG_MAP_RULES, ask(), NOW).marked
    assert first is not None
    second = decide_deletion(first, CONFIG_MAP_RULES, ask(), NOW).marked
    assert second is not None

    assert first["metadata"]["generation"] == second["metadata"]["generation"] == 4


FINISHED = {
    "it was not deleted": (obj(), obj("x.io/a"), False),
    "a finalizer is left": (obj("x.io/b"), obj("x.io/a", "x.io/b", deletionTimestamp=ASKED), False),
    "the last finalizer went": (
        obj(),
        obj("x.io/a", deletionTimestamp=ASKED, deletionGracePeriodSeconds=0),
        True,
    ),
    "its grace is not over": (
        obj(),
        obj("x.io/a", deletionTimestamp=ASKED, deletionGracePeriodSeconds=5),
        False,
    ),
}


@pytest.mark.parametrize(("new", "old", "expected"), FINISHED.values(), ids=FINISHED)
def test_an_update_finishes_a_deletion(new: Any, old: Any, expected: bool) -> None:
    assert is_finished(new, old) is expected


PRECONDITIONS = {
    "none": (DeleteRequest(), None),
    "both right": (DeleteRequest(uid="u", resource_version="5"), None),
    "another uid": (DeleteRequest(uid="x"), "the UID in the precondition (x)"),
    "another version": (DeleteRequest(resource_version="4"), "the ResourceVersion in the precondition (4)"),
}


@pytest.mark.parametrize(("request_", "start"), PRECONDITIONS.values(), ids=PRECONDITIONS)
def test_preconditions(request_: DeleteRequest, start: str | None) -> None:
    broken = broken_precondition(obj(), request_)

    assert (broken is None) is (start is None)
    assert broken is None or broken.startswith(str(start))


OPTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "a policy": ({"propagationPolicy": "Orphan"}, []),
    "an unknown policy": (
        {"propagationPolicy": "What"},
        [
            'propagationPolicy: Unsupported value: "What": '
            'supported values: "Foreground", "Background", "Orphan", "nil"'
        ],
    ),
    "both ways of saying it": (
        {"propagationPolicy": "Background", "orphanDependents": True},
        [
            'propagationPolicy: Invalid value: "Background": '
            "orphanDependents and deletionPropagation cannot be both set"
        ],
    ),
    "an unknown dry run": (
        {"dryRun": ["Some"]},
        ['dryRun: Unsupported value: ["Some"]: supported values: "All"'],
    ),
}


@pytest.mark.parametrize(("options", "errors"), OPTIONS.values(), ids=OPTIONS)
def test_delete_options(options: dict[str, Any], errors: list[str]) -> None:
    assert [str(error) for error in validate_delete_options(options)] == errors


def test_only_a_job_without_a_policy_warns() -> None:
    assert warns_of_orphans(JOB_RULES, ask())
    assert not warns_of_orphans(JOB_RULES, ask("Background"))
    assert not warns_of_orphans(JOB_RULES, DeleteRequest(orphan_dependents=True))
    assert not warns_of_orphans(CONFIG_MAP_RULES, ask())
