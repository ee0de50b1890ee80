"""Programs of a folder end with its users, however those end, and the folder goes with them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.control_plane.programs import KeptPrograms, StartFailed

USER = """
import signal
# Whoever runs tests in the background of a shell lets them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.control_plane.programs import KeptPrograms
programs = KeptPrograms.start()
programs.run("sleeper", ["sleep", "1000"])
print(programs.folder, programs.pid("sleeper"), flush=True)
input()
"""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_user_that_is_killed(end: signal.Signals) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with user:
        assert user.stdout is not None
        folder, pid = user.stdout.readline().decode().split()
        assert is_running(int(pid))

        user.send_signal(end)

        user.wait(20)
    until(lambda: not Path(folder).exists())
    assert not is_running(int(pid))


def test_the_last_user_ends_the_programs() -> None:
    first = KeptPrograms.start()
    first.run("sleeper", ["sleep", "1000"])
    second = KeptPrograms.join(first.folder)
    assert second is not None
    pid = second.pid("sleeper")

    first.release()
    assert is_running(pid)
    assert second.folder.exists()

    second.release()
    until(lambda: not first.folder.exists())
    assert not is_running(pid)
    assert KeptPrograms.join(first.folder) is None


def test_a_program_can_be_stopped_while_it_stands_still_and_started_again() -> None:
    programs = KeptPrograms.start()
    programs.run("sleeper", ["sleep", "1000"])
    first = programs.pid("sleeper")

    programs.signal("sleeper", signal.SIGSTOP)
    programs.stop("sleeper", signal.SIGTERM)
    programs.run("sleeper", ["sleep", "1000"])

    assert not is_running(first)
    programs.check("sleeper")
    programs.release()


def test_the_end_of_a_program_is_told_with_what_it_wrote() -> None:
    programs = KeptPrograms.start()
    programs.run("failing", ["sh", "-c", "echo no such flag; exit 3"])

    until(lambda: "no such flag" in programs.end_of_log("failing"))

    def has_ended() -> bool:
        try:
            programs.check("failing")
        except StartFailed as failure:
            return str(failure) == "failing ended with 3: no such flag\n"
        return False

    until(has_ended)
    programs.release()
