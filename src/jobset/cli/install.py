"""`jobset install`: JobSet on a cluster, or up to date there."""

from typing import Any

import click

from jobset.cli.options import cluster_options, color_option, image_option, output_option, timeout_option

_EPILOG = """\b
Examples:
  jobset install --image registry.example.com/jobset:0.1.0 --dry-run
  jobset install --image registry.example.com/jobset:0.1.0
  jobset install --image registry.example.com/jobset:0.1.0 --force-conflicts

\b
Exit codes:
  0  the manager is ready; with --dry-run: everything would be taken
  1  something was refused, and nothing changed; or the manager is not ready in time
  2  the command line is wrong
"""


@click.command(
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="Install JobSet on a cluster, or bring it up to date.",
)
@image_option("Image of the manager, which you build with the Dockerfile.")
@click.option("--dry-run", is_flag=True, help="Tell what would change, as the API server sees it.")
@click.option(
    "--force-conflicts",
    is_flag=True,
    help="Also change what others have set, such as an earlier installation.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the manager is ready.")
@timeout_option("3m", "How long to wait.")
@cluster_options
@output_option("Form of the answer.")
@color_option
def install(**options: Any) -> None:
    """Apply the definition of JobSets, the manager, its rights and its webhooks to a cluster.

    First the API server is asked about everything; when it refuses something, nothing is changed. JobSets
    that run there go on.
    """
    from jobset.cli.installing import InstallSettings, run_install

    cluster = options.pop("kubeconfig"), options.pop("context")
    click.get_current_context().exit(run_install(*cluster, InstallSettings(**options)))
