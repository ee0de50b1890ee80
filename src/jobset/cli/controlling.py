"""From the command line of `jobset controller` to a running manager."""

import gc
import logging
import signal
import socket
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from jobset.cli.clusters import find_surroundings
from jobset.controller.certificates import certificate_namespace
from jobset.controller.configuration import Configuration, ConfigurationError
from jobset.controller.configuring.gates import read_gates
from jobset.controller.configuring.rules import validate_configuration
from jobset.controller.configuring.writing import encode_configuration
from jobset.controller.logs import Encoder, LogSettings, TimeEncoding, set_up_logs
from jobset.controller.manager import Manager, ManagerOptions, run_manager
from jobset.kube.access import load_access
from jobset.kube.errors import AccessError
from jobset.kube.http import HttpSettings
from jobset.kube.in_cluster import pod_namespace
from jobset.kube.surroundings import Surroundings
from jobset.kube.user_agent import user_agent
from jobset.manifests.configuration import read_configuration_text

log = logging.getLogger("jobset.setup")

# Most objects live as long as the caches that hold them: looking for cycles among them is in vain.
_GARBAGE_THRESHOLDS = (50_000, 20, 50)


def run_controller(flags: Mapping[str, Any]) -> int:
    """The exit code of a manager that was started with `flags`, once it has ended."""
    signal.signal(signal.SIGTERM, _leave)
    set_up_logs(log_settings(flags))
    surroundings = find_surroundings()
    try:
        configuration = load_configuration(flags)
        text = yaml.safe_dump(encode_configuration(configuration))
        log.info("Successfully loaded configuration", extra={"config": text})
        options = manager_options(configuration, flags["kubeconfig"], surroundings)
    except ConfigurationError as error:
        for problem in error.problems:
            log.error("unable to use the configuration", extra={"file": flags["config"], "error": problem})
        return 1
    except AccessError as error:
        log.error("unable to reach a cluster", extra={"error": str(error)})
        return 1
    return _run(replace(options, debug_endpoints=flags["debug_endpoints"]))


def log_settings(flags: Mapping[str, Any]) -> LogSettings:
    """What the flags about logs say."""
    encoder = flags["zap_encoder"]
    return LogSettings(
        devel=flags["zap_devel"],
        encoder=Encoder(encoder) if encoder else None,
        level=flags["zap_log_level"],
        stacktrace_level=flags["zap_stacktrace_level"],
        time_encoding=TimeEncoding(flags["zap_time_encoding"]),
    )


def load_configuration(flags: Mapping[str, Any]) -> Configuration:
    """What the file says, or the flags where they were given.

    Raises:
        ConfigurationError: the file cannot be read, or what it or the flags say is wrong.
    """
    configuration = _with_flags(read_file(flags["config"]) if flags["config"] else Configuration(), flags)
    if problems := validate_configuration(configuration):
        raise ConfigurationError(problems)
    return configuration


def read_file(name: str) -> Configuration:
    """The configuration in a file.

    Raises:
        ConfigurationError: it cannot be read, or is wrong.
    """
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError([f"{name}: {error.strerror}"]) from None
    except ValueError:
        raise ConfigurationError([f"{name}: this is not text in UTF-8"]) from None
    return read_configuration_text(text, name)


def manager_options(
    configuration: Configuration, kubeconfig: str, surroundings: Surroundings
) -> ManagerOptions:
    """Who the manager is, and which cluster it works for.

    Raises:
        AccessError: no cluster can be reached.
        ConfigurationError: nobody knows in which namespace the lease is.
    """
    access = load_access(kubeconfig or None, surroundings=surroundings)
    host = socket.gethostname()
    return ManagerOptions(
        configuration=configuration,
        gates=read_gates(configuration.feature_gates),
        access=access,
        http=HttpSettings(user_agent=user_agent()),
        host=host,
        identity=f"{host}_{uuid.uuid4()}",
        lease_namespace=_lease_namespace(configuration, surroundings),
        namespace=certificate_namespace(surroundings.service_account),
    )


def _with_flags(configuration: Configuration, flags: Mapping[str, Any]) -> Configuration:
    """The configuration with the five settings that have a flag too, where that was given."""
    client = _given(qps=flags["kube_api_qps"], burst=flags["kube_api_burst"])
    return replace(
        configuration,
        metrics=replace(configuration.metrics, **_given(bind_address=flags["metrics_bind_address"])),
        health=replace(
            configuration.health,
            **_given(health_probe_bind_address=flags["health_probe_bind_address"]),
        ),
        leader_election=replace(configuration.leader_election, **_given(leader_elect=flags["leader_elect"])),
        client_connection=replace(configuration.client_connection, **client),
    )


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _lease_namespace(configuration: Configuration, surroundings: Surroundings) -> str:
    election = configuration.leader_election
    namespace = election.resource_namespace or pod_namespace(surroundings.service_account)
    if namespace is None and election.leader_elect:
        raise ConfigurationError(
            [
                "leaderElection.resourceNamespace: Required value: this is not a pod, whose namespace "
                "would hold the lease; or go without a leader: --leader-elect=false"
            ]
        )
    return namespace or ""


def _run(options: ManagerOptions) -> int:
    async def run() -> None:
        await Manager(options).run()

    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    try:
        return run_manager(run)
    except OSError as error:
        log.error("problem running manager", extra={"error": str(error)})
    except Exception:
        log.exception("problem running manager")
    return 1


def _leave(number: int, frame: object) -> None:  # noqa: ARG001
    """Asked to end before the manager runs; in a container nothing happens unless somebody listens."""
    raise SystemExit(0)
