"""The work queue: what holds however keys arrive."""

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from jobset.controller.queue import WorkQueue
from jobset.controller.turns import Turns
from jobset.local.clock import run_virtual

KEYS = st.sampled_from("abc")
ARRIVALS = st.lists(st.tuples(KEYS, st.floats(0, 5)), max_size=20)


@given(ARRIVALS, st.integers(1, 4))
def test_a_key_never_has_two_turns_at_once_and_every_arrival_is_followed_by_a_turn(arrivals, workers):
    async def story(clock):
        queue = WorkQueue()
        running, last_begun, last_added = Counter(), {}, {}
        overlaps = []

        async def reconcile(key):
            running[key] += 1
            overlaps.append(running[key])
            last_begun[key] = asyncio.get_running_loop().time()
            await asyncio.sleep(0.7)
            running[key] -= 1

        task = asyncio.create_task(
            Turns(name="test", queue=queue, reconcile=reconcile, workers=workers).run()
        )
        for key, pause in arrivals:
            await asyncio.sleep(pause)
            last_added[key] = asyncio.get_running_loop().time()
            queue.add(key)
        await asyncio.sleep(100)
        task.cancel()
        return overlaps, last_begun, last_added

    overlaps, last_begun, last_added = run_virtual(story)

    assert set(overlaps) <= {1}
    assert all(last_begun[key] >= last_added[key] for key in last_added)


def test_a_failing_key_backs_off_twice_as_long_each_time_and_blocks_no_other():
    async def story(clock):
        queue, begun = WorkQueue(first_back_off=1.0), {"bad": [], "good": []}

        async def reconcile(key):
            begun[key].append(round(asyncio.get_running_loop().time(), 3))
            if key == "bad":
                raise RuntimeError("broken")

        task = asyncio.create_task(Turns(name="test", queue=queue, reconcile=reconcile, workers=1).run())
        queue.add("bad")
        for _ in range(3):
            await asyncio.sleep(5)
            queue.add("good")
        await asyncio.sleep(1)
        task.cancel()
        return begun

    begun = run_virtual(story)

    assert begun["bad"] == [0, 1, 3, 7, 15]
    assert begun["good"] == [5, 10, 15]


def test_the_earliest_of_several_delays_counts():
    async def story(clock):
        queue = WorkQueue()
        queue.add_after("a", 30)
        queue.add_after("a", 10)
        queue.add_after("a", 20)
        await queue.take()
        return asyncio.get_running_loop().time()

    assert round(run_virtual(story), 3) == 10
