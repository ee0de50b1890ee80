"""The command `jobset`: which commands there are. Each is imported when it is called and not before."""

import sys
from importlib import import_module

import click

_COMMANDS = {
    "run": ("jobset.cli.run:run", "Run JobSets on this machine, to their end."),
    "validate": ("jobset.cli.validate:validate", "Tell everything that is wrong with manifests, offline."),
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
    """Run and check JobSets, the distributed jobs of Kubernetes, on one machine and without a cluster."""


def main() -> None:
    """Run the command line; the exit code is 0, 1, 2, 124, 130 or 143 as `jobset run --help` tells."""
    try:
        code = cli.main(prog_name=_program_name(), standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted", err=True)
        code = 130
    except BrokenPipeError:
        # Nobody reads any more: there is nothing to say and nobody to say it to.
        _silence_stdout()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _program_name() -> str:
    called = sys.argv[0].rpartition("/")[2]
    return "kubectl jobset" if called.startswith("kubectl-") else "jobset"


def _silence_stdout() -> None:
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
