"""`jobset doctor`: what is wrong with an installation."""

from typing import Any

import click

from jobset.cli.options import cluster_options, color_option, namespace_option, output_option

_EPILOG = """\b
Examples:
  jobset doctor
  jobset doctor --context production --output json | jq '.findings[] | select(.verdict != "ok")'

\b
Exit codes:
  0  nothing is wrong; there may be warnings, and things that you may not look at
  1  something is wrong, or the cluster cannot be reached
  2  the command line is wrong
"""


@click.command(
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="Tell what is wrong with an installation.",
)
@namespace_option("Namespace of the manager.", "jobset-system")
@cluster_options
@output_option("Form of the answer.")
@color_option
def doctor(**options: Any) -> None:
    """Look at the versions, the definition, the manager, its rights, webhooks and certificates.

    Nothing is changed: a JobSet is sent to see what becomes of it, and not kept.
    """
    from jobset.cli.examining import run_doctor

    cluster = options.pop("kubeconfig"), options.pop("context")
    click.get_current_context().exit(run_doctor(*cluster, **options))
