"""The real command in a home directory of its own, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MARK = "JOBSET_TEST_HOME"
"""A variable by which processes of a test are known."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run of the command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.stdout)
        return data


@dataclass(frozen=True, slots=True)
class Jobset:
    """The installed command, in a home of its own. `prefix` and `python` run it as somebody else."""

    home: Path
    prefix: tuple[str, ...] = ()
    python: tuple[str, ...] = (sys.executable,)
    options: tuple[str, ...] = ()
    """Options of every `jobset run`."""

    def environment(self) -> dict[str, str]:
        keep = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        path = os.pathsep.join(
            [str(ROOT / "src"), *(entry for entry in sys.path if "site-packages" in entry)]
        )
        own = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", MARK: str(self.home)}
        return {**keep, "HOME": str(self.home), **own}

    def argv(self, command: str, *arguments: str) -> list[str]:
        options = (*self.options, f"--env={MARK}") if command == "run" else ()
        return [*self.prefix, *self.python, "-m", "jobset", command, *options, *arguments]

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> Finished:
        done = subprocess.run(
            self.argv(*arguments),
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment(),
            cwd=self.home,
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
        """The command while it runs, in a session of its own; killed when the block is left.

        Ctrl-C ends it, also where the tests themselves run in the background of a shell, which ignores it.
        """
        process = subprocess.Popen(
            self.argv(*arguments),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
            cwd=self.home,
            start_new_session=True,
            preexec_fn=_take_interrupts,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def manifest(self, text: str, name: str = "run.yaml") -> str:
        path = self.home / name
        path.write_text(text)
        return str(path)

    def leftovers(self) -> list[str]:
        """Processes of ours, mounts of ours and directories that must not outlive a run."""
        return [*self._processes(), *self._mounts(), *self._directories()]

    def _processes(self) -> Iterator[str]:
        mark = f"{MARK}={self.home}\0".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if mark in (entry / "environ").read_bytes():
                        yield f"process {entry.name}: {(entry / 'cmdline').read_bytes()!r}"
                except OSError:
                    continue

    def _mounts(self) -> Iterator[str]:
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if str(self.home) in line:
                yield f"mount {line}"

    def _directories(self) -> Iterator[str]:
        runs = self.home / ".local/state/jobset/runs"
        for run in runs.iterdir() if runs.is_dir() else ():
            for path in run.iterdir():
                if path.name == "lock":
                    yield from (
                        f"in memory: {name}" for name in path.read_text().split() if Path(name).is_dir()
                    )
                elif path.name != "logs":
                    yield f"directory {path}"


def _take_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(is_so: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it came to be so in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.05)
    return is_so()


def send(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """A signal to the command and its process group, as a terminal sends it."""
    os.killpg(process.pid, number)


def a_jobset(
    command: str,
    *,
    name: str = "story",
    workers: int = 1,
    grace: int = 5,
    env: Any = (),
    empty_dir: str = "",
    **spec: Any,
) -> str:
    """A manifest whose workers run a shell command, as JSON, which is YAML too.

    With `empty_dir` they have an empty volume there.
    """
    attempt = {"fieldRef": {"fieldPath": "metadata.labels['jobset.sigs.k8s.io/restart-attempt']"}}
    container: dict[str, Any] = {
        "name": "main",
        "image": "tool",
        "env": [{"name": "ATTEMPT", "valueFrom": attempt}, *env],
        "command": ["sh", "-c", command],
    }
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": grace,
        "containers": [container],
    }
    if empty_dir:
        container["volumeMounts"] = [{"name": "empty", "mountPath": empty_dir}]
        pod["volumes"] = [{"name": "empty", "emptyDir": {}}]
    job = {"backoffLimit": 0, "template": {"spec": pod}}
    roles = [{"name": "workers", "replicas": workers, "template": {"spec": job}}]
    jobset = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name},
        "spec": {"replicatedJobs": roles, **spec},
    }
    return json.dumps(jobset)


def chain(cause: dict[str, Any]) -> tuple[str, str, int]:
    """Job, container and exit code at the end of a chain of causes."""
    container = cause["pods"][0]["containers"][0]
    return cause["job"]["name"], container["name"], container["exitCode"]
