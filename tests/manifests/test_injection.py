"""The agent in the pods of a manifest: what is put there, what stays, and how it is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobset.api.gates import FeatureGates
from jobset.manifests.check import check
from jobset.manifests.injection import AGENT, restarts_in_place, with_agents
from jobset.manifests.writing import write_yaml
from jobset.manifests.yaml import load_text
from tests.e2e.jobset_command import Jobset

IN_PLACE = {"restartStrategy": "InPlaceRestart"}
RULES = [{"action": "RestartAllContainers", "exitCodes": {"operator": "NotIn", "values": [0]}}]
ONE = {"completions": 1, "parallelism": 1}
MAIN = {"name": "main", "image": "x"}
OTHER = {"name": "first", "image": "y"}


def a_jobset(pod: Any, policy: Any = IN_PLACE, **job: Any) -> dict[str, Any]:
    template = {"spec": {**job, "template": {"spec": pod}}}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "js"},
        "spec": {"failurePolicy": policy, "replicatedJobs": [{"name": "w", "template": template}]},
    }


def injected(pod: Any, image: str = "agent:1", port: int = 8081, **job: Any) -> Any:
    return with_agents(a_jobset(pod, **job), image, port)


def job_of(jobset: Any) -> Any:
    return jobset["spec"]["replicatedJobs"][0]["template"]["spec"]


def pod_of(jobset: Any) -> Any:
    return job_of(jobset)["template"]["spec"]


def test_what_is_put_in_is_valid() -> None:
    text = write_yaml([injected({"containers": [MAIN]}, **ONE)])

    assert list(check(load_text(text, "f"), "default", FeatureGates(in_place_restart=True))) == []


def test_the_agent_comes_first_and_holds_the_others_back() -> None:
    pod = pod_of(injected({"containers": [MAIN], "initContainers": [OTHER]}, port=9000))

    agent, other = pod["initContainers"]
    assert (agent["name"], agent["image"], agent["restartPolicy"], other) == (
        AGENT,
        "agent:1",
        "Always",
        OTHER,
    )
    assert agent["startupProbe"]["httpGet"] == {"port": 9000, "path": "/barrier-is-down"}
    assert {it["name"]: it.get("value") for it in agent["env"]}["STARTUP_PROBE_PORT"] == "9000"
    assert agent["restartPolicyRules"] == RULES
    assert pod["containers"] == [{**MAIN, "restartPolicy": "Never", "restartPolicyRules": RULES}]
    assert pod["restartPolicy"] == "Never"


def test_what_a_restart_in_place_needs_is_filled_in_and_what_is_given_stays() -> None:
    filled, given = job_of(injected({"containers": []})), job_of(injected({"containers": []}, backoffLimit=1))

    assert (filled["backoffLimit"], filled["podReplacementPolicy"]) == (2147483647, "Failed")
    assert (given["backoffLimit"], given["podReplacementPolicy"]) == (1, "Failed")
    own = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}]
    worker = {**MAIN, "restartPolicy": "OnFailure", "restartPolicyRules": own}
    assert pod_of(injected({"containers": [worker]}))["containers"] == [worker]


def test_a_second_time_changes_only_what_is_asked_for() -> None:
    once = injected({"containers": [MAIN], "initContainers": [OTHER]})

    assert with_agents(once, "agent:1", 8081) == once
    again = pod_of(with_agents(once, "agent:2", 8081))["initContainers"]
    assert [it["image"] for it in again] == ["agent:2", "y"]


def test_what_was_given_to_the_agent_stays() -> None:
    (made,) = pod_of(injected({"containers": [MAIN]}))["initContainers"]
    limits = {"resources": {"limits": {"cpu": "1"}}}
    given = {**made, **limits, "image": "agent:0", "env": [{"name": "GOGC", "value": "1"}, *made["env"]]}

    (renewed,) = pod_of(injected({"containers": [MAIN], "initContainers": [given]}))["initContainers"]

    assert renewed == {**made, **limits, "env": [*made["env"], {"name": "GOGC", "value": "1"}]}


WRONG: Mapping[str, Any] = {
    "a spec": {"spec": 3},
    "roles": {"spec": {"replicatedJobs": {"name": "w"}}},
    "a role": {"spec": {"replicatedJobs": [3, {"template": "x"}, {"template": {"spec": []}}]}},
    "containers before": a_jobset({"initContainers": {"a": 1}}),
    "a container": a_jobset({"initContainers": [1], "containers": [2]}),
    "variables of the agent": a_jobset({"initContainers": [{"name": AGENT, "env": "x"}]}),
    "a variable of the agent": a_jobset({"initContainers": [{"name": AGENT, "env": [3, {"name": []}]}]}),
}


@pytest.mark.parametrize("jobset", WRONG.values(), ids=WRONG)
def test_parts_of_the_wrong_type_are_left_for_the_check(jobset: Any) -> None:
    assert with_agents(jobset, "agent:1", 8081).keys() == jobset.keys()


OTHERS = {
    "another policy": a_jobset({}, {"restartStrategy": "Recreate"}),
    "no policy": {"kind": "JobSet", "spec": {}},
    "a policy of another type": a_jobset({}, "InPlaceRestart"),
    "a spec of another type": {"kind": "JobSet", "spec": [IN_PLACE]},
    "another kind": {**a_jobset({}), "kind": "Job"},
    "no object": "JobSet",
}


@pytest.mark.parametrize("value", OTHERS.values(), ids=OTHERS)
def test_who_does_not_restart_in_place(value: Any) -> None:
    assert not restarts_in_place(value)


WORDS = (
    "1e3",
    "0o7",
    "010",
    "0x1F",
    "1_000",
    "yes",
    "~",
    "null",
    "2026-01-02",
    "1:30",
    " x ",
    "- a",
    "é",
    "",
    "<<",
)


@pytest.mark.parametrize(
    "text", [*WORDS, "a\x85b", "a\u2028b", "a\nb\n", "#!/bin/sh\necho a\n\n  b", "tab\tand\n trailing \n"]
)
def test_texts_come_back_as_they_are(text: str) -> None:
    assert load_text(write_yaml([{"a": text, "b": [text]}]), "f").objects == [{"a": text, "b": [text]}]


def test_the_command_writes_manifests_and_tells_the_permissions(tmp_path: Path) -> None:
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1e3"}}
    pod = {"serviceAccountName": "trainer", "containers": [MAIN]}
    manifests = write_yaml([a_jobset(pod, **ONE), other])

    done = Jobset(tmp_path)("inject", "-", "--image=agent:1", "-n", "here", stdin=manifests)

    assert done.code == 0, done.stderr
    assert load_text(done.stdout, "f").objects == [injected(pod, **ONE), other]
    assert "--serviceaccount=here:trainer" in done.stderr
    assert "kubectl -n here label serviceaccount trainer" in done.stderr


REFUSED = {
    "nothing that restarts in place": (
        [a_jobset({"containers": [MAIN]}, {})],
        "no JobSet here restarts in place",
    ),
    "a limit that ends": ([a_jobset({"containers": [MAIN]}, backoffLimit=1)], "must be set to 2147483647"),
    "no containers": ([a_jobset({})], "containers"),
    "a list that is none of kubectl's": (
        [{"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSetList", "items": [a_jobset({})]}],
        "a JobSetList is not read here",
    ),
}


@pytest.mark.parametrize(("objects", "told"), REFUSED.values(), ids=REFUSED)
def test_the_command_refuses(objects: list[Any], told: str, tmp_path: Path) -> None:
    done = Jobset(tmp_path)("inject", "-", "--image=agent:1", stdin=write_yaml(objects))

    assert (done.code, done.stdout) == (2, "")
    assert told in done.stderr
