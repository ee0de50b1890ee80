"""What `jobset uninstall` does once its options are read."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

import click
import msgspec

from jobset.cli.clusters import on_cluster
from jobset.cli.streams import tell, tell_aside
from jobset.installation.applying import Refused
from jobset.installation.objects import DEFINITION, NAMESPACE, place_of, title_of
from jobset.installation.removing import find_installation, remove
from jobset.kube.client import Client, Object
from jobset.kube.errors import NotFound
from jobset.kube.resources import JOBSETS


class UninstallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `jobset uninstall` as they were given."""

    delete_jobsets: bool
    dry_run: bool
    yes: bool
    timeout: timedelta


def run_uninstall(kubeconfig: str | None, context: str | None, settings: UninstallSettings) -> int:
    """The exit code."""
    if not (settings.yes or settings.dry_run or sys.stdin.isatty()):
        raise click.UsageError("nobody is there to be asked: --yes deletes without a question")

    found = on_cluster(kubeconfig, context, lambda *it: _find(*it, with_definition=settings.delete_jobsets))
    if not found.stored:
        tell(f"JobSet is not installed at {found.server}.")
        return 0
    tell("\n".join(f"delete  {title_of(it)}" for it in found.stored))
    tell(found.meaning)
    if settings.dry_run:
        tell("Nothing was deleted.")
        return 0
    # On an event loop Ctrl-C would not end the question.
    if not settings.yes and not _is_agreed(f"Delete all this at {found.server}?"):
        tell("Nothing was deleted.")
        return 1
    on_cluster(kubeconfig, context, lambda client, _: _remove(client, found.stored, settings.timeout))
    tell("JobSet is gone.")
    return 0


def _is_agreed(question: str) -> bool:
    """What is answered on the terminal, wherever standard output goes.

    Raises:
        click.ClickException: the terminal is gone.
    """
    try:
        return click.confirm(question, err=True)
    except OSError:
        raise click.ClickException("nobody answered: nothing was deleted") from None


class _Found(msgspec.Struct, frozen=True):
    """What is installed at a server, and what else goes with it."""

    server: str
    stored: Sequence[Object]
    meaning: str


async def _find(client: Client, server: str, *, with_definition: bool) -> _Found:
    try:
        stored = await find_installation(client, with_definition=with_definition)
    except Refused as refused:
        raise click.ClickException(f"nothing was deleted:\n{refused}") from None
    return _Found(server, stored, await _meaning(client, stored))


async def _remove(client: Client, stored: Sequence[Object], timeout: timedelta) -> None:
    waiting = {title_of(it) for it in stored}
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await remove(client, stored, lambda gone: waiting.discard(title_of(gone)))
    except TimeoutError:
        there = ", ".join(sorted(waiting))
        remedy = "kubectl describe tells why; the same command again goes on"
        raise click.ClickException(f"still there: {there}; {remedy}") from None
    except BaseException:
        tell_aside("Some of it may be gone; the same command again deletes the rest.")
        raise


async def _meaning(client: Client, stored: Sequence[Object]) -> str:
    """What the deletions mean for what is not listed."""
    names = {place_of(it)[1] for it in stored}
    told = [f"Everything in the namespace {NAMESPACE} goes with it."] if NAMESPACE in names else []
    if DEFINITION in names:
        told.append(f"All JobSets go with their definition, with their Jobs and pods{await _count(client)}.")
    else:
        told.append("JobSets stay, and their Jobs go on.")
    return " ".join(told)


async def _count(client: Client) -> str:
    """How many JobSets there are; nothing where their definition does not serve them."""
    try:
        count = len((await client.list(JOBSETS, metadata_only=True)).items)
    except NotFound:
        return ""
    return ": there is 1" if count == 1 else f": there are {count}"
