"""Jobs as an API server fills them in, takes them and refuses them."""

# ruff: noqa: E501 - messages stand in one piece, as clients see them.

import re

import pytest

from jobset.local.kinds.jobs.defaults import default_job, prepare_job_create, prepare_job_status_update
from jobset.local.kinds.jobs.policies import count_indexes
from jobset.local.kinds.jobs.status import validate_job_status_update
from jobset.local.kinds.jobs.updates import validate_job_update
from jobset.local.kinds.jobs.validation import validate_job

POD = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x", "command": ["true"]}]}


def a_job(pod=POD, labels=None, name="j", job_labels=None, **spec):
    template = {"metadata": {"labels": labels or {}}, "spec": pod}
    metadata = {"name": name, "uid": "U", "labels": job_labels or {}}
    return prepare_job_create(default_job({"metadata": metadata, "spec": {"template": template, **spec}}))


def indexed(**spec):
    return a_job(completionMode="Indexed", **{"completions": 3, "parallelism": 3, **spec})


def texts(errors):
    return [f"{error.field}: {error.message()}" for error in errors]


def with_rule(**rule):
    return a_job(podFailurePolicy={"rules": [{"action": "Count", **rule}]})


def with_success(**rule):
    return indexed(successPolicy={"rules": [rule]})


DEFAULTS = {
    "nothing said": (a_job(), {"completions": 1, "parallelism": 1, "backoffLimit": 6}),
    "a work queue": (a_job(parallelism=3), {"completions": None, "parallelism": 3}),
    "completions only": (a_job(completions=3), {"completions": 3, "parallelism": 1}),
    "a limit per index": (indexed(backoffLimitPerIndex=1), {"backoffLimit": 2147483647}),
    "a failure policy": (a_job(podFailurePolicy={"rules": []}), {"podReplacementPolicy": "Failed"}),
    "no policy": (a_job(), {"podReplacementPolicy": "TerminatingOrFailed", "suspend": False}),
}


@pytest.mark.parametrize(("job", "expected"), DEFAULTS.values(), ids=DEFAULTS)
def test_what_a_job_gets_by_default(job, expected):
    assert {field: job["spec"].get(field) for field in expected} == expected


def test_the_selector_is_made_of_the_uid():
    job = a_job(labels={"a": "b"})

    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "U"}}
    assert job["spec"]["template"]["metadata"]["labels"] == {
        "a": "b",
        "batch.kubernetes.io/controller-uid": "U",
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": "U",
        "job-name": "j",
    }


def test_a_job_without_labels_takes_those_of_its_template():
    assert a_job(labels={"a": "b"})["metadata"]["labels"]["a"] == "b"
    assert a_job(labels={"a": "b"}, job_labels={"c": "d"})["metadata"]["labels"] == {"c": "d"}


ONE_OF_BOTH = "Invalid value: specifying"
R0 = "spec.podFailurePolicy.rules[0]"
S0 = "spec.successPolicy.rules[0]"
REFUSED = {
    "restarting always": (
        a_job(POD | {"restartPolicy": "Always"}),
        ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ),
    "restarting sometimes": (
        a_job(POD | {"restartPolicy": "X"}),
        [
            'spec.template.spec.restartPolicy: Unsupported value: "X": supported values: "Always", "OnFailure", "Never"',
            'spec.template.spec.restartPolicy: Unsupported value: "X": supported values: "OnFailure", "Never"',
        ],
    ),
    "a count below zero": (
        a_job(ttlSecondsAfterFinished=-1),
        ["spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0"],
    ),
    "indexed without completions": (
        indexed(completions=None),
        ["spec.completions: Required value: when completion mode is Indexed"],
    ),
    "too many in parallel": (
        indexed(parallelism=100001),
        ["spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed"],
    ),
    "a limit per index without indexes": (
        a_job(backoffLimitPerIndex=1),
        ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
    ),
    "failed indexes without a limit": (
        indexed(maxFailedIndexes=1),
        ["spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"],
    ),
    "many indexes need a limit of failures": (
        indexed(completions=100001, parallelism=20000, backoffLimitPerIndex=1),
        [
            "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
            "spec.parallelism: Invalid value: 20000: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
        ],
    ),
    "an unknown mode": (
        a_job(completionMode="X"),
        ['spec.completionMode: Unsupported value: "X": supported values: "NonIndexed", "Indexed"'],
    ),
    "a manager without domain": (
        a_job(managedBy="x"),
        ['spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")'],
    ),
    "a manager with a long name": (
        a_job(managedBy="x.io/" + 60 * "y"),
        ["spec.managedBy: Too long: may not be more than 63 bytes"],
    ),
    "a pod name that will be too long": (
        indexed(name=62 * "a"),
        [f'metadata.name: Invalid value: "{62 * "a"}": will not able to create pod with invalid DNS label: {62 * "a"}-2'],
    ),
    "no action": (
        with_rule(action="", onPodConditions=[{"type": "A"}]),
        [f'{R0}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'],
    ),
    "an unknown action": (
        with_rule(action="X", onPodConditions=[{"type": "A"}]),
        [f'{R0}.action: Unsupported value: "X": supported values: "Count", "FailIndex", "FailJob", "Ignore"'],
    ),
    "no operator": (
        with_rule(onExitCodes={"values": [1]}),
        [f'{R0}.onExitCodes.operator: Required value: valid values: ["In" "NotIn"]'],
    ),
    "no exit codes": (
        with_rule(onExitCodes={"operator": "In"}),
        [f"{R0}.onExitCodes.values: Invalid value: null: at least one value is required"],
    ),
    "exit codes in disorder, one twice": (
        with_rule(onExitCodes={"operator": "NotIn", "values": [3, 1, 3]}),
        [
            f"{R0}.onExitCodes.values[2]: Duplicate value: 3",
            f"{R0}.onExitCodes.values: Invalid value: [3,1,3]: must be ordered",
        ],
    ),
    "codes and conditions": (
        with_rule(onExitCodes={"operator": "In", "values": [1]}, onPodConditions=[{"type": "A"}]),
        [f"{R0}: {ONE_OF_BOTH} both OnExitCodes and OnPodConditions is not supported"],
    ),
    "neither codes nor conditions": (
        with_rule(),
        [f"{R0}: {ONE_OF_BOTH} one of OnExitCodes and OnPodConditions is required"],
    ),
    "a condition with an unknown status": (
        with_rule(onPodConditions=[{"type": "A", "status": "X"}]),
        [f'{R0}.onPodConditions[0].status: Unsupported value: "X": supported values: "False", "True", "Unknown"'],
    ),
    "success without indexes": (
        a_job(successPolicy={"rules": [{"succeededCount": 1}]}),
        ['spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed completion mode'],
    ),
    "success of more than there are": (
        with_success(succeededCount=4),
        [f"{S0}.succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)"],
    ),
    "success of an index that is no number": (
        with_success(succeededIndexes="a"),
        [f'{S0}.succeededIndexes: Invalid value: "a": error parsing succeededIndexes: cannot convert string to integer for index: "a"'],
    ),
    "a replacement policy against the failure policy": (
        with_rule(onPodConditions=[{"type": "A"}])
        | {"spec": with_rule(onPodConditions=[{"type": "A"}])["spec"] | {"podReplacementPolicy": "TerminatingOrFailed"}},
        ['spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"'],
    ),
    "a label that must be generated": (
        a_job(labels={"job-name": "other"}),
        [
            "spec.template.metadata.labels[job-name]: Invalid value: "
            '{"job-name":"other","batch.kubernetes.io/job-name":"j","controller-uid":"U","batch.kubernetes.io/controller-uid":"U"}: must be \'j\''
        ],
    ),
    "a selector of one's own that misses": (
        a_job(manualSelector=True, selector={"matchLabels": {"a": "b"}}),
        ["spec.template.metadata.labels: Invalid value: {}: `selector` does not match template `labels`"],
    ),
    "no selector although manual": (
        a_job(manualSelector=True),
        [
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: {}: `selector` does not match template `labels`",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("job", "errors"), REFUSED.values(), ids=REFUSED)
def test_a_job_that_is_refused(job, errors):
    assert texts(validate_job(job)) == errors


TAKEN = {
    "a plain one": a_job(),
    "all policies": indexed(
        backoffLimitPerIndex=1,
        maxFailedIndexes=2,
        successPolicy={"rules": [{"succeededIndexes": "0,2", "succeededCount": 1}]},
        podFailurePolicy={
            "rules": [
                {
                    "action": "FailIndex",
                    "onExitCodes": {"operator": "In", "values": [1], "containerName": "c"},
                },
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
            ]
        },
    ),
    "a selector of one's own": a_job(
        labels={"a": "b"},
        manualSelector=True,
        selector={"matchExpressions": [{"key": "a", "operator": "Exists"}]},
    ),
}


@pytest.mark.parametrize("job", TAKEN.values(), ids=TAKEN)
def test_a_job_that_is_taken(job):
    assert texts(validate_job(job)) == []


INDEXES = {"": 0, "0": 1, "1,3-5": 4, "0-9": 10}


@pytest.mark.parametrize(("text", "count"), INDEXES.items())
def test_how_many_indexes_a_text_names(text, count):
    assert count_indexes(text, 10) == count


BAD_INDEXES = {
    "1-2-3": "the fragment \"1-2-3\" violates the requirement that an index interval can have at most two parts separated by '-'",
    "3-1": "non-increasing order, previous: 3, current: 1",
    "1,1": "non-increasing order, previous: 1, current: 1",
    "10": 'too large index: "10"',
    "1,": 'cannot convert string to integer for index: ""',
}


@pytest.mark.parametrize(("text", "problem"), BAD_INDEXES.items())
def test_indexes_must_grow(text, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        count_indexes(text, 10)


def changed(job, **spec):
    return job | {"spec": job["spec"] | spec}


def with_pod(job, **fields):
    template = job["spec"]["template"]
    return changed(job, template=template | {"spec": template["spec"] | fields})


def with_label(job):
    return with_metadata(job, labels=job["spec"]["template"]["metadata"]["labels"] | {"x": "y"})


def with_metadata(job, **fields):
    template = job["spec"]["template"]
    return changed(job, template=template | {"metadata": template["metadata"] | fields})


def started(job):
    return job | {"status": {"startTime": "T"}}


SUSPENDED, RUNNING = indexed(suspend=True), started(indexed())
PAUSED = started(indexed(suspend=True))
PAUSED["status"]["conditions"] = [{"type": "Suspended", "status": "True"}]
ENV = [{"name": "c", "image": "x", "env": [{"name": "A"}]}]
MORE = [SUSPENDED["spec"]["template"]["spec"]["containers"][0] | {"resources": {"limits": {"cpu": "1"}}}]
UPDATES = {
    "suspend": (RUNNING, changed(RUNNING, suspend=True), []),
    "parallelism": (RUNNING, changed(RUNNING, parallelism=1), []),
    "completions and parallelism": (RUNNING, changed(RUNNING, completions=5, parallelism=5), []),
    "completions alone": (RUNNING, changed(RUNNING, completions=5), ["spec.completions"]),
    "completions without indexes": (a_job(), changed(a_job(), completions=5), ["spec.completions"]),
    "completion mode": (RUNNING, changed(RUNNING, completionMode="NonIndexed"), ["spec.completionMode"]),
    "manager": (RUNNING, changed(RUNNING, managedBy="x.io/y"), ["spec.managedBy"]),
    "a success policy": (
        RUNNING,
        changed(RUNNING, successPolicy={"rules": [{"succeededCount": 1}]}),
        ["spec.successPolicy"],
    ),
    "a label of the template, suspended": (SUSPENDED, with_label(SUSPENDED), []),
    "a label of the template, running": (RUNNING, with_label(RUNNING), ["spec.template"]),
    "a finalizer of the template, suspended": (SUSPENDED, with_metadata(SUSPENDED, finalizers=["f"]), []),
    "a finalizer of the template, running": (
        RUNNING,
        with_metadata(RUNNING, finalizers=["f"]),
        ["spec.template"],
    ),
    "a node selector, suspended": (SUSPENDED, with_pod(SUSPENDED, nodeSelector={"a": "b"}), []),
    "a node selector, suspended again": (PAUSED, with_pod(PAUSED, nodeSelector={"a": "b"}), []),
    "a node selector, running": (RUNNING, with_pod(RUNNING, nodeSelector={"a": "b"}), ["spec.template"]),
    "resources, suspended": (SUSPENDED, with_pod(SUSPENDED, containers=MORE), []),
    "resources, running": (RUNNING, with_pod(RUNNING, containers=MORE), ["spec.template"]),
    "node affinity, suspended": (SUSPENDED, with_pod(SUSPENDED, affinity={"nodeAffinity": {}}), []),
    "pod affinity, suspended": (
        SUSPENDED,
        with_pod(SUSPENDED, affinity={"podAffinity": {"x": []}}),
        ["spec.template.spec"],
    ),
    "a hostname, suspended": (SUSPENDED, with_pod(SUSPENDED, subdomain="s"), ["spec.template.spec"]),
}


@pytest.mark.parametrize(("old", "new", "fields"), UPDATES.values(), ids=UPDATES)
def test_what_may_change_about_a_job(old, new, fields):
    assert [error.field for error in validate_job_update(new, old)] == fields


def test_errors_of_a_changed_job_come_twice():
    old = a_job()

    errors = validate_job_update(changed(old, parallelism=-1), old)

    assert [error.field for error in errors] == ["spec.parallelism"] * 2


START, END = "2030-01-01T00:00:00Z", "2030-01-01T00:01:00Z"
DONE, LOST = ("SuccessCriteriaMet", "Complete"), ("FailureTarget", "Failed")


def a_status(*conditions, **fields):
    told = [{"type": kind, "status": "True"} for kind in conditions]
    return {"conditions": told, "startTime": START} | fields


RESUMED = {"conditions": [{"type": "Suspended", "status": "False"}]}
WORK, INDEXED = {"completions": 4}, {"completions": 4, "parallelism": 4, "completionMode": "Indexed"}
PER_INDEX = INDEXED | {"backoffLimitPerIndex": 1}
STATUSES = {
    "progress": (WORK, {}, a_status(active=2, ready=1), []),
    "completion": (WORK, a_status(), a_status(*DONE, completionTime=END), []),
    "failure": (WORK, a_status(), a_status(*LOST), []),
    "suspended without anything to do": (
        WORK | {"completions": 0, "suspend": True},
        {},
        {"conditions": a_status(*DONE)["conditions"], "completionTime": END},
        [],
    ),
    "resumed": (WORK, a_status("Suspended"), RESUMED | {"startTime": END}, []),
    "suspended": (WORK | {"suspend": True}, a_status(), {}, []),
    "an elastic Job that became smaller": (
        INDEXED,
        a_status(succeeded=2, completedIndexes="0,1"),
        a_status(succeeded=1, completedIndexes="0"),
        [],
    ),
    "what was stored before": (
        WORK,
        a_status(completedIndexes="9", ready=3),
        a_status(completedIndexes="9", ready=3, failed=1),
        [],
    ),
    "a count below zero": (WORK, {}, a_status(terminating=-1), ["status.terminating"]),
    "complete and failed": (
        WORK,
        {},
        a_status(*DONE, *LOST, completionTime=END),
        ["status.conditions"] * 4,
    ),
    "not announced": (WORK, {}, a_status("Failed"), ["status.conditions"]),
    "finished without a start": (WORK, {}, a_status(*LOST, startTime=None), ["status.startTime"]),
    "complete without an end": (WORK, {}, a_status(*DONE), ["status.completionTime"]),
    "an end before the end": (WORK, {}, a_status(completionTime=END), ["status.completionTime"]),
    "an end before the start": (
        WORK,
        {},
        a_status(*DONE, startTime=END, completionTime=START),
        ["status.completionTime"],
    ),
    "another end": (
        WORK,
        a_status(*DONE, completionTime=START),
        a_status(*DONE, completionTime=END),
        ["status.completionTime"],
    ),
    "another start": (WORK, a_status(), a_status(startTime=END), ["status.startTime"]),
    "finished with pods": (
        WORK,
        {},
        a_status(*LOST, active=1, terminating=1, uncountedTerminatedPods={"failed": ["a"]}),
        ["status.active", "status.uncountedTerminatedPods", "status.terminating"],
    ),
    "more ready than active": (WORK, {}, a_status(active=1, ready=2), ["status.ready"]),
    "a pod that is counted twice": (
        WORK,
        {},
        a_status(uncountedTerminatedPods={"succeeded": ["a"], "failed": ["", "a"]}),
        ["status.uncountedTerminatedPods.failed[0]", "status.uncountedTerminatedPods.failed[1]"],
    ),
    "back from the dead": (WORK, a_status(*LOST), a_status(), ["status.conditions"] * 2),
    "a failure that is no longer announced": (
        WORK,
        a_status(*LOST),
        a_status("Failed"),
        ["status.conditions"],
    ),
    "a list of indexes that can be read in part": (
        PER_INDEX,
        {},
        a_status(completedIndexes="x,1", failedIndexes="1"),
        ["status.completedIndexes", "status.failedIndexes"],
    ),
    "fewer failures": (WORK, a_status(failed=2), a_status(failed=1), ["status.failed"]),
    "fewer successes": (WORK, a_status(succeeded=2), a_status(succeeded=1), ["status.succeeded"]),
    "indexes of a Job without": (
        WORK,
        {},
        a_status(completedIndexes="0", failedIndexes=""),
        ["status.completedIndexes", "status.failedIndexes"],
    ),
    "an index that succeeded and failed": (
        PER_INDEX,
        {},
        a_status(completedIndexes="0,2", failedIndexes="1-3"),
        ["status.failedIndexes"],
    ),
}


@pytest.mark.parametrize(("spec", "old", "new", "fields"), STATUSES.values(), ids=STATUSES)
def test_what_a_status_of_a_job_may_say(spec, old, new, fields):
    errors = validate_job_status_update({"spec": spec, "status": new}, {"spec": spec, "status": old})

    assert [error.field for error in errors] == fields


INDEX_TEXTS = {
    "1,0": "non-increasing order, previous: 1, current: 0",
    "1-1": "non-increasing order, previous: 1, current: 1",
    "3-4": 'too large index: "4"',
    "0,,1": 'cannot convert string to integer for index: ""',
    "0, 1": 'cannot convert string to integer for index: " 1"',
    "0-1-2": 'the fragment "0-1-2" violates the requirement that an index interval can have '
    "at most two parts separated by '-'",
}


@pytest.mark.parametrize(("text", "problem"), INDEX_TEXTS.items(), ids=INDEX_TEXTS)
def test_indexes_that_are_none(text, problem):
    status = a_status(completedIndexes=text, failedIndexes=text)

    errors = validate_job_status_update({"spec": PER_INDEX, "status": status}, {"spec": PER_INDEX})

    fields = "completedIndexes", "failedIndexes"
    told = [(f"status.{field}", f"error parsing {field}: {problem}") for field in fields]
    assert [(error.field, error.detail) for error in errors][:2] == told


def test_counters_that_are_zero_are_not_written():
    old = a_job()

    new = prepare_job_status_update(old | {"status": {"active": 0, "ready": 0, "failed": 1}}, old)

    assert new["status"] == {"ready": 0, "failed": 1}
