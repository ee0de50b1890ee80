"""Which new JobSets are refused, rule by rule."""

from typing import Any

import pytest

from jobset.admission.validation import generated_name, validate_jobset
from jobset.api.gates import FeatureGates
from tests.decisions.admission_builders import ALL_ON, OFF, a_claim_template, a_jobset, a_role

Raw = dict[str, Any]
PLAIN = "<nil>: Internal error: "
LABEL = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
RULE_NAME = (
    "a failure policy rule name must start with an alphabetic character, optionally followed by a string of "
    "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
)
IN_PLACE_JOB = {
    "backoffLimit": 2147483647,
    "podReplacementPolicy": "Failed",
    "completions": 2,
    "parallelism": 2,
}
LIMIT = "replicatedJob a: must be set to 2147483647 (MaxInt32) when in-place restart is enabled"
REPLACEMENT = "replicatedJob a: must be set to Failed when in-place restart is enabled"
EQUAL = (
    "replicatedJob a: completions and parallelism must be set and equal to each other when in-place "
    "restart is enabled"
)
TOO_LONG = "JobSet name is too long, {} names generated for this JobSet will exceed 63 characters"
GATED = (
    "RestartJob and RestartJobAndIgnoreMaxRestarts failure policy actions are not allowed when RestartJob "
    "feature gate is disabled"
)


def needs(*names: str) -> list[Raw]:
    return [{"name": name, "status": "Ready"} for name in names]


def in_place(**job: Any) -> Raw:
    return a_jobset(a_role("a", job), failurePolicy={"restartStrategy": "InPlaceRestart"})


def rules(*given: Raw, **role: Any) -> Raw:
    named = [{"name": f"r{index}", "action": "FailJobSet", **rule} for index, rule in enumerate(given)]
    return a_jobset(a_role("a", **role), failurePolicy={"rules": named})


def coordinated(coordinator: Raw, **job: Any) -> Raw:
    return a_jobset(a_role("a", job), coordinator={"replicatedJob": "a", **coordinator})


CASES: dict[str, tuple[Raw, FeatureGates, list[str]]] = {
    "a good one": (a_jobset(), OFF, []),
    "no roles": ({"metadata": {"name": "js"}, "spec": {}}, OFF, []),
    "in-place restarts are gated": (
        in_place(),
        OFF,
        [
            PLAIN
            + "InPlaceRestart restart strategy cannot be set when InPlaceRestart feature gate is disabled"
        ],
    ),
    "in-place restarts want a Job that never gives up": (
        in_place(),
        ALL_ON,
        [
            f"spec.replicatedJobs[0].template.spec.backoffLimit: Invalid value: null: {LIMIT}",
            f"spec.replicatedJobs[0].template.spec.podReplacementPolicy: Invalid value: null: {REPLACEMENT}",
            f"spec.replicatedJobs[0].template.spec.completions: Invalid value: null: {EQUAL}",
        ],
    ),
    "in-place restarts want equal sizes": (
        in_place(**IN_PLACE_JOB | {"parallelism": 3}),
        ALL_ON,
        [f"spec.replicatedJobs[0].template.spec.completions: Invalid value: 2: {EQUAL}"],
    ),
    "in-place restarts of the right Job": (in_place(**IN_PLACE_JOB), ALL_ON, []),
    "the first role waits for nobody": (
        a_jobset(a_role("a", dependsOn=[])),
        OFF,
        [PLAIN + "DependsOn can't be set for the first ReplicatedJob"],
    ),
    "a role may wait for any earlier one": (
        a_jobset(a_role("a"), a_role("b"), a_role("c", dependsOn=needs("a", "b"))),
        OFF,
        [],
    ),
    "a role may wait for itself": (a_jobset(a_role("a"), a_role("b", dependsOn=needs("b"))), OFF, []),
    "a role waits for no later or unknown one": (
        a_jobset(a_role("a"), a_role("b", dependsOn=needs("c", "d")), a_role("c")),
        OFF,
        [
            PLAIN + "replicatedJob: b cannot depend on replicatedJob: c",
            PLAIN + "replicatedJob: b cannot depend on replicatedJob: d",
        ],
    ),
    "a subdomain has two forms to keep": (
        a_jobset(network={"subdomain": "a_b"}),
        OFF,
        [
            f'spec.network.subdomain: Invalid value: "a_b": {SUBDOMAIN}',
            f'spec.network.subdomain: Invalid value: "a_b": {LABEL}',
        ],
    ),
    "a long subdomain": (
        a_jobset(network={"subdomain": "a" * 64}),
        OFF,
        [
            f'spec.network.subdomain: Invalid value: "{"a" * 64}": '
            ".spec.network.subdomain is too long, must be less than 63 characters"
        ],
    ),
    "a subdomain of 63": (a_jobset(network={"subdomain": "a" * 63}), OFF, []),
    "an empty subdomain": (a_jobset(network={"subdomain": ""}), OFF, []),
    "a manager": (a_jobset(managedBy="example.com/me"), OFF, []),
    "a manager with a long name": (
        a_jobset(managedBy="a/" + "b" * 62),
        OFF,
        ["spec.managedBy: Too long: may not be more than 63 bytes"],
    ),
    "as many pods as an int32 counts": (a_jobset(a_role(job={"parallelism": 2147483647})), OFF, []),
    "as many Jobs of one pod as an int32 counts": (a_jobset(a_role(replicas=2147483647)), OFF, []),
    "more pods than that": (
        a_jobset(a_role("a", {"parallelism": 1073741824}, replicas=2)),
        OFF,
        [PLAIN + "the product of replicas and parallelism must not exceed 2147483647 for replicatedJob 'a'"],
    ),
    "an empty group": (
        a_jobset(a_role(groupName="")),
        OFF,
        [f'spec.replicatedJobs[0].groupName: Invalid value: "": {LABEL}'],
    ),
    "a long group": (
        a_jobset(a_role(groupName="a" * 64)),
        OFF,
        [
            f'spec.replicatedJobs[0].groupName: Invalid value: "{"a" * 64}": '
            ".spec.replicatedJob[].groupName is too long, must be less than 63 characters"
        ],
    ),
    "no replicas": (a_jobset(a_role(replicas=0)), OFF, []),
    "a Job name of 64": (
        a_jobset(a_role("a"), name="j" * 60),
        OFF,
        [f'spec.replicatedJobs[0].name: Invalid value: "{"j" * 60}-a-0": {TOO_LONG.format("job")}'],
    ),
    "a Job name of 63": (a_jobset(a_role("a"), name="j" * 59), OFF, []),
    "a JobSet whose name is no label": (
        a_jobset(a_role("a"), name="j.s"),
        OFF,
        [f'spec.replicatedJobs[0].name: Invalid value: "j.s-a-0": {LABEL}'],
    ),
    "a JobSet whose name is too long and no label": (
        a_jobset(a_role("a"), name="9" * 60),
        OFF,
        [
            f'spec.replicatedJobs[0].name: Invalid value: "{"9" * 60}-a-0": {problem}'
            for problem in (TOO_LONG.format("job"), LABEL)
        ],
    ),
    "the last Job has the longest name": (
        a_jobset(a_role("a", replicas=11), name="j" * 59),
        OFF,
        [f'spec.replicatedJobs[0].name: Invalid value: "{"j" * 59}-a-10": {TOO_LONG.format("job")}'],
    ),
    "a pod name of 63": (a_jobset(a_role("a", {"completions": 10}), name="j" * 51), OFF, []),
    "a pod name of 64": (
        a_jobset(a_role("a", {"completions": 10}), name="j" * 52),
        OFF,
        [f'spec.replicatedJobs[0].name: Invalid value: "{"j" * 52}-a-0": {TOO_LONG.format("pod")}'],
    ),
    "pod names of Jobs without indexes do not count": (
        a_jobset(a_role("a", {"completions": 10, "completionMode": "NonIndexed"}), name="j" * 52),
        OFF,
        [],
    ),
    "pod names of Jobs without completions do not count": (a_jobset(a_role("a"), name="j" * 52), OFF, []),
    "a success target of nobody": (
        a_jobset(successPolicy={"operator": "All", "targetReplicatedJobs": ["workers", "x"]}),
        OFF,
        [PLAIN + "invalid replicatedJob name 'x' does not appear in .spec.ReplicatedJobs"],
    ),
    "restarts of single Jobs are gated, and hide the rest": (
        rules({"action": "RestartJob", "name": ""}),
        OFF,
        [PLAIN + GATED],
    ),
    "restarts of single Jobs want few of them": (
        rules({"action": "RestartJobAndIgnoreMaxRestarts"}, {"action": "RestartJob"}, replicas=1025),
        ALL_ON,
        [
            PLAIN + "JobSet cannot have a failure policy rule with RestartJob or "
            "RestartJobAndIgnoreMaxRestarts action and a replicated job with replicas > 1024"
        ],
    ),
    "restarts of 1024 Jobs": (rules({"action": "RestartJob"}, replicas=1024), ALL_ON, []),
    "a rule without a name": (
        rules({"name": ""}),
        OFF,
        [
            PLAIN
            + "invalid failure policy rule name of length 0, the rule name must be at least 1 characters "
            "long and at most 128 characters long",
            f"{PLAIN}invalid failure policy rule name '', {RULE_NAME}",
        ],
    ),
    "a rule with a long name": (
        rules({"name": "a" * 129}),
        OFF,
        [
            PLAIN
            + "invalid failure policy rule name of length 129, the rule name must be at least 1 characters "
            "long and at most 128 characters long"
        ],
    ),
    "rules with good names": (rules({"name": "a" * 128}, {"name": "A1_,:_"}), OFF, []),
    "a rule whose name begins badly": (
        rules({"name": "1a"}),
        OFF,
        [f"{PLAIN}invalid failure policy rule name '1a', {RULE_NAME}"],
    ),
    "a rule whose name has a dash": (
        rules({"name": "a-b"}),
        OFF,
        [f"{PLAIN}invalid failure policy rule name 'a-b', {RULE_NAME}"],
    ),
    "a rule with a bad name": (
        rules({"name": "a,"}),
        OFF,
        [f"{PLAIN}invalid failure policy rule name 'a,', {RULE_NAME}"],
    ),
    "a rule with unknown targets and reasons": (
        rules({"targetReplicatedJobs": ["a", "x"], "onJobFailureReasons": ["DeadlineExceeded", "y"]}),
        OFF,
        [
            PLAIN
            + "invalid replicatedJob name 'x' in failure policy does not appear in .spec.ReplicatedJobs",
            PLAIN + "invalid job failure reason 'y' in failure policy is not a recognized job failure reason",
        ],
    ),
    "a rule with every reason there is": (
        rules(
            {
                "onJobFailureReasons": [
                    "BackoffLimitExceeded",
                    "DeadlineExceeded",
                    "FailedIndexes",
                    "MaxFailedIndexesExceeded",
                    "PodFailurePolicy",
                ]
            }
        ),
        OFF,
        [],
    ),
    "rules with one name": (
        rules({"name": "b"}, {"name": "c"}, {"name": "b"}),
        OFF,
        [PLAIN + "rule names are not unique, rules with indices [0 2] all have the same name 'b'"],
    ),
    "a pattern that is none is accepted": (rules({"onJobFailureMessagePatterns": ["("]}), OFF, []),
    "a coordinator": (coordinated({}, completions=1), OFF, []),
    "a coordinator of nobody": (
        coordinated({"replicatedJob": "x"}),
        OFF,
        [PLAIN + "coordinator replicatedJob x does not exist"],
    ),
    "a coordinator in no Job": (
        coordinated({"jobIndex": 1}),
        OFF,
        [PLAIN + "coordinator job index 1 is invalid for replicatedJob a"],
    ),
    "a coordinator before the first Job": (
        coordinated({"jobIndex": -1, "podIndex": -1}),
        OFF,
        [PLAIN + "coordinator job index -1 is invalid for replicatedJob a"],
    ),
    "a coordinator without indexes": (
        coordinated({}, completions=1, completionMode="NonIndexed"),
        OFF,
        [
            PLAIN
            + "job for coordinator pod must be indexed completion mode, and completions number must be set"
        ],
    ),
    "a coordinator without completions": (
        coordinated({}),
        OFF,
        [
            PLAIN
            + "job for coordinator pod must be indexed completion mode, and completions number must be set"
        ],
    ),
    "a coordinator in no pod": (
        coordinated({"podIndex": 1}, completions=1),
        OFF,
        [PLAIN + "coordinator pod index 1 is invalid for replicatedJob a job index 0"],
    ),
    "a coordinator with a long address": (
        coordinated({}, completions=1) | {"metadata": {"name": "j" * 40}},
        OFF,
        [
            f'{PLAIN}spec will lead to invalid label value "{"j" * 40}-a-0-0.{"j" * 40}" for coordinator '
            'label "jobset.sigs.k8s.io/coordinator" (long JobSet / ReplicatedJob / SubDomain name?): '
            "must be no more than 63 bytes"
        ],
    ),
    "a coordinator of nobody with a long address": (
        a_jobset(coordinator={"replicatedJob": "x"}, network={"subdomain": "n" * 60}),
        OFF,
        [
            PLAIN + "coordinator replicatedJob x does not exist",
            f'{PLAIN}spec will lead to invalid label value "js-x-0-0.{"n" * 60}" for coordinator label '
            '"jobset.sigs.k8s.io/coordinator" (long JobSet / ReplicatedJob / SubDomain name?): must be no '
            "more than 63 bytes",
        ],
    ),
}


@pytest.mark.parametrize(("jobset", "gates", "errors"), CASES.values(), ids=CASES)
def test_a_new_jobset_is_judged(jobset: Raw, gates: FeatureGates, errors: list[str]) -> None:
    assert [str(error) for error in validate_jobset(jobset, gates)] == errors


def test_errors_come_in_the_order_of_the_rules() -> None:
    jobset = a_jobset(
        a_role(
            "a", {"parallelism": 2**30, "completions": 10}, dependsOn=needs("z"), groupName="", replicas=4
        ),
        volumeClaimPolicies=[{"templates": [a_claim_template()]}],
        coordinator={"replicatedJob": "x"},
        failurePolicy={
            "restartStrategy": "InPlaceRestart",
            "rules": [{"name": "r", "action": "FailJobSet", "onJobFailureReasons": ["x"]}] * 2,
        },
        successPolicy={"operator": "All", "targetReplicatedJobs": ["x"]},
        managedBy="x",
        network={"subdomain": "a_b"},
        name="j" * 60,
    )

    blamed = [error.blamed for error in validate_jobset(jobset, OFF)]

    assert blamed == [
        "spec.failurePolicy.restartStrategy",
        "spec.replicatedJobs[0].dependsOn",
        "spec.network.subdomain",
        "spec.network.subdomain",
        "spec.managedBy",
        "spec.replicatedJobs[0].replicas",
        "spec.replicatedJobs[0].groupName",
        "spec.replicatedJobs[0].name",
        "spec.replicatedJobs[0].name",
        "spec.replicatedJobs[0].dependsOn[0].name",
        "spec.successPolicy.targetReplicatedJobs[0]",
        "spec.failurePolicy.rules[0].onJobFailureReasons[0]",
        "spec.failurePolicy.rules[1].onJobFailureReasons[0]",
        "spec.failurePolicy.rules[1].name",
        "spec.coordinator",
        "spec.coordinator",
        "spec.volumeClaimPolicies[0].templates[0].metadata.name",
        "spec.replicatedJobs",
    ]


NAMES: dict[str, tuple[Raw, str]] = {
    "a name": ({"name": "js", "generateName": "x-"}, "js"),
    "a prefix": ({"generateName": "js-"}, "js-abcde"),
    "a long prefix is cut": ({"generateName": "j" * 80}, "j" * 58 + "abcde"),
    "neither": ({}, ""),
}


@pytest.mark.parametrize(("metadata", "name"), NAMES.values(), ids=NAMES)
def test_names_are_judged_as_they_will_be(metadata: Raw, name: str) -> None:
    assert generated_name(metadata, "abcde") == name
