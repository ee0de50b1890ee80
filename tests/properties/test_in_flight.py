"""Requests pass in turns, as many at once as make the server no slower."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobset.kube.in_flight import FLOW, InFlight
from jobset.local.clock import run_virtual


class Server:
    """Answers so many requests at a time, each after so long; the others wait inside."""

    def __init__(self, at_once: int, seconds: float, distance: float) -> None:
        self.at_once, self.seconds, self.distance = asyncio.Semaphore(at_once), seconds, distance
        self.most, self.now, self.served = 0, 0, list[str]()

    async def ask(self, name: str) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.distance)
        async with self.at_once:
            await asyncio.sleep(self.seconds)
        self.now -= 1
        self.served.append(name)


async def send(in_flight: InFlight, server: Server, name: str) -> None:
    await in_flight.enter()
    begun = asyncio.get_running_loop().time()
    await server.ask(name)
    in_flight.leave(asyncio.get_running_loop().time() - begun)


async def flow(in_flight: InFlight, server: Server, name: str, requests: int) -> None:
    FLOW.set(name)
    async with asyncio.TaskGroup() as group:
        for _ in range(requests):
            group.create_task(send(in_flight, server, name))


@pytest.mark.parametrize(
    ("at_once", "seconds", "distance", "least", "most"),
    [
        pytest.param(2, 0.002, 0.0, 8, 20, id="a near server that works on two at a time"),
        pytest.param(64, 0.002, 0.01, 100, 128, id="a far server that works on many at a time"),
    ],
)
def test_as_many_pass_at_once_as_the_server_works_on(at_once, seconds, distance, least, most):
    async def main(clock):
        in_flight, server = InFlight(), Server(at_once, seconds, distance)
        await flow(in_flight, server, "big", 4000)
        return in_flight.limit

    assert least <= run_virtual(main) <= most


def test_a_small_flow_does_not_wait_behind_a_big_one():
    async def main(clock):
        in_flight, server = InFlight(limit=4.0, most=4, least=4), Server(4, 0.01, 0.0)
        big = asyncio.create_task(flow(in_flight, server, "big", 400))
        await asyncio.sleep(0.05)
        before = len(server.served)
        await flow(in_flight, server, "small", 1)
        waited = len(server.served) - before
        await big
        return waited

    # Those under way, those that pass beside it, and a round that ends in the same moment.
    assert run_virtual(main) <= 3 * 4


@given(
    limit=st.integers(1, 5),
    requests=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.001, 0.1), st.booleans()), max_size=40),
)
def test_every_request_passes_once_and_never_too_many_at_once(limit, requests):
    async def main(clock):
        in_flight = InFlight(limit=float(limit), least=limit, most=limit)
        now, most, passed = 0, 0, 0

        async def one(name: str, seconds: float) -> None:
            nonlocal now, most, passed
            FLOW.set(name)
            await in_flight.enter()
            now += 1
            most = max(most, now)
            await asyncio.sleep(seconds)
            now -= 1
            passed += 1
            in_flight.leave(None)

        tasks = [(asyncio.create_task(one(name, seconds)), given_up) for name, seconds, given_up in requests]
        await asyncio.sleep(0)
        waiting = [task for task, given_up in tasks[limit:] if given_up]
        for task in waiting:
            task.cancel()
        for task, _ in tasks:
            with suppress(asyncio.CancelledError):
                await task
        return most, passed, len(waiting), in_flight.running, in_flight.waiting

    most, passed, given_up, running, waiting = run_virtual(main)

    assert most <= limit
    assert passed == len(requests) - given_up
    assert (running, waiting) == (0, 0)
