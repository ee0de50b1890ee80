"""`jobset validate`: everything that is wrong with manifests, offline."""

from typing import Any

import click

from jobset.cli.gates import feature_gates

_EPILOG = """\b
Examples:
  jobset validate train.yaml
  jobset validate --output json manifests/ | jq '.problems[].message'
  kustomize build . | jobset validate -

\b
Exit codes:
  0  nothing is wrong        2  something is, or the command line is
"""


@click.command(epilog=_EPILOG, short_help="Tell what is wrong with manifests.", no_args_is_help=True)
@click.argument("files", nargs=-1, required=True, metavar="FILE|DIR|- ...")
@click.option(
    "-n", "--namespace", default="default", show_default=True, help="Namespace of objects that name none."
)
@click.option(
    "--feature-gates",
    "gates",
    default="",
    metavar="GATE=true,...",
    callback=feature_gates,
    help="Gates that are on where the manifests go.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the answer.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="When to use colors.",
)
def validate(files: tuple[str, ...], output: str, **options: Any) -> None:
    """Tell everything that an API server would refuse, and what would fail later, with file and line.

    Nothing is started and nothing is asked over the network.
    """
    from jobset.cli.validating import check_files, render_answer

    answer = check_files(files, options["namespace"], options["gates"])
    click.echo(render_answer(answer, output, options["color"]))
    click.get_current_context().exit(answer.exit_code)
