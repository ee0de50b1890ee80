"""The command with standard streams that are closed, full, unread or not in UTF-8."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.jobset_command import Finished, Jobset, a_jobset

DONE = "touch $JOBSET_TEST_HOME/done; echo written"


def through_shell(jobset: Jobset, redirection: str, *arguments: str) -> Finished:
    """The command with its streams as a shell makes them."""
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}', "bash", *jobset.argv(*arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=jobset.environment(),
        cwd=jobset.home,
        timeout=60,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


RUNS = {
    "stdin is closed": "<&-",
    "stdout is closed": ">&-",
    "stderr is closed": "2>&-",
    "everything is closed": "<&- >&- 2>&-",
    "stdout is full": ">/dev/full",
    "stderr is full": "2>/dev/full",
    "both are full": ">/dev/full 2>&1",
    "nobody reads": "2>&1 | true",
}


@pytest.mark.parametrize("redirection", RUNS.values(), ids=RUNS)
def test_a_run_goes_on_to_its_end(jobset: Jobset, redirection: str) -> None:
    done = through_shell(jobset, redirection, "run", jobset.manifest(a_jobset(DONE)))

    assert done.code == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert (jobset.home / "done").exists()
    assert jobset.leftovers() == []


def test_a_report_that_cannot_be_written_is_told(jobset: Jobset) -> None:
    manifest = jobset.manifest(a_jobset("exit 3"))

    done = through_shell(jobset, ">/dev/full", "run", "--output", "json", manifest)

    assert done.code == 1
    assert "Error: cannot write to standard output: no space left on device" in done.stderr
    assert "exited with 3" in done.stderr


CHECKS = {
    "stdin is closed": ("<&-", 0, ""),
    "stdout is closed": (">&-", 0, ""),
    "stderr is closed": ("2>&-", 0, ""),
    "stdout is full": (">/dev/full", 1, "cannot write to standard output: no space left on device"),
    "stderr is full": ("2>/dev/full", 0, ""),
    "nobody reads": ("| true", 0, ""),
}


@pytest.mark.parametrize(("redirection", "code", "told"), CHECKS.values(), ids=CHECKS)
def test_a_check_answers(jobset: Jobset, redirection: str, code: int, told: str) -> None:
    done = through_shell(jobset, redirection, "validate", jobset.manifest(a_jobset("true")))

    assert (done.code, "Traceback" in done.stderr) == (code, False), done.stderr
    assert told in done.stderr


def test_a_check_that_nobody_reads_still_refuses(jobset: Jobset) -> None:
    wrong = jobset.manifest("\n---\n".join(f"a: {number}" for number in range(5000)))

    assert through_shell(jobset, "| head -1", "validate", wrong).code == 2


@pytest.mark.parametrize("command", [("--help",), ("version",), ("completion", "bash")])
def test_a_full_disk_is_told(jobset: Jobset, command: tuple[str, ...]) -> None:
    done = through_shell(jobset, ">/dev/full", *command)

    assert done.code == 1
    assert done.stderr == "Error: cannot write to standard output: no space left on device\n"


def test_a_report_is_told_in_any_encoding(jobset: Jobset) -> None:
    manifest = jobset.manifest(a_jobset("echo größer; exit 3"))

    done = through_shell(jobset, "", "run", manifest)
    latin = subprocess.run(
        jobset.argv("run", manifest),
        capture_output=True,
        env={**jobset.environment(), "PYTHONIOENCODING": "latin-1"},
        cwd=jobset.home,
        timeout=60,
        check=False,
    )

    assert "└ container main exited with 3" in done.stdout
    assert rb"\u2514 container main exited with 3" in latin.stdout
    assert "größer".encode("latin-1") in latin.stdout


def test_a_machine_that_gives_no_process_is_told(jobset: Jobset) -> None:
    no_fork = (
        "import os\n"
        "def refuse():\n"
        "    raise BlockingIOError(11, 'Resource temporarily unavailable')\n"
        "os.fork = refuse\n"
    )
    Path(jobset.home, "sitecustomize.py").write_text(no_fork)
    environment = jobset.environment()
    environment["PYTHONPATH"] = f"{jobset.home}:{environment['PYTHONPATH']}"

    done = subprocess.run(
        [sys.executable, "-m", "jobset", "run", jobset.manifest(a_jobset("true"))],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "this machine does not let the run begin: Resource temporarily unavailable" in done.stderr
