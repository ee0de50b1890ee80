"""A watch over a connection that died without a word, for ten minutes of virtual time."""

import asyncio
import json
import selectors
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jobset.kube.access import ClusterAccess
from jobset.kube.cache import WatchCache
from jobset.kube.client import Client
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.resources import CONFIG_MAPS
from tests.contract.scripted_server import Asked, answer, scripted

TEN_MINUTES = 600.0
END = 710.0
_PACKETS_SECONDS = 0.01


class VirtualTimeWithSockets(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing comes through its sockets either."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        super().__init__(_WaitingForPackets(self))

    def time(self) -> float:
        return self.elapsed


class _WaitingForPackets(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeWithSockets) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        # What was sent to ourselves arrives at once, or nearly.
        ready = super().select(_PACKETS_SECONDS if timeout is None or timeout > 0 else 0)
        if not ready and timeout is not None:
            self._loop.elapsed += max(timeout, 0)
        return ready


class Nobody:
    """Credentials of somebody who needs none."""

    async def authorization(self) -> None:
        return None

    def ssl_context(self) -> None:
        return None

    def refused(self, authorization: str | None = None) -> None:
        return None


def config_map(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "x", "uid": name, "resourceVersion": str(version)}}


async def watch_in_silence(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Tell of one object and then, over whatever connection, nothing for ten minutes."""
    loop = asyncio.get_running_loop()
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    if asked_from(asked) == "7":
        tell(writer, config_map("before", 8))
    elif loop.time() > TEN_MINUTES:
        tell(writer, config_map("after", 9))
    await writer.drain()
    await asyncio.sleep(END + 1 - loop.time())


def tell(writer: asyncio.StreamWriter, obj: dict[str, Any]) -> None:
    line = json.dumps({"type": "ADDED", "object": obj}).encode() + b"\n"
    writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")


def asked_from(asked: Asked) -> str:
    """The version from which a watch wants to know, or nothing."""
    return parse_qs(urlsplit(asked.target).query).get("resourceVersion", [""])[0]


async def ten_minutes() -> tuple[list[str], list[str]]:
    """The versions that were asked for, and the objects that are known in the end."""
    nothing = answer({"metadata": {"resourceVersion": "7"}, "items": []})
    async with scripted(nothing, watch_in_silence) as server:
        access = ClusterAccess(server=server.url, credentials=Nobody())
        transport = HttpTransport(access, HttpSettings(user_agent="test/1"))
        cache = WatchCache(client=Client(transport), resource=CONFIG_MAPS)
        following = asyncio.create_task(cache.run())
        await asyncio.sleep(END)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await transport.close()
        # The server notices, too.
        await asyncio.sleep(2)
    return [asked_from(asked) for asked in server.asked], sorted(
        obj["metadata"]["name"] for obj in cache.all()
    )


def test_a_watch_that_is_silent_for_ten_minutes_goes_on_where_it_was():
    with asyncio.Runner(loop_factory=VirtualTimeWithSockets) as runner:
        asked, known = runner.run(ten_minutes())

    assert known == ["after", "before"]
    # One list and one watch from there; then, as long as nothing new is heard, the same question again.
    assert asked[:2] == ["", "7"]
    assert set(asked[2:]) == {"8"}
    assert 5 <= len(asked[2:]) <= 7
