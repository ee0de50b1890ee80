"""`jobset run`: the options; the work is in `running`, which is imported once the starter is forked."""

from typing import Any

import click

from jobset.cli.durations import duration
from jobset.cli.gates import feature_gates

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


@click.command(epilog=_EPILOG, short_help="Run JobSets to their end.", no_args_is_help=True)
@click.argument("files", nargs=-1, required=True, metavar="FILE|DIR|- ...")
@click.option(
    "-n", "--namespace", default="default", show_default=True, help="Namespace of objects that name none."
)
@click.option("--timeout", callback=duration, metavar="DURATION", help="Stop after so long: 90s, 5m, 1h30m.")
@click.option(
    "--logs",
    type=click.Choice(["none", "failed", "all"]),
    default="all",
    show_default=True,
    help="Which logs to print; all are kept in files.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the report. With json it is all that goes to stdout.",
)
@click.option("--keep", is_flag=True, help="Keep the directory of the run with its volumes.")
@click.option(
    "--env",
    "environment",
    multiple=True,
    metavar="NAME",
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
@click.option(
    "--feature-gates",
    "gates",
    default="",
    metavar="GATE=true,...",
    callback=feature_gates,
    help="Gates of JobSet to switch on: InPlaceRestart, RestartJob, ElasticJobSet.",
)
@click.option(
    "--gpus",
    type=click.Choice(["shared", "strict"]),
    default="shared",
    show_default=True,
    help="With strict, pods that ask for no GPU see none.",
)
@click.option(
    "--state-dir", type=click.Path(file_okay=False), metavar="DIR", help="Where runs keep state and logs."
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="When to use colors.",
)
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

    starter = fork_starter(use_namespaces=not no_namespaces)
    from jobset.cli.running import RunSettings, execute

    click.get_current_context().exit(execute(starter, RunSettings(files=files, **options)))
