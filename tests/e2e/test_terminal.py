"""The command on a terminal: a live table, colors, Ctrl-C typed by hand."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable

from tests.e2e.jobset_command import Jobset, a_jobset


class Terminal:
    """A terminal with the command in it."""

    def __init__(self, jobset: Jobset, *arguments: str) -> None:
        self.screen = ""
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            jobset.argv(*arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**jobset.environment(), "TERM": "xterm", "LINES": "24", "COLUMNS": "120"},
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(slave)

    def read_until(self, is_so: Callable[[str], bool], seconds: float = 30) -> None:
        self._read_while(lambda: not is_so(self.screen), seconds)
        assert is_so(self.screen), self.screen

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def close(self) -> int:
        """The exit code, once the command has ended and everything it wrote is read."""
        self._read_while(lambda: True, 30)
        os.close(self._master)
        return self._process.wait(timeout=5)

    def _read_while(self, goes_on: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while goes_on() and time.monotonic() < deadline:
            ready, _, _ = select.select([self._master], [], [], 0.2)
            try:
                self.screen += os.read(self._master, 65536).decode(errors="replace") if ready else ""
            except OSError:  # the other side of the terminal is closed
                return


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def plain(screen: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)


def test_a_terminal_shows_a_live_table_and_ctrl_c_stops(jobset: Jobset) -> None:
    manifest = jobset.manifest(a_jobset("echo working; sleep 100", workers=2))

    terminal = Terminal(jobset, "run", manifest)
    terminal.read_until(lambda screen: "story-workers-1-0" in screen and "RESTARTS" in screen)
    terminal.read_until(lambda screen: "2 Active" in screen and "/main |" in screen)
    terminal.type("\x03")
    code = terminal.close()

    told = plain(terminal.screen)
    assert code == 130
    assert "Stopping: grace period for 2 pods" in told
    assert "Interrupted" in told
    assert jobset.leftovers() == []


def test_a_crowd_of_pods_fits_the_terminal(jobset: Jobset) -> None:
    manifest = jobset.manifest(a_jobset("sleep 2", workers=40))

    terminal = Terminal(jobset, "run", manifest)
    terminal.read_until(lambda screen: "40/40" in screen)
    code = terminal.close()

    frames = plain(terminal.screen).split("NAME")
    assert code == 0
    assert max(len(frame.splitlines()) for frame in frames[1:-1]) <= 24
