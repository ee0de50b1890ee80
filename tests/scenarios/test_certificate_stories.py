"""Stories of the certificates of the webhooks, on the API server of this process in virtual time."""

import asyncio
import logging
from datetime import timedelta

import pytest

from jobset.controller.certificates.contents import Contents
from jobset.controller.certificates.rotation import Pace
from jobset.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS
from jobset.local.clock import run_virtual
from tests.webhook_certificates import (
    LATE_SECONDS,
    NAMESPACE,
    SECRET,
    World,
    a_configuration,
    a_server,
    an_authority,
    some_contents,
)

DAY = timedelta(days=1)
PACE = Pace()
HALF_A_DAY = 12 * 3600
SETTLED, RETIRED = PACE.settling.total_seconds() + 1, PACE.retiring.total_seconds() + 60
BOTH_KINDS = (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS)
OLD, NEW = some_contents(20), some_contents(21)


def play(story, *, installed: bool = True):
    """Tell a story; installed are an empty Secret and two configurations with two webhooks each."""

    async def main(clock):
        world = World(clock)
        if installed:
            await world.create_secret()
            for resource in BOTH_KINDS:
                await world.create_configuration(resource)
        try:
            return await story(world)
        finally:
            await world.end()

    return run_virtual(main)


def assert_at_rest(world: World) -> None:
    """All agree: the Secret, the bundles, and what every replica shows."""
    contents = world.contents()
    assert contents.previous == b""
    assert set(world.bundles()) == {contents.authority.certificate}
    assert {replica.context.shown for replica in world.replicas} == {contents.server.certificate}
    assert all(replica.is_ready for replica in world.replicas)


def test_an_empty_secret_is_filled_and_every_webhook_gets_the_authority():
    async def story(world):
        replica = world.start()
        await replica.certificates.ready()
        assert_at_rest(world)
        assert sorted(world.secret()["data"]) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
        assert len(world.bundles()) == 4

    play(story)


def test_what_else_is_in_the_secret_and_in_the_configurations_stays():
    async def story(world):
        await world.edit_secret({"other": "b3RoZXI="})
        before = [world.configuration(resource) for resource in BOTH_KINDS]
        await world.start().certificates.ready()
        after = [world.configuration(resource) for resource in BOTH_KINDS]

        assert world.secret()["data"]["other"] == "b3RoZXI="
        for old, new in zip(before, after, strict=True):
            assert [webhook["clientConfig"].pop("caBundle") for webhook in new["webhooks"]]
            assert {**new, "metadata": None} == {**old, "metadata": None}
            assert new["metadata"]["labels"] == {"app": "jobset"}

    play(story)


def test_contents_that_are_good_are_used_as_they_are():
    async def story(world):
        await world.delete_secret()
        await world.create_secret(OLD)
        before = world.secret()
        await world.start().certificates.ready()

        assert world.secret() == before
        assert_at_rest(world)

    play(story)


def test_the_secret_is_waited_for_and_never_made():
    async def story(world):
        await world.delete_secret()
        replica = world.start()
        await asyncio.sleep(3600)
        assert replica.certificates.problem() == "certificates are not ready"
        assert world.secret() is None
        assert replica.road.writes == []

        await world.create_secret()
        await asyncio.sleep(5)
        assert replica.certificates.problem() is None
        assert_at_rest(world)

    play(story)


def test_configurations_are_waited_for_and_no_hindrance():
    async def story(world):
        await world.create_secret()
        replica = world.start()
        await replica.certificates.ready()
        await world.create_configuration(MUTATING_WEBHOOKS)
        await asyncio.sleep(0.1)
        assert_at_rest(world)
        assert len(world.bundles()) == 2

        await world.create_configuration(VALIDATING_WEBHOOKS)
        await asyncio.sleep(0.1)
        assert_at_rest(world)
        assert len(world.bundles()) == 4

    play(story, installed=False)


@pytest.mark.parametrize("resource", BOTH_KINDS, ids=lambda resource: resource.kind)
@pytest.mark.parametrize(
    "bundle",
    [b"", b"rubbish", NEW.bundle, OLD.bundle + NEW.bundle],
    ids=["none", "rubbish", "another", "more"],
)
def test_an_overwritten_bundle_is_restored_at_once(resource, bundle):
    async def story(world):
        await world.delete_secret()
        await world.create_secret(OLD)
        world.start()
        await asyncio.sleep(100)
        await world.overwrite(resource, bundle)
        await asyncio.sleep(0.1)
        assert_at_rest(world)

    play(story)


def test_configurations_that_are_installed_anew_get_the_authority():
    async def story(world):
        await world.start().certificates.ready()
        for resource in BOTH_KINDS:
            await world.client.delete(resource, None, a_configuration(resource)["metadata"]["name"])
            await world.create_configuration(resource)
        await asyncio.sleep(1)
        assert_at_rest(world)

    play(story)


EDITS: dict[str, dict[str, str] | None] = {
    "emptied": None,
    "rubbish": {"ca.crt": "eA==", "ca.key": "eA==", "tls.crt": "eA==", "tls.key": "eA=="},
    "no server": {"tls.crt": "", "tls.key": ""},
}


@pytest.mark.parametrize("data", EDITS.values(), ids=EDITS)
def test_a_secret_that_was_spoilt_is_repaired_with_what_we_show(data):
    async def story(world):
        replica = world.start()
        await replica.certificates.ready()
        before, shown = world.contents(), replica.context.shown
        await world.edit_secret(data)
        await asyncio.sleep(2)
        assert world.contents() == before
        assert replica.context.shown == shown
        assert_at_rest(world)

    play(story)


def test_a_secret_that_was_deleted_is_filled_as_before_when_there_is_one_again():
    async def story(world):
        replica = world.start()
        await replica.certificates.ready()
        before, shown = world.contents(), replica.context.shown
        await world.delete_secret()
        await asyncio.sleep(3600)
        assert (world.secret(), replica.context.shown) == (None, shown)

        await world.create_secret()
        await asyncio.sleep(1)
        assert world.contents() == before
        assert_at_rest(world)

    play(story)


def test_a_certificate_is_renewed_in_time_and_its_authority_stays():
    async def story(world):
        replica = world.start()
        await replica.certificates.ready()
        first = world.contents()
        world.ahead = 274 * DAY
        await asyncio.sleep(HALF_A_DAY)
        assert world.contents() == first

        world.ahead = 275 * DAY
        await asyncio.sleep(HALF_A_DAY)
        second = world.contents()
        assert second.authority == first.authority
        assert second.server != first.server
        assert_at_rest(world)

    play(story)


def test_an_authority_is_renewed_in_time_and_both_are_believed_meanwhile():
    async def story(world):
        replicas = [world.start(), world.start()]
        await asyncio.sleep(RETIRED)
        first = world.contents()
        world.ahead = 3561 * DAY
        await asyncio.sleep(HALF_A_DAY - RETIRED + 10)
        second = world.contents()
        assert second.authority != first.authority
        assert second.previous == first.authority.certificate
        assert set(world.bundles()) == {second.bundle}

        await asyncio.sleep(RETIRED)
        assert world.contents() == Contents(authority=second.authority, server=second.server)
        assert len({replica.context.shown for replica in replicas}) == 1
        assert_at_rest(world)

    play(story)


def test_another_authority_in_the_secret_is_shown_when_everybody_knows_it():
    async def story(world):
        await world.delete_secret()
        await world.create_secret(OLD)
        replica = world.start()
        await asyncio.sleep(100)
        await world.delete_secret()
        await world.create_secret(NEW)
        await asyncio.sleep(1)
        assert replica.context.shown == OLD.server.certificate
        assert set(world.bundles()) == {NEW.bundle + OLD.bundle}

        await asyncio.sleep(SETTLED)
        assert replica.context.shown == NEW.server.certificate
        assert set(world.bundles()) == {NEW.bundle + OLD.bundle}

        await asyncio.sleep(RETIRED)
        assert set(world.bundles()) == {NEW.bundle}
        assert_at_rest(world)

    play(story)


def test_another_certificate_of_the_same_authority_is_shown_at_once():
    async def story(world):
        await world.delete_secret()
        await world.create_secret(OLD)
        replica = world.start()
        await asyncio.sleep(100)
        other = Contents(authority=an_authority(20), server=a_server(1, authority=20))
        await world.delete_secret()
        await world.create_secret(other)
        await asyncio.sleep(0.1)
        assert replica.context.shown == other.server.certificate
        assert_at_rest(world)

    play(story)


def test_many_that_begin_at_once_come_to_one_authority():
    async def story(world):
        for _ in range(5):
            world.start()
        await asyncio.sleep(10)
        assert_at_rest(world)
        written = sum(len(replica.road.writes) for replica in world.replicas)
        await asyncio.sleep(3 * DAY.total_seconds())
        assert sum(len(replica.road.writes) for replica in world.replicas) == written

    play(story)


def test_two_who_overwrite_each_other_do_so_more_and_more_slowly():
    async def story(world):
        replica = world.start()
        await replica.certificates.ready()
        replica.road.writes.clear()

        async def fight():
            while True:
                if set(world.bundles()) != {b"mine"}:
                    for resource in BOTH_KINDS:
                        await world.overwrite(resource, b"mine")
                await asyncio.sleep(0.01)

        fighting = asyncio.create_task(fight())
        await asyncio.sleep(600)
        assert 2 * 5 < len(replica.road.writes) < 2 * 40
        fighting.cancel()
        await asyncio.sleep(31)
        assert_at_rest(world)

    play(story)


def test_what_somebody_else_wrote_first_is_read_at_once_when_watches_are_late():
    async def story(world):
        replica = world.start()
        await replica.certificates.ready()
        replica.road.state = "late"
        await world.overwrite(MUTATING_WEBHOOKS, b"rubbish")
        await asyncio.sleep(LATE_SECONDS / 2)
        await world.overwrite(MUTATING_WEBHOOKS, b"more")
        await asyncio.sleep(LATE_SECONDS / 2 + 3)
        assert_at_rest(world)

    play(story)


@pytest.mark.parametrize("state", ["cut", "refused", "deaf"])
def test_trouble_with_the_api_server_is_told_once_and_passes(state, caplog):
    async def story(world):
        replica = world.start()
        await asyncio.sleep(0)
        replica.road.state = state
        with caplog.at_level(logging.WARNING, "jobset.controller.certificates"):
            await asyncio.sleep(600)
        replica.road.state = "open"
        await asyncio.sleep(40)
        assert_at_rest(world)

    play(story)

    told = [record.getMessage() for record in caplog.records if record.name.startswith("jobset.controller")]
    assert len(told) <= 3
    assert len(told) == len(set(told))


def test_what_is_shown_stays_while_the_secret_cannot_be_written():
    async def story(world):
        await world.delete_secret()
        await world.create_secret(OLD)
        world.ahead = 280 * DAY
        replica = world.start()
        replica.road.state = "refused"
        await asyncio.sleep(100)
        assert replica.context.shown == OLD.server.certificate

        replica.road.state = "open"
        await asyncio.sleep(40)
        assert world.contents().server != OLD.server
        assert_at_rest(world)

    play(story)


def test_a_secret_that_may_not_be_changed_is_waited_for():
    async def story(world):
        await world.delete_secret()
        await world.create_secret(immutable=True)
        replica = world.start()
        await asyncio.sleep(100)
        assert not replica.is_ready

        await world.delete_secret()
        await world.create_secret()
        await asyncio.sleep(40)
        assert_at_rest(world)

    play(story)


def test_only_the_secret_and_the_two_configurations_are_asked_for():
    async def story(world):
        other = {**a_configuration(MUTATING_WEBHOOKS), "metadata": {"name": "another"}}
        await world.client.create(MUTATING_WEBHOOKS, other)
        replica = world.start()
        await replica.certificates.ready()
        another = await world.client.get(MUTATING_WEBHOOKS, None, "another")
        assert [webhook["clientConfig"].get("caBundle") for webhook in another["webhooks"]] == [None, None]
        assert {(request.method, request.path) for request in replica.road.writes} == {
            ("PUT", SECRETS.path(NAMESPACE, SECRET)),
            *(("PUT", each.path(None, a_configuration(each)["metadata"]["name"])) for each in BOTH_KINDS),
        }

    play(story)
