"""What to do next about the certificates of the webhooks: one reading and what we remember in, a plan out.

An authority is replaced in three steps. The Secret gets the new one, with the one before as `previous`, so
that what each CA bundle has to say follows from the Secret alone. When each bundle has named both for a
settling time, each replica shows the new certificate. When that is long enough ago for the slowest replica,
the Secret and then the bundles drop the authority of before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from jobset.controller.certificates.authority import (
    authority_problem,
    server_problem,
    split_certificates,
    still_valid,
)
from jobset.controller.certificates.contents import Contents, trusts
from jobset.controller.serving_certificate import KeyPair

_NOT_YET = timedelta(seconds=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take.

    `settling`: until every API server knows a CA bundle that was written, when nothing urges; `introduction`:
    the same when we only begin and somebody waits; `retiring`: until every replica shows the certificate of a
    new authority, the one that could not reach an API server for a while included.
    """

    introduction: timedelta = timedelta(seconds=2)
    settling: timedelta = timedelta(seconds=15)
    retiring: timedelta = timedelta(minutes=10)
    renew_before: timedelta = timedelta(days=90)
    look: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How things are: the Secret (None where there is none), and the CA bundle of each webhook.

    `elapsed` counts seconds on a clock that is never set.
    """

    now: datetime
    elapsed: float
    dns_name: str
    secret: Contents | None
    bundles: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A bundle that each webhook has had since a time."""

    bundle: bytes
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a replica remembers: the last usable contents, those that it shows, and a bundle in its place."""

    kept: Contents | None = None
    served: Contents | None = None
    placed: Placed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Write these contents into the Secret."""

    contents: Contents


@dataclass(frozen=True, slots=True, kw_only=True)
class NewServer:
    """Let the authority sign a new certificate for the server, and write both."""

    authority: KeyPair
    previous: bytes
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAuthority:
    """Make a new authority and a certificate for the server, and write both."""

    previous: bytes
    because: str


SecretStep: TypeAlias = Write | NewServer | NewAuthority


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What comes next.

    The certificate of `memory.served` is to be shown, the Secret to be written (None: it is as it should be),
    and each webhook to get the bundle (None: they are to be left alone).
    """

    memory: Memory
    secret: SecretStep | None
    bundle: bytes | None
    is_ready: bool
    look_again: timedelta


def decide(reading: Reading, memory: Memory, pace: Pace = Pace()) -> Plan:
    """The next step of one replica. Equal replicas come to equal plans, so that they need no leader."""
    current = next(_usable(reading, memory), None)
    placed = _place(reading, memory, current)
    stood = timedelta(seconds=reading.elapsed - placed.since) if placed is not None else _NOT_YET
    served = _choose_served(reading, memory, current, settled=stood >= pace.settling)
    retired = served == current and current == reading.secret and stood >= pace.retiring
    return Plan(
        memory=Memory(kept=current or memory.kept, served=served, placed=placed),
        secret=_next_secret(reading, replace(memory, served=served), pace, retired=retired),
        bundle=_next_bundle(reading, served, current),
        is_ready=served is not None and stood >= pace.introduction,
        look_again=_look_again(pace, stood),
    )


def _usable(reading: Reading, memory: Memory) -> Iterator[Contents]:
    """What can be served now, what the Secret says first."""
    for contents in (reading.secret, memory.kept):
        if contents is not None and _problem(contents, reading) is None:
            yield contents


def _problem(contents: Contents, reading: Reading) -> str | None:
    now, authority = reading.now, contents.authority
    return authority_problem(authority, now) or server_problem(
        contents.server, authority.certificate, reading.dns_name, now
    )


def _place(reading: Reading, memory: Memory, current: Contents | None) -> Placed | None:
    """Since when each webhook has the bundle that it should have."""
    if current is None or any(bundle != current.bundle for bundle in reading.bundles):
        return None
    if memory.placed is not None and memory.placed.bundle == current.bundle:
        return memory.placed
    return Placed(bundle=current.bundle, since=reading.elapsed)


def _choose_served(
    reading: Reading, memory: Memory, current: Contents | None, *, settled: bool
) -> Contents | None:
    before = memory.served
    if before is None or current is None:
        return current or before
    if before.issuer == current.issuer or _problem(before, reading) is not None:
        return current
    # Somebody took the authority of before out of the bundles: with its certificate nobody is believed.
    is_dropped = any(not trusts(bundle, before.issuer) for bundle in reading.bundles)
    is_known = all(trusts(bundle, current.issuer) for bundle in reading.bundles)
    return current if settled or (is_dropped and is_known) else before


def _next_secret(reading: Reading, memory: Memory, pace: Pace, *, retired: bool) -> SecretStep | None:
    secret, now, ahead = reading.secret, reading.now, pace.renew_before
    if secret is None:
        return None
    sources = [contents for contents in (secret, memory.kept) if contents is not None]
    authority = next(
        (each.authority for each in sources if authority_problem(each.authority, now, ahead) is None), None
    )
    if authority is None:
        because = authority_problem(secret.authority, now, ahead) or ""
        return NewAuthority(previous=_previous(reading, memory, None), because=because)
    previous = b"" if retired else _previous(reading, memory, authority)
    problems = [
        server_problem(each.server, authority.certificate, reading.dns_name, now, ahead) for each in sources
    ]
    for each, problem in zip(sources, problems, strict=True):
        if problem is None:
            wanted = Contents(authority=authority, server=each.server, previous=previous)
            return Write(contents=wanted) if wanted != secret else None
    return NewServer(authority=authority, previous=previous, because=problems[0] or "")


def _previous(reading: Reading, memory: Memory, authority: KeyPair | None) -> bytes:
    """The authorities to be believed beside `authority` (None: a new one): those before it, and ours."""
    # In order and once each: the same again must not look like a change.
    found = dict.fromkeys((*_named(reading, memory, authority), *_issuers(memory.served)))
    own = split_certificates(authority.certificate) if authority is not None else ()
    return b"".join(each for each in still_valid(found, reading.now) if each not in own)


def _named(reading: Reading, memory: Memory, authority: KeyPair | None) -> Iterator[bytes]:
    if reading.secret is not None:
        yield from split_certificates(reading.secret.previous)
        if authority is not None and _problem(reading.secret, reading) is None:
            return
        yield from _issuers(reading.secret)
    # The Secret does not tell what replicas show that we do not know of: whoever is believed may be among it.
    if memory.kept is not None:
        yield from split_certificates(memory.kept.previous)
    for bundle in reading.bundles:
        yield from split_certificates(bundle)


def _next_bundle(reading: Reading, served: Contents | None, current: Contents | None) -> bytes | None:
    if current is None:
        return None
    if served is not None and not trusts(current.bundle, served.issuer) and _problem(served, reading) is None:
        # The Secret has to name it first, or other replicas would take it out again.
        return None
    if reading.secret is None:
        # Without it nobody knows what other replicas show: whoever is believed stays so.
        is_right = all(trusts(bundle, current.issuer) for bundle in reading.bundles)
    else:
        is_right = all(bundle == current.bundle for bundle in reading.bundles)
    return None if is_right else current.bundle


def _issuers(contents: Contents | None) -> tuple[bytes, ...]:
    issuer = contents.issuer if contents is not None else None
    return () if issuer is None else (issuer,)


def _look_again(pace: Pace, stood: timedelta) -> timedelta:
    """Until the next of the times that begin with a bundle in its place; at the latest when it is usual."""
    if stood < timedelta():
        return pace.look
    times = (pace.introduction, pace.settling, pace.retiring, pace.look)
    return min((time - stood for time in times if time > stood), default=pace.look)
