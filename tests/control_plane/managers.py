"""The manager as a process: started against an API server, told to end, stopped, killed."""

import asyncio
import ctypes
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jobset.api.gates import FeatureGates
from jobset.controller.configuration import (
    CertificateSettings,
    Configuration,
    HealthSettings,
    LeaderElectionSettings,
    MetricsSettings,
    WebhookSettings,
)
from jobset.controller.manager import Manager, ManagerOptions, run_manager
from jobset.kube.access import load_access
from jobset.kube.http import HttpSettings
from jobset.kube.surroundings import Surroundings

OF_SOMEBODY_ELSE = CertificateSettings(enable=False, webhook_service_name=None, webhook_secret_name=None)
"""No certificates of our own: without files there are no webhooks."""
_ANSWER_SECONDS = 60.0
_PATIENCE = 30.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long the promises of a lease hold, in seconds."""

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a manager waits for an answer, and how long a watch may say nothing; in seconds."""

    request: float = _ANSWER_SECONDS
    silence: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedWebhooks:
    """Where webhooks are served, with the certificate of a folder, and where health is told."""

    port: int = 9443
    folder: str = "/nowhere"
    health: str = "0"


@dataclass(slots=True)
class ManagerProcess:
    """A manager that runs; its log is in a file."""

    process: asyncio.subprocess.Process
    log: Path

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, for whatever reason."""
        return self.process.returncode is not None

    def kill(self) -> None:
        """End it without a chance to do anything; also when it has ended already."""
        if not self.has_ended:
            self.process.kill()

    async def ended(self, seconds: float = _PATIENCE) -> int:
        """The exit code, which is negative for a signal, once it has ended.

        Raises:
            TimeoutError: it still runs.
        """
        async with asyncio.timeout(seconds):
            return await self.process.wait()


@asynccontextmanager
async def a_manager(
    kubeconfig: Path,
    log: Path,
    *,
    lease: LeaseTimes | None = None,
    patience: Patience = Patience(),
    webhooks: ServedWebhooks = ServedWebhooks(),
    name: str = "manager",
) -> AsyncIterator[ManagerProcess]:
    """A manager for the block; without lease times it works alone and asks for no lease."""
    told = {
        "kubeconfig": str(kubeconfig),
        "name": name,
        "lease": asdict(lease) if lease is not None else None,
        "patience": asdict(patience),
        "webhooks": asdict(webhooks),
    }
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            json.dumps(told),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    manager = ManagerProcess(process, log)
    try:
        yield manager
    finally:
        manager.kill()
        await process.wait()


def main() -> int:
    """Run a manager as the first argument says."""
    # However the test ends, also a stopped manager ends with it.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    told = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    surroundings = Surroundings(environ={}, home=None, clock=lambda: datetime.now(UTC))
    options = ManagerOptions(
        configuration=_configuration(told["lease"], told["webhooks"]),
        gates=FeatureGates(),
        access=load_access(told["kubeconfig"], surroundings=surroundings),
        http=HttpSettings(user_agent=f"jobset-tests/{told['name']}", **told["patience"]),
        host=told["name"],
        identity=told["name"],
        lease_namespace="default",
        namespace="default",
    )

    async def run() -> None:
        await Manager(options).run()

    return run_manager(run)


def _configuration(lease: dict[str, float] | None, webhooks: dict[str, Any]) -> Configuration:
    election = LeaderElectionSettings(leader_elect=False)
    if lease is not None:
        election = LeaderElectionSettings(
            lease_duration=timedelta(seconds=lease["duration"]),
            renew_deadline=timedelta(seconds=lease["deadline"]),
            retry_period=timedelta(seconds=lease["retry"]),
        )
    return Configuration(
        leader_election=election,
        health=HealthSettings(health_probe_bind_address=webhooks["health"]),
        metrics=MetricsSettings(bind_address="0"),
        webhook=WebhookSettings(port=webhooks["port"], cert_dir=webhooks["folder"]),
        internal_cert_management=OF_SOMEBODY_ELSE,
    )


if __name__ == "__main__":
    sys.exit(main())
