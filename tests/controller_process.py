"""The real `jobset controller` as a process of a test: its health, its log, its end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 60.0


class Ended(Exception):
    """The manager ended although more was expected of it."""

    def __init__(self, code: int, lines: list[dict[str, Any]]) -> None:
        super().__init__(f"exit code {code}: {lines}")
        self.code = code
        self.last_line = lines[-1]


@dataclass(frozen=True)
class ControllerProcess:
    """A running manager; `log` has its lines as JSON."""

    process: "subprocess.Popen[bytes]"
    log: Path
    port: int

    def get(self, path: str, seconds: float = 5.0) -> tuple[int, str] | None:
        """Code and body of an answer on the health port; None when nobody answers in that time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return None
        finally:
            connection.close()

    def until(self, holds: Callable[[], object]) -> None:
        """Returns when something holds, while the manager runs."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if (code := self.process.poll()) is not None:
                raise Ended(code, self.lines())
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def until_told(self, message: str, **fields: object) -> None:
        """Returns when there is a line with that message and these fields."""
        self.until(lambda: any(fields.items() <= line.items() for line in self.told(message)))

    def told(self, message: str) -> list[dict[str, Any]]:
        """The lines with that message so far."""
        return [line for line in self.lines() if line["msg"] == message]

    def lines(self) -> list[dict[str, Any]]:
        """All lines so far; the last may still be without its end."""
        whole = self.log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it without a chance to do anything; also when it has ended already."""
        self.process.kill()
        self.process.wait()

    def exit_code(self, seconds: float = PATIENCE) -> int:
        """How it ended; it has that long to do so."""
        return self.process.wait(seconds)


@contextmanager
def a_controller(
    folder: Path, kubeconfig: Path, configuration: Mapping[str, Any], *flags: str
) -> Iterator[ControllerProcess]:
    """A manager that answers on ports of its own, once the block begins; it does not outlive it."""
    port = a_free_port()
    health = {"healthProbeBindAddress": f"127.0.0.1:{port}", **configuration.get("health", {})}
    metrics = {"bindAddress": f"127.0.0.1:{a_free_port()}", **configuration.get("metrics", {})}
    file, log = folder / "config.yaml", folder / f"controller-{port}.log"
    file.write_text(json.dumps({**configuration, "health": health, "metrics": metrics}))
    command = [sys.executable, "-m", "jobset", "controller", f"--config={file}", f"--kubeconfig={kubeconfig}"]
    command = [*command, "--zap-encoder=json", *flags]
    controller = start_controller(command, log, port, {"HOME": str(folder)})
    try:
        controller.until(lambda: controller.get("/") is not None)
        yield controller
    finally:
        controller.kill()


def start_controller(
    command: Sequence[str], log: Path, port: int, environ: Mapping[str, str]
) -> ControllerProcess:
    """A manager that tells its health on a port; to be killed by the one who asked for it."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env={"PATH": os.defpath, **environ},
        )
    return ControllerProcess(process, log, port)


def a_free_port() -> int:
    """A port of this machine that nobody has at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
