"""A transport around a transport: no more requests than was agreed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from jobset.kube.transport import Request, Response, Transport, WatchEvent


@dataclass(slots=True)
class RateLimited:
    """Lets `burst` requests pass at once and `qps` a second after that, in the order they came."""

    inner: Transport
    qps: float
    burst: int
    _free_at: float = field(default=float("-inf"))

    async def send(self, request: Request) -> Response:
        """The answer of the transport behind, after the wait that the limit asks for."""
        await self._pass()
        return await self.inner.send(request)

    async def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        """The watch of the transport behind, after the wait that the limit asks for."""
        await self._pass()
        async for event in self.inner.watch(request):
            yield event

    async def close(self) -> None:
        """Close the transport behind."""
        await self.inner.close()

    async def _pass(self) -> None:
        # A token bucket, kept as the time at which it would be full again.
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + 1 / self.qps
        wait = self._free_at - now - self.burst / self.qps
        if wait > 0:
            await asyncio.sleep(wait)
