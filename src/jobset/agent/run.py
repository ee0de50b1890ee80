"""The agent as a process: from its environment to its exit code."""

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping

from jobset.agent.account import Account, read_account
from jobset.agent.agent import Agent
from jobset.agent.barrier import build_barrier
from jobset.agent.settings import Settings, SettingsError, read_settings
from jobset.agent.signals import LEAVING, leaving_code
from jobset.agent.transport import AgentTransport
from jobset.kube.client import Client
from jobset.kube.errors import AccessError
from jobset.kube.user_agent import user_agent

log = logging.getLogger(__name__)


def run_agent(environ: Mapping[str, str], read: Callable[[Mapping[str, str]], Account] = read_account) -> int:
    """The exit code of the container that an agent with this environment runs in, once it has ended."""
    logging.basicConfig(format="%(asctime)s %(levelname)s in-place-restart-agent: %(message)s", level="INFO")
    try:
        settings, account = read_settings(environ), read(environ)
    except (SettingsError, AccessError) as error:
        log.error("%s", error)
        return 1
    # What was imported lives as long as we do.
    gc.collect()
    gc.freeze()
    try:
        return asyncio.run(_run(settings, account, environ))
    except Exception:
        log.exception("the agent failed")
        return 1


async def _run(settings: Settings, account: Account, environ: Mapping[str, str]) -> int:
    barrier = build_barrier(settings.behind, environ)
    client = Client(AgentTransport(account, user_agent()), streams_lists=True)
    agent = asyncio.ensure_future(Agent(settings, account.namespace, client, barrier).run())
    stopped = _until_signal()
    try:
        await asyncio.wait({agent, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return stopped.result() if stopped.done() else agent.result()
    finally:
        barrier.close()
        agent.cancel()


def _until_signal() -> "asyncio.Future[int]":
    """Done when we are asked to end, with the exit code that tells by which signal."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not stopped.done():
            stopped.set_result(leaving_code(number))

    for number in LEAVING:
        loop.add_signal_handler(number, stop, number)
    return stopped
