"""`jobset agent`: the agent of a pod that restarts in place; its settings are environment variables."""

import os

import click

_EPILOG = """\b
Examples:
  JOBSET_NAME=train POD_NAME=train-workers-0-0-x7k2p WORKER_COMMAND='python train.py' jobset agent

\b
Variables:
  JOBSET_NAME, POD_NAME      the JobSet and the pod this runs in; required
  IN_PLACE_RESTART_EXIT_CODE with what it ends to be started again; 1
  WORKER_COMMAND             run this in $SHELL, or in bash, once all pods are there
  STARTUP_PROBE_PATH         answer here then, if there is no WORKER_COMMAND; /barrier-is-down
  STARTUP_PROBE_PORT         on this port; 8081
  STARTUP_PROBE_HOST         and this address; all

\b
Exit codes:
  that of the worker; 255 if a signal ended it
  IN_PLACE_RESTART_EXIT_CODE to be started again
  1         could not start
  130, 143  stopped by SIGINT, SIGTERM
"""


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
    short_help="Hold a worker back until its JobSet has restarted in place.",
)
def agent() -> None:
    """Run in a pod that restarts in place: tell its attempt, and hold its worker back for the others.

    Containers should run `python -m jobset.agent`, which does the same and takes less memory.
    """
    from jobset.agent.signals import leave_at_signals

    leave_at_signals()

    from jobset.agent.run import run_agent

    click.get_current_context().exit(run_agent(os.environ))
