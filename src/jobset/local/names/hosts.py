"""The text of hosts files, laid out so that a change moves no other line.

A hosts file is read while it is rewritten. Every name keeps its place in the file as long as the file lives,
and only the bytes that changed are written, so that a reader in the middle of the file loses nothing else.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from jobset.local.names.published import Name, Object

_ADDRESS_WIDTH = len("127.255.255.255")
_MOST_OF_THE_MACHINE = 64 * 1024
Range: TypeAlias = tuple[int, int]
_MOST_BLANKS = 1000
_LOCALHOST = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


class Slots:
    """Lines by key, each at a place of its own; a line that left is blank until its key comes back."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._end = 0
        """Where the next line goes; behind it is nothing but empty lines."""
        self._places: dict[Any, tuple[int, int]] = {}
        self._kept: set[Any] = set()

    def update(self, lines: Mapping[Any, str]) -> Range | None:
        """Hold exactly these lines; the range of bytes that changed, or None."""
        if len(self._places) > 2 * len(lines) + _MOST_BLANKS:
            return self._rebuild(lines)
        changed = [self.blank(key) for key in self._kept - lines.keys()]
        changed.extend(self.put(key, text) for key, text in lines.items())
        ranges = [piece for piece in changed if piece is not None]
        return (min(start for start, _ in ranges), max(end for _, end in ranges)) if ranges else None

    def put(self, key: Any, text: str) -> Range | None:
        """Hold this line too; the range of bytes that changed, or None."""
        data, changed_from = text.encode(), None
        place = self._places.get(key)
        if place is not None and len(data) >= place[1]:
            changed_from = place[0]
            self._write(place, b"")
            place = None
        if place is None:
            place = self._places[key] = (self._end, len(data) + 1)
            self._end += place[1]
            self.content += b"\n" * (self._end - len(self.content))
        self._kept.add(key)
        changed = self._write(place, data)
        return changed if changed_from is None else (changed_from, self._end)

    def blank(self, key: Any) -> Range | None:
        """Hold no line for this key; the range of bytes that changed, or None."""
        if key not in self._kept:
            return None
        self._kept.discard(key)
        return self._write(self._places[key], b"")

    def without(self, key: Any, start: int, end: int) -> bytes:
        """The bytes of a range, with the line of one key blank."""
        data = bytearray(self.content[start:end])
        place, length = self._places.get(key, (end, 0))
        first, last = max(place, start), min(place + length, end)
        if first < last:
            data[first - start : last - start] = _padded(b"", last - first)
        return bytes(data)

    def _rebuild(self, lines: Mapping[Any, str]) -> Range:
        # Readers may miss a name once: that happens only after very many names came and went.
        self.content = bytearray(b"\n" * len(self.content))
        self._end = 0
        self._places.clear()
        self._kept.clear()
        self.update(lines)
        return 0, len(self.content)

    def _write(self, place: Range, data: bytes) -> Range | None:
        start, length = place
        new = _padded(data, length)
        if self.content[start : start + length] == new:
            return None
        self.content[start : start + length] = new
        return start, start + length


def published_lines(
    published: Mapping[Name, tuple[str, ...]], seen_from: str, *, host_names: bool = False
) -> dict[tuple[Name, int], str]:
    """One line per name and address; with `host_names` pods are also known by their bare host name."""
    lines = {}
    for name, addresses in published.items():
        forms = name.forms(seen_from)
        if host_names and "." in name.short and name.namespace == seen_from:
            forms = (*forms, name.short.split(".")[0])
        for position, address in enumerate(addresses):
            lines[name, position] = line(address, forms)
    return lines


def own_line(namespace: str, hostname: str, address: str, name: Name | None, *, published: bool) -> str:
    """The line of a pod in its own file; with empty lines, as long published as not."""
    if name is None:
        return line(address, (hostname,))
    forms = name.forms(namespace)
    short = () if hostname == name.full else (hostname,)
    full_length = len(line(address, (*forms, *short)))
    # compat: before it is published a pod knows itself by its full and its bare name only.
    known = (*forms, *short) if published else (name.full, *short)
    return line(address, known).ljust(full_length, "\n")


def alias_lines(pod: Object) -> str:
    """The lines for the pod's hostAliases."""
    aliases = pod["spec"].get("hostAliases") or ()
    return "".join(
        f"{alias['ip']} {' '.join(alias.get('hostnames') or ())}\n"
        for alias in aliases
        if alias.get("hostnames")
    )


def machine_lines(text: str) -> str:
    """What a pod takes over from the machine's own hosts file."""
    if len(text) > _MOST_OF_THE_MACHINE:
        return _LOCALHOST + "# the machine's own entries are left out: they are too many\n"
    kept = "".join(f"{entry}\n" for entry in text.splitlines() if entry.strip())
    return kept if "localhost" in text else _LOCALHOST + kept


def line(address: str, names: Iterable[str]) -> str:
    """One line of a hosts file, without its end; equally long for every IPv4 address."""
    return f"{address.ljust(_ADDRESS_WIDTH)} {' '.join(names)}"


def write_range(path: str, data: bytes, start: int) -> None:
    """Put bytes in their place in a file, at once; the file is neither cut nor replaced.

    A bind mount shows one file: another file of the same name would not be seen.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        last_change = int(os.fstat(fd).st_mtime)
        while data:
            written = os.pwrite(fd, data, start)
            data, start = data[written:], start + written
        if int(os.fstat(fd).st_mtime) <= last_change:
            # Readers that keep what they read look for a new time, in whole seconds.
            os.utime(fd, (last_change + 1, last_change + 1))
    finally:
        os.close(fd)


def _padded(data: bytes, length: int) -> bytes:
    # Empty lines, not blanks: a library that reads such files refuses a line of blanks.
    return data.ljust(length, b"\n")
