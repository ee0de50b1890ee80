"""`jobset run` with real processes: how runs end, and what they say."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobset.local.processes.tree import children_of
from tests.e2e.jobset_command import ROOT, Jobset, a_jobset, chain, send, wait_for

FAIL_ONCE = 'echo "attempt $ATTEMPT"; [ "$ATTEMPT" != 0 ] || exit 3'


def test_a_jobset_completes(any_jobset: Jobset) -> None:
    done = any_jobset("run", any_jobset.manifest(a_jobset("echo hello; echo oops >&2", workers=2)))

    assert done.code == 0, done.stderr
    assert "/main | hello" in done.stdout
    assert "/main | oops" in done.stdout
    assert "JobSet default/story: Completed" in done.stdout
    assert any_jobset.leftovers() == []


def test_a_failed_jobset_is_explained_down_to_its_last_words(any_jobset: Jobset) -> None:
    done = any_jobset("run", "-o", "json", any_jobset.manifest(a_jobset("echo last words; exit 7")))

    assert done.code == 1, done.stderr
    (story,) = done.report["jobsets"]
    assert (story["state"], story["reason"]) == ("Failed", "FailedJobs")
    assert chain(story["cause"]) == ("story-workers-0", "main", 7)
    assert story["cause"]["pods"][0]["containers"][0]["logLines"] == ["last words"]
    assert any_jobset.leftovers() == []


def test_a_restart_repairs_a_fault_and_is_explained(any_jobset: Jobset) -> None:
    manifest = any_jobset.manifest(a_jobset(FAIL_ONCE, failurePolicy={"maxRestarts": 1}))

    done = any_jobset("run", "-o", "json", manifest)

    assert done.code == 0, done.stderr
    (story,) = done.report["jobsets"]
    (restart,) = story["history"]
    assert (story["restarts"], restart["kind"], restart["action"]) == (1, "JobSet", "RestartJobSet")
    assert chain(restart["cause"]) == ("story-workers-0", "main", 3)


def test_the_example_completes(any_jobset: Jobset) -> None:
    done = any_jobset("run", "-o", "json", "--timeout", "50", str(ROOT / "examples/rendezvous.yaml"))

    assert done.code == 0, done.stderr
    (story,) = done.report["jobsets"]
    assert (story["state"], story["restarts"]) == ("Completed", 1)
    assert any_jobset.leftovers() == []


def test_a_timeout_stops_the_run(jobset: Jobset) -> None:
    done = jobset("run", "--timeout", "1s", jobset.manifest(a_jobset("sleep 100")))

    assert done.code == 124
    assert "Timed out" in done.stdout
    assert jobset.leftovers() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_with_grace(any_jobset: Jobset, number: signal.Signals, code: int) -> None:
    polite = 'trap "echo goodbye; exit 0" TERM; echo ready; while :; do sleep 0.1; done'

    with any_jobset.started("run", any_jobset.manifest(a_jobset(polite))) as process:
        said = _read_until(process, "ready")
        send(process, number)
        rest, errors = process.communicate(timeout=30)

    assert process.returncode == code, errors
    assert "Stopping: grace period for 1 pod" in rest
    assert "goodbye" in rest
    assert "JobSet default/story" in rest
    assert "ready" in said
    assert any_jobset.leftovers() == []


def test_a_second_interrupt_kills(any_jobset: Jobset) -> None:
    stubborn = 'trap "" TERM INT; echo ready; while :; do sleep 0.1; done'

    with any_jobset.started("run", any_jobset.manifest(a_jobset(stubborn, grace=60))) as process:
        _read_until(process, "ready")
        send(process, signal.SIGINT)
        _read_until(process, "Stopping")
        send(process, signal.SIGINT)
        rest, errors = process.communicate(timeout=15)

    assert process.returncode == 130, errors
    assert "interrupted" in rest
    assert any_jobset.leftovers() == []


def test_nothing_is_left_when_the_command_is_killed(any_jobset: Jobset) -> None:
    escaping = "(setsid sh -c 'sleep 1000' &) ; echo ready; sleep 1000"

    with any_jobset.started("run", any_jobset.manifest(a_jobset(escaping))) as process:
        _read_until(process, "ready")
        process.kill()
        process.wait()

        assert wait_for(lambda: any_jobset.leftovers() == [], 10), any_jobset.leftovers()


def test_the_next_start_ends_what_outlived_everybody_who_looked_after_it(home: Path) -> None:
    jobset = Jobset(home, options=("--no-namespaces",))
    with jobset.started("run", jobset.manifest(a_jobset("echo ready; sleep 1000 & wait"))) as process:
        _read_until(process, "ready")
        (starter,) = children_of(process.pid)
        reapers = children_of(starter)
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (process.pid, starter, *reapers):
                os.kill(pid, number)
        process.wait()
    outlived = jobset.leftovers()

    done = jobset("run", jobset.manifest(a_jobset("true")))

    assert any("sleep" in left for left in outlived), "nothing to clean up"
    assert done.code == 0, done.stderr
    assert wait_for(lambda: jobset.leftovers() == [], 5), jobset.leftovers()


def test_links_of_a_killed_run_are_not_in_the_way_of_the_next(any_jobset: Jobset) -> None:
    place = any_jobset.home / "made" / "data"
    first = a_jobset(f"echo hi > {place}/x; echo ready; sleep 1000", empty_dir=str(place))
    with any_jobset.started("run", any_jobset.manifest(first)) as process:
        _read_until(process, "ready")
        process.kill()
        process.wait()

    done = any_jobset("run", any_jobset.manifest(a_jobset(f"ls {place}", empty_dir=str(place))))

    assert done.code == 0, done.stderr
    assert not place.parent.exists()
    assert wait_for(lambda: any_jobset.leftovers() == [], 10), any_jobset.leftovers()


def test_a_mount_that_is_not_possible_starts_nothing(jobset: Jobset) -> None:
    manifest = jobset.manifest(a_jobset("true", empty_dir="/etc"))

    done = jobset("run", "--no-namespaces", manifest)

    assert done.code == 2
    assert "volumeMounts[0].mountPath: /etc exists on this machine" in done.stderr
    assert "Nothing was started" in done.stderr


def test_standard_input_and_directories_are_manifests(jobset: Jobset) -> None:
    folder = jobset.home / "manifests"
    folder.mkdir()
    (folder / "one.yaml").write_text(a_jobset("echo one", name="one"))
    (folder / "two.json").write_text(a_jobset("echo two", name="two"))

    done = jobset("run", "-o", "json", str(folder), "-", stdin=a_jobset("echo three", name="three"))

    assert done.code == 0, done.stderr
    assert [story["name"] for story in done.report["jobsets"]] == ["one", "two", "three"]


def test_with_json_only_the_report_goes_to_stdout(jobset: Jobset) -> None:
    done = jobset("run", "-o", "json", jobset.manifest(a_jobset("echo to-the-log")))

    assert json.loads(done.stdout)["schema"] == "jobset-run/v1"
    assert "to-the-log" in done.stderr


@pytest.mark.parametrize(("logs", "shown"), [("none", []), ("failed", ["bad"]), ("all", ["bad", "good"])])
def test_which_logs_are_shown(jobset: Jobset, logs: str, shown: list[str]) -> None:
    command = "case $(hostname) in *workers-0-0) echo good;; *) sleep 0.5; echo bad; exit 1;; esac"
    manifest = jobset.manifest(a_jobset(command, workers=2))

    done = jobset("run", "--logs", logs, manifest)

    assert [word for word in ("bad", "good") if f"/main | {word}" in done.stdout] == shown


def test_logs_stay_in_files_whose_place_is_told(jobset: Jobset) -> None:
    done = jobset("run", "-o", "json", jobset.manifest(a_jobset("echo kept; exit 1")))

    container = done.report["jobsets"][0]["cause"]["pods"][0]["containers"][0]
    assert container["logFile"].startswith(done.report["logs"])
    with open(container["logFile"]) as file:
        assert file.read().endswith("stdout F kept\n")


def test_a_reader_that_goes_away_does_not_hurt(jobset: Jobset) -> None:
    manifest = jobset.manifest(a_jobset("seq 1 5000; sleep 0.3; touch $JOBSET_TEST_HOME/done"))

    with jobset.started("run", manifest) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "Traceback" not in errors
    assert (jobset.home / "done").exists()


def test_a_state_directory_serves_one_run_at_a_time(jobset: Jobset) -> None:
    state = str(jobset.home / "state")
    manifest = jobset.manifest(a_jobset("echo ready; sleep 100"))

    with jobset.started("run", "--state-dir", state, manifest) as process:
        _read_until(process, "ready")
        second = jobset("run", "--state-dir", state, manifest)
        send(process, signal.SIGINT)
        process.communicate(timeout=20)

    assert second.code == 2
    assert f"in use by another run, process {process.pid}" in second.stderr


def test_more_pods_than_the_callers_soft_limit_of_open_files_has_room_for(home: Path) -> None:
    jobset = Jobset(home, prefix=("sh", "-c", 'ulimit -Sn 40; exec "$@"', "sh"))
    manifest = jobset.manifest(a_jobset("echo $(ulimit -n) files; sleep 1", workers=20))

    done = jobset("run", manifest)

    assert done.code == 0, done.stdout
    assert done.stdout.count("| 40 files") == 20


LACKS = {
    "no process for the starter": ("--nproc=1", "Error: this machine does not let the run begin: "),
    "no thread": ("--nproc=2", "Error: this machine does not let the run begin: "),
    "no process for a container": ("--nproc=3", "message: no more processes are allowed"),
    "no file for the run": ("--nofile=8", "Error: this machine does not let the run begin: "),
}


@pytest.mark.parametrize(("limit", "said"), LACKS.values(), ids=LACKS)
def test_what_a_machine_lacks_is_told(lonely_jobset: Jobset, limit: str, said: str) -> None:
    jobset = replace(lonely_jobset, prefix=("prlimit", limit, *lonely_jobset.prefix))

    done = jobset("run", jobset.manifest(a_jobset("true")))

    assert done.code == 1, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_whose_inputs_are_wrong_starts_nothing(jobset: Jobset) -> None:
    good, bad = a_jobset("touch $JOBSET_TEST_HOME/started"), a_jobset("true", name="Wrong_Name")

    done = jobset("run", jobset.manifest(good, "good.yaml"), jobset.manifest(bad, "bad.yaml"))

    assert done.code == 2
    assert "bad.yaml:1:" in done.stderr
    assert "Nothing was started" in done.stderr
    assert not (jobset.home / "started").exists()


def with_pod(manifest: str, **fields: Any) -> str:
    """A manifest whose pods have these fields; those of their container in `container`."""
    jobset = json.loads(manifest)
    pod = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    container = fields.pop("container", {})
    pod |= {**fields, "containers": [{**pod["containers"][0], **container}]}
    return json.dumps(jobset)


def test_everything_that_cannot_be_done_here_is_told_at_once_and_nothing_starts(jobset: Jobset) -> None:
    privileged = with_pod(
        a_jobset("touch $JOBSET_TEST_HOME/started", name="one"),
        container={"securityContext": {"privileged": True}},
    )
    without_command = with_pod(a_jobset("true", name="two"), container={"command": []})

    done = jobset(
        "run", jobset.manifest(privileged, "one.yaml"), jobset.manifest(without_command, "two.yaml")
    )

    assert done.code == 2
    for told in ("one.yaml:1:", "securityContext.privileged", "two.yaml:1:", ".command", "--image"):
        assert told in done.stderr
    assert not (jobset.home / "started").exists()


def test_what_is_ignored_is_told_once_before_the_first_pod_and_in_the_json(jobset: Jobset) -> None:
    manifest = jobset.manifest(
        with_pod(a_jobset("echo started", workers=3), container={"imagePullPolicy": "Always"})
    )

    said = jobset("run", manifest)
    done = jobset("run", "-o", "json", manifest)

    output = said.stdout + said.stderr
    assert output.count("imagePullPolicy") == 1
    assert "imagePullPolicy" in said.stderr or output.index("imagePullPolicy") < output.index("| started")
    assert [notice for notice in done.report["notices"] if "imagePullPolicy" in json.dumps(notice)]


def test_an_image_can_be_given_its_command(jobset: Jobset) -> None:
    manifest = jobset.manifest(with_pod(a_jobset("true"), container={"command": [], "args": ["a b"]}))

    done = jobset("run", "--image", "tool=echo said", manifest)

    assert done.code == 0, done.stderr
    assert "| said a b" in done.stdout


def _read_until(process: object, word: str) -> str:
    """What the command said up to a line with the word."""
    said = ""
    for line in process.stdout:  # type: ignore[attr-defined]
        said += line
        if word in line:
            return said
    raise AssertionError(f"{word!r} was never said, but: {said}")
