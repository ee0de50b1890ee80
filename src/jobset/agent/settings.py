"""What the environment of the agent's container says."""

from collections.abc import Mapping

import msgspec

from jobset.api.children import go_int

JOBSET_NAME = "JOBSET_NAME"
POD_NAME = "POD_NAME"
EXIT_CODE = "IN_PLACE_RESTART_EXIT_CODE"
WORKER_COMMAND = "WORKER_COMMAND"
PROBE_PATH = "STARTUP_PROBE_PATH"
PROBE_PORT = "STARTUP_PROBE_PORT"
PROBE_HOST = "STARTUP_PROBE_HOST"

_LARGEST_PORT = 2**16 - 1


class SettingsError(Exception):
    """A variable is missing, or what it says is wrong."""


class Worker(msgspec.Struct, frozen=True):
    """The agent is the main process of the worker's container, and runs this command line in a shell."""

    command: str
    shell: str


class StartupProbe(msgspec.Struct, frozen=True):
    """The agent is a sidecar, and answers a startup probe. An empty host is every address."""

    path: str
    port: int
    host: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which pod of which JobSet this is, and what waits behind its barrier."""

    jobset: str
    pod: str
    exit_code: int
    """With which the container ends to be started again."""
    behind: Worker | StartupProbe


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that the variables give; an empty one is as good as none.

    Raises:
        SettingsError: they give none.
    """
    return Settings(
        jobset=_required(environ, JOBSET_NAME),
        pod=_required(environ, POD_NAME),
        exit_code=_number(environ, EXIT_CODE, 1),
        behind=_read_behind(environ),
    )


def _read_behind(environ: Mapping[str, str]) -> Worker | StartupProbe:
    command = environ.get(WORKER_COMMAND, "")
    given = [name for name in (PROBE_PATH, PROBE_PORT) if environ.get(name)]
    if command and given:
        raise SettingsError(f"{WORKER_COMMAND} and {' and '.join(given)} are set: one excludes the other")
    if command:
        return Worker(command, environ.get("SHELL") or "bash")
    path, port = environ.get(PROBE_PATH) or "/barrier-is-down", _number(environ, PROBE_PORT, 8081)
    if not path.startswith("/"):
        raise SettingsError(f"{PROBE_PATH} is {path!r}: a path begins with /")
    if not 0 <= port <= _LARGEST_PORT:
        raise SettingsError(f"{PROBE_PORT} is {port}: there is no such port")
    return StartupProbe(path, port, environ.get(PROBE_HOST, ""))


def _required(environ: Mapping[str, str], name: str) -> str:
    if value := environ.get(name):
        return value
    raise SettingsError(f"{name} is not set")


def _number(environ: Mapping[str, str], name: str, otherwise: int) -> int:
    try:
        return go_int(environ.get(name) or str(otherwise))
    except ValueError as error:
        raise SettingsError(f"{name} is no whole number: {error}") from None
