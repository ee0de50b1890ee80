"""The command `jobset`: which commands there are. Each is imported when it is called and not before."""

import sys
from contextlib import suppress
from importlib import import_module

import click

from jobset.cli.streams import prepare_streams, refuse_output, silence_broken_streams, tell_aside

_COMMANDS = {
    "run": ("jobset.cli.run:run", "Run JobSets on this machine, to their end."),
    "validate": ("jobset.cli.validate:validate", "Tell everything that is wrong with manifests, offline."),
    "inject": ("jobset.cli.inject:inject", "Put the agent into pods that restart in place."),
    "install": ("jobset.cli.install:install", "Install JobSet on a cluster, or bring it up to date."),
    "doctor": ("jobset.cli.doctor:doctor", "Tell what is wrong with an installation, and what mends it."),
    "uninstall": ("jobset.cli.uninstall:uninstall", "Remove JobSet from a cluster."),
    "controller": ("jobset.cli.controller:controller", "Run JobSets on a cluster, as its controller."),
    "agent": ("jobset.cli.agent:agent", "Hold a worker back until its JobSet has restarted in place."),
    "version": ("jobset.cli.version:version", "Tell the version, and what this machine can do."),
    "completion": ("jobset.cli.completion:completion", "Print a script that completes commands in a shell."),
}

_EPILOG = """\b
Examples:
  jobset run examples/rendezvous.yaml
  jobset validate train.yaml
  source <(jobset completion bash)
"""


class LazyGroup(click.Group):
    """A group that knows its commands by name and help, and imports one only to call it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, n=1)
            raise click.UsageError(
                error.message + (f" Did you mean {near[0]}?" if near else ""), ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="jobset", message="%(prog)s %(version)s")
def cli() -> None:
    """Run and check JobSets, the distributed jobs of Kubernetes: on one machine, or on a cluster."""


def main() -> None:
    """Run the command line; the exit code is 0, 1, 2, 124, 130 or 143 as `jobset run --help` tells."""
    prepare_streams()
    try:
        code = cli.main(prog_name=_program_name(), standalone_mode=False)
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        tell_aside("Interrupted")
        code = 130
    except OSError as error:
        if not silence_broken_streams():
            raise
        code = refuse_output(error)
    silence_broken_streams()
    sys.exit(code if isinstance(code, int) else 0)


def _program_name() -> str:
    called = sys.argv[0].rpartition("/")[2]
    return "kubectl jobset" if called.startswith("kubectl-") else "jobset"
