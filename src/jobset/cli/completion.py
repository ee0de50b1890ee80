"""`jobset completion`: a script that completes commands, options and files in a shell."""

import click
from click.shell_completion import get_completion_class

from jobset.cli.streams import tell

_EPILOG = """\b
Examples:
  source <(jobset completion bash)
  jobset completion zsh > "${fpath[1]}/_jobset"
  jobset completion fish > ~/.config/fish/completions/jobset.fish
"""
_VARIABLE = "_JOBSET_COMPLETE"


@click.command(epilog=_EPILOG, short_help="Print a completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that makes SHELL complete the commands, options and files of jobset."""
    from jobset.cli.main import cli

    shell_class = get_completion_class(shell)
    assert shell_class is not None
    # Not its source(): that runs the shell to find out its version.
    found = shell_class(cli, {}, "jobset", _VARIABLE)
    tell(found.source_template % found.source_vars())
