"""The work queue: what holds however keys arrive."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobset.controller.metrics import TurnMetrics
from jobset.controller.queue import WorkQueue
from jobset.controller.turns import TurnFailed, Turns, Unfinished
from jobset.kube.errors import Conflict, TransportError
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


def test_waits_and_turns_are_counted_with_their_seconds():
    async def story(clock):
        queue = WorkQueue(first_back_off=1.0)
        queue.add("a")
        queue.add("a")
        queue.add("b")
        await asyncio.sleep(3)
        assert await queue.take() == "a"
        await asyncio.sleep(4)
        before = queue.waiting, queue.taken
        queue.add("a")
        queue.done("a")
        queue.back_off("b")
        queue.repeat_after("c", 50)
        queue.add_after("d", 60)
        return queue, before, queue.delayed

    queue, before, delayed = run_virtual(story)

    assert (queue.adds, queue.retries, len(queue)) == (3, 2, 2)
    assert (queue.queue_seconds.total, queue.queue_seconds.cumulative[-1]) == (3.0, 1)
    assert (queue.work_seconds.total, queue.work_seconds.cumulative[-1]) == (4.0, 1)
    assert before == ({"b": 7.0}, {"a": 4.0})
    assert delayed == {"b": 1.0, "c": 50.0, "d": 60.0}


ENDS = {
    "well": (None, "success", 0),
    "well, to look again": (timedelta(seconds=5), "requeue_after", 0),
    "somebody wrote first": (Conflict({"reason": "Conflict", "code": 409}), "requeue", 0),
    "refused in part": (Unfinished(), "error", 0),
    "failed": (TurnFailed("no"), "error", 0),
    "no answer": (TransportError("reset"), "error", 0),
    "a fault of ours": (KeyError("metadata"), "error", 1),
}


@pytest.mark.parametrize(("end", "result", "panics"), ENDS.values(), ids=ENDS)
def test_how_turns_end_is_counted(end, result, panics):
    active = []

    async def story(clock):
        queue, metrics = WorkQueue(first_back_off=1.0), TurnMetrics(workers=2)

        async def reconcile(key):
            active.append(metrics.active)
            if isinstance(end, Exception):
                raise end
            return end

        turns = Turns(name="test", queue=queue, reconcile=reconcile, workers=2, metrics=metrics)
        task = asyncio.create_task(turns.run())
        queue.add("a")
        await asyncio.sleep(0.5)
        task.cancel()
        return metrics

    metrics = run_virtual(story)

    assert {str(key): number for key, number in metrics.results.items() if number} == {result: 1}
    assert (metrics.panics, metrics.active, active) == (panics, 0, [1])
    assert metrics.seconds.cumulative[-1] == 1
