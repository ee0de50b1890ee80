"""Work on large objects beside the event loop, so that small reviews are not kept waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

BODY_SIZE: ContextVar[int] = ContextVar("BODY_SIZE", default=0)
"""How many bytes the review has on whose behalf the code runs."""
_THREADS = 2
_LARGE = 2**16


def is_large(size: int) -> bool:
    """Whether to look through so many bytes takes longer than others should wait: a millisecond or so."""
    return size > _LARGE


@dataclass(frozen=True, slots=True)
class Offload:
    """Runs functions at once for small reviews, and in one of a few threads for large ones."""

    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="review")
    )

    async def run(
        self,
        function: Callable[_Arguments, _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """What `function` returns or raises; it must not touch what the event loop changes."""
        if not is_large(BODY_SIZE.get()):
            return function(*args, **kwargs)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Let go of the threads; what waits for them is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
