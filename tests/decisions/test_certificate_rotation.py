"""What one replica does next about the certificates of the webhooks: Secret × bundles × clock × memory."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from jobset.controller.certificates.contents import Contents
from jobset.controller.certificates.rotation import (
    Memory,
    NewAuthority,
    NewServer,
    Pace,
    Placed,
    Plan,
    Reading,
    Write,
    decide,
)
from jobset.controller.serving_certificate import KeyPair
from jobset.local.clock import EPOCH
from tests.webhook_certificates import DNS_NAME, a_server, an_authority, some_contents

DAY = timedelta(days=1)
EMPTY = Contents(authority=KeyPair(b"", b""), server=KeyPair(b"", b""))
RUBBISH = Contents(authority=KeyPair(b"x", b"y"), server=KeyPair(b"z", b""), previous=b"what is this")
OLD, NEW = some_contents(0), some_contents(1)
BOTH = some_contents(1, 0)
"""The new authority, and the old one before it."""
OLD_CA, NEW_CA = (an_authority(number).certificate for number in (0, 1))
LATER = EPOCH + 280 * DAY
"""The server has less than 90 days left, its authority has years."""
LAST = EPOCH + 3570 * DAY
"""The authority has less than 90 days left, and the server none."""
LONG = 1e6


@dataclass(frozen=True)
class Given:
    """One look; for `stood` seconds all bundles have been those of `placed`."""

    secret: Contents | None
    bundles: tuple[bytes, ...] = ()
    kept: Contents | None = None
    served: Contents | None = None
    placed: Contents | None = None
    stood: float = 0.0
    now: datetime = EPOCH
    dns_name: str = DNS_NAME

    def plan(self) -> Plan:
        reading = Reading(
            now=self.now, elapsed=LONG, dns_name=self.dns_name, secret=self.secret, bundles=self.bundles
        )
        placed = None
        if self.placed is not None:
            placed = Placed(bundle=self.placed.bundle, since=LONG - self.stood)
        return decide(reading, Memory(kept=self.kept, served=self.served, placed=placed))


def at_rest(contents: Contents = OLD, **how) -> Given:
    """A replica that has nothing to do."""
    found = {
        "secret": contents,
        "bundles": (contents.bundle,) * 4,
        "kept": contents,
        "served": contents,
        "placed": contents,
        "stood": 900.0,
    }
    return Given(**{**found, **how})


SECRET: dict[str, tuple[Given, object]] = {
    "all is well": (at_rest(), None),
    "no Secret: it is waited for": (Given(None), None),
    "no Secret any more: it is waited for": (at_rest(secret=None), None),
    "empty": (Given(EMPTY), NewAuthority(previous=b"", because="ca.crt holds no certificate")),
    "rubbish": (Given(RUBBISH), NewAuthority(previous=b"", because="ca.crt holds no certificate")),
    "empty, while we have some: they are written back": (at_rest(secret=EMPTY), Write(contents=OLD)),
    "rubbish, while we have some": (at_rest(secret=RUBBISH), Write(contents=OLD)),
    "the server's key is gone, while we have it": (
        at_rest(secret=replace(OLD, server=KeyPair(OLD.server.certificate, b""))),
        Write(contents=OLD),
    ),
    "the authority's key is gone, while we have it": (
        at_rest(secret=replace(OLD, authority=KeyPair(OLD_CA, b""))),
        Write(contents=OLD),
    ),
    "the authority's key is gone, and nobody has it": (
        Given(replace(OLD, authority=KeyPair(OLD_CA, b""))),
        NewAuthority(previous=OLD_CA, because="ca.key is not the key of ca.crt"),
    ),
    "no server": (
        Given(replace(OLD, server=EMPTY.server)),
        NewServer(authority=OLD.authority, previous=b"", because="tls.crt holds no certificate"),
    ),
    "a server of another authority": (
        Given(replace(OLD, server=NEW.server)),
        NewServer(authority=OLD.authority, previous=b"", because="tls.crt is not signed by ca.crt"),
    ),
    "another name": (
        at_rest(dns_name="a.b.svc"),
        NewServer(
            authority=OLD.authority,
            previous=b"",
            because="tls.crt is not for a server with the name a.b.svc",
        ),
    ),
    "the server is in its last days": (
        at_rest(now=LATER),
        NewServer(
            authority=OLD.authority,
            previous=b"",
            because="tls.crt is valid only until 2027-01-01T00:00:00Z",
        ),
    ),
    "the authority is in its last days": (
        at_rest(now=LAST),
        NewAuthority(previous=OLD_CA, because="ca.crt is valid only until 2035-12-30T00:00:00Z"),
    ),
    "everything is over": (
        at_rest(now=EPOCH + 3651 * DAY),
        NewAuthority(previous=b"", because="ca.crt is valid only until 2035-12-30T00:00:00Z"),
    ),
    "what we have is in its last days as well: it is not written back": (
        at_rest(secret=EMPTY, now=LAST),
        NewAuthority(previous=OLD_CA, because="ca.crt holds no certificate"),
    ),
    "somebody else's bundle is there before us": (
        Given(EMPTY, bundles=(OLD_CA, b"")),
        NewAuthority(previous=OLD_CA, because="ca.crt holds no certificate"),
    ),
    "another authority: ours is named, as we still show it": (
        at_rest(secret=NEW),
        Write(contents=BOTH),
    ),
    "another authority, ours is named": (at_rest(secret=BOTH), None),
    "another authority, and we show it, for a short time": (at_rest(BOTH, stood=599), None),
    "another authority, and we show it, for a long time": (at_rest(BOTH, stood=600), Write(contents=NEW)),
    "a long time, but a bundle was overwritten": (at_rest(BOTH, bundles=(b"x",), stood=600), None),
    "authorities of before that make no sense": (
        at_rest(replace(OLD, previous=b"x"), stood=10),
        Write(contents=OLD),
    ),
    "emptied while one authority follows another, and we know only the old one": (
        at_rest(secret=EMPTY, bundles=(BOTH.bundle,)),
        Write(contents=some_contents(0, 1)),
    ),
    "emptied while one authority follows another": (
        at_rest(BOTH, secret=EMPTY, stood=10),
        Write(contents=BOTH),
    ),
}


@pytest.mark.parametrize(("given", "step"), SECRET.values(), ids=SECRET)
def test_what_is_written_into_the_secret(given, step):
    assert given.plan().secret == step


BUNDLES: dict[str, tuple[Given, bytes | None]] = {
    "all is well": (at_rest(), None),
    "no webhooks": (Given(OLD), None),
    "empty bundles": (Given(OLD, bundles=(b"", b"")), OLD_CA),
    "one is missing": (at_rest(bundles=(OLD_CA, b"")), OLD_CA),
    "one was overwritten": (at_rest(bundles=(b"rubbish", OLD_CA)), OLD_CA),
    "one believes somebody else as well": (at_rest(bundles=(OLD_CA + NEW_CA,)), OLD_CA),
    "one was overwritten while the Secret is away": (at_rest(secret=None, bundles=(b"",)), OLD_CA),
    "one believes more while the Secret is away": (at_rest(secret=None, bundles=(OLD_CA + NEW_CA,)), None),
    "one was overwritten, and the Secret as well": (at_rest(secret=RUBBISH, bundles=(b"",)), OLD_CA),
    "nothing to believe yet": (Given(EMPTY, bundles=(b"",)), None),
    "another authority, which does not name ours yet": (at_rest(secret=NEW), None),
    "another authority, after ours": (at_rest(secret=BOTH), NEW_CA + OLD_CA),
    "the authority of before is over": (at_rest(NEW, bundles=(NEW_CA + OLD_CA,)), NEW_CA),
}


@pytest.mark.parametrize(("given", "bundle"), BUNDLES.values(), ids=BUNDLES)
def test_what_the_webhooks_get(given, bundle):
    assert given.plan().bundle == bundle


RENEWED = replace(OLD, server=a_server(1, born=LATER))
NEW_LATER = replace(NEW, server=a_server(born=LATER, authority=1))

SERVED: dict[str, tuple[Given, Contents | None]] = {
    "nothing yet": (Given(EMPTY), None),
    "the first": (Given(OLD), OLD),
    "the first, whatever is in the bundles": (Given(NEW, bundles=(OLD_CA,)), NEW),
    "the first, although it is in its last days": (Given(OLD, now=LATER), OLD),
    "not one that is over": (Given(OLD, now=EPOCH + 366 * DAY), None),
    "not one with another name": (Given(OLD, dns_name="a.b.svc"), None),
    "the same, when the Secret has gone": (at_rest(secret=None), OLD),
    "the same, when the Secret is rubbish": (at_rest(secret=RUBBISH), OLD),
    "the same, when it is in its last days": (at_rest(now=LATER), OLD),
    "the same, even when it is over and there is no other": (at_rest(secret=EMPTY, now=LAST), OLD),
    "a new one of the same authority, at once": (at_rest(secret=RENEWED, now=LATER), RENEWED),
    "another authority's, not yet": (at_rest(secret=NEW), OLD),
    "another authority's, still not when it is believed": (
        at_rest(secret=BOTH, bundles=(BOTH.bundle,), placed=BOTH, stood=14.9),
        OLD,
    ),
    "another authority's, when everybody knows": (
        at_rest(secret=BOTH, bundles=(BOTH.bundle,), placed=BOTH, stood=15),
        BOTH,
    ),
    "another authority's, which is in the bundles only now": (
        at_rest(secret=BOTH, bundles=(BOTH.bundle,)),
        OLD,
    ),
    "another authority's, but one bundle was overwritten": (
        at_rest(secret=BOTH, bundles=(BOTH.bundle, OLD_CA), placed=BOTH, stood=15),
        OLD,
    ),
    "another authority's, when nobody believes ours any more": (
        at_rest(secret=NEW, bundles=(NEW_CA, NEW_CA)),
        NEW,
    ),
    "another authority's, when some do not believe ours and some not the other": (
        at_rest(secret=NEW, bundles=(NEW_CA, OLD_CA)),
        OLD,
    ),
    "another authority's, when ours is over": (
        at_rest(secret=NEW_LATER, now=LATER + 100 * DAY),
        NEW_LATER,
    ),
}


@pytest.mark.parametrize(("given", "served"), SERVED.values(), ids=SERVED)
def test_what_is_shown(given, served):
    assert given.plan().memory.served == served


READY: dict[str, tuple[Given, bool]] = {
    "nothing to show": (Given(EMPTY), False),
    "not in the bundles": (Given(OLD, bundles=(b"",)), False),
    "in the bundles, just now": (Given(OLD, bundles=(OLD_CA,)), False),
    "in the bundles, and the API server has noticed": (
        Given(OLD, bundles=(OLD_CA,), placed=OLD, stood=2),
        True,
    ),
    "in one bundle": (Given(OLD, bundles=(OLD_CA, b""), placed=OLD, stood=2), False),
    "no webhooks": (Given(OLD, placed=OLD, stood=2), True),
    "while one authority follows another": (
        Given(BOTH, bundles=(BOTH.bundle,), placed=BOTH, stood=2),
        True,
    ),
}


@pytest.mark.parametrize(("given", "is_ready"), READY.values(), ids=READY)
def test_who_is_ready(given, is_ready):
    assert given.plan().is_ready is is_ready


PACE = Pace()
LOOKS: dict[str, tuple[float | None, timedelta]] = {
    "nothing in its place: when something changes": (None, PACE.look),
    "then until we are ready": (0.5, PACE.introduction - timedelta(seconds=0.5)),
    "then until everybody knows": (2, PACE.settling - PACE.introduction),
    "then until every replica shows it": (15, PACE.retiring - PACE.settling),
    "then until the next usual look": (600, PACE.look - PACE.retiring),
    "then in the usual way": (12 * 3600, PACE.look),
}


@pytest.mark.parametrize(("stood", "seconds"), LOOKS.values(), ids=LOOKS)
def test_when_to_look_again(stood, seconds):
    given = Given(OLD, bundles=(b"",)) if stood is None else at_rest(stood=stood)

    assert given.plan().look_again == seconds


def test_it_is_usual_to_look_twice_a_day_and_to_renew_90_days_ahead():
    assert (PACE.look, PACE.renew_before) == (timedelta(hours=12), timedelta(days=90))
