"""`python -m jobset.agent` is the agent alone, without the rest of the command line."""

import os
import sys

from jobset.agent.signals import leave_at_signals

leave_at_signals()

from jobset.agent.run import run_agent  # noqa: E402

sys.exit(run_agent(os.environ))
