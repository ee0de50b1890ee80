"""The options that several commands have, declared once."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from jobset.cli.durations import duration
from jobset.cli.gates import feature_gates

F = TypeVar("F", bound=Callable[..., Any])


def manifest_files(function: F) -> F:
    """The files to read, as `files`. Whether they can be read is told with all that is wrong with them."""
    path = click.Path(allow_dash=True, readable=False)
    return click.argument("files", nargs=-1, required=True, type=path, metavar="FILE|DIR|- ...")(function)


def namespace_option(
    text: str = "Namespace of objects that name none.", default: str = "default"
) -> Callable[[F], F]:
    """`-n`, as `namespace`; what it is for is told by `text`."""
    return click.option(
        "-n", "--namespace", default=default, show_default=True, callback=_namespace, help=text
    )


def _namespace(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", value):
        raise click.BadParameter(
            f"{value!r} is no namespace; write lower-case letters, digits and '-', at most 63", ctx, param
        )
    return value


def image_option(text: str) -> Callable[[F], F]:
    """`--image`, as `image`; whose it is is told by `text`."""
    return click.option("--image", required=True, metavar="REPOSITORY:TAG", callback=_image, help=text)


def _image(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"\S+", value):
        raise click.BadParameter(
            f"{value!r} is no image; where a variable stands for it, check that it is set", ctx, param
        )
    return value


def output_option(text: str) -> Callable[[F], F]:
    """`-o`, as `output`; what has the form is told by `text`."""
    choices = click.Choice(["text", "json"])
    return click.option("-o", "--output", type=choices, default="text", show_default=True, help=text)


def cluster_options(function: F) -> F:
    """`--kubeconfig` and `--context`, as `kubeconfig` and `context`."""
    context = click.option(
        "--context", metavar="NAME", help="Context of the kubeconfig.  [default: its current one]"
    )
    kubeconfig = click.option(
        "--kubeconfig",
        metavar="FILE",
        help="How the cluster is reached.  [default: $KUBECONFIG, this pod, ~/.kube/config]",
    )
    return kubeconfig(context(function))


def timeout_option(default: str, text: str) -> Callable[[F], F]:
    """`--timeout`, as `timeout`."""
    return click.option(
        "--timeout", default=default, show_default=True, metavar="DURATION", callback=duration, help=text
    )


def gates_option(text: str) -> Callable[[F], F]:
    """`--feature-gates`, as `gates`; what they are for is told by `text`."""
    return click.option(
        "--feature-gates", "gates", default="", metavar="GATE=true,...", callback=feature_gates, help=text
    )


def color_option(function: F) -> F:
    """`--color`, as `color`."""
    choices = click.Choice(["auto", "always", "never"])
    return click.option(
        "--color", type=choices, default="auto", show_default=True, help="When to use colors."
    )(function)
