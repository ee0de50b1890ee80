"""The cost of a JobSet grows with its size, however it is made."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from jobset.admission.jobset import admit_create, admit_update
from jobset.admission.validation import validate_jobset
from jobset.api.gates import FeatureGates
from jobset.api.jobset import read_jobset
from jobset.core.decide import decide
from jobset.manifests.check import check
from jobset.manifests.yaml import load_text
from tests.builders import a_snapshot, failed
from tests.worlds import policy, role, rule

GATES = FeatureGates(restart_job=True, in_place_restart=True, elastic_jobset=True)
SMALL, LARGE = 50, 200
MOST_GROWTH = 1.3 * LARGE / SMALL
"""Of the calls that are made; work that grows with the square would make 16 times as many."""


def a_jobset(*roles: Any, **spec: Any) -> Any:
    metadata = {"name": "train", "namespace": "default"}
    spec = {"replicatedJobs": [*roles], **spec}
    return {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": metadata, "spec": spec}


def roles(size: int, **more: Any) -> list[Any]:
    return [role(f"r{number}", 1, 1) | more for number in range(size)]


def waiting(size: int, step: int) -> list[Any]:
    """Each role waits for the one that comes so many places later."""
    return [
        made | {"dependsOn": [{"name": f"r{(number + step) % size}", "status": "Ready"}]}
        for number, made in enumerate(roles(size))
    ]


def targets(size: int, name: str = "x") -> list[str]:
    return [f"{name}{number}" for number in range(size)]


def mounting(size: int) -> list[Any]:
    """One role whose pod mounts that many claims and has as many variables, ports and tolerations."""
    made = role("w", 1, 1)
    pod = made["template"]["spec"]["template"]["spec"]
    pod["tolerations"] = [{"key": name, "operator": "Exists"} for name in targets(size, "k")]
    pod["containers"][0] |= {
        "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in targets(size, "c")],
        "env": [{"name": name, "value": f"$({name})"} for name in targets(size, "E")],
        "ports": [{"name": name, "containerPort": 1} for name in targets(size, "p")],
    }
    return [made]


def claims(size: int) -> list[Any]:
    templates = [
        {
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        for name in targets(size, "c")
    ]
    return [{"templates": templates[at : at + 25]} for at in range(0, size, 25)]


BOMBS: dict[str, Callable[[int], Any]] = {
    "roles": lambda size: a_jobset(*roles(size)),
    "roles of one name": lambda size: a_jobset(*[role("r", 1, 1)] * size),
    "roles that wait for later ones": lambda size: a_jobset(*waiting(size, 1)),
    "roles that wait for earlier ones": lambda size: a_jobset(*waiting(size, -1)),
    "groups": lambda size: a_jobset(*(made | {"groupName": made["name"]} for made in roles(size))),
    "success targets": lambda size: a_jobset(
        *roles(size), successPolicy={"operator": "All", "targetReplicatedJobs": targets(size, "r")}
    ),
    "success targets that are not there": lambda size: a_jobset(
        *roles(size), successPolicy={"operator": "All", "targetReplicatedJobs": targets(size)}
    ),
    "rules": lambda size: a_jobset(
        *roles(size), failurePolicy=policy(1, *(rule("RestartJobSet", name=name) for name in targets(size)))
    ),
    "rules of one name": lambda size: a_jobset(
        *roles(size), failurePolicy=policy(1, *[rule("RestartJobSet", name="r")] * size)
    ),
    "targets of a rule": lambda size: a_jobset(
        *roles(size),
        failurePolicy=policy(1, rule("FailJobSet", name="r", targetReplicatedJobs=targets(size, "r"))),
    ),
    "targets of a rule that are not there": lambda size: a_jobset(
        *roles(size),
        failurePolicy=policy(1, rule("FailJobSet", name="r", targetReplicatedJobs=targets(size))),
    ),
    "claims that nobody mounts": lambda size: a_jobset(*roles(size), volumeClaimPolicies=claims(size)),
    "claims that a pod mounts": lambda size: a_jobset(*mounting(size), volumeClaimPolicies=claims(size)),
}


def admit(jobset: Any) -> None:
    admitted = admit_create(jobset, GATES)
    admitted.status()
    admit_update({**admitted.object}, admitted.object, GATES)


def judge(jobset: Any) -> None:
    validate_jobset(jobset, GATES)


def act(jobset: Any) -> None:
    known = read_jobset(jobset | {"metadata": jobset["metadata"] | {"uid": "u"}})
    jobs = [failed(f"train-{made.name}-0") for made in known.replicated_jobs]
    for children in ((), jobs[:1], jobs):
        decide(a_snapshot(known, *children, gates=("restart_job",)))


def examine(jobset: Any) -> None:
    check(load_text(json.dumps(jobset), "f"), gates=GATES)


@pytest.mark.parametrize("do", [admit, judge, act, examine])
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_work_grows_with_the_size(bomb: Callable[[int], Any], do: Callable[[Any], None]) -> None:
    do(bomb(1))
    small, large = (calls(do, bomb(size)) for size in (SMALL, LARGE))

    assert large < MOST_GROWTH * small


def calls(do: Callable[[Any], None], jobset: Any) -> int:
    """How many functions are called on the way."""
    count = 0

    def notice(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(notice)
    try:
        do(jobset)
    finally:
        sys.setprofile(None)
    return count
