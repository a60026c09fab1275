"""Structured logs: one JSON object a line, or a readable line on a terminal.

`event(logger, logging.INFO, "config_reloaded", changes=3)` is the one way to write: a stable event name and plain
fields. What is logged is named field by field, so neither prompts nor responses nor secrets ever get in; of a foreign
exception only its type and the places it went through are written, since its message may repeat what was being handled.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from records.errors import PlumblineError

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("auto", "json", "text")
_LONGEST = 500
_CHATTY = (
    "httpx", "httpcore", "asyncio", "uvicorn.access", "uvicorn.error", "alembic", "numba", "faust", "mode",
    "streams.worker_transport", "kafka", "aiokafka",
)  # fmt: skip
"""Never below warning; what the last two write at debug holds passwords."""
_Caught = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def event(logger: logging.Logger, level: int, name: str, /, *, caught: BaseException | None = None, **fields: Any) -> None:
    """Writes one event. `caught` adds the exception's type and places."""
    logger.log(level, name, extra={"fields": fields}, exc_info=caught)


def configure(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Sends all logs of the process to `stream` (standard error), replacing what an earlier call set up.

    `form`: json, text, or auto: text where the stream is a terminal.
    """
    out = sys.stderr if stream is None else stream
    handler = _Handler(stream)
    handler.setFormatter(TextFormatter() if form == "text" or (form == "auto" and out.isatty()) else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [*(other for other in root.handlers if not isinstance(other, _Handler)), handler]
    root.setLevel(level.upper())
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    # a coordinator that moves, or a broker that is away, is an error to them at every attempt; /readyz and alerts tell
    for client in ("kafka", "aiokafka"):
        logging.getLogger(client).setLevel(max(logging.CRITICAL, root.level))


class _Handler(logging.Handler):
    """Writes lines to `stream`, or to whatever standard error is at that time."""

    def __init__(self, stream: TextIO | None):
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        try:
            out = sys.stderr if self._stream is None else self._stream
            out.write(self.format(record) + "\n")
            out.flush()
        except Exception:
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    """{"ts": …, "level": …, "logger": …, "event": …, "fields": {…}}"""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, ASCII only."""
        entry = {
            "ts": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _cut(record.getMessage()),
            "fields": _fields(record),
        }
        return json.dumps(entry, default=_text)


class TextFormatter(logging.Formatter):
    """12:30:01 warning event key=value"""

    def format(self, record: logging.LogRecord) -> str:
        """One line for people."""
        pairs = "".join(f" {key}={_text(value)}" for key, value in _fields(record).items())
        line = f"{_time(record):%H:%M:%S} {record.levelname.lower():7} {_cut(record.getMessage())}{pairs}"
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {key: _short(value) for key, value in getattr(record, "fields", {}).items()}
    return fields | _error(record.exc_info) if record.exc_info else fields


def _error(caught: _Caught) -> dict[str, Any]:
    kind, error, trace = caught
    if kind is None or error is None:
        return {}
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
    shown: dict[str, Any] = {"error": f"{kind.__module__}.{kind.__qualname__}", "places": places[-12:]}
    if isinstance(error, PlumblineError):
        shown["message"] = _cut(str(error))
    return shown


def _short(value: Any) -> Any:
    return _cut(value) if isinstance(value, str) else value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _cut(str(value))
