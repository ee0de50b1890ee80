"""Where manifests come from: files, directories, standard input; as text."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from jobset.manifests.problems import Problem

MAX_FILE_BYTES = 16 << 20
STDIN = "-"
_STDIN_NAME = "<stdin>"
SUFFIXES = (".yaml", ".yml", ".json")


class Source(msgspec.Struct, frozen=True):
    """The text of one file."""

    file: str
    text: str


def read_sources(paths: Iterable[str], stdin: Callable[[], bytes]) -> Iterator[Source | Problem]:
    """The texts behind the paths, and a problem for each that cannot be read."""
    is_read = False
    for path in paths:
        if path == STDIN:
            yield decode(stdin(), _STDIN_NAME) if not is_read else _read_twice()
            is_read = True
        elif not path:
            # An empty path would stand for this directory, and nobody who wrote $FILE meant that.
            remedy = "name a file; where a variable stands for it, check that it is set"
            yield Problem(file="''", message="the name of a file is empty", remedy=remedy)
        elif os.path.isdir(path):
            yield from _read_directory(Path(path))
        else:
            yield _read_file(Path(path))


def _read_twice() -> Problem:
    message = "standard input is named twice, and can be read only once"
    return Problem(file=_STDIN_NAME, message=message, remedy=f"write {STDIN} once")


def _read_directory(directory: Path) -> Iterator[Source | Problem]:
    try:
        files = sorted(f for f in directory.iterdir() if f.suffix in SUFFIXES and _is_manifest(f))
    except OSError as error:
        yield _unreadable(directory, error)
        return
    if not files:
        patterns = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        remedy = f"name a directory with {patterns} files, or the files themselves"
        yield Problem(file=str(directory), message="no manifests in this directory", remedy=remedy)
    yield from map(_read_file, files)


def _is_manifest(path: Path) -> bool:
    """A file, or a link that leads nowhere, of which more is told; nothing that is no file or never ends."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def _read_file(path: Path) -> Source | Problem:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return _unreadable(path, error)
    return decode(data, str(path))


def decode(data: bytes, file: str) -> Source | Problem:
    """The text of a file; a problem when it is too big, or no text."""
    if len(data) > MAX_FILE_BYTES:
        return Problem(
            file=file,
            message=f"more than {MAX_FILE_BYTES >> 20} MiB",
            remedy="split it; an API server takes at most 3 MiB for one object",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        remedy = "save the file as UTF-8"
        return Problem(file=file, line=1, column=1, message="the text is UTF-16, not UTF-8", remedy=remedy)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _count(data[: error.start].decode("utf-8-sig", "replace"))
        if b"\0" in data:
            return _binary(file, line, column)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        remedy = "save the file as UTF-8"
        return Problem(file=file, line=line, column=column, message=message, remedy=remedy)
    if (place := text.find("\0")) >= 0:
        return _binary(file, *_count(text[:place]))
    return Source(file, text)


def _binary(file: str, line: int, column: int) -> Problem:
    message = "this is a binary file, not a manifest"
    remedy = "name a YAML or JSON file; unpack an archive first"
    return Problem(file=file, line=line, column=column, message=message, remedy=remedy)


def _count(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _unreadable(path: Path, error: OSError) -> Problem:
    why = (error.strerror or str(error)).lower()
    remedy = "check the path, and that you may read it"
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            why, remedy = f"the link leads to {os.readlink(path)}, where nothing is", "correct the link"
        elif near := _nearest(path):
            remedy = f"did you mean {near}?"
    return Problem(file=str(path), message=why, remedy=remedy)


def _nearest(path: Path) -> Path | None:
    from difflib import get_close_matches

    try:
        names = os.listdir(path.parent)
    except OSError:
        return None
    near = get_close_matches(path.name, names, n=1)
    return path.parent / near[0] if near else None
