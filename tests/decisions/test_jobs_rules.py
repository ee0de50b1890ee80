"""The small rules of the Job controller: indexes, back-off, policies, pods."""

from datetime import UTC, datetime, timedelta

import pytest

from jobset.local.jobs.back_off import next_back_off, remaining_delay, remembered_back_off
from jobset.local.jobs.failure_policy import judge_pod_failure, read_failure_rules
from jobset.local.jobs.indexes import indexes_of, parse_indexes
from jobset.local.jobs.pod_facts import PodFacts, read_pod
from jobset.local.jobs.pods import PodTemplate, generate_name
from jobset.local.jobs.reading import read_job
from jobset.local.jobs.snapshot import BackOff
from jobset.local.jobs.status import read_status, render_status
from jobset.local.jobs.success import SuccessRule, matched_success_rule

NOW = datetime(2030, 1, 1, tzinfo=UTC)

TEXTS = {
    "nothing": ([], ""),
    "one": ([7], "7"),
    "two in a row stay apart": ([1, 0], "0,1"),
    "three in a row are a range": ([0, 1, 2], "0-2"),
    "all forms": ([0, 2, 3, 4, 7, 9, 10], "0,2-4,7,9,10"),
}


@pytest.mark.parametrize(("numbers", "text"), TEXTS.values(), ids=TEXTS)
def test_indexes_are_written_and_read_as_ranges(numbers, text):
    assert str(indexes_of(numbers)) == text
    assert sorted(parse_indexes(text, 100)) == sorted(numbers)


def test_indexes_at_or_above_completions_are_dropped_when_read():
    assert str(parse_indexes("0,2-6,9", 5)) == "0,2-4"


def test_missing_indexes_are_the_gaps_from_the_lowest_on():
    assert list(indexes_of([1, 2, 5]).missing(7)) == [0, 3, 4, 6]
    assert list(indexes_of([1, 9]).missing(3)) == [0, 2]


def ended(phase, seconds):
    moment = NOW + timedelta(seconds=seconds)
    return PodFacts(
        namespace="n", name="p", uid=f"{phase}{seconds}", phase=phase, created_at=NOW, finished_at=moment
    )


FAILED_1, FAILED_5, DONE_3 = ended("Failed", 1), ended("Failed", 5), ended("Succeeded", 3)
AT_5 = NOW + timedelta(seconds=5)
BACK_OFFS = {
    "nothing new": ([], [], BackOff(failures=2, last_failure_at=NOW)),
    "more failures add up": ([], [FAILED_1, FAILED_5], BackOff(failures=4, last_failure_at=AT_5)),
    "a success starts anew": ([DONE_3], [], BackOff()),
    "only failures after the success count": (
        [DONE_3],
        [FAILED_1, FAILED_5],
        BackOff(failures=1, last_failure_at=AT_5),
    ),
    "failures before the success are forgiven": ([DONE_3], [FAILED_1], BackOff()),
}


@pytest.mark.parametrize(("succeeded", "failed", "after"), BACK_OFFS.values(), ids=BACK_OFFS)
def test_back_off_counts_failures_since_the_last_success(succeeded, failed, after):
    assert next_back_off(BackOff(failures=2, last_failure_at=NOW), succeeded, failed) == after


def test_back_off_is_read_from_pods_when_the_controller_has_forgotten_it():
    assert remembered_back_off([FAILED_1, DONE_3, FAILED_5]) == BackOff(failures=1, last_failure_at=AT_5)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (100, 600)]
)
def test_the_delay_doubles_from_ten_seconds_to_ten_minutes(failures, seconds):
    assert remaining_delay(failures, NOW, NOW) == timedelta(seconds=seconds)


def a_failed_pod(*exit_codes, conditions=()):
    return PodFacts(
        namespace="n",
        name="p",
        uid="u",
        phase="Failed",
        created_at=NOW,
        finished_at=NOW,
        exit_codes=exit_codes,
        conditions=conditions,
    )


RULES = read_failure_rules(
    {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42], "containerName": "main"}},
            {"action": "FailIndex", "onExitCodes": {"operator": "NotIn", "values": [1, 42]}},
            {"action": "FailJob", "onPodConditions": [{"type": "ConfigIssue", "status": "True"}]},
        ]
    }
)
JUDGED = {
    "a condition, True by default": (
        a_failed_pod(("main", 42), conditions=(("DisruptionTarget", "True"),)),
        (False, "Ignore", ""),
    ),
    "the named container": (
        a_failed_pod(("side", 1), ("main", 42)),
        (
            True,
            "FailJob",
            "Container main for pod n/p failed with exit code 42 matching FailJob rule at index 1",
        ),
    ),
    "another container does not match the name": (a_failed_pod(("side", 42)), (True, None, "")),
    "NotIn": (a_failed_pod(("side", 9)), (True, "FailIndex", "")),
    "exit code 0 is no failure": (a_failed_pod(("main", 0), ("side", 1)), (True, None, "")),
    "a condition fails the Job": (
        a_failed_pod(("main", 1), conditions=(("ConfigIssue", "True"),)),
        (True, "FailJob", "Pod n/p has condition ConfigIssue matching FailJob rule at index 3"),
    ),
}


@pytest.mark.parametrize(("pod", "verdict"), JUDGED.values(), ids=JUDGED)
def test_the_first_failure_rule_that_matches_wins(pod, verdict):
    judged = judge_pod_failure(RULES, pod)

    assert (judged.is_counted, judged.action, judged.message) == verdict


SUCCESSES = {
    "all of the indexes": ([SuccessRule(indexes="0,2")], [0, 1, 2], 0),
    "not all": ([SuccessRule(indexes="0,2")], [0, 1], None),
    "enough of the indexes": ([SuccessRule(indexes="0-3", count=2)], [1, 3], 0),
    "enough of any": ([SuccessRule(indexes="7"), SuccessRule(count=1)], [4], 1),
    "nothing done yet": ([SuccessRule(count=0)], [], None),
}


@pytest.mark.parametrize(("rules", "done", "position"), SUCCESSES.values(), ids=SUCCESSES)
def test_success_rules(rules, done, position):
    assert matched_success_rule(rules, indexes_of(done), 8) == position


def a_raw_job(**spec):
    template = {
        "metadata": {"labels": {"role": "w"}, "annotations": {"note": "x"}},
        "spec": {
            "containers": [{"name": "main", "env": [{"name": "A", "value": "1"}]}],
            "restartPolicy": "Never",
        },
    }
    return {
        "metadata": {"namespace": "default", "name": "train", "uid": "u"},
        "spec": {"template": template, "completions": 3, "parallelism": 3, "completionMode": "Indexed"}
        | spec,
    }


def test_a_pod_of_an_indexed_job_knows_its_index():
    pod = PodTemplate(read_job(a_raw_job())).pod(2)

    assert pod["metadata"]["generateName"] == "train-2-"
    assert pod["metadata"]["labels"] == {"role": "w", "batch.kubernetes.io/job-completion-index": "2"}
    assert pod["metadata"]["annotations"] == {"note": "x", "batch.kubernetes.io/job-completion-index": "2"}
    assert pod["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    assert pod["spec"]["hostname"] == "train-2"
    assert [variable["name"] for variable in pod["spec"]["containers"][0]["env"]] == [
        "A",
        "JOB_COMPLETION_INDEX",
    ]


def test_a_pod_of_a_nonindexed_job_is_its_template():
    job = read_job(a_raw_job(completionMode="NonIndexed"))

    pod = PodTemplate(job).pod(None)

    assert pod["metadata"]["generateName"] == "train-"
    assert pod["spec"] == job.raw["spec"]["template"]["spec"]


def test_a_replacement_takes_over_the_failure_count_of_its_index():
    template = PodTemplate(read_job(a_raw_job(backoffLimitPerIndex=3)))
    failed = PodFacts(
        namespace="default",
        name="p",
        uid="u",
        phase="Failed",
        created_at=NOW,
        finished_at=NOW,
        index_failures=1,
    )

    first, second = template.pod(0), template.pod(0, failed)

    assert first["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] == "0"
    assert second["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] == "2"


def test_a_long_job_name_is_cut_so_that_the_index_stays():
    assert generate_name("j" * 63, 12) == "j" * 54 + "-12-"


def test_a_status_survives_reading_and_writing():
    raw = {
        "conditions": [
            {
                "type": "Suspended",
                "status": "False",
                "lastProbeTime": "2030-01-01T00:00:00Z",
                "lastTransitionTime": "2030-01-01T00:00:00Z",
                "reason": "JobResumed",
                "message": "Job resumed",
            }
        ],
        "startTime": "2030-01-01T00:00:00Z",
        "active": 2,
        "succeeded": 1,
        "failed": 3,
        "completedIndexes": "1",
        "failedIndexes": "",
        "ready": 1,
        "terminating": 0,
        "uncountedTerminatedPods": {"failed": ["a"]},
    }

    assert render_status(read_status(raw)) == raw


def test_the_end_of_a_pod_is_read_from_its_containers():
    terminated = {"exitCode": 3, "finishedAt": "2030-01-01T00:00:09Z"}
    pod = read_pod(
        {
            "metadata": {
                "namespace": "default",
                "name": "p",
                "uid": "u",
                "creationTimestamp": "2030-01-01T00:00:00Z",
                "annotations": {"batch.kubernetes.io/job-completion-index": "4"},
            },
            "spec": {"nodeName": "n"},
            "status": {
                "phase": "Failed",
                "containerStatuses": [{"name": "c", "restartCount": 2, "state": {"terminated": terminated}}],
            },
        }
    )

    assert pod.finished_at == NOW + timedelta(seconds=9)
    assert (pod.index, pod.phase, pod.restarts, pod.exit_codes) == (4, "Failed", 2, (("c", 3),))
    assert (pod.is_tracked, pod.is_assigned, pod.is_ready) == (False, True, False)
