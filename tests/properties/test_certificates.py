"""Certificates of the webhooks: whatever happens, what is shown is believed, and all agree in the end."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from hypothesis import given, settings
from hypothesis import strategies as st

from jobset.controller.certificates.authority import (
    authority_problem,
    make_authority,
    make_server,
    server_problem,
    split_certificates,
)
from jobset.controller.certificates.contents import Contents, read_bundles
from jobset.controller.certificates.keeper import CONFIGURATIONS
from jobset.controller.certificates.rotation import Pace
from jobset.kube.errors import ApiError
from jobset.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS, Resource
from jobset.local.clock import run_virtual
from tests.webhook_certificates import DNS_NAME, NAMESPACE, SECRET, World, a_key, some_contents

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
PACE = Pace(introduction=10 * SECOND, settling=10 * SECOND, retiring=180 * SECOND)
TICK = 0.5
WINDOW = PACE.settling.total_seconds() - 2 * TICK
"""API servers learn of a bundle at the latest after this time; the rest is for when we look at it."""
LONGEST_CUT, LONGEST_LEAP = 30, 280
CALM = 61
"""Seconds after which all have noticed, and what was done often lately is done at once again."""
BOTH_KINDS = (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS)
FOREIGN = some_contents(30)
INSTALLED = 4
"""How many webhooks there are when both configurations are installed."""


@cache
def believes(bundle: bytes, shown: bytes) -> bool:
    """Whether a certificate is taken by somebody who believes a bundle."""
    certificate = x509.load_pem_x509_certificate(shown)
    for each in split_certificates(bundle):
        with suppress(InvalidSignature, ValueError):
            certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(each))
            return True
    return False


class ApiServers:
    """What API servers may believe: each bundle that was there within the window, as ours wrote it.

    What somebody else put there is left out: with that nobody can be believed.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._foreign: set[str] = set()
        self._versions: dict[Resource, list[tuple[float, tuple[bytes, ...]]]] = {}
        self.refusals: list[str] = []

    def overwritten(self, version: str) -> None:
        self._foreign.add(version)

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(TICK)

    def look(self) -> None:
        now = asyncio.get_running_loop().time()
        for resource in CONFIGURATIONS:
            self._note(now, resource)
            for bundles in self._believed(now, resource):
                self._judge(now, resource, bundles)

    def _note(self, now: float, resource: Resource) -> None:
        configuration = self._world.configuration(resource)
        if configuration is None:
            self._versions.pop(resource, None)
            return
        is_foreign = configuration["metadata"]["resourceVersion"] in self._foreign
        bundles = () if is_foreign else read_bundles(configuration)
        known = self._versions.setdefault(resource, [])
        if not known or known[-1][1] != bundles:
            known.append((now, bundles))

    def _believed(self, now: float, resource: Resource) -> Iterator[tuple[bytes, ...]]:
        known = self._versions.get(resource, [])
        ends = [since for since, _ in known[1:]] + [float("inf")]
        for (_, bundles), end in zip(known, ends, strict=True):
            if end >= now - WINDOW:
                yield bundles

    def _judge(self, now: float, resource: Resource, bundles: tuple[bytes, ...]) -> None:
        for number, replica in enumerate(self._world.replicas):
            if replica.is_ready and not all(believes(each, replica.context.shown) for each in bundles):
                self.refusals.append(f"{now}: replica {number} is not believed by {resource.kind}")


class Story:
    """What somebody else does, and what happens to replicas."""

    def __init__(self, world: World, servers: ApiServers) -> None:
        self.world, self.servers = world, servers
        self._numbers = itertools.count(40)

    async def tell(self, event: str, which: int) -> None:
        with suppress(ApiError):
            await getattr(self, event)(which)

    async def nothing(self, which: int) -> None:
        """Time passes."""

    async def empty(self, which: int) -> None:
        await self.world.edit_secret(None)

    async def spoil(self, which: int) -> None:
        part = ("ca.crt", "ca.key", "tls.crt", "tls.key")[which % 4]
        await self.world.client.patch(SECRETS, NAMESPACE, SECRET, {"data": {part: "eA=="}})

    async def delete(self, which: int) -> None:
        if len(self.world.bundles()) == INSTALLED:
            await self.world.delete_secret()

    async def create(self, which: int) -> None:
        await self.world.create_secret()

    async def overwrite(self, which: int) -> None:
        """Not without a Secret: it alone tells a replica what another one shows that is cut off."""
        if self.world.secret() is None:
            return
        bundle = (b"", b"rubbish", FOREIGN.bundle)[which % 3]
        written = await self.world.overwrite(BOTH_KINDS[which % 2], bundle)
        self.servers.overwritten(written["metadata"]["resourceVersion"])

    async def replace(self, which: int) -> None:
        """Another authority, while all replicas can see it: who cannot can do nothing about it."""
        for replica in self.world.replicas:
            replica.road.state = "open"
        await asyncio.sleep(40)
        await self._replace()

    async def _replace(self) -> None:
        authority = make_authority(a_key(next(self._numbers)), self.world.now())
        server = make_server(authority, DNS_NAME, a_key(0), self.world.now())
        await self.world.delete_secret()
        await self.world.create_secret(Contents(authority=authority, server=server))

    async def uninstall(self, which: int) -> None:
        """For the same reason not without a Secret: what is installed again believes nobody."""
        if self.world.secret() is None:
            return
        resource = BOTH_KINDS[which % 2]
        await self.world.client.delete(resource, None, CONFIGURATIONS[resource])

    async def install(self, which: int) -> None:
        resource = BOTH_KINDS[which % 2]
        await self.world.create_configuration(resource)
        configuration = self.world.configuration(resource)
        self.servers.overwritten(configuration["metadata"]["resourceVersion"])

    async def start(self, which: int) -> None:
        if len(self.world.replicas) < 4:
            self.world.start()

    async def stop(self, which: int) -> None:
        if self.world.replicas:
            await self.world.stop(self.world.replicas[which % len(self.world.replicas)])

    async def let_the_server_age(self, which: int) -> None:
        await self._age(280)

    async def let_the_authority_age(self, which: int) -> None:
        await self._age(3570)

    async def rotate(self, *, by_age: bool, seconds: float) -> None:
        """One authority follows another, while one of several replicas is cut off for a time."""
        if by_age:
            await self._age(12 * LONGEST_LEAP)
        cut_off = self.world.replicas[1:2]
        for replica in cut_off:
            replica.road.state = "cut"
        if by_age:
            await self._leap(3570 - 12 * LONGEST_LEAP)
        else:
            await self._replace()
        await asyncio.sleep(seconds)
        for replica in cut_off:
            replica.road.state = "open"

    async def _age(self, days: int) -> None:
        """In steps, so that nothing is over before somebody looks and has done what follows from it."""
        await asyncio.sleep(CALM)
        while days > 0 and self._can_age():
            await self._leap(min(days, LONGEST_LEAP))
            days -= LONGEST_LEAP
            await asyncio.sleep(CALM)

    async def _leap(self, days: int) -> None:
        """Time passes, and somebody looks: for that an edit of the Secret will do."""
        self.world.ahead += timedelta(days=days)
        patch = {"metadata": {"annotations": {"looked": str(self.world.now())}}}
        await self.world.client.patch(SECRETS, NAMESPACE, SECRET, patch)

    def _can_age(self) -> bool:
        """Whether replicas can renew: where they cannot, certificates are over in the end."""
        is_open = all(replica.road.state == "open" for replica in self.world.replicas)
        return self.world.secret() is not None and is_open


EVENTS = (
    "nothing",
    "empty",
    "spoil",
    "delete",
    "create",
    "overwrite",
    "replace",
    "uninstall",
    "install",
    "start",
    "stop",
    "let_the_server_age",
    "let_the_authority_age",
)
TROUBLES = ("open", "open", "cut", "refused", "deaf")
steps = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.integers(0, 11),
        st.sampled_from(TROUBLES),
        st.sampled_from([0.0, 0.05, 0.3, 1.0, 5.0, 12.0, LONGEST_CUT]),
    ),
    max_size=4,
)


async def live_through(story: Story, history) -> None:
    """Each step: a replica gets into trouble, something happens, and the trouble is soon over."""
    world = story.world
    for event, which, trouble, seconds in history:
        troubled = world.replicas[which % len(world.replicas)] if world.replicas else None
        if troubled is not None:
            troubled.road.state = trouble
        await story.tell(event, which)
        await asyncio.sleep(seconds)
        for replica in world.replicas:
            replica.road.state = "open"
        # Somebody who is cut off again and again is as one who is cut off for longer than we wait for.
        await asyncio.sleep(45.0 if trouble != "open" else 0.0)


async def come_to_rest(world: World, seconds: float) -> None:
    """Everything is there, and nothing happens for a while."""
    if world.secret() is None:
        await world.create_secret()
    for resource in BOTH_KINDS:
        if world.configuration(resource) is None:
            await world.create_configuration(resource)
    if not world.replicas:
        world.start()
    await asyncio.sleep(seconds)


def assert_all_agree(world: World) -> None:
    contents = world.contents()
    now, ninety = world.now(), timedelta(days=90)
    authority = contents.authority
    assert authority_problem(authority, now, ninety) is None
    assert server_problem(contents.server, authority.certificate, DNS_NAME, now, ninety) is None
    assert contents.previous == b""
    assert world.bundles() == [authority.certificate] * INSTALLED
    assert {replica.context.shown for replica in world.replicas} == {contents.server.certificate}
    assert all(replica.is_ready for replica in world.replicas)


@settings(max_examples=20)
@given(
    replicas=st.integers(1, 3),
    before=steps,
    by_age=st.booleans(),
    cut_off=st.sampled_from([0.0, 12.0, LONGEST_CUT]),
    after=steps,
)
def test_replicas_agree_and_are_believed_whatever_happens(replicas, before, by_age, cut_off, after):
    async def main(clock):
        world = World(clock, PACE)
        await world.create_secret()
        servers = ApiServers(world)
        story = Story(world, servers)
        for which in (0, 1):
            await story.install(which)
        for _ in range(replicas):
            world.start()
        watching = asyncio.create_task(servers.watch())
        try:
            await asyncio.sleep(30)
            await live_through(story, before)
            await come_to_rest(world, 60)
            await story.rotate(by_age=by_age, seconds=cut_off)
            await live_through(story, after)
            await come_to_rest(world, 600)
            watching.cancel()
            assert servers.refusals == []
            assert_all_agree(world)
            version = world.server.store.version
            await asyncio.sleep(2 * DAY.total_seconds())
            assert world.server.store.version == version
        finally:
            watching.cancel()
            await world.end()

    run_virtual(main)
