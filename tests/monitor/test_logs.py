"""Logs: one JSON object a line, levels, and neither content nor secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from monitor import logs
from records.errors import StoreError

LOGGER = logging.getLogger("plumbline.test")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def written(level: str = "info", form: str = "json") -> io.StringIO:
    out = io.StringIO()
    logs.configure(level, form, out)
    return out


def test_an_event_is_one_line_of_json() -> None:
    out = written()
    logs.event(LOGGER, logging.INFO, "config_reloaded", changes=3, name="a\nb", ratio=0.5)
    entry = json.loads(out.getvalue())
    assert list(entry) == ["ts", "level", "logger", "event", "fields"]
    assert (entry["level"], entry["logger"], entry["event"]) == ("info", "plumbline.test", "config_reloaded")
    assert entry["fields"] == {"changes": 3, "name": "a\nb", "ratio": 0.5}
    assert entry["ts"].endswith("Z") and out.getvalue().count("\n") == 1


def test_a_terminal_gets_a_readable_line_without_control_characters() -> None:
    out = written(form="text")
    logs.event(LOGGER, logging.WARNING, "stuck", name="a\x1b[31m\nb")
    assert out.getvalue().endswith(" warning stuck name=a\\x1b[31m\\nb\n") and out.getvalue().count("\n") == 1


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_decides_what_is_written(level: str, lines: int) -> None:
    out = written(level)
    for each in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logs.event(LOGGER, each, "happened")
    assert out.getvalue().count("\n") == lines


def test_a_secret_is_masked_and_a_long_text_is_cut() -> None:
    out = written()
    logs.event(LOGGER, logging.INFO, "started", token=SecretStr("hunter2"), text="x" * 10_000)
    assert "hunter2" not in out.getvalue()
    assert len(json.loads(out.getvalue())["fields"]["text"]) == 500


@pytest.mark.parametrize(
    ("error", "message"), [(ValueError("the prompt was: hello"), None), (StoreError("is away"), "is away")]
)
def test_of_a_foreign_exception_only_type_and_places_are_written(error: Exception, message: str | None) -> None:
    out = written()
    try:
        raise error
    except type(error) as caught:
        logs.event(LOGGER, logging.ERROR, "failed", caught=caught)
    fields = json.loads(out.getvalue())["fields"]
    assert fields["error"].endswith(type(error).__name__)
    assert fields["places"][-1].endswith("test_of_a_foreign_exception_only_type_and_places_are_written")
    assert fields.get("message") == message
    assert "hello" not in out.getvalue()
