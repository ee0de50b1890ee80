"""`jobset run` with real processes: how runs end, and what they say."""

import json
import signal

import pytest

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


def test_a_run_whose_inputs_are_wrong_starts_nothing(jobset: Jobset) -> None:
    good, bad = a_jobset("touch $JOBSET_TEST_HOME/started"), a_jobset("true", name="Wrong_Name")

    done = jobset("run", jobset.manifest(good, "good.yaml"), jobset.manifest(bad, "bad.yaml"))

    assert done.code == 2
    assert "bad.yaml:1:" in done.stderr
    assert "Nothing was started" in done.stderr
    assert not (jobset.home / "started").exists()


def _read_until(process: object, word: str) -> str:
    """What the command said up to a line with the word."""
    said = ""
    for line in process.stdout:  # type: ignore[attr-defined]
        said += line
        if word in line:
            return said
    raise AssertionError(f"{word!r} was never said, but: {said}")
