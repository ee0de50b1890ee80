"""Kubelets in a thread of their own, for stories that are told with kubectl, which keeps the test waiting."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

from jobset.kube.transport import Transport
from jobset.local.scripted import Script
from tests.control_plane.kubelet import FakeKubelet
from tests.control_plane.processes import ControlPlane

_POLL = 0.05
_CLOSING = 0.1


class Kubelet(Protocol):
    """Plays pods until it is cancelled."""

    async def run(self) -> None:
        """Play, for ever."""
        ...

    async def registered(self) -> None:
        """Returns when there are nodes that take pods."""
        ...


@contextmanager
def kubelets(plane: ControlPlane, script: Script, nodes: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """Nodes take pods, which do as the script says, as long as the block lasts."""
    with played(plane, lambda transport: FakeKubelet(transport=transport, script=script, nodes=tuple(nodes))):
        yield


@contextmanager
def played(plane: ControlPlane, kubelet: Callable[[Transport], Kubelet]) -> Iterator[None]:
    """A kubelet that speaks as the administrator plays pods, as long as the block lasts."""
    begun, over = threading.Event(), threading.Event()
    with ThreadPoolExecutor(max_workers=1) as executor:
        playing = executor.submit(asyncio.run, _play(plane, kubelet, begun, over))
        try:
            _until_begun(begun, playing)
            yield
        finally:
            over.set()
            playing.result()


def _until_begun(begun: threading.Event, playing: "Future[None]") -> None:
    while not begun.wait(_POLL):
        if playing.done():
            playing.result()


async def _play(
    plane: ControlPlane,
    kubelet: Callable[[Transport], Kubelet],
    begun: threading.Event,
    over: threading.Event,
) -> None:
    transport = plane.transport()
    plays = kubelet(transport)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(plays.run())
        await plays.registered()
        begun.set()
        await asyncio.to_thread(over.wait)
        running.cancel()
    await transport.close()
    # Connections with TLS take a moment to close, and the loop ends now.
    await asyncio.sleep(_CLOSING)
