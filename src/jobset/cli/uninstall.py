"""`jobset uninstall`: no JobSet on a cluster any more."""

from typing import Any

import click

from jobset.cli.options import cluster_options, timeout_option

_EPILOG = """\b
Examples:
  jobset uninstall --dry-run
  jobset uninstall
  jobset uninstall --delete-jobsets --yes

\b
Exit codes:
  0  gone, or not there
  1  refused, by you or the API server, or not gone in time
  2  the command line is wrong
"""


@click.command(
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="Remove JobSet from a cluster.",
)
@click.option(
    "--delete-jobsets", is_flag=True, help="Also delete the definition of JobSets, and so every JobSet."
)
@click.option("--dry-run", is_flag=True, help="Tell what would be deleted.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@timeout_option("2m", "How long to wait until all is gone.")
@cluster_options
def uninstall(**options: Any) -> None:
    """Delete the manager, its rights, its webhooks and its namespace.

    JobSets stay, with their Jobs, which go on; nobody restarts or completes them until a manager is back.
    """
    from jobset.cli.uninstalling import UninstallSettings, run_uninstall

    cluster = options.pop("kubeconfig"), options.pop("context")
    click.get_current_context().exit(run_uninstall(*cluster, UninstallSettings(**options)))
