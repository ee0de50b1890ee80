"""Which changes of a JobSet are refused."""

from typing import Any

import pytest

from jobset.admission.updates import validate_jobset_update
from jobset.api.gates import FeatureGates
from tests.decisions.admission_builders import OFF, a_jobset, a_role

Raw = dict[str, Any]
ELASTIC = FeatureGates(elastic_jobset=True)
IMMUTABLE = "field is immutable"
SPEC = "spec.replicatedJobs[0].template.spec"


def sized(parallelism: int | None, completions: int | None, name: str = "a", **job: Any) -> Raw:
    sizes = {"parallelism": parallelism, "completions": completions}
    given = {key: value for key, value in sizes.items() if value is not None}
    return a_role(name, {**given, **job})


def with_template(metadata: Raw, **pod: Any) -> Raw:
    role = a_role("a", pod=pod)
    role["template"]["spec"]["template"]["metadata"] = metadata
    return role


NODES = {"nodeSelector": {"pool": "a"}, "tolerations": [{"key": "a"}], "schedulingGates": [{"name": "a"}]}
PLACED = with_template({"labels": {"a": "b"}, "annotations": {"c": "d"}}, **NODES)
PLAIN = a_role("a")
CONTAINER = {"name": "main", "image": "tool:1", "command": ["true"]}
MEMORY = {"containers": [{"name": "c", "resources": {"limits": {"memory": "1Gi"}}}]}
SAME_MEMORY = {"containers": [{"name": "c", "args": [], "resources": {"limits": {"memory": "1024Mi"}}}]}

CASES: dict[str, tuple[Raw, Raw, FeatureGates, list[tuple[str, str]]]] = {
    "nothing": (a_jobset(), a_jobset(), OFF, []),
    "free fields": (
        a_jobset(),
        a_jobset(suspend=True, ttlSecondsAfterFinished=5, coordinator={"replicatedJob": "nobody"}),
        OFF,
        [],
    ),
    "a failure policy that comes or goes": (
        a_jobset(failurePolicy={"maxRestarts": 1}),
        a_jobset(volumeClaimPolicies=[{}]),
        OFF,
        [],
    ),
    "the same in other words": (a_jobset(a_role(pod=MEMORY)), a_jobset(a_role(pod=SAME_MEMORY)), OFF, []),
    "placement of a running JobSet": (
        a_jobset(PLAIN),
        a_jobset(PLACED),
        OFF,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "placement of a suspended JobSet": (
        a_jobset(PLAIN, suspend=True),
        a_jobset(PLACED, suspend=True),
        OFF,
        [],
    ),
    "placement while it resumes": (a_jobset(PLACED, suspend=True), a_jobset(PLAIN), OFF, []),
    "placement while it is suspended": (a_jobset(PLAIN), a_jobset(PLACED, suspend=True), OFF, []),
    "other pod fields of a suspended JobSet": (
        a_jobset(PLAIN, suspend=True),
        a_jobset(a_role("a", pod={"hostname": "x"}), suspend=True),
        OFF,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    **{
        f"the {what} of a suspended JobSet": (
            a_jobset(PLAIN, suspend=True),
            a_jobset(a_role("a", pod={"containers": [CONTAINER | change]}), suspend=True),
            OFF,
            [("spec.replicatedJobs", IMMUTABLE)],
        )
        for what, change in {
            "image": {"image": "tool:2"},
            "resources": {"resources": {"limits": {"cpu": "1"}}},
            "environment": {"env": [{"name": "A", "value": "b"}]},
        }.items()
    },
    "labels of the Job of a suspended JobSet": (
        a_jobset(PLAIN, suspend=True),
        a_jobset(
            {**PLAIN, "template": {**PLAIN["template"], "metadata": {"labels": {"a": "b"}}}}, suspend=True
        ),
        OFF,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "one role more": (
        a_jobset(PLAIN, suspend=True),
        a_jobset(PLAIN, a_role("b"), suspend=True),
        ELASTIC,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "no roles any more": (a_jobset(PLAIN), {"spec": {}}, OFF, [("spec.replicatedJobs", IMMUTABLE)]),
    "no roles ever": ({"spec": {}}, {"spec": {"replicatedJobs": []}}, OFF, []),
    "another name": (
        a_jobset(a_role("a")),
        a_jobset(a_role("b")),
        ELASTIC,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "another order while it is suspended": (
        a_jobset(a_role("a"), sized(2, 2, "b"), suspend=True),
        a_jobset(sized(3, 3, "b"), a_role("a"), suspend=True),
        ELASTIC,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "more replicas": (
        a_jobset(a_role(replicas=1), suspend=True),
        a_jobset(a_role(replicas=2), suspend=True),
        ELASTIC,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "another order": (
        a_jobset(a_role("a"), a_role("b")),
        a_jobset(a_role("b"), a_role("a")),
        OFF,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "another manager": (
        a_jobset(managedBy="a.io/a"),
        a_jobset(managedBy="a.io/b"),
        OFF,
        [("spec.managedBy", IMMUTABLE)],
    ),
    "a manager that comes": (a_jobset(), a_jobset(managedBy="a.io/a"), OFF, [("spec.managedBy", IMMUTABLE)]),
    "no manager any more": (a_jobset(managedBy="a.io/a"), a_jobset(), OFF, [("spec.managedBy", IMMUTABLE)]),
    "sizes without the gate": (
        a_jobset(sized(2, 2)),
        a_jobset(sized(4, 4)),
        OFF,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "sizes": (a_jobset(sized(2, 2)), a_jobset(sized(4, 4)), ELASTIC, []),
    "sizes by name": (
        a_jobset(sized(2, 2, "a"), sized(3, 3, "b")),
        a_jobset(sized(3, 3, "a"), sized(2, 2, "b")),
        ELASTIC,
        [],
    ),
    "one size that was not there": (a_jobset(sized(None, 2)), a_jobset(sized(2, 2)), ELASTIC, []),
    "a size that goes": (a_jobset(sized(2, 2)), a_jobset(sized(None, 2)), ELASTIC, []),
    "unequal sizes": (
        a_jobset(sized(2, 2)),
        a_jobset(sized(4, 5)),
        ELASTIC,
        [(f"{SPEC}.completions", "completions must be equal to parallelism for Elastic Indexed Jobs")],
    ),
    "sizes of nothing": (
        a_jobset(sized(2, 2)),
        a_jobset(sized(0, 0)),
        ELASTIC,
        [
            (f"{SPEC}.parallelism", "parallelism must be >= 1"),
            (f"{SPEC}.completions", "completions must be >= 1"),
        ],
    ),
    "sizes after the end": (
        {**a_jobset(sized(2, 2)), "status": {"conditions": [{"type": "Failed", "status": "True"}]}},
        a_jobset(sized(4, 4)),
        ELASTIC,
        [
            (
                SPEC,
                "Cannot mutate parallelism or completions when JobSet is in a terminal state "
                "(Completed or Failed)",
            )
        ],
    ),
    "sizes after success": (
        {**a_jobset(sized(2, 2)), "status": {"conditions": [{"type": "Completed", "status": "True"}]}},
        a_jobset(sized(4, 4)),
        ELASTIC,
        [
            (
                SPEC,
                "Cannot mutate parallelism or completions when JobSet is in a terminal state "
                "(Completed or Failed)",
            )
        ],
    ),
    "sizes that stay after the end": (
        {**a_jobset(sized(2, 2)), "status": {"conditions": [{"type": "Failed", "status": "True"}]}},
        a_jobset(sized(2, 2), suspend=True),
        ELASTIC,
        [],
    ),
    "sizes before the end": (
        {**a_jobset(sized(2, 2)), "status": {"conditions": [{"type": "Suspended", "status": "True"}]}},
        a_jobset(sized(4, 4)),
        ELASTIC,
        [],
    ),
    "sizes of Jobs without indexes": (
        a_jobset(sized(2, 2, completionMode="NonIndexed")),
        a_jobset(sized(4, 4, completionMode="NonIndexed")),
        ELASTIC,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "sizes of Jobs that lose their indexes": (
        a_jobset(sized(2, 2)),
        a_jobset(sized(2, 2, completionMode="NonIndexed")),
        ELASTIC,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
    "sizes and something else": (
        a_jobset(sized(2, 2)),
        a_jobset(sized(4, 4, backoffLimit=1)),
        ELASTIC,
        [("spec.replicatedJobs", IMMUTABLE)],
    ),
}


@pytest.mark.parametrize(("old", "new", "gates", "errors"), CASES.values(), ids=CASES)
def test_a_change_is_judged(old: Raw, new: Raw, gates: FeatureGates, errors: list[tuple[str, str]]) -> None:
    assert [(error.field, error.detail) for error in validate_jobset_update(new, old, gates)] == errors


def test_an_immutable_list_is_shown_without_what_may_change() -> None:
    (error,) = validate_jobset_update(a_jobset(sized(4, 4), a_role("b")), a_jobset(sized(2, 2)), ELASTIC)

    assert [job["template"]["spec"].get("parallelism") for job in error.value] == [2, None]


PRINTED = (
    '[{"name":"a","groupName":"default","template":{"metadata":{},"spec":{"template":{"metadata":{},"spec":'
    '{"containers":[{"name":"main","image":"tool:1","command":["true"],"resources":{}}],"restartPolicy":'
    '"OnFailure","hostname":"x"}},"completionMode":"Indexed"}},"replicas":1}]'
)


def test_the_message_tells_the_whole_list() -> None:
    (error,) = validate_jobset_update(a_jobset(a_role("a", pod={"hostname": "x"})), a_jobset(PLAIN), OFF)

    assert str(error) == f"spec.replicatedJobs: Invalid value: {PRINTED}: field is immutable"


def test_the_message_tells_the_new_manager() -> None:
    (gone,) = validate_jobset_update(a_jobset(), a_jobset(managedBy="a.io/a"), OFF)
    (come,) = validate_jobset_update(a_jobset(managedBy="a.io/a"), a_jobset(), OFF)

    assert str(gone) == "spec.managedBy: Invalid value: null: field is immutable"
    assert str(come) == 'spec.managedBy: Invalid value: "a.io/a": field is immutable'
