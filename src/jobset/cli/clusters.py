"""The cluster that a command speaks to."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from jobset.kube.access import ClusterAccess, load_access
from jobset.kube.client import Client
from jobset.kube.errors import AccessError, ApiError, TransportError, reason
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.surroundings import Surroundings
from jobset.kube.user_agent import user_agent

T = TypeVar("T")
_ANSWER_SECONDS = 30.0
_UNAUTHORIZED = 401
_TERMINATED = 143


def find_surroundings(*, terminal: bool = False) -> Surroundings:
    """Those of this process."""
    return Surroundings(environ=os.environ, home=_home(), clock=lambda: datetime.now(UTC), terminal=terminal)


def on_cluster(kubeconfig: str | None, context: str | None, work: Callable[[Client, str], Awaitable[T]]) -> T:
    """The result of some work, which gets a client and the URL of the server; SIGTERM ends it as Ctrl-C does.

    Raises:
        click.ClickException: the cluster cannot be reached, or refuses something that the work relies on.
    """
    signal.signal(signal.SIGTERM, _leave)
    try:
        access = load_access(kubeconfig, context, surroundings=find_surroundings(terminal=sys.stdin.isatty()))
        return asyncio.run(_work(access, work))
    except AccessError as error:
        raise click.ClickException(str(error)) from None
    except (ApiError, TransportError) as error:
        raise click.ClickException(f"{access.server}: {_told(error)}") from None


async def _work(access: ClusterAccess, work: Callable[[Client, str], Awaitable[T]]) -> T:
    settings = HttpSettings(user_agent=user_agent(), request=_ANSWER_SECONDS)
    client = Client(HttpTransport(access, settings))
    try:
        await client.server_version()
        return await work(client, access.server)
    finally:
        await client.close()


def _told(error: ApiError | TransportError) -> str:
    is_stranger = isinstance(error, ApiError) and error.code == _UNAUTHORIZED
    return f"{reason(error)}: these credentials are wrong, or have expired" if is_stranger else reason(error)


def _leave(*_: object) -> NoReturn:
    sys.exit(_TERMINATED)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
