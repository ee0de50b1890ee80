"""`jobset validate`: everything that is wrong with manifests, offline."""

from typing import Any

import click

from jobset.cli.options import color_option, gates_option, manifest_files, namespace_option, output_option

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
@manifest_files
@namespace_option()
@gates_option("Gates that are on where the manifests go.")
@output_option("Form of the answer.")
@color_option
def validate(files: tuple[str, ...], output: str, **options: Any) -> None:
    """Tell everything that an API server would refuse, and what would fail later, with file and line.

    Nothing is started and nothing is asked over the network.
    """
    from jobset.cli.validating import check_files, tell_answer

    answer = check_files(files, options["namespace"], options["gates"])
    tell_answer(answer, output, options["color"])
    click.get_current_context().exit(answer.exit_code)
