"""The hosts files of a run's pods: one per pod, and one per namespace for the pods beyond the first few.

A file per pod is what a cluster has. With very many pods it would mean writing every name once per pod, so
pods that come later share the file of their namespace; there, pods are known by their bare host name too.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import msgspec

from jobset.local.names.hosts import (
    Range,
    Slots,
    alias_lines,
    line,
    machine_lines,
    own_line,
    published_lines,
    write_range,
)
from jobset.local.names.published import Name, Object, own_name

Published: TypeAlias = Mapping[Name, tuple[str, ...]]
_MOST_OWN_FILES = 64


class _Member(msgspec.Struct, frozen=True, kw_only=True):
    """A pod as its hosts file sees it."""

    uid: str
    namespace: str
    hostname: str
    address: str
    name: Name | None
    pod: Object

    def place_in(self, published: Published) -> int | None:
        """Which of the published addresses of its name is its own."""
        addresses = published.get(self.name, ()) if self.name else ()
        return addresses.index(self.address) if self.address in addresses else None


@dataclass(slots=True)
class HostsFiles:
    """Hosts files in `folder`, rewritten in place when what is published changes."""

    folder: str
    machine: str = ""
    """The text of the machine's own hosts file."""
    most_own_files: int = _MOST_OWN_FILES
    _published: Published = field(default_factory=dict)
    _seen: dict[str, Slots] = field(default_factory=dict)
    """The published names as a namespace sees them; part of each of its pods' files."""
    _own: dict[str, "_OwnFile"] = field(default_factory=dict)
    _shared: dict[str, "_SharedFile"] = field(default_factory=dict)

    def open(self, pod: Object, hostname: str, address: str) -> str:
        """The file that becomes the pod's /etc/hosts.

        Raises:
            OSError: it cannot be written.
        """
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        member = _member(pod, hostname, address)
        if len(self._own) < self.most_own_files or pod["spec"].get("hostAliases"):
            return self._open_own(member)
        return self._open_shared(member)

    def close(self, uid: str) -> None:
        """The pod's file may go. No error when unknown."""
        with contextlib.suppress(OSError):
            if (own := self._own.pop(uid, None)) is not None:
                os.unlink(own.path)
            for shared in self._shared.values():
                shared.leave(uid)

    def publish(self, published: Published) -> None:
        """Bring all files up to date.

        Raises:
            OSError: a file could not be written; the others are.
        """
        self._published = published
        changes = {
            namespace: slots.update(published_lines(published, namespace))
            for namespace, slots in self._seen.items()
        }
        writes: list[Callable[[], None]] = [
            partial(own.write, published, changes[own.member.namespace]) for own in self._own.values()
        ]
        writes.extend(partial(shared.write, published) for shared in self._shared.values())
        _do_all(writes)

    def _open_own(self, member: _Member) -> str:
        seen = self._seen.get(member.namespace)
        if seen is None:
            seen = self._seen[member.namespace] = Slots()
            seen.update(published_lines(self._published, member.namespace))
        own = _OwnFile(os.path.join(self.folder, member.uid), member, machine_lines(self.machine), seen)
        own.write(self._published, (0, len(seen.content)))
        self._own[member.uid] = own
        return own.path

    def _open_shared(self, member: _Member) -> str:
        shared = self._shared.get(member.namespace)
        if shared is None:
            path = os.path.join(self.folder, f"namespace-{member.namespace}")
            shared = _SharedFile(path, member.namespace, machine_lines(self.machine).encode())
            shared.create(self._published)
            self._shared[member.namespace] = shared
        shared.join(member, self._published)
        return shared.path


@dataclass(slots=True)
class _OwnFile:
    """The hosts file of one pod: its own line, its aliases, the machine's lines, what is published."""

    path: str
    member: _Member
    machine: str
    seen: Slots
    head: bytes = b""

    def write(self, published: Published, changed: Range | None) -> None:
        """Write what is new of the head, which never changes its length, and `changed` of the rest."""
        place = self.member.place_in(published)
        head = self._head(is_published=place is not None)
        if head != self.head:
            write_range(self.path, head, 0)
            self.head = head
        if changed is not None:
            # Its own names stand in the head; twice they would give the address twice.
            body = self.seen.without((self.member.name, place), *changed)
            write_range(self.path, body, len(head) + changed[0])

    def _head(self, *, is_published: bool) -> bytes:
        member = self.member
        own = own_line(member.namespace, member.hostname, member.address, member.name, published=is_published)
        return f"{own}\n{alias_lines(member.pod)}{self.machine}".encode()


@dataclass(slots=True)
class _SharedFile:
    """The hosts file of all other pods of a namespace."""

    path: str
    namespace: str
    head: bytes
    slots: Slots = field(default_factory=Slots)
    members: dict[str, _Member] = field(default_factory=dict)

    def create(self, published: Published) -> None:
        """Write the file for the first time."""
        self.slots.update(self._lines(published))
        write_range(self.path, self.head + self.slots.content, 0)

    def join(self, member: _Member, published: Published) -> None:
        """One more pod uses the file."""
        self.members[member.uid] = member
        if member.place_in(published) is None:
            self._write(self.slots.put(member.uid, line(member.address, (member.hostname,))))

    def leave(self, uid: str) -> None:
        """A pod uses the file no more."""
        if self.members.pop(uid, None) is not None:
            self._write(self.slots.blank(uid))

    def write(self, published: Published) -> None:
        """Write what has changed."""
        self._write(self.slots.update(self._lines(published)))

    def _lines(self, published: Published) -> dict[Any, str]:
        lines: dict[Any, str] = dict(published_lines(published, self.namespace, host_names=True))
        for member in self.members.values():
            if member.place_in(published) is None:
                lines[member.uid] = line(member.address, (member.hostname,))
        return lines

    def _write(self, changed: Range | None) -> None:
        if changed is not None:
            start, end = changed
            write_range(self.path, bytes(self.slots.content[start:end]), len(self.head) + start)


def _member(pod: Object, hostname: str, address: str) -> _Member:
    metadata = pod["metadata"]
    return _Member(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        hostname=hostname,
        address=address,
        name=own_name(pod),
        pod=pod,
    )


def _do_all(writes: Iterable[Callable[[], None]]) -> None:
    """Every write is tried, also after one failed."""
    failures = []
    for write in writes:
        try:
            write()
        except OSError as error:
            failures.append(error)
    if failures:
        raise failures[0]
