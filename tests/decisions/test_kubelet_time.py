"""Time that forgives a stopped supervisor: what was asleep with it is not late."""

import asyncio

from jobset.local.clock import run_virtual
from jobset.local.kubelet.stopwatch import ForgivingTime


def in_virtual_time(story):
    async def main(_clock):
        time = ForgivingTime()
        ticking = asyncio.create_task(time.tick())
        await asyncio.sleep(0)
        try:
            return await story(time, asyncio.get_running_loop())
        finally:
            ticking.cancel()

    return run_virtual(main)


def test_time_passes_as_usual():
    async def story(time, loop):
        before = time.now()
        await time.sleep(7.5)
        return time.now() - before, time.gaps

    assert in_virtual_time(story) == (7.5, 0)


def test_a_stop_of_the_process_does_not_count():
    async def story(time, loop):
        before, gaps = time.now(), time.gaps
        loop.elapsed += 3600.0
        return time.now() - before <= 1, time.has_gap_since(gaps)

    assert in_virtual_time(story) == (True, True)


def test_a_wait_goes_on_after_a_stop_as_if_it_had_not_been():
    async def story(time, loop):
        waiting = asyncio.create_task(time.sleep(30))
        await asyncio.sleep(10)
        loop.elapsed += 3600.0
        await waiting
        return round(loop.time() - 3600)

    assert in_virtual_time(story) == 30
