"""From what pydantic says to what a person can act on: file, line, key and what is expected."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.config import environment, shape
from monitor.config.base import LATER, Model
from monitor.config.document import Document, Path, show
from records.errors import ConfigError


class InvalidConfigError(ConfigError):
    """All that is wrong with a configuration, one line each; `errors` holds them singly, in the order of the file."""

    def __init__(self, errors: Iterable[ConfigError]):
        self.errors = sorted(errors, key=lambda e: (e.file == environment.WHERE, e.line or 0))
        first = self.errors[0]
        self.file, self.line, self.key = first.file, first.line, first.key
        Exception.__init__(self, "\n".join(str(error) for error in self.errors))


_EXPECTED = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "greater_than": "expected a number above {gt:g}",
    "greater_than_equal": "expected a number of at least {ge:g}",
    "less_than_equal": "expected a number of at most {le:g}",
    "string_too_short": "expected at least {min_length} characters",
    "string_too_long": "expected at most {max_length} characters",
    "string_pattern_mismatch": "expected text of the form {pattern}",
    "too_short": "expected at least {min_length} entry",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "model_type": "expected a section (key: value)",
    "dict_type": "expected a section (key: value)",
    "tuple_type": "expected a list",
}


def translate(error: ValidationError, document: Document, origins: Mapping[Path, str]) -> list[ConfigError]:
    """Every single problem of `error`, placed in the file or at the environment variable it came from."""
    return [_one(detail, document, origins) for detail in error.errors(include_url=False)]


def _one(detail: ErrorDetails, document: Document, origins: Mapping[Path, str]) -> ConfigError:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == "secret_file":
        path = (*path, context["key"])
    message = _message(detail, path, context)
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            inside = f"{show(path)}: " if length < len(path) else ""
            return ConfigError(inside + message, file=environment.WHERE, key=origins[path[:length]])
    return ConfigError(message, file=document.file, line=document.line(path), key=show(path) or None)


def _message(detail: ErrorDetails, path: Path, context: dict[str, Any]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return f"the key is missing{_or_file(path)}"
    if kind == "literal_error":
        return _choice(context["expected"], detail["input"]) + _got(detail, path)
    if kind in ("value_error", "later", "hidden", "secret_file"):
        text = str(context["error"]) if kind == "value_error" else detail["msg"]
        return text + ("" if kind != "value_error" else _got(detail, path))
    expected = _EXPECTED.get(kind)
    return (expected.format(**context) if expected else detail["msg"]) + _got(detail, path)


def _got(detail: ErrorDetails, path: Path) -> str:
    value = detail["input"]
    if not shape.may_show(shape.at(path)) or isinstance(value, Model):
        return ""
    if isinstance(value, dict | list | tuple):
        return ", got a list" if isinstance(value, list | tuple) else ", got a section"
    text = str(value)
    return f", got {text if len(text) <= 60 else text[:57] + '...'}"


def _closest(word: Any, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _unknown_key(path: Path) -> str:
    section = shape.at(path[:-1])
    key = str(path[-1])
    if key in section.planned:
        return LATER
    known = [name for name in section.annotations() if name not in section.planned]
    return f"unknown key{_closest(key, known) or '; expected ' + ', '.join(known)}"


def _or_file(path: Path) -> str:
    twin = f"{path[-1]}_file"
    return f", expected {path[-1]} or {twin}" if twin in shape.at(path[:-1]).annotations() else ""


def _choice(expected: str, value: Any) -> str:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    return f"expected {' or '.join(choices) if len(choices) < 3 else 'one of ' + ', '.join(choices)}" + _closest(
        value, choices
    ).replace("?", "")
