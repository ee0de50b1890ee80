"""`jobset inject`: manifests with the agent in the pods that restart in place."""

from typing import Any

import click

from jobset.cli.options import image_option, manifest_files, namespace_option

_EPILOG = """\b
Examples:
  jobset inject train.yaml --image registry.example.com/jobset-agent:0.1.0 > injected.yaml
  kustomize build . | jobset inject - --image registry.example.com/jobset-agent:0.1.0 | kubectl apply -f -

\b
Exit codes:
  0  the manifests were written        2  something is wrong with them, or the command line is
"""


@click.command(
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="Put the agent into pods that restart in place.",
    no_args_is_help=True,
)
@manifest_files
@image_option("Image of the agent, which you build with the Dockerfile.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8081,
    show_default=True,
    help="Where the agent answers the probe that holds the others back.",
)
@namespace_option()
def inject(files: tuple[str, ...], **options: Any) -> None:
    """Write the manifests with the agent as a sidecar in each pod of the JobSets that restart in place.

    What such a restart needs beside it is filled in where it is not given. Other objects pass unchanged.
    Standard error tells which permissions the agents need.
    """
    from jobset.cli.injecting import run_inject

    click.get_current_context().exit(run_inject(files, **options))
