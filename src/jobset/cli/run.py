"""`jobset run`: the options; the work is in `running`, which is imported once the starter is forked."""

from typing import Any

import click

from jobset.cli.durations import duration
from jobset.cli.options import color_option, gates_option, manifest_files, namespace_option, output_option

_EPILOG = """\b
Examples:
  jobset run train.yaml
  jobset run --timeout 10m --logs failed manifests/
  generate-manifests | jobset run --output json - > report.json

\b
Exit codes:
  0    every JobSet completed        124  the timeout was reached
  1    a JobSet failed               130  interrupted by Ctrl-C
  2    wrong input or usage          143  stopped by SIGTERM
"""


def _image_commands(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """`NAME=COMMAND…` as the words of a shell would be."""
    import shlex

    commands = {}
    for value in values:
        name, _, command = value.rpartition("=") if "=" not in value else value.partition("=")
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise click.BadParameter(f"{value!r}: {error}", ctx, param) from error
        if not name or not words:
            raise click.BadParameter(
                f"{value!r} is not NAME=COMMAND, such as 'tool:1=tool --serve'", ctx, param
            )
        commands[name] = words
    return commands


def _variable_names(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        name = value.partition("=")[0]
        if not name or name != value:
            remedy = f"set the variable for the command and pass it on: {value} jobset run --env {name} …"
            raise click.BadParameter(f"{value!r} is no name of a variable; {remedy}", ctx, param)
    return values


def _named(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A path that is not empty: an unset variable of a script is no directory."""
    if value == "":
        raise click.BadParameter("the name is empty; name a directory, or leave the option out", ctx, param)
    return value


@click.command(epilog=_EPILOG, short_help="Run JobSets to their end.", no_args_is_help=True)
@manifest_files
@namespace_option()
@click.option("--timeout", callback=duration, metavar="DURATION", help="Stop after so long: 90s, 5m, 1h30m.")
@click.option(
    "--logs",
    type=click.Choice(["none", "failed", "all"]),
    default="all",
    show_default=True,
    help="Which logs to print; all are kept in files.",
)
@output_option("Form of the report. With json it is all that goes to stdout.")
@click.option("--keep", is_flag=True, help="Keep the directory of the run with its volumes.")
@click.option(
    "--env",
    "environment",
    multiple=True,
    metavar="NAME",
    callback=_variable_names,
    help="Pass an environment variable on to containers.",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="NAME=COMMAND",
    callback=_image_commands,
    help="Command of containers that have an image and no command.",
)
@click.option(
    "--images",
    "image_files",
    multiple=True,
    type=click.Path(allow_dash=True, readable=False),
    metavar="FILE",
    help="YAML file with such commands: a mapping `images` from names to commands.",
)
@click.option(
    "--names",
    type=click.Choice(["auto", "namespaces", "nss-wrapper", "substitution", "hosts-file"]),
    default="auto",
    show_default=True,
    help="How programs find pods by name.",
)
@click.option("--no-namespaces", is_flag=True, help="Do without user, mount and process namespaces.")
@click.option(
    "--wait-scale",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    metavar="FACTOR",
    help="Shorten back-off waits, for experiments: 0.1 makes 10 s to 1 s.",
)
@gates_option("Gates of JobSet to switch on: InPlaceRestart, RestartJob, ElasticJobSet.")
@click.option(
    "--gpus",
    type=click.Choice(["shared", "strict"]),
    default="shared",
    show_default=True,
    help="With strict, pods that ask for no GPU see none.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False),
    callback=_named,
    metavar="DIR",
    help="Where runs keep state and logs.",
)
@color_option
def run(files: tuple[str, ...], no_namespaces: bool, **options: Any) -> None:
    """Run JobSets on this machine, to their end.

    FILES are YAML or JSON manifests with one or more documents: JobSets, and the ConfigMaps, Secrets,
    Services and PersistentVolumeClaims that they use. A directory stands for the manifests in it, - for
    standard input.

    Containers run as processes of this machine: no image is pulled, so each needs a command. Pods find each
    other by the names that they would have in a cluster.

    Ctrl-C stops the run and gives the pods their grace period; a second one kills at once.
    """
    # The starter must be split off before threads, an event loop or big modules exist.
    from jobset.local.processes.fork import fork_starter

    try:
        starter = fork_starter(use_namespaces=not no_namespaces)
    except OSError as error:
        raise click.ClickException(f"this machine does not let the run begin: {error.strerror}") from error
    from jobset.cli.running import RunSettings, execute

    click.get_current_context().exit(execute(starter, RunSettings(files=files, **options)))
