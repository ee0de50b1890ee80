"""What a process was started with, as far as it decides how a cluster is reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Environment, home folder, clock and terminal of a process.

    `service_account` is where a pod finds its token; `terminal`: somebody can answer on standard input.
    """

    environ: Mapping[str, str] = field(repr=False)
    home: Path | None
    clock: Callable[[], datetime]
    service_account: Path = SERVICE_ACCOUNT
    terminal: bool = False
