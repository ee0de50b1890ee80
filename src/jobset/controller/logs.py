"""Log lines in the forms of the existing manager: a constant message and fields, as text or as JSON.

Fields are the `extra` of a call. In text they follow the message as one JSON object, in JSON they are
members.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TextIO

_PACKAGE = "jobset"
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "error": logging.ERROR,
    "panic": logging.CRITICAL,
}
_WORDS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warn",
    logging.ERROR: "error",
    logging.CRITICAL: "panic",
}
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Encoder(StrEnum):
    """How a line looks."""

    CONSOLE = "console"
    JSON = "json"


class TimeEncoding(StrEnum):
    """How a line tells its time."""

    EPOCH = "epoch"
    MILLIS = "millis"
    NANO = "nano"
    ISO8601 = "iso8601"
    RFC3339 = "rfc3339"
    RFC3339NANO = "rfc3339nano"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is logged and how; None follows from `devel`. Levels are those of `logging`."""

    devel: bool = True
    encoder: Encoder | None = None
    level: int | None = None
    stacktrace_level: int | None = None
    time_encoding: TimeEncoding = TimeEncoding.RFC3339


def parse_level(text: str) -> int:
    """A level from its word, or from a number: the higher, the more is told.

    Raises:
        ValueError: it is none.
    """
    if (level := _LEVELS.get(text.lower())) is not None:
        return level
    if text.isdecimal() and text.isascii() and int(text) > 0:
        return max(1, logging.DEBUG - int(text) + 1)
    raise ValueError(f'invalid log level "{text}"')


def parse_stacktrace_level(text: str) -> int:
    """A level from its word.

    Raises:
        ValueError: it is none.
    """
    if (level := _LEVELS.get(text.lower())) is not None:
        return level
    raise ValueError(f'invalid stacktrace level "{text}"')


def set_up_logs(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Log to `stream`, by default standard error; of other packages only what they warn of."""
    level = settings.level or (logging.DEBUG if settings.devel else logging.INFO)
    encoder = settings.encoder or (Encoder.CONSOLE if settings.devel else Encoder.JSON)
    form = LineFormatter(
        render=_render_text if encoder is Encoder.CONSOLE else _render_json,
        render_time=_TIMES[settings.time_encoding],
        stacktrace_level=settings.stacktrace_level or (logging.WARNING if settings.devel else logging.ERROR),
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(form)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(_PACKAGE).setLevel(level)
    # What no line tells need not be found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, before it becomes text. `fields` has the error, if there is one."""

    time: str | int | float
    level: str
    logger: str
    message: str
    fields: Mapping[str, Any]
    stacktrace: str = ""


class LineFormatter(logging.Formatter):
    """Makes lines of log records."""

    def __init__(
        self,
        *,
        render: Callable[[Line], str],
        render_time: Callable[[float], str | int | float],
        stacktrace_level: int,
    ) -> None:
        super().__init__()
        self._render = render
        self._render_time = render_time
        self._stacktrace_level = stacktrace_level

    def format(self, record: logging.LogRecord) -> str:
        """One record as text, without the end of the line."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        stacktrace = ""
        if record.exc_info and (error := record.exc_info[1]) is not None:
            fields.setdefault("error", str(error) or type(error).__name__)
            if record.levelno >= self._stacktrace_level:
                stacktrace = self.formatException(record.exc_info)
        line = Line(
            time=self._render_time(record.created),
            level=_WORDS.get(record.levelno) or _nearest_word(record.levelno),
            logger=record.name.removeprefix(f"{_PACKAGE}."),
            message=record.getMessage(),
            fields=fields,
            stacktrace=stacktrace,
        )
        return self._render(line)


def _nearest_word(level: int) -> str:
    """The word of the level below; what is told below debug is debug."""
    return next((word for known, word in reversed(_WORDS.items()) if known <= level), "debug")


def _render_text(line: Line) -> str:
    # A refusal may have several lines; only a stack trace follows the line of its own.
    words = [str(line.time), line.level.upper(), line.logger, line.message.replace("\n", "\\n")]
    if line.fields:
        words.append(_json(line.fields, (", ", ": ")))
    text = "\t".join(words)
    return f"{text}\n{line.stacktrace}" if line.stacktrace else text


def _render_json(line: Line) -> str:
    members = {
        "level": line.level,
        "ts": line.time,
        "logger": line.logger,
        "msg": line.message,
        **line.fields,
    }
    if line.stacktrace:
        members["stacktrace"] = line.stacktrace
    return _json(members, (",", ":"))


def _json(value: Any, separators: tuple[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str, separators=separators)


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()


def _rfc3339(seconds: float) -> str:
    return _with_z(_local(seconds).isoformat(timespec="seconds"))


def _rfc3339_nano(seconds: float) -> str:
    moment = _local(seconds)
    fraction = f".{moment.microsecond:06}".rstrip("0").rstrip(".")
    head = moment.replace(microsecond=0).isoformat()
    return _with_z(f"{head[:19]}{fraction}{head[19:]}")


def _iso8601(seconds: float) -> str:
    moment = _local(seconds)
    zone = moment.strftime("%z")
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S')}.{moment.microsecond // 1000:03}" + (
        "Z" if zone == "+0000" else zone
    )


def _with_z(text: str) -> str:
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


_TIMES: dict[TimeEncoding, Callable[[float], str | int | float]] = {
    TimeEncoding.EPOCH: float,
    TimeEncoding.MILLIS: lambda seconds: seconds * 1000,
    TimeEncoding.NANO: lambda seconds: int(seconds * 1_000_000) * 1000,
    TimeEncoding.ISO8601: _iso8601,
    TimeEncoding.RFC3339: _rfc3339,
    TimeEncoding.RFC3339NANO: _rfc3339_nano,
}
