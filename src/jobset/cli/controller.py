"""`jobset controller`: the manager of JobSets on a cluster."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import click

from jobset.cli.go_flags import GoCommand

_EPILOG = """\b
Examples:
  jobset controller --config controller_manager_config.yaml
  jobset controller --kubeconfig ~/.kube/config --leader-elect=false
  jobset controller --zap-devel=false --zap-log-level=info

\b
Exit codes:
  0  stopped by SIGTERM or SIGINT
  1  could not start, or may not go on: the lease was lost, or a second signal came
  2  the command line is wrong
"""

_ENCODERS = ("json", "console")
_TIMES = ("epoch", "millis", "nano", "iso8601", "rfc3339", "rfc3339nano")
# compat: the flag takes nanos, its help says nano.
_NANOS = "nanos"


def _level(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    from jobset.controller.logs import parse_level

    return _parsed(parse_level, ctx, param, value)


def _stacktrace_level(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    from jobset.controller.logs import parse_stacktrace_level

    return _parsed(parse_stacktrace_level, ctx, param, value)


def _parsed(
    parse: Callable[[str], int], ctx: click.Context, param: click.Parameter, value: str | None
) -> int | None:
    try:
        return None if value is None else parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"{value} is no number of requests", ctx, param)
    return value


def _time_encoding(ctx: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001
    return "nano" if value == _NANOS else value


def _choice(*words: str) -> click.Choice[str]:
    return click.Choice(words, case_sensitive=False)


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=GoCommand,
    epilog=_EPILOG,
    short_help="Run JobSets on a cluster, as its controller.",
)
@click.option(
    "--config", default="", metavar="FILE", help="Configuration file; without one all has its default."
)
@click.option(
    "--metrics-bind-address",
    metavar="ADDRESS",
    help="Where metrics are served; 0: nowhere.  [default: :8443]",
)
@click.option(
    "--health-probe-bind-address",
    metavar="ADDRESS",
    help="Where health is told; 0: nowhere.  [default: :8081]",
)
@click.option("--leader-elect", type=bool, help="Work only as the elected leader.  [default: true]")
@click.option(
    "--kube-api-qps",
    type=float,
    callback=_finite,
    help="Requests a second at most.  [default: as the server takes them]",
)
@click.option(
    "--kube-api-burst", type=int, help="Requests at once before that.  [default: as the server takes them]"
)
@click.option("--kubeconfig", default="", metavar="FILE", help="How the cluster is reached, outside of it.")
@click.option(
    "--zap-devel",
    type=bool,
    default=True,
    show_default=True,
    help="Text, debug level and stack traces of warnings; false: JSON, info and errors.",
)
@click.option("--zap-encoder", type=_choice(*_ENCODERS), help="Form of a log line.")
@click.option(
    "--zap-log-level",
    metavar="LEVEL",
    callback=_level,
    help="debug, info, error, panic, or a number: the higher the more.",
)
@click.option(
    "--zap-stacktrace-level",
    metavar="LEVEL",
    callback=_stacktrace_level,
    help="Level from which errors have a stack trace: info, error, panic.",
)
@click.option(
    "--zap-time-encoding",
    type=_choice(*_TIMES, _NANOS),
    metavar=f"[{'|'.join(_TIMES)}]",
    callback=_time_encoding,
    default="rfc3339",
    show_default=True,
    help="Form of times.",
)
@click.option(
    "--debug-endpoints",
    type=bool,
    default=False,
    show_default=True,
    help="Tell queues and the last plans at /debug/jobsets, where health is told.",
)
def controller(**flags: Any) -> None:
    """Run the JobSets of a cluster: create their Jobs, watch them, and carry out their policies.

    A flag that is given wins over the configuration file. -flag and --flag are the same.
    """
    from jobset.cli.controlling import run_controller

    click.get_current_context().exit(run_controller(flags))
