"""The command line of the manager: flags as Go reads them, and what wins over the configuration file."""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jobset.api.gates import FeatureGates
from jobset.cli.controller import controller
from jobset.cli.controlling import load_configuration, log_settings, manager_options
from jobset.cli.main import cli
from jobset.controller.configuration import Configuration, ConfigurationError
from jobset.controller.logs import Encoder, LogSettings, TimeEncoding
from jobset.kube.surroundings import Surroundings

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
"""


def flags_of(*arguments: str) -> Mapping[str, Any]:
    return controller.make_context("controller", list(arguments)).params


def a_file(folder: Path, text: str, name: str = "config.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def surroundings(folder: Path, **environ: str) -> Surroundings:
    return Surroundings(
        environ=environ, home=None, clock=lambda: datetime.now(UTC), service_account=folder / "account"
    )


DEFAULTS = {
    "config": "",
    "metrics_bind_address": None,
    "health_probe_bind_address": None,
    "leader_elect": None,
    "kube_api_qps": None,
    "kube_api_burst": None,
    "kubeconfig": "",
    "zap_devel": True,
    "zap_encoder": None,
    "zap_log_level": None,
    "zap_stacktrace_level": None,
    "zap_time_encoding": "rfc3339",
    "debug_endpoints": False,
}


def test_a_flag_that_is_not_given_says_nothing_of_what_the_file_can_say():
    assert flags_of() == DEFAULTS


ACCEPTED: dict[str, tuple[list[str], dict[str, Any]]] = {
    "a value after =": (["--config=a.yaml"], {"config": "a.yaml"}),
    "a value of its own": (["--config", "a.yaml"], {"config": "a.yaml"}),
    "one dash": (["-config=a.yaml"], {"config": "a.yaml"}),
    "one dash and a value of its own": (["-config", "a.yaml"], {"config": "a.yaml"}),
    "a value with = in it": (["--config=a=b"], {"config": "a=b"}),
    "an empty value": (["--config="], {"config": ""}),
    "a value that looks like a flag": (["--config", "--kubeconfig"], {"config": "--kubeconfig"}),
    "a bool": (["--leader-elect"], {"leader_elect": True}),
    "a bool before another flag": (
        ["-leader-elect", "-config=a"],
        {"leader_elect": True, "config": "a"},
    ),
    "a bool that is false": (["--leader-elect=false"], {"leader_elect": False}),
    "a bool in one letter": (["-leader-elect=F"], {"leader_elect": False}),
    "a bool as a number": (["--zap-devel=0"], {"zap_devel": False}),
    "the last one counts": (["--leader-elect", "--leader-elect=false"], {"leader_elect": False}),
    "a rate": (["--kube-api-qps=2.5"], {"kube_api_qps": 2.5}),
    "a rate below zero": (["--kube-api-qps", "-1"], {"kube_api_qps": -1.0}),
    "a burst": (["--kube-api-burst=7"], {"kube_api_burst": 7}),
    "the arguments of the existing Deployment": (
        ["--config=/controller_manager_config.yaml", "--zap-log-level=2"],
        {"config": "/controller_manager_config.yaml", "zap_log_level": logging.DEBUG - 1},
    ),
    "a level in words": (["--zap-log-level=error"], {"zap_log_level": logging.ERROR}),
    "a level of stack traces": (
        ["--zap-stacktrace-level=panic"],
        {"zap_stacktrace_level": logging.CRITICAL},
    ),
    "an encoder in capitals": (["--zap-encoder=JSON"], {"zap_encoder": "json"}),
    "a form of times": (["--zap-time-encoding=iso8601"], {"zap_time_encoding": "iso8601"}),
    "other names for nanoseconds": (["--zap-time-encoding=nanos"], {"zap_time_encoding": "nano"}),
    "addresses": (
        ["--metrics-bind-address=:1", "--health-probe-bind-address=0", "--kubeconfig=k"],
        {"metrics_bind_address": ":1", "health_probe_bind_address": "0", "kubeconfig": "k"},
    ),
}


@pytest.mark.parametrize(("arguments", "told"), ACCEPTED.values(), ids=ACCEPTED)
def test_flags_are_taken_as_by_a_program_in_go(arguments, told):
    assert flags_of(*arguments) == {**DEFAULTS, **told}


REFUSED: dict[str, tuple[list[str], str]] = {
    "an unknown flag": (["--no-such-flag"], "flag provided but not defined: -no-such-flag"),
    "an unknown flag with a value": (["-foo=bar"], "flag provided but not defined: -foo"),
    "the beginning of a flag": (["--conf=a"], "flag provided but not defined: -conf"),
    "three dashes": (["---config=a"], "flag provided but not defined: --config"),
    "no value": (["--config"], "flag needs an argument: -config"),
    "an argument": (["config.yaml"], "unexpected argument 'config.yaml'"),
    "a bool without =": (["--leader-elect", "false"], "the value of a bool follows a ="),
    "no bool": (["--leader-elect=never"], "'never' is not a valid boolean"),
    "no number": (["--kube-api-burst=many"], "'many' is not a valid integer"),
    "a rate without end": (["--kube-api-qps=inf"], "inf is no number of requests"),
    "no level": (["--zap-log-level=loud"], 'invalid log level "loud"'),
    "no level of stack traces": (["--zap-stacktrace-level=3"], 'invalid stacktrace level "3"'),
    "no encoder": (["--zap-encoder=xml"], "'xml' is not one of 'json', 'console'"),
    "no form of times": (["--zap-time-encoding=sundial"], "'sundial' is not one of"),
}


@pytest.mark.parametrize(("arguments", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_command_line_is_2_with_usage(arguments, problem):
    told = CliRunner().invoke(cli, ["controller", *arguments])

    assert told.exit_code == 2
    assert "Usage: " in told.output
    assert problem in told.output


@pytest.mark.parametrize("flag", ["--help", "-help", "-h"])
def test_help_lists_every_flag(flag):
    told = CliRunner().invoke(cli, ["controller", flag])

    assert told.exit_code == 0
    listed = set(re.findall(r"^  (?:-h, )?--([-a-z]+)", told.output, re.MULTILINE))
    assert listed == {name.replace("_", "-") for name in (*DEFAULTS, "help")}


FILE = """
apiVersion: config.jobset.x-k8s.io/v1alpha1
kind: Configuration
metrics: {bindAddress: ":1"}
health: {healthProbeBindAddress: ":2"}
leaderElection: {leaderElect: true}
clientConnection: {qps: 50, burst: 100}
"""


def five_settings(configuration: Configuration) -> tuple[object, ...]:
    return (
        configuration.metrics.bind_address,
        configuration.health.health_probe_bind_address,
        configuration.leader_election.leader_elect,
        configuration.client_connection.limit,
    )


PRECEDENCE: dict[str, tuple[str | None, list[str], tuple[object, ...]]] = {
    "neither file nor flags": (None, [], (":8443", ":8081", True, None)),
    "an empty file": ("", [], (":8443", ":8081", True, None)),
    "a file of comments": ("# nothing yet\n---\n", [], (":8443", ":8081", True, None)),
    "the file": (FILE, [], (":1", ":2", True, (50.0, 100))),
    "a file in JSON": ('{"metrics": {"bindAddress": "0"}}', [], ("0", ":8081", True, None)),
    "flags over the file": (
        FILE,
        [
            "--metrics-bind-address=:3",
            "--health-probe-bind-address=:4",
            "--leader-elect=false",
            "--kube-api-qps=5",
            "--kube-api-burst=6",
        ],
        (":3", ":4", False, (5.0, 6)),
    ),
    "one flag leaves the rest to the file": (FILE, ["--kube-api-qps=5"], (":1", ":2", True, (5.0, 100))),
    "a flag over a file that says no": (
        "leaderElection: {leaderElect: false}",
        ["--leader-elect"],
        (":8443", ":8081", True, None),
    ),
    "no flag and a file that says no": (
        "leaderElection: {leaderElect: false}",
        [],
        (":8443", ":8081", False, None),
    ),
    "a flag over a default": (None, ["--leader-elect=false"], (":8443", ":8081", False, None)),
    "a limit that is the default, but said": (
        None,
        ["--kube-api-qps=500"],
        (":8443", ":8081", True, (500.0, 500)),
    ),
}


@pytest.mark.parametrize(("file", "arguments", "settings"), PRECEDENCE.values(), ids=PRECEDENCE)
def test_a_flag_wins_over_the_file_and_the_file_over_the_default(tmp_path, file, arguments, settings):
    config = [] if file is None else [f"--config={a_file(tmp_path, file)}"]

    assert five_settings(load_configuration(flags_of(*config, *arguments))) == settings


WRONG_FILES = {
    "a key twice": (
        "webhook: {}\nmetrics: {}\nwebhook: {}\n",
        ':3:1: key "webhook" is there twice; first on line 1',
    ),
    "a key of a section twice": ("webhook:\n  port: 1\n  port: 2\n", ':3:3: key "port" is there twice'),
    "no YAML": ("webhook: [", ":1:"),
    "a list": ("- webhook", "must hold one mapping"),
    "a word": ("webhook", "must hold one mapping"),
    "two documents": ("webhook: {}\n---\nmetrics: {}\n", "must hold one mapping"),
    "an unknown field": ("wehbook: {}", 'strict decoding error: unknown field "wehbook"'),
}


@pytest.mark.parametrize(("text", "problem"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_file_is_read_strictly(tmp_path, text, problem):
    with pytest.raises(ConfigurationError) as refused:
        load_configuration(flags_of("--config", a_file(tmp_path, text)))

    assert problem in str(refused.value)


def test_a_file_that_is_missing_is_told_by_name(tmp_path):
    with pytest.raises(ConfigurationError, match=r"/no\.yaml: No such file or directory"):
        load_configuration(flags_of(f"--config={tmp_path}/no.yaml"))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\xff")

    with pytest.raises(ConfigurationError, match=r"config.yaml: this is not text in UTF-8"):
        load_configuration(flags_of(f"--config={tmp_path}/config.yaml"))


def test_a_wrong_value_of_a_flag_is_told_by_the_field_it_sets(tmp_path):
    with pytest.raises(ConfigurationError, match=r'^metrics\.bindAddress: Invalid value: "here": must be'):
        load_configuration(flags_of("--metrics-bind-address=here"))


LOGS: dict[str, tuple[list[str], LogSettings]] = {
    "by default": ([], LogSettings()),
    "production": (["--zap-devel=false"], LogSettings(devel=False)),
    "everything said": (
        [
            "--zap-encoder=json",
            "--zap-log-level=info",
            "--zap-stacktrace-level=error",
            "--zap-time-encoding=millis",
        ],
        LogSettings(
            encoder=Encoder.JSON,
            level=logging.INFO,
            stacktrace_level=logging.ERROR,
            time_encoding=TimeEncoding.MILLIS,
        ),
    ),
}


@pytest.mark.parametrize(("arguments", "settings"), LOGS.values(), ids=LOGS)
def test_flags_say_what_is_logged(arguments, settings):
    assert log_settings(flags_of(*arguments)) == settings


def test_a_manager_in_a_pod_keeps_its_lease_in_the_namespace_of_the_pod(tmp_path):
    (tmp_path / "account").mkdir()
    (tmp_path / "account" / "namespace").write_text("team-a\n")

    options = manager_options(Configuration(), a_file(tmp_path, KUBECONFIG), surroundings(tmp_path))

    assert options.lease_namespace == "team-a"


def test_the_configured_namespace_of_the_lease_wins_over_that_of_the_pod(tmp_path):
    (tmp_path / "account").mkdir()
    (tmp_path / "account" / "namespace").write_text("team-a")
    file = a_file(tmp_path, "leaderElection: {resourceNamespace: elsewhere}")
    configuration = load_configuration(flags_of("--config", file))

    options = manager_options(configuration, a_file(tmp_path, KUBECONFIG, "k"), surroundings(tmp_path))

    assert options.lease_namespace == "elsewhere"


def test_outside_of_a_cluster_a_leader_asks_where_its_lease_is(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^leaderElection\.resourceNamespace: Required value: "):
        manager_options(Configuration(), a_file(tmp_path, KUBECONFIG), surroundings(tmp_path))


def test_without_a_leader_no_namespace_is_needed(tmp_path):
    configuration = load_configuration(flags_of("--leader-elect=false"))

    options = manager_options(configuration, a_file(tmp_path, KUBECONFIG), surroundings(tmp_path))

    assert (options.lease_namespace, options.gates) == ("", FeatureGates())


def test_candidates_of_one_host_are_told_apart_by_more_than_its_name(tmp_path):
    configuration = load_configuration(flags_of("--leader-elect=false"))
    kubeconfig = a_file(tmp_path, KUBECONFIG)

    one, other = (manager_options(configuration, kubeconfig, surroundings(tmp_path)) for _ in range(2))

    assert one.host == other.host
    assert one.identity != other.identity
    assert re.fullmatch(re.escape(one.host) + "_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one.identity)


def jobset_controller(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The real command, where no cluster is near."""
    return subprocess.run(
        [sys.executable, "-m", "jobset", "controller", "--zap-devel=false", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.defpath, "HOME": "/nonexistent"},
    )


START_FAILURES = {
    "a wrong version": ("apiVersion: v1", "apiVersion: Invalid value"),
    "an unknown field": ("invalidField: 1", 'strict decoding error: unknown field \\"invalidField\\"'),
    "an unknown gate": ("featureGates: {Magic: true}", "unrecognized feature gate: Magic"),
    "the locked gate": (
        "featureGates: {TLSOptions: false}",
        "cannot set feature gate TLSOptions to false, feature is locked to true",
    ),
    "no cluster": ("", "no cluster to speak to: --kubeconfig is not given"),
}


@pytest.mark.parametrize(("file", "problem"), START_FAILURES.values(), ids=START_FAILURES)
def test_a_manager_that_cannot_start_is_1_and_says_why(tmp_path, file, problem):
    ended = jobset_controller(f"--config={a_file(tmp_path, file)}")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert problem in ended.stderr.splitlines()[-1]
    assert '"level":"error"' in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_every_problem_of_a_file_has_a_line_of_its_own(tmp_path):
    file = a_file(tmp_path, "a: 1\nb: 2")

    ended = jobset_controller(f"--config={file}")

    assert ended.returncode == 1
    assert re.findall(r'unknown field \\"(\w+)', ended.stderr) == ["a", "b"]
    assert len(ended.stderr.splitlines()) == 2


def test_a_missing_file_is_1(tmp_path):
    ended = jobset_controller(f"--config={tmp_path}/no.yaml")

    assert ended.returncode == 1
    assert "no.yaml: No such file or directory" in ended.stderr
