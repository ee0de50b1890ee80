"""What a log line looks like, in every form."""

import io
import json
import logging
import time
from collections.abc import Callable, Iterator

import pytest

from jobset.controller.logs import (
    Encoder,
    LogSettings,
    TimeEncoding,
    parse_level,
    parse_stacktrace_level,
    set_up_logs,
)

MOMENT = 1767323045.12
"""2026-01-02T03:04:05.12Z"""


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What tests set up here does not outlive them."""
    root, ours = logging.getLogger(), logging.getLogger("jobset")
    kept = (root.handlers[:], root.level, ours.level, logging.logThreads)
    yield
    root.handlers[:], root.level, ours.level, logging.logThreads = kept
    logging.logProcesses = logging.logMultiprocessing = logging.logThreads


@pytest.fixture
def be_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of the machine."""

    def be_in(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield be_in
    monkeypatch.undo()
    time.tzset()


def lines_of(settings: LogSettings, level: int, message: str, *args: object, **about: object) -> str:
    """What one call of a logger writes at MOMENT."""
    stream = io.StringIO()
    set_up_logs(settings, stream)
    logger = logging.getLogger("jobset.controller.leader")
    if not logger.isEnabledFor(level):
        return ""
    extra = about.pop("extra", None)
    record = logger.makeRecord(
        logger.name, level, "leader.py", 1, message, args, about.pop("exc_info", None), extra=extra
    )
    record.created = MOMENT
    logger.handle(record)
    return stream.getvalue()


TEXT, JSON = LogSettings(), LogSettings(devel=False)
FIELDS = {"JobSet": {"name": "train", "namespace": "default"}, "creates": 3, "status": True, "note": "a é\n"}

FORMS = {
    "text": (
        TEXT,
        FIELDS,
        '2026-01-02T03:04:05Z\tINFO\tcontroller.leader\tdone\t{"JobSet": {"name": "train", '
        '"namespace": "default"}, "creates": 3, "status": true, "note": "a é\\n"}\n',
    ),
    "text without fields": (TEXT, {}, "2026-01-02T03:04:05Z\tINFO\tcontroller.leader\tdone\n"),
    "JSON": (
        JSON,
        FIELDS,
        '{"level":"info","ts":"2026-01-02T03:04:05Z","logger":"controller.leader","msg":"done",'
        '"JobSet":{"name":"train","namespace":"default"},"creates":3,"status":true,"note":"a é\\n"}\n',
    ),
    "a field that JSON has no form for": (
        JSON,
        {"when": OSError("gone")},
        '{"level":"info","ts":"2026-01-02T03:04:05Z","logger":"controller.leader","msg":"done",'
        '"when":"gone"}\n',
    ),
}


@pytest.mark.parametrize(("settings", "fields", "line"), FORMS.values(), ids=FORMS)
def test_a_line_has_the_form_of_the_existing_manager(be_in, settings, fields, line):
    be_in("UTC")

    assert lines_of(settings, logging.INFO, "done", extra=fields) == line


TIMES = {
    "epoch": (TimeEncoding.EPOCH, "UTC", 1767323045.12),
    "millis": (TimeEncoding.MILLIS, "UTC", 1767323045120.0),
    "nano": (TimeEncoding.NANO, "UTC", 1767323045120000000),
    "iso8601": (TimeEncoding.ISO8601, "UTC", "2026-01-02T03:04:05.120Z"),
    "iso8601 elsewhere": (TimeEncoding.ISO8601, "XST-5:30", "2026-01-02T08:34:05.120+0530"),
    "rfc3339": (TimeEncoding.RFC3339, "UTC", "2026-01-02T03:04:05Z"),
    "rfc3339 elsewhere": (TimeEncoding.RFC3339, "XST-5:30", "2026-01-02T08:34:05+05:30"),
    "rfc3339nano": (TimeEncoding.RFC3339NANO, "UTC", "2026-01-02T03:04:05.12Z"),
    "rfc3339nano elsewhere": (TimeEncoding.RFC3339NANO, "XST5", "2026-01-01T22:04:05.12-05:00"),
}


@pytest.mark.parametrize(("encoding", "zone", "moment"), TIMES.values(), ids=TIMES)
def test_times_have_the_form_that_was_asked_for(be_in, encoding, zone, moment):
    be_in(zone)

    line = lines_of(LogSettings(devel=False, time_encoding=encoding), logging.INFO, "done")

    assert json.loads(line)["ts"] == moment


LEVELS = {
    "devel tells everything": (LogSettings(), logging.DEBUG, "DEBUG"),
    "production tells what happens": (LogSettings(devel=False), logging.INFO, "info"),
    "production leaves the rest out": (LogSettings(devel=False), logging.DEBUG, None),
    "the level that was asked for": (LogSettings(level=parse_level("error")), logging.WARNING, None),
    "more than that": (LogSettings(level=parse_level("error")), logging.ERROR, "ERROR"),
    "a warning": (LogSettings(), logging.WARNING, "WARN"),
    "debug by a number": (LogSettings(devel=False, level=parse_level("1")), logging.DEBUG, "debug"),
    "more than debug": (LogSettings(level=parse_level("2")), logging.DEBUG - 1, "DEBUG"),
    "less than that": (LogSettings(level=parse_level("debug")), logging.DEBUG - 1, None),
}


@pytest.mark.parametrize(("settings", "level", "word"), LEVELS.values(), ids=LEVELS)
def test_which_levels_are_told(settings, level, word):
    line = lines_of(settings, level, "done")

    assert (f'"level":"{word}"' in line or f"\t{word}\t" in line) if word else line == ""


def a_failure() -> tuple[type[BaseException], BaseException, object]:
    try:
        raise ValueError("no such place")
    except ValueError as error:
        return type(error), error, error.__traceback__


STACKS = {
    "devel: a warning has one": (LogSettings(encoder=Encoder.JSON), logging.WARNING, True),
    "devel: what is expected has none": (LogSettings(encoder=Encoder.JSON), logging.INFO, False),
    "production: an error has one": (LogSettings(devel=False), logging.ERROR, True),
    "production: a warning has none": (LogSettings(devel=False), logging.WARNING, False),
    "as was asked for": (
        LogSettings(devel=False, stacktrace_level=parse_stacktrace_level("panic")),
        logging.ERROR,
        False,
    ),
}


@pytest.mark.parametrize(("settings", "level", "has_stack"), STACKS.values(), ids=STACKS)
def test_an_error_is_a_field_and_has_its_stack_from_a_level_on(settings, level, has_stack):
    line = json.loads(lines_of(settings, level, "turn failed", exc_info=a_failure()))

    assert line["error"] == "no such place"
    assert ("in a_failure" in line.get("stacktrace", "")) == has_stack


def test_in_text_a_stack_follows_its_line_and_nothing_else_breaks_lines(be_in):
    be_in("UTC")

    first, *stack = lines_of(TEXT, logging.ERROR, "%s", "two\nlines", exc_info=a_failure()).splitlines()

    assert first == (
        '2026-01-02T03:04:05Z\tERROR\tcontroller.leader\ttwo\\nlines\t{"error": "no such place"}'
    )
    assert stack[0] == "Traceback (most recent call last):"
    assert stack[-1] == "ValueError: no such place"


def test_of_other_packages_only_warnings_are_told():
    stream = io.StringIO()
    set_up_logs(LogSettings(devel=False, level=parse_level("9")), stream)

    logging.getLogger("asyncio").debug("Using selector")
    logging.getLogger("aiohttp").warning("unclosed")

    assert [json.loads(line)["logger"] for line in stream.getvalue().splitlines()] == ["aiohttp"]


LEVEL_WORDS = {
    "debug": 10,
    "info": 20,
    "error": 40,
    "panic": 50,
    "INFO": 20,
    "1": 10,
    "2": 9,
    "9": 2,
    "10": 1,
    "127": 1,
}


@pytest.mark.parametrize(("text", "level"), LEVEL_WORDS.items())
def test_levels_are_words_or_numbers(text, level):
    assert parse_level(text) == level


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "warn", "²"])
def test_what_is_no_level(text):
    with pytest.raises(ValueError, match=f'invalid log level "{text}"'):
        parse_level(text)


@pytest.mark.parametrize("text", ["", "1", "warn"])
def test_what_is_no_level_of_stack_traces(text):
    with pytest.raises(ValueError, match=f'invalid stacktrace level "{text}"'):
        parse_stacktrace_level(text)
