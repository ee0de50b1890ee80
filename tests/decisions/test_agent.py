"""The agent of a pod that restarts in place: its settings, and what it does next."""

from typing import Any

import pytest

from jobset.agent.decide import AskForRestart, LiftBarrier, TellAttempt, decide_agent
from jobset.agent.jobset import JobSet, read_jobset
from jobset.agent.settings import Settings, SettingsError, StartupProbe, Worker, read_settings

NAMED = {"JOBSET_NAME": "js", "POD_NAME": "js-w-0-0-abcde"}
DISABLE = "jobset.sigs.k8s.io/disable-in-place-restart"


def a_jobset(previous: int | None = None, current: int | None = None, **more: Any) -> JobSet:
    return JobSet(restarts_in_place=True, previous_attempt=previous, current_attempt=current, **more)


OTHERWISE = JobSet(restarts_in_place=False, previous_attempt=3, current_attempt=4)

# The JobSet, the attempt that was told, whether the barrier is up, and what follows.
STEPS: dict[str, tuple[JobSet | None, int | None, bool, Any]] = {
    "no JobSet: it waits": (None, None, True, None),
    "no JobSet any more: it waits": (None, 3, False, None),
    "the first run of all tells attempt 0": (a_jobset(), None, True, TellAttempt(0)),
    "the run after attempt 0 tells 1": (a_jobset(current=0), None, True, TellAttempt(1)),
    "the run after attempt 4 tells 5": (a_jobset(3, 4), None, True, TellAttempt(5)),
    "a run tells its attempt even if others are ahead": (a_jobset(9, 4), None, True, TellAttempt(5)),
    "told once, it is not told again": (a_jobset(current=0), 0, False, None),
    "the attempt is over": (a_jobset(4, 4), 4, False, AskForRestart()),
    "an attempt long before is over": (a_jobset(7, 4), 4, False, AskForRestart()),
    "attempt 0 can be over": (a_jobset(0, 0), 0, False, AskForRestart()),
    "the attempt is over before the barrier was lifted": (a_jobset(5, 4), 5, True, AskForRestart()),
    "an attempt that is over is not begun": (a_jobset(4, 4), 4, True, AskForRestart()),
    "the attempt before is over": (a_jobset(4, 4), 5, True, None),
    "not all pods are there": (a_jobset(), 0, True, None),
    "all pods are there for the first time": (a_jobset(current=0), 0, True, LiftBarrier()),
    "all pods have followed": (a_jobset(4, 5), 5, True, LiftBarrier()),
    "the others are behind": (a_jobset(3, 4), 5, True, None),
    "the others are ahead, but nobody asks to follow": (a_jobset(3, 6), 5, True, None),
    "the barrier is lifted once": (a_jobset(4, 5), 5, False, None),
    "no restarts in place: the worker starts, nothing is told": (OTHERWISE, None, True, LiftBarrier()),
    "no restarts in place: nothing else happens": (OTHERWISE, None, False, None),
    "no restarts in place any more: the worker starts": (OTHERWISE, 4, True, LiftBarrier()),
    "no restarts in place any more: what is over goes on": (OTHERWISE, 2, False, None),
}


@pytest.mark.parametrize(("jobset", "attempt", "barrier_is_up", "action"), STEPS.values(), ids=STEPS)
def test_what_an_agent_does_next(
    jobset: JobSet | None, attempt: int | None, barrier_is_up: bool, action: Any
) -> None:
    assert decide_agent(jobset, attempt, barrier_is_up) == action


IN_PLACE = {"failurePolicy": {"restartStrategy": "InPlaceRestart"}}
READINGS: dict[str, tuple[dict[str, Any], JobSet]] = {
    "in place, without a status": ({"spec": IN_PLACE}, a_jobset()),
    "attempt 0 is a value": (
        {
            "spec": IN_PLACE,
            "status": {"previousInPlaceRestartAttempt": 0, "currentInPlaceRestartAttempt": 0},
        },
        a_jobset(0, 0),
    ),
    "other annotations": ({"metadata": {"annotations": {"a": "b"}}, "spec": IN_PLACE}, a_jobset()),
    "disabled": (
        {"metadata": {"annotations": {DISABLE: "true"}}, "spec": IN_PLACE},
        JobSet(restarts_in_place=False),
    ),
    "disabled with any value": (
        {"metadata": {"annotations": {DISABLE: "false"}}, "spec": IN_PLACE},
        JobSet(restarts_in_place=False),
    ),
    "another strategy": (
        {"spec": {"failurePolicy": {"restartStrategy": "Recreate"}}},
        JobSet(restarts_in_place=False),
    ),
    "a policy without a strategy": ({"spec": {"failurePolicy": {}}}, JobSet(restarts_in_place=False)),
    "no policy": ({"spec": {}}, JobSet(restarts_in_place=False)),
    "nothing": ({}, JobSet(restarts_in_place=False)),
}


@pytest.mark.parametrize(("raw", "jobset"), READINGS.values(), ids=READINGS)
def test_what_is_read_of_a_jobset(raw: dict[str, Any], jobset: JobSet) -> None:
    assert read_jobset({"metadata": {}, **raw}) == jobset


def a_setting(**more: Any) -> Settings:
    usual = {"exit_code": 1, "behind": StartupProbe("/barrier-is-down", 8081)}
    return Settings(jobset="js", pod="js-w-0-0-abcde", **(usual | more))


SETTINGS: dict[str, tuple[dict[str, str], Settings]] = {
    "a sidecar by default": ({}, a_setting()),
    "a path and a port": (
        {"STARTUP_PROBE_PATH": "/up", "STARTUP_PROBE_PORT": "9000"},
        a_setting(behind=StartupProbe("/up", 9000)),
    ),
    "an address": (
        {"STARTUP_PROBE_HOST": "127.1.2.3"},
        a_setting(behind=StartupProbe("/barrier-is-down", 8081, "127.1.2.3")),
    ),
    "a worker, in bash": ({"WORKER_COMMAND": "train"}, a_setting(behind=Worker("train", "bash"))),
    "a worker, in the shell": (
        {"WORKER_COMMAND": "train", "SHELL": "/bin/zsh"},
        a_setting(behind=Worker("train", "/bin/zsh")),
    ),
    "a worker, and an address that says nothing": (
        {"WORKER_COMMAND": "train", "STARTUP_PROBE_HOST": "127.1.2.3"},
        a_setting(behind=Worker("train", "bash")),
    ),
    "an exit code": ({"IN_PLACE_RESTART_EXIT_CODE": "42"}, a_setting(exit_code=42)),
    "empty variables say nothing": (
        dict.fromkeys(
            [
                "IN_PLACE_RESTART_EXIT_CODE",
                "WORKER_COMMAND",
                "SHELL",
                "STARTUP_PROBE_PATH",
                "STARTUP_PROBE_PORT",
            ],
            "",
        ),
        a_setting(),
    ),
    "an empty command beside a path": (
        {"WORKER_COMMAND": "", "STARTUP_PROBE_PATH": "/up"},
        a_setting(behind=StartupProbe("/up", 8081)),
    ),
}


@pytest.mark.parametrize(("environ", "settings"), SETTINGS.values(), ids=SETTINGS)
def test_what_the_environment_says(environ: dict[str, str], settings: Settings) -> None:
    assert read_settings(NAMED | environ) == settings


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no JobSet": ({"JOBSET_NAME": ""}, "JOBSET_NAME is not set"),
    "no pod": ({"POD_NAME": ""}, "POD_NAME is not set"),
    "an exit code that is none": (
        {"IN_PLACE_RESTART_EXIT_CODE": "one"},
        'IN_PLACE_RESTART_EXIT_CODE is no whole number: strconv.Atoi: parsing "one": invalid syntax',
    ),
    "an exit code with a space": (
        {"IN_PLACE_RESTART_EXIT_CODE": " 1"},
        'IN_PLACE_RESTART_EXIT_CODE is no whole number: strconv.Atoi: parsing " 1": invalid syntax',
    ),
    "a worker and a path": (
        {"WORKER_COMMAND": "train", "STARTUP_PROBE_PATH": "/up"},
        "WORKER_COMMAND and STARTUP_PROBE_PATH are set: one excludes the other",
    ),
    "a worker and a port": (
        {"WORKER_COMMAND": "train", "STARTUP_PROBE_PORT": "8081"},
        "WORKER_COMMAND and STARTUP_PROBE_PORT are set: one excludes the other",
    ),
    "a path that is none": ({"STARTUP_PROBE_PATH": "up"}, "STARTUP_PROBE_PATH is 'up': a path begins with /"),
    "a port that is none": (
        {"STARTUP_PROBE_PORT": "http"},
        'STARTUP_PROBE_PORT is no whole number: strconv.Atoi: parsing "http": invalid syntax',
    ),
    "a port that nobody has": (
        {"STARTUP_PROBE_PORT": "65536"},
        "STARTUP_PROBE_PORT is 65536: there is no such port",
    ),
}


@pytest.mark.parametrize(("environ", "problem"), WRONG.values(), ids=WRONG)
def test_an_environment_that_is_wrong(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(NAMED | environ)

    assert str(raised.value) == problem
