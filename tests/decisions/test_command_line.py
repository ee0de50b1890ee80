"""How the command line is read: usage errors, help at every level, completion, and what help costs."""

import json
import subprocess
import sys
from datetime import timedelta

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from jobset.api.gates import FeatureGates
from jobset.cli.durations import parse_duration
from jobset.cli.gates import feature_gates
from jobset.cli.inputs import read_inputs
from jobset.cli.main import cli

GOOD = """
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: good}
spec:
  replicatedJobs:
  - name: a
    template: {spec: {template: {spec: {containers: [{name: main, image: tool, command: ["true"]}]}}}}
"""


def jobset(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, arguments, input=stdin)


@pytest.mark.parametrize(
    "command", [(), ("run",), ("validate",), ("controller",), ("agent",), ("version",), ("completion",)]
)
def test_help_has_an_example_at_every_level(command):
    told = jobset(*command, "--help")

    assert told.exit_code == 0
    assert "Examples:" in told.output


USAGE_ERRORS = {
    "an unknown command": (["runn"], "runn"),
    "a variable with a value": (["run", "--env", "A=b", "x.yaml"], "A=b jobset run --env A"),
    "no file": (["run"], "Usage:"),
    "an unknown option": (["run", "--nope", "x.yaml"], "--nope"),
    "a duration that is none": (["run", "--timeout", "soon", "x.yaml"], "90s, 5m or 1h30m"),
    "a timeout of nothing": (["run", "--timeout", "0s", "x.yaml"], "is not a duration"),
    "an unknown gate": (["run", "--feature-gates", "Magic=true", "x.yaml"], "InPlaceRestart"),
    "an image without a command": (["run", "--image", "tool", "x.yaml"], "NAME=COMMAND"),
    "a misspelled command": (["valid", "x.yaml"], "Did you mean validate?"),
    "a namespace that is none": (["validate", "-n", "A B", "x.yaml"], "lower-case"),
    "a state directory without a name": (["run", "--state-dir", "", "x.yaml"], "the name is empty"),
    "an unknown shell": (["completion", "tcsh"], "'bash', 'zsh', 'fish'"),
}


@pytest.mark.parametrize(("arguments", "hint"), USAGE_ERRORS.values(), ids=USAGE_ERRORS)
def test_a_usage_error_is_2_and_says_what_is_right(arguments, hint):
    told = jobset(*arguments)

    assert told.exit_code == 2
    assert hint in told.output


DURATIONS = {
    "90": timedelta(seconds=90),
    "1.5": timedelta(seconds=1.5),
    "90s": timedelta(seconds=90),
    "5m": timedelta(minutes=5),
    "1h30m": timedelta(minutes=90),
    "250ms": timedelta(milliseconds=250),
    "2d": timedelta(days=2),
    "": None,
    "m5": None,
    "5 m": None,
    "-5s": None,
    "5m5": None,
}


@pytest.mark.parametrize(("text", "span"), DURATIONS.items())
def test_durations(text, span):
    assert parse_duration(text) == span


def test_gates_are_read_by_their_names():
    context = click.Context(cli)

    gates = feature_gates(context, click.Option(["--feature-gates"]), "RestartJob=true, ElasticJobSet=false")

    assert (gates.restart_job, gates.elastic_jobset, gates.in_place_restart) == (True, False, False)


def test_valid_manifests_pass():
    told = jobset("validate", "-", stdin=GOOD)

    assert (told.exit_code, told.output) == (0, "1 object: no problems\n")


def test_every_problem_is_told_with_its_place_and_remedy():
    told = jobset("validate", "-", stdin=GOOD.replace("name: a", "nam: a"))

    assert told.exit_code == 2
    assert "<stdin>:7:5: error: JobSet/good spec.replicatedJobs[0].nam: unknown field 'nam'" in told.output
    assert "→ did you mean spec.replicatedJobs[0].name?" in told.output
    assert told.output.endswith("errors\n")


def test_problems_as_json():
    told = jobset("validate", "-o", "json", "-", stdin=GOOD.replace("name: a", "nam: a"))

    data = json.loads(told.output)
    assert (data["schema"], data["valid"], data["objects"]) == ("jobset-validate/v1", False, 1)
    places = {(problem["file"], problem["line"], problem["field"]) for problem in data["problems"]}
    assert ("<stdin>", 7, "spec.replicatedJobs[0].nam") in places


def test_what_manifests_say_cannot_act_on_a_terminal():
    told = jobset("validate", "--color", "never", "-", stdin=GOOD + '"\\e[2Jx\\nb": 1\n')

    assert "\\x1b[2Jx\\nb: unknown field" in told.output
    assert "\x1b" not in told.output


def test_colors_are_written_to_pipes_when_they_are_asked_for():
    told = jobset("validate", "--color", "always", "-", stdin="a: 1\n")

    assert "\x1b[31merror\x1b[0m" in told.output


COMPLETIONS = {
    "commands": ([], "val", ("plain", "validate")),
    "files of a run": (["run"], "tr", ("file", "tr")),
    "files to check": (["validate", "a.yaml"], "", ("file", "")),
    "files of images": (["run", "--images"], "im", ("file", "im")),
    "directories": (["run", "--state-dir"], "st", ("dir", "st")),
    "choices": (["run", "--logs"], "f", ("plain", "failed")),
}


@pytest.mark.parametrize(("words", "incomplete", "first"), COMPLETIONS.values(), ids=COMPLETIONS)
def test_shells_complete(words, incomplete, first):
    found = ShellComplete(cli, {}, "jobset", "_JOBSET_COMPLETE").get_completions(words, incomplete)

    assert (found[0].type, found[0].value) == first


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_the_command(shell):
    told = jobset("completion", shell)

    assert told.exit_code == 0
    assert "_JOBSET_COMPLETE" in told.output


def test_the_version_as_json():
    data = json.loads(jobset("version", "-o", "json").output)

    assert data["api"] == "jobset.x-k8s.io/v1alpha2"


def test_the_version_tells_the_ways_of_this_machine_when_asked():
    data = json.loads(jobset("version", "--verbose", "-o", "json").output)

    assert all(way["available"] or way["detail"] for way in data["ways"])


SERVERS = {"aiohttp", "httptools", "prometheus_client", "cryptography"}
HEAVY = SERVERS | {"asyncio", "re2", "rich", "yaml", "msgspec", "json", "subprocess"}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["controller", "--help"], ["version"]])
def test_help_imports_nothing_heavy(arguments):
    program = (
        "import sys; from jobset.cli.main import main\n"
        f"sys.argv = ['jobset', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    light = HEAVY - ({"json"} if arguments == ["version"] else set())
    assert light.isdisjoint(done.stderr.split())


def test_a_run_imports_nothing_that_only_a_cluster_needs():
    program = "import sys, jobset.cli.running, jobset.local.machine; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert SERVERS.isdisjoint(done.stdout.split())


def test_importing_the_package_imports_nothing_else():
    program = "import sys; before = set(sys.modules); import jobset; print(*set(sys.modules) - before)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["jobset"]


NOTHING = "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: a}\n"
NOT_FOR_A_RUN = {
    "no JobSet": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "no JobSet in these manifests"),
    "a kind that runs nothing": (
        GOOD + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
        "takes no Pod",
    ),
    "a JobSet without roles": (NOTHING + "spec: {replicatedJobs: []}\n", "never ends"),
    "a JobSet without anything": (NOTHING, "never ends"),
    "a version that is a list": (GOOD.replace("jobset.x-k8s.io/v1alpha2", "[a]"), "apiVersion is missing"),
}


@pytest.mark.parametrize(("text", "says"), NOT_FOR_A_RUN.values(), ids=NOT_FOR_A_RUN)
def test_what_a_run_cannot_use_is_refused(text, says, tmp_path):
    (tmp_path / "m.yaml").write_text(text)

    inputs = read_inputs([str(tmp_path / "m.yaml")], "default", FeatureGates(), {})

    assert [problem.message for problem in inputs.problems if says in problem.message]
