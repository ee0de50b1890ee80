"""Sets of completion indexes as ordered intervals, and their text form `1,3-5`."""

from collections.abc import Iterable, Iterator

import msgspec

Interval = tuple[int, int]
"""First and last index, both included."""


class Indexes(msgspec.Struct, frozen=True):
    """A set of completion indexes; equal sets are equal values.

    Its cost is that of its intervals, so a Job with many done indexes stays cheap.
    """

    intervals: tuple[Interval, ...] = ()

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.intervals)

    def __contains__(self, index: object) -> bool:
        if not isinstance(index, int):
            return False
        low, high = 0, len(self.intervals)
        while low < high:
            middle = (low + high) // 2
            if self.intervals[middle][1] < index:
                low = middle + 1
            else:
                high = middle
        return low < len(self.intervals) and self.intervals[low][0] <= index

    def __iter__(self) -> Iterator[int]:
        for first, last in self.intervals:
            yield from range(first, last + 1)

    def __or__(self, other: "Indexes") -> "Indexes":
        return Indexes(tuple(_joined(sorted((*self.intervals, *other.intervals)))))

    def __str__(self) -> str:
        return ",".join(_written(first, last) for first, last in self.intervals)

    def missing(self, completions: int) -> Iterator[int]:
        """The indexes below `completions` that are not in the set, lowest first."""
        candidate = 0
        for first, last in self.intervals:
            yield from range(candidate, min(first, completions))
            candidate = max(candidate, last + 1)
        yield from range(candidate, completions)


NO_INDEXES = Indexes()


def indexes_of(numbers: Iterable[int]) -> Indexes:
    """The set of these indexes."""
    return Indexes(tuple(_joined((number, number) for number in sorted(set(numbers)))))


def parse_indexes(text: str, completions: int) -> Indexes:
    """The indexes that `text` names, as far as they are below `completions`.

    The text comes from a status or a validated spec; a part that is no number ends the reading.
    """
    return Indexes(tuple(_joined(sorted(_parts(text, completions)))))


def _parts(text: str, completions: int) -> Iterator[Interval]:
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            return
        interval = int(first), min(int(last) if dash else int(first), completions - 1)
        if interval[0] <= interval[1]:
            yield interval


def _joined(intervals: Iterable[Interval]) -> Iterator[Interval]:
    open_: Interval | None = None
    for first, last in intervals:
        if open_ is not None and first <= open_[1] + 1:
            open_ = open_[0], max(open_[1], last)
            continue
        if open_ is not None:
            yield open_
        open_ = first, last
    if open_ is not None:
        yield open_


def _written(first: int, last: int) -> str:
    # compat: a pair is written `0,1` and only three or more in a row `0-2` (orderedIntervals.String).
    if last == first:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"
